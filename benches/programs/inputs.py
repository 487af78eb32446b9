# Makes what the programs are given, the same each time: text, lines to sort and a long file of C. `inputs.py FOLDER`.
import os
import sys

state = 20240229


def below(limit):
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
    return (state >> 33) % limit


def word():
    syllables = "ba be bo da de ing ed er ka ki lo mi no ra re sa si ta to tu un ve xi ou aea oo ss tt".split()
    return "".join(syllables[below(len(syllables))] for _ in range(1 + below(4)))


def text(size):
    """Text that compresses as prose does: few words often, many seldom, with addresses and numbers."""
    words = [word() for _ in range(6000)]
    parts, length = [], 0
    while length < size:
        kind = below(60)
        if kind == 0:
            part = f"{word()}.{word()}@{word()}.example.org"
        elif kind == 1:
            part = f"{below(100000)}.{below(1000)}"
        elif kind == 2:
            part = "lorem ipsum dolor sit amet"
        else:
            part = words[below(1 + below(1 + below(len(words))))]
        part += "\n" if below(12) == 0 else " "
        parts.append(part)
        length += len(part)
    return "".join(parts)


def lines(count):
    return "".join(f"{below(10**9):09d} {below(10**6)}\n" for _ in range(count))


def function(number):
    """One function of C with loops, a switch, calls, records and floating-point numbers."""
    cases = "".join(
        f"        case {i}: s += r[{i} & 7].a * {1 + below(99)}; t ^= s >> {1 + below(20)}; break;\n"
        for i in range(4 + below(8))
    )
    before = f"f{below(number)}" if number else "base"
    body = "".join(
        f"        if (x[{i}] > s + {below(500)}) {{ r[(i + {i}) & 7].d += x[i & 15] * {below(90)}.{below(99)}; t += i * {3 + below(50)}; }}\n"
        f"        else s = (s << {1 + below(7)}) ^ (t + x[(i + {below(16)}) & 15]);\n"
        for i in range(3 + below(5))
    )
    return f"""long f{number}(struct record *r, const long *x, long n) {{
    long s = {below(1000)}, t = n;
    for (long i = 0; i < n; i++) {{
{body}        switch ((s + t) & 15) {{
{cases}        default: s += {before}(r, x, i & 3);
        }}
    }}
    for (int k = 0; k < 8; k++) r[k].a = (int) (r[k].d / (double) (s | 1)) + r[k].b[k & 3];
    return s + t;
}}
"""


def source(count):
    head = "struct record { int a; short b[4]; double d; };\nlong base(struct record *, const long *, long);\n"
    return head + "".join(function(number) for number in range(count))


folder = sys.argv[1]
for name, content in [("text", text(1_500_000)), ("part", text(750_000)), ("lines", lines(500_000)), ("large.c", source(10))]:
    with open(os.path.join(folder, name), "w", encoding="ascii") as file:
        file.write(content)
