# Pancake flips over all permutations: lists, slices and small integers of Python. Prints a checksum and the most flips.
import sys


def permutations(count):
    """All permutations, each from the one before by rotating a beginning of it."""
    order, turns, sign = list(range(count)), list(range(1, count + 1)), 1
    while True:
        yield sign, order
        sign = -sign
        if sign < 0:
            order[0], order[1] = order[1], order[0]
            continue
        order[1], order[2] = order[2], order[1]
        for at in range(2, count):
            turns[at] -= 1
            if turns[at]:
                break
            if at == count - 1:
                return
            turns[at] = at + 1
            order.insert(at + 1, order.pop(0))


def main(count):
    checksum, most = 0, 0
    for sign, order in permutations(count):
        flips, first = 0, order[0]
        if first:
            pile = order[:]
            while first:
                pile[: first + 1] = pile[first::-1]
                first = pile[0]
                flips += 1
        checksum += sign * flips
        most = max(most, flips)
    print(checksum, most)


main(int(sys.argv[1]))
