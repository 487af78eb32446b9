// Small integer loops: each stands for one thing that translators do well or badly.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <stdlib.h>
#include <string.h>

uint64_t crc32(void) {
    enum { SIZE = 1 << 20, ROUNDS = 20 };
    static uint32_t table[256];
    static unsigned char data[SIZE];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) {
            c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
        }
        table[i] = c;
    }
    for (int i = 0; i < SIZE; i++) {
        data[i] = (unsigned char)(i * 7 + (i >> 8));
    }
    uint32_t c = ~0u;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < SIZE; i++) {
            c = table[(c ^ data[i]) & 255] ^ (c >> 8);
        }
    }
    return c;
}

// The compiler would turn part of the recursion into loops, more on one machine than on the other.
__attribute__((noinline, optimize("no-optimize-sibling-calls", "no-inline"))) static uint64_t fibonacci(int n) {
    return n < 2 ? (uint64_t)n : fibonacci(n - 1) + fibonacci(n - 2);
}

uint64_t fib(void) {
    return fibonacci(35);
}

uint64_t sieve(void) {
    enum { SIZE = 4000000, ROUNDS = 4 };
    static char prime[SIZE + 1];
    uint64_t count = 0, sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        memset(prime, 1, sizeof prime);
        for (long i = 2; i <= SIZE; i++) {
            if (prime[i]) {
                count++;
                sum += (uint64_t)i;
                for (long j = i * i; j <= SIZE; j += i) {
                    prime[j] = 0;
                }
            }
        }
    }
    return mix(count, sum);
}

static int compare(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

uint64_t sort(void) {
    enum { SIZE = 600000 };
    static int numbers[SIZE];
    uint64_t seed = 88172645463325252u, result = 0;
    for (int i = 0; i < SIZE; i++) {
        numbers[i] = (int)(next_random(&seed) >> 33);
    }
    qsort(numbers, SIZE, sizeof *numbers, compare);
    for (int i = 0; i < SIZE; i += 1000) {
        result = mix(result, (uint64_t)numbers[i]);
    }
    return result;
}

uint64_t collatz(void) {
    uint64_t longest = 0, sum = 0;
    for (uint64_t i = 1; i < 800000; i++) {
        uint64_t n = i, steps = 0;
        while (n != 1) {
            n = n & 1 ? 3 * n + 1 : n >> 1;
            steps++;
        }
        longest = steps > longest ? steps : longest;
        sum += steps;
    }
    return mix(longest, sum);
}

uint64_t hash(void) {
    static uint32_t buckets[65536];
    memset(buckets, 0, sizeof buckets);
    uint64_t x = 1, result = 0;
    for (int i = 0; i < 24000000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        buckets[x >> 48] += (uint32_t)x;
    }
    for (int i = 0; i < 65536; i += 101) {
        result = mix(result, buckets[i]);
    }
    return result;
}

uint64_t divide(void) {
    uint64_t x = 0x0123456789abcdef, sum = 0;
    for (uint64_t i = 1; i < 40000000; i++) {
        sum += (x + i) / (i | 1) + (x ^ i) % (i | 3);
        sum += (uint64_t)((int64_t)(sum - x) / (int64_t)(i + 7));
    }
    return sum;
}

// x * y modulo the prime 2^61 - 1.
static uint64_t multiply_mod(uint64_t x, uint64_t y) {
    const uint64_t prime = ((uint64_t)1 << 61) - 1;
    unsigned __int128 product = (unsigned __int128)x * y;
    uint64_t sum = ((uint64_t)product & prime) + (uint64_t)(product >> 61);
    return sum >= prime ? sum - prime : sum;
}

uint64_t multiply128(void) {
    uint64_t result = 0;
    for (uint64_t base = 2; base < 1000002; base++) {
        uint64_t power = 1, square = base;
        for (uint64_t exponent = 0x1234567890abcdefu ^ base; exponent != 0; exponent >>= 1) {
            if (exponent & 1) {
                power = multiply_mod(power, square);
            }
            square = multiply_mod(square, square);
        }
        result = mix(result, power);
    }
    return result;
}
