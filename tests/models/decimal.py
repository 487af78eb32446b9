"""Checks what the decimal instructions left in storage and registers against arithmetic on Python's integers: reads a case a
line, prints those that differ. Source: Principles of Operation, chapters 7 and 8.

A case: mnemonic, lengths of both operands, immediate or shift amount, program mask, condition code, general register 1, and 64 bytes
of storage, where the first operand begins at 0 and the second at 32; then condition code, program interruption, register and storage.
"""
import sys

DATA, FIXED_DIVIDE, OVERFLOW, DIVIDE, SPECIFICATION = 7, 9, 10, 11, 6


class Program(Exception):
    pass


def digits(b):
    return [n for byte in b for n in (byte >> 4, byte & 15)]


def join(nibbles):
    return bytes(a << 4 | b for a, b in zip(nibbles[::2], nibbles[1::2]))


def sign(n):
    return -1 if n in (0xB, 0xD) else 1


def number(b):
    """Magnitude and sign of a packed number."""
    *d, s = digits(b)
    if s < 10 or any(x > 9 for x in d):
        raise Program(DATA)
    return int("".join(map(str, d))), sign(s)


def packed(magnitude, negative, size):
    d = [int(c) for c in str(magnitude)[-(2 * size - 1):].rjust(2 * size - 1, "0")]
    return join(d + [0xD if negative else 0xC])


class Case:
    def __init__(self, name, l1, l2, i, mask, cc, gr, storage):
        self.name, self.l1, self.l2, self.i, self.mask, self.cc, self.gr = name, l1, l2, i, mask, cc, gr
        self.storage, self.program = bytearray(storage), 0

    def first(self):
        return bytes(self.storage[:self.l1])

    def second(self):
        return bytes(self.storage[32:32 + self.l2])

    def put(self, value):
        self.storage[:len(value)] = value

    def result(self, value, negative, lost=False):
        """Stores an exact result."""
        limit = 10 ** (2 * self.l1 - 1)
        overflow = lost or abs(value) >= limit
        left = abs(value) % limit
        # What is left of a number that is too large keeps the sign.
        negative = negative and (left != 0 or overflow)
        self.put(packed(left, negative, self.l1))
        self.cc = 3 if overflow else 0 if left == 0 else 1 if negative else 2
        if overflow and self.mask & 4:
            self.program = OVERFLOW

    def signed(self, value):
        self.result(value, value < 0)

    def operands(self):
        (a, sa), (b, sb) = number(self.first()), number(self.second())
        return a * sa, b * sb

    def ap(self):
        a, b = self.operands()
        self.signed(a + b)

    def sp(self):
        a, b = self.operands()
        self.signed(a - b)

    def zap(self):
        b, s = number(self.second())
        self.result(b * s, s < 0)

    def cp(self):
        a, b = self.operands()
        self.cc = 0 if a == b else 1 if a < b else 2

    def lengths(self):
        if self.l2 > 8 or self.l2 >= self.l1:
            raise Program(SPECIFICATION)

    def mp(self):
        self.lengths()
        (a, sa), (b, sb) = number(self.first()), number(self.second())
        if any(self.first()[:self.l2]):
            raise Program(DATA)
        self.put(packed(a * b, sa != sb, self.l1))

    def dp(self):
        self.lengths()
        (a, sa), (b, sb) = number(self.first()), number(self.second())
        places = 2 * (self.l1 - self.l2) - 1
        if b == 0 or a // b >= 10 ** places:
            raise Program(DIVIDE)
        self.put(packed(a // b, sa != sb, self.l1 - self.l2) + packed(a % b, sa < 0, self.l2))

    def srp(self):
        a, s = number(self.first())
        shift, rounding = self.i & 63, self.i >> 6
        if rounding > 9:
            raise Program(DATA)
        if shift < 32:
            return self.result(a * 10 ** shift, s < 0)
        shift = 64 - shift
        self.result((a + rounding * 10 ** (shift - 1)) // 10 ** shift, s < 0)

    def ed(self):
        pattern, source = self.first(), iter(self.storage[32:64])
        fill, out, nibble = pattern[0], bytearray(), None
        on = nonzero = False
        for at, p in enumerate(pattern):
            if p in (0x20, 0x21):
                plus = False
                if nibble is None:
                    byte = next(source)
                    digit, right = byte >> 4, byte & 15
                    if digit > 9:
                        raise Program(DATA)
                    if right < 10:
                        nibble = right
                    else:
                        plus = right in (0xA, 0xC, 0xE, 0xF)
                else:
                    digit, nibble = nibble, None
                if digit and not on:
                    self.marked = at
                out.append(0xF0 + digit if digit or on else fill)
                nonzero = nonzero or digit != 0
                on = (on or digit != 0 or p == 0x21) and not plus
            elif p == 0x22:
                out.append(fill)
                on = nonzero = False
            else:
                out.append(p if on else fill)
        self.put(out)
        self.cc = (1 if on else 2) if nonzero else 0

    def edmk(self):
        self.marked = None
        self.ed()
        if self.marked is not None:
            # The first operand is at location 2000.
            self.gr = 0x2000 + self.marked

    def tp(self):
        *d, s = digits(self.first())
        self.cc = (1 if s < 10 else 0) + (2 if any(x > 9 for x in d) else 0)

    def binary(self, size, bits):
        self.l2 = size
        b, s = number(self.second())
        value = b * s
        kept = value % 2 ** bits
        self.gr = self.gr >> bits << bits | kept
        if not -2 ** (bits - 1) <= value < 2 ** (bits - 1):
            if bits == 64:
                # Nothing is delivered.
                raise Program(FIXED_DIVIDE)
            self.program = FIXED_DIVIDE

    def cvb(self):
        self.binary(8, 32)

    def cvbg(self):
        self.binary(16, 64)

    def cvd(self):
        value = self.gr % 2 ** 32
        value -= value >> 31 << 32
        self.storage[32:40] = packed(abs(value), value < 0, 8)

    def cvdg(self):
        value = self.gr - (self.gr >> 63 << 64)
        self.storage[32:48] = packed(abs(value), value < 0, 16)

    def pack(self):
        b = self.second()
        nibbles = [byte & 15 for byte in b[:-1]] + [b[-1] & 15, b[-1] >> 4]
        size = 2 * self.l1
        self.put(join(nibbles[-size:] if len(nibbles) >= size else [0] * (size - len(nibbles)) + nibbles))

    def unpk(self):
        *d, s = digits(self.second())
        zoned = [0xF0 | x for x in d[:-1]] + [s << 4 | d[-1]]
        zoned = [0xF0] * (self.l1 - len(zoned)) + zoned
        self.put(bytes(zoned[-self.l1:]))


def main():
    for line in sys.stdin:
        before, after = line.split("|")
        name, l1, l2, i, mask, cc, gr, storage = before.split()
        start = int(l1), int(l2), int(i), int(mask), int(cc), int(gr, 16), bytes.fromhex(storage)
        case = Case(name, *start)
        try:
            getattr(case, name)()
        except Program as program:
            case = Case(name, *start)
            case.program = program.args[0]
        expected = f"{case.cc} {case.program:x} {case.gr:x} {case.storage.hex()}"
        if after.strip() != expected:
            print(f"{before.strip()}\n    has      {after.strip()}\n    expected {expected}")


if __name__ == "__main__":
    main()
