// Compression by references to earlier text: a hash table finds them, bytes hold literals and pairs of length and distance.
// What is compressed is expanded again and compared.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <string.h>

enum { SIZE = 1 << 18, SLOTS = 1 << 14, LEAST = 4, LONGEST = 255 + LEAST, FARTHEST = 65535 };

static unsigned char text[SIZE], packed[2 * SIZE], again[SIZE];

static uint32_t word_at(const unsigned char *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

// A run of up to 255 literals: its length, its bytes; then a reference: length less four, distance in two bytes.
static size_t compress(void) {
    static int32_t slots[SLOTS];
    memset(slots, 0xff, sizeof slots);
    size_t in = 0, literal = 0, out = 0;
    while (in + LEAST <= SIZE) {
        uint32_t slot = word_at(text + in) * 2654435761u >> 18;
        int32_t before = slots[slot];
        slots[slot] = (int32_t)in;
        size_t distance = in - (size_t)before, length = 0;
        if (before >= 0 && distance <= FARTHEST && word_at(text + before) == word_at(text + in)) {
            length = LEAST;
            while (length < LONGEST && in + length < SIZE && text[(size_t)before + length] == text[in + length]) {
                length++;
            }
        }
        if (length == 0 && in - literal < 255 - 1) {
            in++;
            continue;
        }
        size_t run = in - literal;
        packed[out++] = (unsigned char)run;
        memcpy(packed + out, text + literal, run);
        out += run;
        packed[out++] = (unsigned char)(length == 0 ? 0 : length - LEAST);
        packed[out++] = (unsigned char)(length == 0 ? 0 : distance >> 8);
        packed[out++] = (unsigned char)(length == 0 ? 0 : distance);
        in += length;
        literal = in;
        if (length == 0) {
            slots[slot] = before;
        }
    }
    // The rest are literals, with a reference to nothing after them.
    size_t run = SIZE - literal;
    packed[out++] = (unsigned char)run;
    memcpy(packed + out, text + literal, run);
    out += run;
    memset(packed + out, 0, 3);
    return out + 3;
}

static size_t expand(size_t size) {
    size_t in = 0, out = 0;
    while (in < size) {
        size_t run = packed[in++];
        memcpy(again + out, packed + in, run);
        in += run;
        out += run;
        size_t length = packed[in] + (size_t)LEAST, distance = (size_t)packed[in + 1] << 8 | packed[in + 2];
        in += 3;
        if (distance != 0) {
            for (size_t i = 0; i < length; i++, out++) {
                again[out] = again[out - distance];
            }
        }
    }
    return out;
}

uint64_t lz(void) {
    static const char *const words[] = {"storage ", "prefix ", "lowcore ", "the ", "a ", "interruption ", "of ", "key ",
                                        "is ", "program ", "mask ", "and ", "translation ", "page ", "in ", "CPU "};
    uint64_t seed = 88172645463325252u, result = 0;
    for (size_t at = 0; at < SIZE;) {
        const char *word = words[next_random(&seed) >> 60];
        size_t length = strlen(word);
        length = length < SIZE - at ? length : SIZE - at;
        memcpy(text + at, word, length);
        at += length;
        if ((seed & 7) == 0 && at < SIZE) {
            text[at++] = (unsigned char)(seed >> 8);
        }
    }
    for (int round = 0; round < 24; round++) {
        text[round * 1000] ^= 0x15;
        size_t size = compress();
        if (expand(size) != SIZE || memcmp(text, again, SIZE) != 0) {
            return 0;
        }
        result = mix(result, size);
    }
    return result;
}
