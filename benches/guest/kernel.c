// Paths of the kernel: system calls, processes, pipes, page faults. Truth: POSIX; Linux for clone and madvise.
// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "bench.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

uint64_t system_call(void) {
    uint64_t sum = 0;
    long own = syscall(SYS_getppid);
    for (int i = 0; i < 100000; i++) {
        sum += syscall(SYS_getppid) == own;
    }
    return sum;
}

uint64_t fork_exec(void) {
    uint64_t good = 0;
    for (int i = 0; i < 400; i++) {
        pid_t child = fork();
        if (child == 0) {
            execl(own_path, own_path, "--exit", (char *)NULL);
            _exit(127);
        }
        int status = -1;
        good += child > 0 && waitpid(child, &status, 0) == child && status == 0;
    }
    return good;
}

uint64_t ping_pong(void) {
    enum { ROUNDS = 4000 };
    int to[2], from[2];
    if (pipe(to) != 0 || pipe(from) != 0) {
        return 0;
    }
    pid_t child = fork();
    unsigned char byte = 0;
    if (child == 0) {
        close(to[1]);
        while (read(to[0], &byte, 1) == 1) {
            byte++;
            if (write(from[1], &byte, 1) != 1) {
                break;
            }
        }
        _exit(0);
    }
    uint64_t result = 0;
    for (int i = 0; i < ROUNDS; i++) {
        byte = (unsigned char)(byte * 5);
        if (write(to[1], &byte, 1) != 1 || read(from[0], &byte, 1) != 1) {
            return 0;
        }
        result = mix(result, byte);
    }
    close(to[0]);
    close(to[1]);
    close(from[0]);
    close(from[1]);
    int status = -1;
    waitpid(child, &status, 0);
    return mix(result, (uint64_t)status);
}

uint64_t page_fault(void) {
    enum { PAGE = 4096, PAGES = 2048, ROUNDS = 8 };
    unsigned char *block = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) {
        return 0;
    }
    // Huge pages would hide what this measures, on one of the machines or on both.
    madvise(block, PAGES * PAGE, MADV_NOHUGEPAGE);
    uint64_t result = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < PAGES; i++) {
            result += block[i * PAGE] == 0;
            block[i * PAGE + 8] = 1;
        }
        madvise(block, PAGES * PAGE, MADV_DONTNEED);
    }
    munmap(block, PAGES * PAGE);
    return result;
}
