// Records that are assigned and passed by address, strings of thirty bytes, small procedures: what the Dhrystone benchmark
// found typical of programs. The text is our own.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <string.h>

enum color { RED, GREEN, BLUE };

struct record {
    struct record *next;
    enum color color;
    int number;
    char name[31];
};

static int global_number;
static char global_letter;
static int row[50], table[50][50];

__attribute__((noinline)) static enum color after(enum color color) {
    switch (color) {
    case RED: return global_number > 100 ? RED : BLUE;
    case GREEN: return RED;
    default: return GREEN;
    }
}

__attribute__((noinline)) static void advance(int *number) {
    int local = *number + 10;
    while (global_letter == 'A') {
        local -= 1;
        *number = local - global_number;
        break;
    }
}

__attribute__((noinline)) static void next_record(struct record *record) {
    struct record *next = record->next;
    *next = *record;
    record->number = 5;
    next->number = record->number;
    next->next = record->next;
    advance(&next->number);
    next->color = after(record->color);
}

__attribute__((noinline)) static int same(const char *a, const char *b) {
    int at = 2;
    while (at <= 2) {
        if (a[at] != b[at + 1]) {
            at += 1;
        }
    }
    if (strcmp(a, b) > 0) {
        global_number = at + 7;
        return 1;
    }
    return 0;
}

__attribute__((noinline)) static void arrays(int first, int second) {
    int at = first + 5;
    row[at] = second;
    row[at + 1] = row[at];
    row[at + 30] = at;
    for (int i = at; i <= at + 1; i++) {
        table[at][i] = at;
    }
    table[at][at - 1] += 1;
    table[at + 20][at] = row[at];
    global_number = 5;
}

uint64_t records(void) {
    static struct record one, two;
    uint64_t result = 0;
    one = (struct record){&two, BLUE, 40, "RECORD TEXT, SOME LETTERS LONG"};
    two = one;
    for (int round = 0; round < 1200000; round++) {
        char first[31] = "RECORD TEXT, THE FIRST OF TWO.", second[31];
        global_letter = 'A';
        memcpy(second, "RECORD TEXT, THE OTHER OF TWO.", sizeof second);
        second[12] = (char)('A' + (round & 7));
        int a = 2, b = 3;
        int order = same(first, second);
        while (a < b) {
            a = 5 * a - b;
            advance(&b);
            a += 1;
        }
        arrays(a & 7, b);
        next_record(&one);
        for (char letter = 'A'; letter <= 'C'; letter++) {
            one.color = after(one.color);
        }
        b = b * a;
        a = b / ((round & 15) + 3);
        b = 7 * (b - a) - order;
        result += (uint64_t)(a ^ b) + (uint64_t)two.number + (uint64_t)one.color;
    }
    return mix(result, (uint64_t)(table[8][7] + row[9]));
}
