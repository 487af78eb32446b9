// What the workloads of `cargo xtask bench` share: how one is listed, and the numbers they start from.
// Truth: none; the programs are our own, and each one's result is compared with that of the same program on the host.
// SPDX-License-Identifier: Apache-2.0
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

// A workload returns a number that depends on all it has computed, the same on every machine.
typedef uint64_t workload(void);

// integer.c
workload crc32, fib, sieve, sort, collatz, hash, divide, multiply128;
// strings.c, search.c
workload fill_length, search;
// floating.c
workload matmul, nbody_double, nbody_float;
// mixed.c, records.c
workload mixed, records;
// sha256.c, aes.c
workload sha256, aes;
// lz.c, json.c, bytecode.c, btree.c
workload lz, json, bytecode, btree;
// kernel.c
workload system_call, fork_exec, ping_pong, page_fault;
// threads.c
workload busy_one, busy_two, atomics, mutex;

// The name under which this program can be started again.
extern const char *own_path;

// The next of a sequence of numbers that look random (xorshift; the state is never zero).
static inline uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

// Takes a value into a running result.
static inline uint64_t mix(uint64_t result, uint64_t value) {
    return (result ^ value) * 0x9e3779b97f4a7c15u + (result >> 29);
}

#endif
