// Search in text by loops that the compiler turns into vector instructions (this file is compiled with -O3).
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <string.h>

enum { SIZE = 1 << 16 };

// How many places in `text` hold `first` with `last` three bytes after it: candidates of a search for four bytes.
__attribute__((noinline)) static uint64_t candidates(const unsigned char *text, unsigned char first, unsigned char last) {
    uint32_t count = 0;
    for (int i = 0; i < SIZE; i++) {
        count += (uint32_t)((text[i] == first) & (text[i + 3] == last));
    }
    return count;
}

// Folds upper case to lower case.
__attribute__((noinline)) static void fold(unsigned char *to, const unsigned char *from) {
    for (int i = 0; i < SIZE; i++) {
        unsigned char c = from[i];
        to[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }
}

uint64_t search(void) {
    static unsigned char text[SIZE + 16], folded[SIZE + 16];
    uint64_t seed = 88172645463325252u, result = 0;
    for (int i = 0; i < SIZE; i++) {
        text[i] = (unsigned char)("ABCDEFGHIJKLMNOPqrstuvwxyz, .;!?"[next_random(&seed) >> 59]);
    }
    for (int round = 0; round < 600; round++) {
        text[round * 7] ^= 0x20;
        fold(folded, text);
        result = mix(result, candidates(folded, (unsigned char)('a' + round % 26), 'e'));
        // The C library's own search as well: it has instructions of its own for this.
        for (const unsigned char *at = folded; (at = memchr(at, 'z', (size_t)(folded + SIZE - at))) != NULL; at++) {
            result += (uint64_t)(at - folded);
        }
    }
    return result;
}
