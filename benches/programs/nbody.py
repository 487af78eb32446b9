# The planets' motion by Python's floating-point numbers. Prints the energy before and after, to the last bit.
import sys

DAYS = 365.24
MASS = 4 * 3.141592653589793**2

# Position in astronomical units, velocity in them a day, mass in suns: Jupiter, Saturn, Uranus, Neptune.
PLANETS = [
    ([4.8414, -1.1603, -0.1036], [0.00166, 0.0077, -0.000069], 0.000954792),
    ([8.3434, 4.1248, -0.4035], [-0.00277, 0.0050, 0.000023], 0.000285886),
    ([12.8944, -15.1112, -0.2233], [0.00296, 0.00238, -0.0000297], 0.0000436624),
    ([15.3797, -25.9193, 0.1793], [0.00268, 0.00163, -0.0000952], 0.0000515139),
]


def energy(bodies):
    total = 0.0
    for i, (place, speed, mass) in enumerate(bodies):
        total += mass * sum(v * v for v in speed) / 2
        for other, _, weight in bodies[i + 1 :]:
            distance = sum((a - b) ** 2 for a, b in zip(place, other)) ** 0.5
            total -= mass * weight / distance
    return total


def advance(pairs, bodies, step):
    for (p, v, m), (q, w, n) in pairs:
        x, y, z = p[0] - q[0], p[1] - q[1], p[2] - q[2]
        pull = step * (x * x + y * y + z * z) ** -1.5
        a, b = n * pull, m * pull
        v[0] -= x * a
        v[1] -= y * a
        v[2] -= z * a
        w[0] += x * b
        w[1] += y * b
        w[2] += z * b
    for p, v, _ in bodies:
        p[0] += step * v[0]
        p[1] += step * v[1]
        p[2] += step * v[2]


def main(steps):
    bodies = [([0.0, 0.0, 0.0], [0.0, 0.0, 0.0], MASS)]
    bodies += [(place, [v * DAYS for v in speed], mass * MASS) for place, speed, mass in PLANETS]
    for axis in range(3):
        bodies[0][1][axis] = -sum(v[axis] * m for _, v, m in bodies[1:]) / MASS
    pairs = [(a, b) for i, a in enumerate(bodies) for b in bodies[i + 1 :]]
    print(energy(bodies).hex())
    for _ in range(steps):
        advance(pairs, bodies, 0.01)
    print(energy(bodies).hex())


main(int(sys.argv[1]))
