// Floating point: a product of matrices and planets, in both formats that programs use.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <math.h>
#include <string.h>

static uint64_t bits(double value) {
    uint64_t result;
    memcpy(&result, &value, sizeof result);
    return result;
}

uint64_t matmul(void) {
    enum { N = 160, ROUNDS = 4 };
    static double a[N][N], b[N][N], c[N][N];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i][j] = i * 0.5 + j;
            b[i][j] = i - j * 0.25;
        }
    }
    double trace = 0;
    for (int round = 0; round < ROUNDS; round++) {
        a[round][0] += 1;
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) {
                double sum = 0;
                for (int k = 0; k < N; k++) {
                    sum += a[i][k] * b[k][j];
                }
                c[i][j] = sum;
            }
            trace += c[i][i];
        }
    }
    return bits(trace);
}

// Five bodies that attract each other, advanced in small steps: the same text for both formats.
#define PLANETS(NAME, REAL, ROOT, STEPS)                                                   \
    uint64_t NAME(void) {                                                                  \
        enum { BODIES = 5 };                                                               \
        struct {                                                                           \
            REAL x[3], v[3], mass;                                                         \
        } body[BODIES];                                                                    \
        uint64_t seed = 88172645463325252u;                                                \
        for (int i = 0; i < BODIES; i++) {                                                 \
            for (int k = 0; k < 3; k++) {                                                  \
                body[i].x[k] = (REAL)(int)(next_random(&seed) >> 52) / (REAL)64 - 32;      \
                body[i].v[k] = (REAL)(int)(next_random(&seed) >> 52) / (REAL)65536;        \
            }                                                                              \
            body[i].mass = (REAL)(i + 1) / 4;                                              \
        }                                                                                  \
        for (int step = 0; step < STEPS; step++) {                                         \
            for (int i = 0; i < BODIES; i++) {                                             \
                for (int j = i + 1; j < BODIES; j++) {                                     \
                    REAL d[3], square = (REAL)0.01;                                        \
                    for (int k = 0; k < 3; k++) {                                          \
                        d[k] = body[i].x[k] - body[j].x[k];                                \
                        square += d[k] * d[k];                                             \
                    }                                                                      \
                    REAL pull = (REAL)0.001 / (square * ROOT(square));                     \
                    for (int k = 0; k < 3; k++) {                                          \
                        body[i].v[k] -= d[k] * body[j].mass * pull;                        \
                        body[j].v[k] += d[k] * body[i].mass * pull;                        \
                    }                                                                      \
                }                                                                          \
            }                                                                              \
            for (int i = 0; i < BODIES; i++) {                                             \
                for (int k = 0; k < 3; k++) {                                              \
                    body[i].x[k] += body[i].v[k] * (REAL)0.001;                            \
                }                                                                          \
            }                                                                              \
        }                                                                                  \
        uint64_t result = 0;                                                               \
        for (int i = 0; i < BODIES; i++) {                                                 \
            for (int k = 0; k < 3; k++) {                                                  \
                result = mix(result, bits(body[i].x[k]));                                  \
            }                                                                              \
        }                                                                                  \
        return result;                                                                     \
    }

PLANETS(nbody_double, double, sqrt, 100000)
PLANETS(nbody_float, float, sqrtf, 100000)
