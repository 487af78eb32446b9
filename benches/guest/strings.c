// The C library's string functions on blocks of a page.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <string.h>

uint64_t fill_length(void) {
    static char block[4097];
    uint64_t sum = 0;
    for (int i = 0; i < 100000; i++) {
        size_t length = 4096 - (size_t)(i & 63);
        memset(block, 'a' + (i & 15), length);
        block[length] = 0;
        sum += strlen(block);
    }
    return sum;
}
