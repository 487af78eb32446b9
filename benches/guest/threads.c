// Two threads on two CPUs: alone each, sharing a counter, and sharing a mutex. Truth: C11, POSIX threads.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>

// Runs `body` in two threads, the caller's and another, and sums up what they return.
static uint64_t both(void *(*body)(void *)) {
    pthread_t other;
    void *result = NULL;
    if (pthread_create(&other, NULL, body, NULL) != 0) {
        return 0;
    }
    uint64_t own = (uint64_t)(uintptr_t)body(NULL);
    pthread_join(other, &result);
    return own + (uint64_t)(uintptr_t)result;
}

// Work without any sharing.
static void *compute(void *nothing) {
    (void)nothing;
    static const unsigned char table[16] = {7, 3, 12, 1, 9, 14, 5, 8, 0, 11, 2, 15, 6, 10, 13, 4};
    uint64_t state = 88172645463325252u, result = 0;
    for (int i = 0; i < 120000000; i++) {
        result += table[next_random(&state) >> 60] ^ (state & 3);
    }
    return (void *)(uintptr_t)result;
}

uint64_t busy_one(void) {
    return (uint64_t)(uintptr_t)compute(NULL);
}

uint64_t busy_two(void) {
    return both(compute);
}

static _Atomic uint64_t counter;

static void *count(void *nothing) {
    (void)nothing;
    for (int i = 0; i < 6000000; i++) {
        atomic_fetch_add(&counter, 3);
        uint64_t seen = atomic_load_explicit(&counter, memory_order_relaxed);
        while (!atomic_compare_exchange_weak(&counter, &seen, seen + 2)) {
        }
    }
    return NULL;
}

uint64_t atomics(void) {
    atomic_store(&counter, 0);
    both(count);
    return atomic_load(&counter);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t guarded;

static void *guard(void *nothing) {
    (void)nothing;
    for (int i = 0; i < 1000000; i++) {
        pthread_mutex_lock(&lock);
        guarded += 1;
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

uint64_t mutex(void) {
    guarded = 0;
    both(guard);
    return guarded;
}
