// Runs workloads and prints for each its name, its seconds and its result. As the first process of a guest it says
// when it begins and powers the machine off at the end; the workloads' names are its arguments.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"
#include "soak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *own_path;

// Each workload: its name, the mean it counts for, how many CPUs it wants, and what it is.
static const struct {
    const char *name, *group;
    int cpus;
    workload *run;
    const char *what;
} workloads[] = {
    {"crc32", "integer", 1, crc32, "CRC-32 by table"},
    {"fib", "integer", 1, fib, "recursive Fibonacci numbers"},
    {"sieve", "integer", 1, sieve, "sieve of Eratosthenes"},
    {"qsort", "integer", 1, sort, "the C library's qsort with a callback"},
    {"collatz", "integer", 1, collatz, "lengths of Collatz sequences"},
    {"memset-strlen", "integer", 1, fill_length, "memset and strlen of 4 KB"},
    {"hash", "integer", 1, hash, "multiply and scatter"},
    {"divide", "integer", 1, divide, "64-bit division"},
    {"multiply128", "integer", 1, multiply128, "128-bit products, modular powers"},
    {"coremark-like", "integer", 1, mixed, "lists, matrices, a state machine"},
    {"dhrystone-like", "integer", 1, records, "records, strings, calls"},
    {"sha256", "integer", 1, sha256, "SHA-256 in C"},
    {"aes", "integer", 1, aes, "AES-128 in C, by tables"},
    {"lz", "integer", 1, lz, "LZ compression and decompression"},
    {"json", "integer", 1, json, "parsing of JSON text"},
    {"bytecode", "integer", 1, bytecode, "an interpreter of bytecode"},
    {"btree", "integer", 1, btree, "a B-tree: insertions and searches"},
    {"search", "integer", 1, search, "string search, vectorised (-O3)"},
    {"matmul", "floating", 1, matmul, "product of matrices, double"},
    {"nbody-double", "floating", 1, nbody_double, "planets, double"},
    {"nbody-float", "floating", 1, nbody_float, "planets, float"},
    {"syscall", "kernel", 1, system_call, "system calls"},
    {"fork-exec", "kernel", 1, fork_exec, "fork, exec, exit, wait"},
    {"ping-pong", "kernel", 1, ping_pong, "two processes and two pipes"},
    {"page-fault", "kernel", 1, page_fault, "first touches of new pages"},
    {"busy-one", "threads", 2, busy_one, "one thread that computes"},
    {"busy-two", "threads", 2, busy_two, "two threads that compute, each as much"},
    {"atomics", "threads", 2, atomics, "two threads, one counter"},
    {"mutex", "threads", 2, mutex, "two threads, one mutex"},
};

enum { COUNT = sizeof workloads / sizeof *workloads };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void run(const char *name) {
    for (int i = 0; i < COUNT; i++) {
        if (strcmp(name, workloads[i].name) == 0) {
            double start = now();
            uint64_t result = workloads[i].run();
            double seconds = now() - start;
            printf("BENCH %s %.6f %016llx\n", name, seconds, (unsigned long long)result);
            return;
        }
    }
    printf("BENCH-UNKNOWN %s\n", name);
}

static const char *name_in_turn(int n) {
    return workloads[n % COUNT].name;
}

// Hundredths of a second that the CPUs have been idle for, all together.
static long idle(void) {
    long ticks = 0;
    FILE *file = fopen("/proc/stat", "r");
    if (file) {
        if (fscanf(file, "cpu %*d %*d %*d %ld", &ticks) != 1) {
            ticks = 0;
        }
        fclose(file);
    }
    return ticks;
}

// Waits until the kernel has ended what it does in the background after its start: it tests its cryptography, which is as much
// work as some workloads are.
static void settle(void) {
    mkdir("/proc", 0755);
    if (mount("proc", "/proc", "proc", 0, NULL) != 0) {
        return;
    }
    long nearly_all = 18 * sysconf(_SC_NPROCESSORS_ONLN);
    for (int tries = 0; tries < 50; tries++) {
        long before = idle();
        usleep(200000);
        if (idle() - before >= nearly_all) {
            return;
        }
    }
}

int main(int count, char **words) {
    own_path = words[0];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count == 2 && strcmp(words[1], "--exit") == 0) {
        return 0;
    }
    if (count == 2 && strcmp(words[1], "--list") == 0) {
        for (int i = 0; i < COUNT; i++) {
            printf("%s %s %d %s\n", workloads[i].name, workloads[i].group, workloads[i].cpus, workloads[i].what);
        }
        return 0;
    }
    int first = getpid() == 1;
    if (first) {
        printf("BENCH-INIT\n");
        // The host looks at this machine's memory now.
        usleep(300000);
        settle();
    }
    if (count == 3 && strcmp(words[1], "--soak") == 0) {
        soak(own_path, atol(words[2]), name_in_turn);
        count = 1;
    }
    for (int i = 1; i < count; i++) {
        run(words[i]);
    }
    if (first) {
        reboot(RB_POWER_OFF);
    }
    return 0;
}
