// Mixed work for hours: all workloads in turn, each in a copy of this program of its own, so that its code is in other
// pages of storage each time, and what was translated before is of no use. Truth: none; the results are compared.
// SPDX-License-Identifier: Apache-2.0
#include "soak.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int copy(const char *from, const char *to) {
    static char buffer[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    ssize_t length = -1;
    while (in >= 0 && out >= 0 && (length = read(in, buffer, sizeof buffer)) > 0) {
        if (write(out, buffer, (size_t)length) != length) {
            length = -1;
            break;
        }
    }
    close(in);
    close(out);
    return length == 0;
}

void soak(const char *program, long seconds, const char *(*name_of)(int)) {
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int n = 0;; n++) {
        const char *name = name_of(n);
        char path[32];
        snprintf(path, sizeof path, "/soak-%d", n);
        int status = -1;
        pid_t child = copy(program, path) ? fork() : -1;
        if (child == 0) {
            execl(path, path, name, (char *)NULL);
            _exit(127);
        }
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
            printf("SOAK-FAILED %s %x\n", name, (unsigned)status);
        }
        // The last few copies stay, so that pages are not given back at once to be used for the next.
        snprintf(path, sizeof path, "/soak-%d", n - 8);
        unlink(path);
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - start.tv_sec >= seconds) {
            printf("SOAK-END %d\n", n + 1);
            return;
        }
    }
}
