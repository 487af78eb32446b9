"""Checks what instructions of z17 left in registers against Python's integers, in the format that vector_decimal.py describes. Of
the general registers 4 and 5 have the right halves of V2 and V3; V4 is V1. Source: Principles of Operation, chapters 7, 21, 22.
"""
import sys

import vector_decimal as decimal
from vector_decimal import After, Program, SPECIFICATION

VECTOR_PROCESSING = 0x1B


def elements(v, size):
    width = 8 << size
    return [v >> (128 - width * (i + 1)) & (2**width - 1) for i in range(128 // width)]


def vector(list_, size):
    width = 8 << size
    v = 0
    for e in list_:
        v = v << width | e % 2**width
    return v


def signed(e, size):
    width = 8 << size
    return e - 2**width if e >> (width - 1) else e


def truncated_division(x, y):
    q = abs(x) // abs(y)
    return q if (x < 0) == (y < 0) else -q


def one(name, size, v2):
    width = 8 << size
    e = elements(v2, size)
    if name == "vgem":
        return vector([2**width - 1 if v2 >> (127 - i) & 1 else 0 for i in range(len(e))], size)
    if name in ("vclz", "vctz"):
        text = [f"{x:0{width}b}" for x in e]
        return vector([width - len(t.lstrip("0") if name == "vclz" else t.rstrip("0")) for t in text], size)
    if name in ("vlc", "vlp"):
        return vector([-signed(x, size) if name == "vlc" else abs(signed(x, size)) for x in e], size)
    half = e[:len(e) // 2] if name.startswith("vuph") or name.startswith("vuplh") else e[len(e) // 2:]
    if name in ("vuph", "vupl"):
        half = [signed(x, size) for x in half]
    return vector(half, size + 1)


def two(name, size, v2, v3):
    width = 8 << size
    a, b = elements(v2, size), elements(v3, size)
    sa, sb = [signed(x, size) for x in a], [signed(x, size) for x in b]
    if name in ("vmx", "vmn", "vavg", "vmh", "vme", "vmo", "vch"):
        a, b = sa, sb
    if name in ("vme", "vmle", "vmo", "vmlo"):
        start = 0 if name in ("vme", "vmle") else 1
        return vector([x * y for x, y in zip(a[start::2], b[start::2])], size + 1)
    f = {
        "vmx": max, "vmxl": max, "vmn": min, "vmnl": min,
        "vavg": lambda x, y: (x + y + 1) >> 1, "vavgl": lambda x, y: (x + y + 1) >> 1,
        "vml": lambda x, y: x * y, "vmh": lambda x, y: x * y >> width, "vmlh": lambda x, y: x * y >> width,
        "vceq": lambda x, y: -(x == y), "vch": lambda x, y: -(x > y), "vchl": lambda x, y: -(x > y),
    }[name]
    return vector(map(f, a, b), size)


def three(name, size, v2, v3, v4):
    width = 8 << size
    a, b = elements(v2, size), elements(v3, size)
    if name in ("vmah", "vmae", "vmao"):
        a, b = [signed(x, size) for x in a], [signed(x, size) for x in b]
    if name in ("vmal", "vmah", "vmalh"):
        c = elements(v4, size)
        if name == "vmah":
            c = [signed(x, size) for x in c]
        shift = 0 if name == "vmal" else width
        return vector([(x * y + z) >> shift for x, y, z in zip(a, b, c)], size)
    start = 0 if name in ("vmae", "vmale") else 1
    c = elements(v4, size + 1)
    return vector([x * y + z for x, y, z in zip(a[start::2], b[start::2], c)], size + 1)


SIZES = {
    "vgem": range(5), "vclz": range(5), "vctz": range(5), "vlc": range(5), "vlp": range(5),
    "vuph": range(4), "vuplh": range(4), "vupl": range(4), "vupll": range(4),
    "vmx": range(5), "vmxl": range(5), "vmn": range(5), "vmnl": range(5), "vavg": range(5), "vavgl": range(5),
    "vceq": range(5), "vch": range(5), "vchl": range(5), "vml": range(5), "vmh": range(5), "vmlh": range(5),
    "vme": range(4), "vmle": range(4), "vmo": range(4), "vmlo": range(4),
    "vmal": range(5), "vmah": range(5), "vmalh": range(5), "vmae": range(4), "vmale": range(4), "vmao": range(4),
    "vmalo": range(4), "vec": range(5), "vecl": range(5), "vblend": range(5),
    "vd": range(2, 5), "vdl": range(2, 5), "vr": range(2, 5), "vrl": range(2, 5),
}


def divide(name, a, size, m5, v2, v3):
    result = []
    for x, y in zip(elements(v2, size), elements(v3, size)):
        if name in ("vd", "vr"):
            x, y = signed(x, size), signed(y, size)
        quotient = truncated_division(x, y) if y else None
        if quotient is None or name in ("vd", "vr") and quotient == 2**((8 << size) - 1):
            if not m5 & 8:
                raise Program(VECTOR_PROCESSING)
            result.append(0)
        else:
            result.append(quotient if name in ("vd", "vdl") else x - quotient * y)
    a.v1 = vector(result, size)


def run(name, imm, v1, v2, v3, gr, cc, pm, storage):
    a = After(v1, gr, cc, list(storage))
    r4, r5 = v2 % 2**64, v3 % 2**64
    try:
        if name in SIZES and imm[0] not in SIZES[name]:
            raise Program(SPECIFICATION)
        if name in ("vd", "vdl", "vr", "vrl"):
            divide(name, a, imm[0], imm[1], v2, v3)
        elif name in ("vec", "vecl"):
            # The leftmost doubleword's rightmost element, or the whole register.
            x, y = (v >> 64 if imm[0] < 4 else v for v in (v1, v2))
            x, y = (v % 2**(8 << imm[0]) for v in (x, y))
            if name == "vec":
                x, y = signed(x, imm[0]), signed(y, imm[0])
            a.cc = 0 if x == y else 1 if x < y else 2
        elif name == "veval":
            bits = [f"{v:0128b}" for v in (v2, v3, v1)]
            table = f"{imm[0]:08b}"
            a.v1 = int("".join(table[int(x + y + z, 2)] for x, y, z in zip(*bits)), 2)
        elif name == "vblend":
            a.v1 = vector([x if signed(z, imm[0]) < 0 else y for x, y, z in zip(
                elements(v2, imm[0]), elements(v3, imm[0]), elements(v1, imm[0]))], imm[0])
        elif name in ("bextg", "bdepg"):
            value, mask = f"{r4:064b}", f"{r5:064b}"
            if name == "bextg":
                a.gr = int("".join(v for v, m in zip(value, mask) if m == "1").ljust(64, "0"), 2)
            else:
                bits = iter(value)
                a.gr = int("".join(next(bits) if m == "1" else "0" for m in mask), 2)
        elif name in ("clzg", "ctzg"):
            text = f"{r4:064b}"
            a.gr = 64 - len(text.lstrip("0") if name == "clzg" else text.rstrip("0"))
        elif name.startswith("lxa") or name.startswith("llxa"):
            index = (r4 + imm[0]) % 2**32
            if name.startswith("lxa") and index >> 31:
                index -= 2**32
            a.gr = (r5 + (index << "bhfgq".index(name[-1]))) % 2**64
        elif len(SIZES[name]) and name in ("vmal", "vmah", "vmalh", "vmae", "vmale", "vmao", "vmalo"):
            a.v1 = three(name, imm[0], v2, v3, v1)
        elif name in ("vgem", "vclz", "vctz", "vlc", "vlp", "vuph", "vuplh", "vupl", "vupll"):
            a.v1 = one(name, imm[0], v2)
        else:
            a.v1 = two(name, imm[0], v2, v3)
            if name in ("vceq", "vch", "vchl") and imm[1] & 1:
                e = elements(a.v1, imm[0])
                a.cc = 0 if all(e) else 1 if any(e) else 3
    except Program as program:
        a = After(v1, gr, cc, list(storage))
        a.program = program.args[0]
    return a


if __name__ == "__main__":
    decimal.main(run)
