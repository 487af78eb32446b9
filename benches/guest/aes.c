// AES-128 in counter mode, in plain C with one table. Truth: FIPS 197; its tables are computed here from the field.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

static unsigned char substitution[256];
// A column of the mixed matrix times the substituted byte.
static uint32_t columns[256];

static uint32_t rotate(uint32_t x, int by) {
    return x >> by | x << (32 - by);
}

static unsigned char doubled(unsigned char x) {
    return (unsigned char)(x << 1 ^ (x & 0x80 ? 0x1b : 0));
}

static void prepare(void) {
    unsigned char power[256], logarithm[256] = {0};
    unsigned char x = 1;
    for (int i = 0; i < 255; i++) {
        power[i] = x;
        logarithm[x] = (unsigned char)i;
        x ^= doubled(x);
    }
    for (int i = 0; i < 256; i++) {
        unsigned inverse = i == 0 ? 0 : power[(255 - logarithm[i]) % 255];
        unsigned all = inverse | inverse << 8;
        substitution[i] = (unsigned char)(inverse ^ all >> 7 ^ all >> 6 ^ all >> 5 ^ all >> 4 ^ 0x63);
        uint32_t s = substitution[i], d = doubled(substitution[i]);
        columns[i] = d << 24 | s << 16 | s << 8 | (s ^ d);
    }
}

static uint32_t substituted(uint32_t word) {
    return (uint32_t)substitution[word >> 24] << 24 | (uint32_t)substitution[word >> 16 & 255] << 16 |
           (uint32_t)substitution[word >> 8 & 255] << 8 | substitution[word & 255];
}

static void expand(uint32_t keys[44], const uint32_t key[4]) {
    unsigned char constant = 1;
    for (int i = 0; i < 44; i++) {
        if (i < 4) {
            keys[i] = key[i];
        } else if (i % 4 != 0) {
            keys[i] = keys[i - 4] ^ keys[i - 1];
        } else {
            keys[i] = keys[i - 4] ^ substituted(rotate(keys[i - 1], 24)) ^ (uint32_t)constant << 24;
            constant = doubled(constant);
        }
    }
}

static void encrypt(const uint32_t keys[44], uint32_t block[4]) {
    uint32_t s[4], t[4];
    for (int i = 0; i < 4; i++) {
        s[i] = block[i] ^ keys[i];
    }
    for (int round = 1; round < 10; round++) {
        for (int i = 0; i < 4; i++) {
            t[i] = columns[s[i] >> 24] ^ rotate(columns[s[(i + 1) & 3] >> 16 & 255], 8) ^
                   rotate(columns[s[(i + 2) & 3] >> 8 & 255], 16) ^ rotate(columns[s[(i + 3) & 3] & 255], 24) ^
                   keys[4 * round + i];
        }
        for (int i = 0; i < 4; i++) {
            s[i] = t[i];
        }
    }
    for (int i = 0; i < 4; i++) {
        uint32_t word = (s[i] & 0xff000000) | (s[(i + 1) & 3] & 0xff0000) | (s[(i + 2) & 3] & 0xff00) | (s[(i + 3) & 3] & 0xff);
        block[i] = substituted(word) ^ keys[40 + i];
    }
}

uint64_t aes(void) {
    // The example of FIPS 197, appendix B.
    const uint32_t key[4] = {0x2b7e1516, 0x28aed2a6, 0xabf71588, 0x09cf4f3c};
    uint32_t keys[44], block[4] = {0x3243f6a8, 0x885a308d, 0x313198a2, 0xe0370734};
    prepare();
    expand(keys, key);
    encrypt(keys, block);
    if (block[0] != 0x3925841d || block[3] != 0x196a0b32) {
        return 0;
    }
    uint64_t result = 0;
    for (uint32_t counter = 0; counter < 400000; counter++) {
        uint32_t stream[4] = {key[3], key[2], 0, counter};
        encrypt(keys, stream);
        result = mix(result, (uint64_t)stream[0] << 32 | (stream[1] ^ stream[2] ^ stream[3]));
    }
    return result;
}
