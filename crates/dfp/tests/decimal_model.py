"""Checks results of the crate against Python's decimal module (libmpdec): reads a case a line, prints those that differ.

A case: operation, format, rounding mode, mask byte, inexact suppression, operands; then the crate's result, flags and
data-exception code. Source of what decimal does not know (quantum exception, scaled results, codes): Principles of Operation,
chapters 9 and 20.
"""
import sys
from decimal import (Context, Decimal, ROUND_05UP, ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_DOWN,
                     ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, InvalidOperation, DivisionByZero, Overflow, Underflow,
                     Inexact)

MODES = [ROUND_HALF_EVEN, ROUND_DOWN, ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, ROUND_HALF_DOWN, ROUND_UP, ROUND_05UP]
# Width, digits, bias, exponent continuation bits, declets, scale, scale of LOAD ROUNDED from the format.
FORMATS = {"s": (32, 7, 101, 6, 2, 0, 0), "l": (64, 16, 398, 8, 5, 576, 192), "x": (128, 34, 6176, 12, 11, 9216, 3072)}
WIDE = 99999


def declet(number):
    """The standard's table by which digits are 8 or 9."""
    a, b, c = number // 100, number // 10 % 10, number % 10
    two = lambda digit: digit >> 1 & 3
    low = (a & 1, b & 1, c & 1)
    first, second, third = {
        (0, 0, 0): (two(a) + (a & 4), two(b) + (b & 4), None),
        (0, 0, 1): (two(a), two(b), 0), (0, 1, 0): (two(a), two(c), 1), (1, 0, 0): (two(c), two(b), 2),
        (1, 1, 0): (two(c), 0, 3), (1, 0, 1): (two(b), 1, 3), (0, 1, 1): (two(a), 2, 3), (1, 1, 1): (0, 3, 3),
    }[(a > 7, b > 7, c > 7)]
    if third is None:
        return a << 7 | b << 4 | c
    return first << 8 | low[0] << 7 | second << 5 | low[1] << 4 | 8 | third << 1 | low[2]


ENCODE = [declet(n) for n in range(1000)]
DECODE = {d: n for n, d in enumerate(ENCODE)}
for d in range(1024):
    if d not in DECODE:
        DECODE[d] = DECODE[d & 0xFF]
CONTEXTS = {}


def context(key, precision, least, greatest, rounding, clamp=1):
    made = CONTEXTS.get(key)
    if made is None:
        made = Context(prec=precision, rounding=rounding, Emin=least, Emax=greatest, clamp=clamp, traps=[])
        CONTEXTS[key] = made
    made.clear_flags()
    return made


def bounded(f, mode):
    _, digits, bias, continuation, _, _, _ = FORMATS[f]
    least = digits - 1 - bias
    return context((f, mode), digits, least, 3 * 2**continuation - 1 - bias + digits - 1, MODES[mode])


def unbounded(precision, mode):
    return context((precision, mode, "wide"), precision, -WIDE, WIDE, MODES[mode], 0)


def decode(f, bits):
    width, digits, bias, continuation, declets, _, _ = FORMATS[f]
    number = 0
    for n in reversed(range(declets)):
        number = number * 1000 + DECODE[bits >> 10 * n & 1023]
    sign = "-" if bits >> width - 1 else ""
    rest = bits >> 10 * declets & (1 << continuation) - 1
    combination = bits >> 10 * declets + continuation & 31
    if combination == 30:
        return Decimal(sign + "Infinity")
    if combination == 31:
        return Decimal(sign + ("sNaN" if rest >> continuation - 1 else "NaN") + (str(number) if number else ""))
    first, upper = (8 + (combination & 1), combination >> 1 & 3) if combination >= 24 else (combination & 7, combination >> 3)
    return Decimal(f"{sign}{first * 1000**declets + number}E{(upper << continuation | rest) - bias}")


def encode(f, value):
    width, digits, bias, continuation, declets, _, _ = FORMATS[f]
    sign, figures, exponent = value.as_tuple()
    number = int("".join(map(str, figures)) or "0")
    if exponent == "F":
        head, number = 30 << continuation, 0
    elif exponent == "n":
        head = 31 << continuation
    elif exponent == "N":
        head = 31 << continuation | 1 << continuation - 1
    else:
        first, biased = number // 1000**declets, exponent + bias
        upper = biased >> continuation
        head = (upper << 3 | first if first < 8 else 24 | upper << 1 | first & 1) << continuation
        head |= biased & (1 << continuation) - 1
    bits = sign << width - 1 | head << 10 * declets
    for n in range(declets):
        bits |= ENCODE[number % 1000] << 10 * n
        number //= 1000
    return bits


def flags(c):
    found = c.flags
    return (0x80 * found[InvalidOperation] | 0x40 * found[DivisionByZero] | 0x20 * found[Overflow]
            | 0x10 * found[Underflow] | 0x08 * found[Inexact])


