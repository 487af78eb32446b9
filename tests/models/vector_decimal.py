"""Checks what the vector packed decimal instructions left in registers against arithmetic on Python's integers: reads a case a
line, prints those that differ. Source: Principles of Operation, chapter 25.

A case: mnemonic, immediates and masks in assembler order, V1 V2 V3 and general register before, condition code and program mask
before, 32 bytes of storage before; then V1, general register, condition code, program interruption and storage after.
"""
import sys

DATA, OVERFLOW_FIXED, OVERFLOW, DIVIDE, SPECIFICATION = 7, 8, 10, 11, 6


class Program(Exception):
    pass


def nibbles(v, count=32):
    return [v >> 4 * (count - 1 - i) & 15 for i in range(count)]


def from_nibbles(n):
    v = 0
    for x in n:
        v = v << 4 | x
    return v


def decimal(v, force=False):
    n = nibbles(v)
    if any(d > 9 for d in n[:31]) or (n[31] < 10 and not force):
        raise Program(DATA)
    magnitude = int("".join(map(str, n[:31])))
    return -magnitude if n[31] in (0xB, 0xD) and not force else magnitude


def pack(magnitude, sign):
    return from_nibbles([int(c) for c in str(magnitude % 10**31).rjust(31, "0")] + [sign])


class After:
    def __init__(self, v1, gr, cc, storage):
        self.v1, self.gr, self.cc, self.storage, self.program = v1, gr, cc, storage, 0


def room(field, reserved=0x60):
    if field & reserved or field & 31 == 0:
        raise Program(SPECIFICATION)
    return field & 31, field & 0x80


def finish(a, value, digits, masked, m, pm, negative=None):
    """value: exact integer result."""
    left = abs(value) % 10**digits
    overflow = abs(value) >= 10**digits
    sign = 0xF if m & 2 else 0xD if value < 0 and left else 0xC
    a.v1 = pack(left, sign)
    if m & 1:
        a.cc = 3 if overflow else 0 if left == 0 else 1 if sign == 0xD else 2
    if overflow and not masked and pm & 4:
        a.program = OVERFLOW


def truncated(p, q):
    """The quotient toward zero."""
    return abs(p) // abs(q) * (1 if (p < 0) == (q < 0) else -1)


def arithmetic(name, a, imm, v2, v3, pm):
    i, m = imm
    if name in ("vmsp", "vsdp"):
        if i & 0x60:
            raise Program(SPECIFICATION)
        digits, masked, shift = 31, i & 0x80, i & 31
    else:
        (digits, masked), shift = room(i), 0
    x, y = decimal(v2, m & 8), decimal(v3, m & 4)
    if name in ("vdp", "vrp", "vsdp") and y == 0:
        raise Program(DIVIDE)
    result = {
        "vap": lambda: x + y, "vsp": lambda: x - y, "vmp": lambda: x * y,
        "vmsp": lambda: truncated(x * y, 10**shift), "vsdp": lambda: truncated(x * 10**shift, y),
        "vdp": lambda: truncated(x, y), "vrp": lambda: x - truncated(x, y) * y,
    }[name]()
    finish(a, result, digits, masked, m, pm)


