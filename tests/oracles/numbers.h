/* What the oracle programs share: a source of numbers that is the same everywhere, and a digest of results.
   Truth: none; SplitMix64 and FNV-1a are public algorithms. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t number_state;

static uint64_t number(void)
{
    uint64_t z = number_state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t digest_state;

static void digest_begin(void) { digest_state = 0xcbf29ce484222325; }

static void digest(uint64_t value)
{
    for (int i = 0; i < 8; i++, value >>= 8)
        digest_state = (digest_state ^ (value & 0xff)) * 0x100000001b3;
}