def finish(c, compute, f, scaled_f, scale, mode, masks, suppress, preferred, quantum):
    """The result with flags and code: `compute` in a context, in format f; scaled results in format scaled_f."""
    c.clear_flags()
    value = compute(c)
    found = flags(c)
    if found & 0xC0:
        exception = found & 0xC0
        return ("suppressed", 0, exception) if masks & exception else (encode(f, value), exception, 0)
    if not value.is_finite() and not found & 0x20:
        return encode(f, value), 0, 0
    # Prepared for shorter precision it compares with the result as the exact value does.
    exact = compute(unbounded(150, 7))
    precise_context = unbounded(FORMATS[f][1], mode)
    precise = compute(precise_context)
    inexact = precise_context.flags[Inexact]

    def code(exception, result, reference):
        if not inexact_of(exception, inexact, found):
            return exception
        return exception | (0x0C if result.copy_abs() > reference.copy_abs() else 0x08)

    def inexact_of(exception, precisely, finally_found):
        return precisely if exception else finally_found & 8

    large = precise.is_finite() and precise and precise.adjusted() > c.Emax
    tiny = exact.is_finite() and exact and exact.adjusted() < c.Emin
    for condition, exception, direction in ((tiny, 0x10, scale), (large, 0x20, -scale)):
        if condition and masks & exception:
            scaled = precise.scaleb(direction, unbounded(FORMATS[f][1], mode))
            if not inexact:
                target = preferred + direction
                scaled = nearest_member(scaled, target, FORMATS[f][1], scaled_f)
            return encode(scaled_f, scaled), 0, code(exception, precise, exact)
    code_now = 0
    result_flags = found & 0x38
    if found & 8:
        result_flags &= 0x30
        if not suppress:
            if masks & 8:
                code_now = 0x0C if value.copy_abs() > exact.copy_abs() else 0x08
            else:
                result_flags |= 8
    if quantum and not code_now and value.is_finite() and value.as_tuple().exponent != preferred:
        if masks & 4:
            code_now = 4
        else:
            result_flags |= 4
    return encode(f, value), result_flags, code_now


def nearest_member(value, target, digits, f):
    _, _, bias, continuation, _, _, _ = FORMATS[f]
    target = min(max(target, -bias), 3 * 2**continuation - 1 - bias)
    sign, figures, exponent = value.as_tuple()
    number = int("".join(map(str, figures)))
    while exponent < target and number % 10 == 0:
        number, exponent = number // 10, exponent + 1
    while exponent > target and number * 10 < 10**digits:
        number, exponent = number * 10, exponent - 1
    return Decimal(f"{'-' if sign else ''}{number}E{exponent}")


def exponent_of(value):
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def arithmetic(operation, f, mode, masks, suppress, a, b):
    x, y = decode(f, a), decode(f, b)
    e, g = exponent_of(x), exponent_of(y)
    compute, preferred = {
        "add": (lambda c: c.add(x, y), min(e, g)),
        "subtract": (lambda c: c.subtract(x, y), min(e, g)),
        "multiply": (lambda c: c.multiply(x, y), e + g),
        "divide": (lambda c: c.divide(x, y), e - g),
    }[operation]
    # A finite number by infinity is the zero of the least exponent, which is no loss of quantum.
    quantum = not x.is_infinite() and not y.is_infinite()
    return finish(bounded(f, mode), compute, f, f, FORMATS[f][5], mode, masks, suppress, preferred, quantum)


def rounded(f, to, mode, masks, suppress, a):
    x = decode(f, a)
    if x.is_infinite():
        return encode(to, x), 0, 0
    if x.is_nan():
        sign, figures, kind = x.as_tuple()
        number = int("".join(map(str, figures)) or "0") % 1000**FORMATS[to][4]
        quiet = encode(to, Decimal(("-" if sign else "") + "NaN" + (str(number) if number else "")))
        if kind == "N":
            return ("suppressed", 0, 0x80) if masks & 0x80 else (quiet, 0x80, 0)
        return quiet, 0, 0
    compute = lambda c: c.plus(x) if x else x if c.Emax == WIDE else Decimal(
        f"{'-' if x.is_signed() else ''}0E{min(max(exponent_of(x), c.Etiny()), c.Etop())}")
    return finish(bounded(to, mode), compute, to, f, FORMATS[f][6], mode, masks, suppress, exponent_of(x), True)


def without_range(f, masks, suppress, value, reference, found, invalid):
    """Results of operations that know only invalid and inexact."""
    if invalid:
        return ("suppressed", 0, 0x80) if masks & 0x80 else (value, 0x80, 0)
    if found and not suppress:
        if masks & 8:
            return value, 0, 0x0C if reference[0].copy_abs() > reference[1].copy_abs() else 0x08
        return value, 8, 0
    return value, 0, 0


def to_integral(f, mode, masks, suppress, a):
    x, c = decode(f, a), bounded(f, mode)
    value = c.to_integral_exact(x)
    return without_range(f, masks, suppress, encode(f, value), (value, x), c.flags[Inexact], c.flags[InvalidOperation])


