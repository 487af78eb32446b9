// SHA-256 in plain C. Truth: FIPS 180-4; the constants are computed here from their definition there.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

static uint32_t rotate(uint32_t x, int by) {
    return x >> by | x << (32 - by);
}

// The first 32 bits of the fraction of a root of `prime`: of its `degree`-th root, by bisection in whole numbers.
static uint32_t root_fraction(uint32_t prime, int degree) {
    unsigned __int128 low = 0, high = (unsigned __int128)1 << 40;
    // The largest number whose power is not above prime * 2^(32 * degree). Its cube can have 120 bits.
    unsigned __int128 goal = (unsigned __int128)prime << (32 * degree);
    while (high - low > 1) {
        unsigned __int128 middle = (low + high) / 2;
        unsigned __int128 power = degree == 2 ? middle * middle : middle * middle * middle;
        if (power <= goal) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (uint32_t)low;
}

static uint32_t constants[64], initial[8];

static void prepare(void) {
    int count = 0;
    for (uint32_t n = 2; count < 64; n++) {
        int prime = 1;
        for (uint32_t d = 2; d * d <= n; d++) {
            prime &= n % d != 0;
        }
        if (prime) {
            constants[count] = root_fraction(n, 3);
            if (count < 8) {
                initial[count] = root_fraction(n, 2);
            }
            count++;
        }
    }
}

static void compress(uint32_t state[8], const unsigned char *block) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
               block[4 * i + 3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 8; i++) {
        s[i] = state[i];
    }
    for (int i = 0; i < 64; i++) {
        uint32_t sum1 = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
        uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
        uint32_t first = s[7] + sum1 + choice + constants[i] + w[i];
        uint32_t sum0 = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
        uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        for (int k = 7; k > 0; k--) {
            s[k] = s[k - 1];
        }
        s[4] += first;
        s[0] = first + sum0 + majority;
    }
    for (int i = 0; i < 8; i++) {
        state[i] += s[i];
    }
}

// The digest of data whose length is a multiple of 64.
static void digest(uint32_t state[8], const unsigned char *data, uint64_t length) {
    unsigned char last[64] = {0x80};
    for (int i = 0; i < 8; i++) {
        state[i] = initial[i];
        last[63 - i] = (unsigned char)(length * 8 >> 8 * i);
    }
    for (uint64_t at = 0; at < length; at += 64) {
        compress(state, data + at);
    }
    compress(state, last);
}

uint64_t sha256(void) {
    enum { SIZE = 1 << 16 };
    static unsigned char data[SIZE];
    uint32_t state[8];
    uint64_t seed = 88172645463325252u, result = 0;
    prepare();
    // Of no data at all: e3b0c442...
    digest(state, data, 0);
    if (state[0] != 0xe3b0c442) {
        return 0;
    }
    for (int i = 0; i < SIZE; i++) {
        data[i] = (unsigned char)next_random(&seed);
    }
    for (int round = 0; round < 40; round++) {
        data[round] ^= 1;
        digest(state, data, SIZE);
        result = mix(result, (uint64_t)state[0] << 32 | state[7]);
    }
    return result;
}
