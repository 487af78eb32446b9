// An interpreter of bytecode for a stack machine, of the kind that scripting languages have: one indirect branch for each
// operation. Its program counts primes by trial division and computes a checksum.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

enum operation { PUSH, LOAD, STORE, ADD, MULTIPLY, REMAINDER, LESS, EQUAL, JUMP, JUMP_IF_ZERO, INCREMENT, XOR, HALT };

enum { N, D, COUNT, SUM, LIMIT, VARIABLES };

static const int program[] = {
    // n = 3
    PUSH, 3, STORE, N,
    // 4: while n < limit
    LOAD, N, LOAD, LIMIT, LESS, JUMP_IF_ZERO, 62,
    // 11: d = 3
    PUSH, 3, STORE, D,
    // 15: if n < d * d: prime
    LOAD, N, LOAD, D, LOAD, D, MULTIPLY, LESS, JUMP_IF_ZERO, 27, JUMP, 43,
    // 27: if n % d == 0: not prime
    LOAD, N, LOAD, D, REMAINDER, JUMP_IF_ZERO, 52,
    // 34: d += 2, and again
    INCREMENT, D, INCREMENT, D, JUMP, 15, HALT, HALT, HALT,
    // 43: count it
    INCREMENT, COUNT, LOAD, SUM, LOAD, N, ADD, STORE, SUM,
    // 52: n += 2, sum ^= count
    INCREMENT, N, INCREMENT, N, JUMP, 4, HALT, HALT, HALT, HALT,
    // 62
    LOAD, SUM, LOAD, COUNT, XOR, HALT,
};

__attribute__((noinline)) static int64_t interpret(const int *code, int64_t *variable) {
    int64_t stack[16], *top = stack;
    for (const int *at = code;;) {
        switch ((enum operation)*at++) {
        case PUSH: *top++ = *at++; break;
        case LOAD: *top++ = variable[*at++]; break;
        case STORE: variable[*at++] = *--top; break;
        case ADD: top--; top[-1] += *top; break;
        case MULTIPLY: top--; top[-1] *= *top; break;
        case REMAINDER: top--; top[-1] %= *top; break;
        case LESS: top--; top[-1] = top[-1] < *top; break;
        case EQUAL: top--; top[-1] = top[-1] == *top; break;
        case XOR: top--; top[-1] ^= *top; break;
        case JUMP: at = code + *at; break;
        case JUMP_IF_ZERO: at = *--top == 0 ? code + *at : at + 1; break;
        case INCREMENT: variable[*at++] += 1; break;
        case HALT: return top[-1];
        }
    }
}

uint64_t bytecode(void) {
    int64_t variables[VARIABLES] = {[LIMIT] = 90000};
    uint64_t result = (uint64_t)interpret(program, variables);
    return mix(result, (uint64_t)variables[COUNT]);
}