def quantize(f, mode, masks, suppress, a, b):
    x, y, c = decode(f, a), decode(f, b), bounded(f, mode)
    if x.is_nan() and y.is_nan() and x.is_snan() == y.is_snan():
        value = c.quantize(y, x)  # the operand with the quantum comes first
    else:
        value = c.quantize(x, y)
    return without_range(f, masks, suppress, encode(f, value), (value, x), c.flags[Inexact], c.flags[InvalidOperation])


def reround(f, mode, masks, suppress, a, digits):
    x = decode(f, a)
    if x.is_nan():
        value, invalid = (Decimal(str(x).replace("sNaN", "NaN")), x.is_snan())
        return without_range(f, masks, suppress, encode(f, value), (value, x), False, invalid)
    if x.is_infinite() or not x or digits == 0 or len(x.as_tuple().digits) <= digits:
        return encode(f, x), 0, 0
    c = unbounded(digits, mode)
    value = c.plus(x)
    _, _, bias, continuation, _, _, _ = FORMATS[f]
    if value.as_tuple().exponent > 3 * 2**continuation - 1 - bias:
        return without_range(f, masks, suppress, encode(f, Decimal("NaN")), (value, x), False, True)
    return without_range(f, masks, suppress, encode(f, value), (value, x), c.flags[Inexact], False)


def integer(f, mode, masks, suppress, a, kind):
    x = decode(f, a)
    bits, signed = kind & 0xFF, kind >> 8
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    outside = None
    if x.is_nan():
        outside = low
    elif x.is_infinite():
        outside = low if x.is_signed() else high
    else:
        value = x.to_integral_value(rounding=MODES[mode], context=unbounded(60, mode))
        if not low <= value <= high:
            outside = low if value < 0 else high
    if outside is not None:
        cc, result = 3, outside & (1 << bits) - 1
        if masks & 0x80:
            return "suppressed", 0, 0x80
        found = 0x80
        if masks & 8 and not suppress:
            return result | cc << 64, found, 0x08
        return result | cc << 64, found | (0 if suppress else 8), 0
    cc = 0 if not x else 1 if x < 0 else 2
    result = int(value) & (1 << bits) - 1 | cc << 64
    return without_range(f, masks, suppress, result, (value, x), value != x, False)


def of_integer(f, mode, masks, suppress, a, kind):
    bits, signed = kind & 0xFF, kind >> 8
    number = a & (1 << bits) - 1
    if signed and number >> bits - 1:
        number -= 1 << bits
    x = Decimal(number)
    return finish(bounded(f, mode), lambda c: c.plus(x), f, f, FORMATS[f][5], mode, masks, suppress, 0, True)


def compare(f, masks, a, b, signalling):
    x, y = decode(f, a), decode(f, b)
    if x.is_nan() or y.is_nan():
        return without_range(f, masks, 0, 3, None, False, signalling or x.is_snan() or y.is_snan())
    wide = unbounded(50, 0)
    return {"-1": 1, "0": 0, "1": 2}[str(wide.compare(x, y))], 0, 0


CLASSES = ["Zero", "Subnormal", "Normal", "Infinity", "NaN", "sNaN"]


def data_class(f, a):
    x = decode(f, a)
    name = x.number_class(bounded(f, 0)).lstrip("+-")
    return 1 << 11 - 2 * CLASSES.index(name) - (1 if x.is_signed() else 0), 0, 0


def expected(words):
    operation, f, mode, masks, suppress = words[0], words[1], int(words[2]), int(words[3], 16), words[4] == "1"
    a, b = int(words[5], 16), int(words[6], 16)
    if operation in ("add", "subtract", "multiply", "divide"):
        return arithmetic(operation, f, mode, masks, suppress, a, b)
    if operation in ("shorter", "shortest"):
        return rounded(f, "l" if f == "x" else "s", mode, masks, suppress, a)
    if operation == "integral":
        return to_integral(f, mode, masks, suppress, a)
    if operation == "quantize":
        return quantize(f, mode, masks, suppress, a, b)
    if operation == "reround":
        return reround(f, mode, masks, suppress, a, b)
    if operation == "integer":
        return integer(f, mode, masks, suppress, a, b)
    if operation == "of_integer":
        return of_integer(f, mode, masks, suppress, a, b)
    if operation in ("compare", "signal"):
        return compare(f, masks, a, b, operation == "signal")
    return data_class(f, a)


def main():
    count = 0
    for line in sys.stdin:
        count += 1
        case, got = line.rstrip("\n").split(" = ")
        value, found, code = expected(case.split())
        text = value if value == "suppressed" else f"{value:x}"
        if got != f"{text} {found:02x} {code:02x}":
            print(f"{case}: got {got}, decimal has {text} {found:02x} {code:02x}")
    print(f"{count} cases")


main()