def shift(a, v2, places, rounding, digits, masked, m, pm):
    x = decimal(v2, m & 8)
    if places >= 0:
        result = x * 10**places
    else:
        unit = 10**-places
        result = (abs(x) + (unit // 2 if rounding else 0)) // unit * (-1 if x < 0 else 1)
    finish(a, result, digits, masked, m, pm)


def vpsop(a, imm, v2, pm):
    i3, i4, m5 = imm
    digits, masked = room(i3)
    n = nibbles(v2)
    nv, nz, ps, so, pc, sv = i4 & 0x80, i4 & 0x40, i4 & 0x10, i4 >> 2 & 3, i4 & 2, i4 & 1
    if not nv and any(d > 9 for d in n[:31]):
        raise Program(DATA)
    if ((so == 0 and not nv) or so == 1 or sv and so > 1) and n[31] < 10:
        raise Program(DATA)
    left = [0] * (31 - digits) + n[31 - digits:31]
    overflow = any(n[:31 - digits])
    zero = not any(left)
    source = "invalid" if n[31] < 10 else "minus" if n[31] in (0xB, 0xD) else "plus"
    # What the result's sign should be.
    wanted = {0: source, 1: {"plus": "minus", "minus": "plus"}.get(source), 2: "plus", 3: "minus"}[so]
    if so == 0 and (ps or wanted == "invalid"):
        sign = n[31]
    elif wanted == "minus" and (not zero or nz):
        sign = 0xD
    else:
        sign = 0xF if pc else 0xC
    a.v1 = from_nibbles(left + [sign])
    if m5 & 1:
        a.cc = 3 if overflow else 0 if zero else 1 if wanted == "minus" else 2
    if overflow and not masked and pm & 4:
        a.program = OVERFLOW


def to_binary(name, a, imm, v2, pm):
    m3, m4 = imm if name != "vcvbq" else (imm[0], 0)
    value = decimal(v2, m3 & 8)
    if m3 & 2:
        value = abs(value)
    if name == "vcvbq":
        a.v1 = value % 2**128
        return
    bits = 32 if name == "vcvb" else 64
    low, high = (0, 2**bits - 1) if m3 & 2 else (-2**(bits - 1), 2**(bits - 1) - 1)
    overflow = not low <= value <= high
    result = 0 if overflow and m4 & 4 else value % 2**bits
    a.gr = (a.gr >> bits << bits) | result
    if m3 & 1:
        a.cc = 3 if overflow else 0
    if overflow and not m4 & 8 and pm & 8:
        a.program = OVERFLOW_FIXED


def from_binary(a, imm, source, bits, pm):
    i3, m4 = imm
    digits, masked = room(i3)
    value = source % 2**bits
    if not m4 & 8 and value >> (bits - 1):
        value -= 2**bits
    overflow = abs(value) >= 10**digits
    a.v1 = pack(abs(value) % 10**digits, 0xF if m4 & 2 else 0xD if value < 0 else 0xC)
    if m4 & 1:
        a.cc = 3 if overflow else 0
    if overflow and not masked and pm & 4:
        a.program = OVERFLOW


def vclzdp(a, imm, v2):
    m3, = imm
    n = nibbles(v2)
    valid = all(d < 10 for d in n[:31]) and n[31] > 9
    if not valid and not m3 & 4:
        raise Program(DATA)
    count = next((i for i in range(31) if n[i]), 31)
    a.v1 = count << 64
    if m3 & 1:
        minus = n[31] in (0xB, 0xD)
        a.cc = 3 if not valid else 1 if minus and (count < 31 or m3 & 2) else 0 if count == 31 else 2


def zoned(name, a, imm, v2, v3, pm):
    if name == "vpkz":
        length = imm[0] + 1
        if imm[0] > 30:
            raise Program(SPECIFICATION)
        z = a.storage[:length]
        a.v1 = from_nibbles([0] * (31 - length) + [b & 15 for b in z] + [z[-1] >> 4])
    elif name == "vupkz":
        length = imm[0] + 1
        if imm[0] > 30:
            raise Program(SPECIFICATION)
        n = nibbles(a.v1)
        z = [0xF0 | d for d in n[31 - length:31]]
        z[-1] = n[31] << 4 | n[30]
        a.storage[:length] = z
    elif name == "vpkzr":
        i4, m5 = imm
        digits, masked = room(i4)
        z = list(v2.to_bytes(16, "big") + v3.to_bytes(16, "big"))
        good = all(b & 15 < 10 for b in z)
        sign = z[31] >> 4
        if not m5 & 4 and (not good or sign < 10 and not m5 & 8):
            raise Program(DATA)
        valid = good and sign > 9
        if m5 & 2:
            sign = 15
        left = [b & 15 for b in z[32 - digits:]]
        overflow = any(b & 15 for b in z[:32 - digits])
        a.v1 = from_nibbles([0] * (31 - digits) + left + [sign])
        if m5 & 1:
            a.cc = 3 if overflow or not valid else 0 if not any(left) else 1 if sign in (0xB, 0xD) else 2
        if overflow and not masked and pm & 4:
            a.program = OVERFLOW
    else:
        m3, = imm
        n = nibbles(v2)
        if not m3 & 4 and (any(d > 9 for d in n[:31]) or n[31] < 10 and not m3 & 8):
            raise Program(DATA)
        if name == "vupkzh":
            a.v1 = int.from_bytes(bytes([0xF0] + [0xF0 | d for d in n[:15]]), "big")
        else:
            z = [0xF0 | d for d in n[15:31]]
            z[15] = (15 if m3 & 2 else n[31]) << 4 | n[30]
            a.v1 = int.from_bytes(bytes(z), "big")


ALLOWED = [range(10, 16), range(10, 16), (12, 13), (12, 13), (15,), (15,), (12, 13, 15), (12, 13, 15)]


def sign_allowed(stc, sign, zero):
    return sign in ALLOWED[stc] and not (stc in (1, 3, 7) and zero and sign in (0xB, 0xD))


def vtp(a, imm, v1):
    i2, = imm
    n = nibbles(v1)
    if not i2 & 0x8000:
        digits, sign = all(d < 10 for d in n[:31]), n[31] > 9
    else:
        count, stc = i2 & 31, i2 >> 5 & 7
        tested = n[31 - count:31]
        digits = all(d < 10 for d in tested)
        if count and count % 2 == 0 and i2 & 0x4000 and n[30 - count]:
            digits = False
        sign = sign_allowed(stc, n[31], count > 0 and not any(tested))
    a.cc = (0 if sign else 1) + (0 if digits else 2)


def vtz(a, imm, v1, v2):
    i3, = imm
    ssc, ls, dsc, stc, dc = i3 & 0x4000, i3 & 0x2000, i3 >> 8 & 31, i3 >> 5 & 7, i3 & 31
    if dc == 0:
        raise Program(SPECIFICATION)
    z = v1.to_bytes(16, "big") + v2.to_bytes(16, "big")
    if ssc and ls:
        sign, digits, blank = z[31 - dc], list(z[32 - dc:]), []
    elif ssc:
        sign, digits, blank = z[31], list(z[31 - dc:31]), []
    else:
        field = list(z[32 - dc:])
        at = 0 if ls else dc - 1
        sign = field[at] >> 4
        field[at] |= 0xF0
        tail = dc if ls else max(1, min(dsc, dc))
        blank, digits = field[:dc - tail], field[dc - tail:]
    good = all(0xF0 <= b <= 0xF9 for b in digits) and all(b == 0x40 or 0xF0 <= b <= 0xF9 for b in blank)
    zero = all(b == 0xF0 for b in digits + blank)
    if ssc:
        ok = {2: sign in (0x4E, 0x60), 3: sign == 0x4E or sign == 0x60 and not zero}.get(stc, True)
    else:
        ok = sign_allowed(stc, sign, zero)
    a.cc = (0 if ok else 1) + (0 if good else 2)


def hfp(magnitude, negative, digits, rounding):
    """Sign, characteristic and fraction of that many hexadecimal digits."""
    if magnitude == 0:
        return 0, 0, 0
    length = (magnitude.bit_length() + 3) // 4
    if length > digits:
        unit = 16**(length - digits)
        fraction = (magnitude + (unit // 2 if rounding else 0)) // unit
        if fraction == 16**digits:
            fraction, length = fraction // 16, length + 1
    else:
        fraction = magnitude * 16**(digits - length)
    return int(negative), 64 + length, fraction


def to_hfp(name, a, imm, v2, v3):
    if name == "vschp" and imm[0] not in (2, 3, 4):
        raise Program(SPECIFICATION)
    value = decimal(v2)
    value *= 10**(v3 >> 64 & 7)
    magnitude, negative = abs(value), value < 0
    if name == "vscshp":
        sign, characteristic, fraction = hfp(magnitude, negative, 6, False)
        short = sign << 31 | characteristic << 24 | fraction
        length = (magnitude.bit_length() + 3) // 4
        rest = magnitude % 16**max(0, length - 6)
        sign, characteristic, fraction = hfp(rest, negative, 14, False)
        a.v1 = short << 96 | sign << 63 | characteristic << 56 | fraction
        return
    rounding = imm[1] & 1
    digits = {2: 6, 3: 14, 4: 28}[imm[0]]
    sign, characteristic, fraction = hfp(magnitude, negative, digits, rounding)
    if digits == 6:
        a.v1 = (sign << 31 | characteristic << 24 | fraction) << 96
    elif digits == 14:
        a.v1 = (sign << 63 | characteristic << 56 | fraction) << 64
    elif fraction == 0:
        a.v1 = 0
    else:
        high = sign << 63 | characteristic << 56 | fraction >> 56
        a.v1 = high << 64 | sign << 63 | (characteristic - 14 & 127) << 56 | fraction % 2**56


def from_hfp(a, imm, v2, v3):
    m4, = imm
    fraction = (v2 >> 64) % 2**56 << 56 | v2 % 2**56
    exponent = (v2 >> 120 & 127) - 64 - 28
    value = fraction * 10**(v3 >> 64 & 31)
    if exponent >= 0:
        value *= 16**exponent
    else:
        unit = 16**-exponent
        value = (value + (unit // 2 if m4 & 1 else 0)) // unit
    value %= 10**31
    a.v1 = pack(value, 0xD if v2 >> 127 and value else 0xC)


def run(name, imm, v1, v2, v3, gr, cc, pm, storage):
    a = After(v1, gr, cc, list(storage))
    try:
        if name in ("vap", "vsp", "vmp", "vmsp", "vdp", "vrp", "vsdp"):
            arithmetic(name, a, imm, v2, v3, pm)
        elif name == "vsrp":
            digits, masked = room(imm[0])
            places = (imm[1] & 127) - (128 if imm[1] & 64 else 0)
            shift(a, v2, places, imm[1] & 128, digits, masked, imm[2], pm)
        elif name == "vsrpr":
            digits, masked = room(imm[0], 0x20)
            places = v3 >> 64 & 255
            shift(a, v2, places - (256 if places > 127 else 0), imm[0] & 64, digits, masked, imm[1], pm)
        elif name == "vpsop":
            vpsop(a, imm, v2, pm)
        elif name == "vcp":
            x, y = decimal(v1, imm[0] & 8), decimal(v2, imm[0] & 4)
            a.cc = 0 if x == y else 1 if x < y else 2
        elif name in ("vcvb", "vcvbg", "vcvbq"):
            to_binary(name, a, imm, v2, pm)
        elif name in ("vcvd", "vcvdg"):
            from_binary(a, imm, gr, 32 if name == "vcvd" else 64, pm)
        elif name == "vcvdq":
            from_binary(a, imm, v2, 128, pm)
        elif name == "vclzdp":
            vclzdp(a, imm, v2)
        elif name == "vlip":
            i2, i3 = imm
            if any(d > 9 for d in nibbles(i2, 4)):
                raise Program(DATA)
            a.v1 = int(f"{i2:x}" + "0" * (i3 & 7) + ("d" if i3 & 8 else "c"), 16)
        elif name in ("vpkz", "vupkz", "vpkzr", "vupkzh", "vupkzl"):
            zoned(name, a, imm, v2, v3, pm)
        elif name == "vtp":
            vtp(a, imm, v1)
        elif name == "vtz":
            vtz(a, imm, v1, v2)
        elif name in ("vschp", "vscshp"):
            to_hfp(name, a, imm, v2, v3)
        elif name == "vcsph":
            from_hfp(a, imm, v2, v3)
        elif name in ("vlrl", "vstrl", "vlrlr", "vstrlr"):
            length = imm[0] if name in ("vlrl", "vstrl") else min(gr % 2**32, 15)
            if length > 15:
                raise Program(SPECIFICATION)
            if name in ("vlrl", "vlrlr"):
                a.v1 = int.from_bytes(bytes(a.storage[:length + 1]), "big")
            else:
                a.storage[:length + 1] = a.v1.to_bytes(16, "big")[15 - length:]
        else:
            sys.exit(f"no model of {name}")
    except Program as program:
        a = After(v1, gr, cc, list(storage))
        a.program = program.args[0]
    return a


def main(run):
    for line in sys.stdin:
        before, after = line.split("|")
        name, immediates, *values = before.split()
        imm = [int(i) for i in immediates.split(",")] if immediates != "-" else []
        v1, v2, v3, gr, cc, pm = (int(v, 16) for v in values[:6])
        a = run(name, imm, v1, v2, v3, gr, cc, pm, bytes.fromhex(values[6]))
        expected = f"{a.v1:032x} {a.gr:016x} {a.cc:x} {a.program:x} {bytes(a.storage).hex()}"
        if after.strip() != expected:
            print(f"{before.strip()}\n    has      {after.strip()}\n    expected {expected}")


if __name__ == "__main__":
    main(run)
