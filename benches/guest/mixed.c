// Three kinds of work that embedded programs do, in turn, as the CoreMark benchmark has them: a linked list that is
// searched, reversed and sorted, small matrices of short integers, and a state machine over text. The text is our own.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

enum { NODES = 200, N = 16 };

struct node {
    struct node *next;
    int16_t value, order;
};

static struct node *reverse(struct node *list) {
    struct node *result = NULL;
    while (list != NULL) {
        struct node *next = list->next;
        list->next = result;
        result = list;
        list = next;
    }
    return result;
}

static int by_value(const struct node *a, const struct node *b) {
    return a->value - b->value;
}

static int by_order(const struct node *a, const struct node *b) {
    return a->order - b->order;
}

// Merges two sorted lists.
static struct node *merge(struct node *a, struct node *b, int (*compare)(const struct node *, const struct node *)) {
    struct node head = {0}, *last = &head;
    while (a != NULL && b != NULL) {
        struct node **first = compare(a, b) <= 0 ? &a : &b;
        last = last->next = *first;
        *first = (*first)->next;
    }
    last->next = a != NULL ? a : b;
    return head.next;
}

static struct node *sorted(struct node *list, int (*compare)(const struct node *, const struct node *)) {
    if (list == NULL || list->next == NULL) {
        return list;
    }
    struct node *slow = list, *fast = list->next;
    while (fast != NULL && fast->next != NULL) {
        slow = slow->next;
        fast = fast->next->next;
    }
    struct node *half = slow->next;
    slow->next = NULL;
    return merge(sorted(list, compare), sorted(half, compare), compare);
}

static uint64_t lists(int round) {
    static struct node nodes[NODES];
    struct node *list = NULL;
    for (int i = 0; i < NODES; i++) {
        nodes[i] = (struct node){list, (int16_t)((i * 7919 + round * 31) & 0x3fff), (int16_t)i};
        list = &nodes[i];
    }
    uint64_t result = 0;
    for (int wanted = 0; wanted < 20; wanted++) {
        int16_t value = (int16_t)((wanted * 9 * 7919 + round * 31) & 0x3fff);
        int position = 0;
        for (struct node *at = list; at != NULL && at->value != value; at = at->next) {
            position++;
        }
        result = mix(result, (uint64_t)position);
        list = reverse(list);
    }
    list = sorted(list, by_value);
    result = mix(result, (uint64_t)list->value);
    list = sorted(list, by_order);
    return mix(result, (uint64_t)list->value);
}

static uint64_t matrices(int round) {
    static int16_t a[N][N], b[N][N];
    static int32_t c[N][N];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            a[i][j] = (int16_t)(i * j + round);
            b[i][j] = (int16_t)(i - j * round);
        }
    }
    uint64_t result = 0;
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            int32_t sum = 0;
            for (int k = 0; k < N; k++) {
                sum += (a[i][k] * b[k][j] >> 2 & 0xf) * (a[i][k] * b[k][j] >> 5 & 0x7f);
            }
            c[i][j] = sum;
        }
    }
    for (int i = 0; i < N; i++) {
        result = mix(result, (uint64_t)(c[i][i] + c[i][N - 1 - i]));
    }
    return result;
}

// Numbers in text: which words are whole numbers, fractions, with an exponent, or none.
static uint64_t states(int round) {
    enum state { START, SIGN, WHOLE, POINT, FRACTION, EXPONENT, POWER, WRONG, STATES };
    static const char text[] = "5012,-874,+122,.1e2,T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^,5.500e+3,-.123e-2,-87e+832,+0.6e-12,"
                               "33,x,-,7.,1e,e5,0.0,-110.700,+0.64400,5.500e+3x,,12.5e,8";
    unsigned counts[STATES] = {0};
    enum state state = START;
    for (const char *at = text;; at++) {
        char c = *at == '3' ? (char)('0' + round % 10) : *at;
        if (c == ',' || c == 0) {
            counts[state]++;
            state = START;
            if (c == 0) {
                break;
            }
            continue;
        }
        int digit = c >= '0' && c <= '9', sign = c == '+' || c == '-';
        switch (state) {
        case START: state = digit ? WHOLE : sign ? SIGN : c == '.' ? POINT : WRONG; break;
        case SIGN: state = digit ? WHOLE : c == '.' ? POINT : WRONG; break;
        case WHOLE: state = digit ? WHOLE : c == '.' ? POINT : c == 'e' ? EXPONENT : WRONG; break;
        case POINT: state = digit ? FRACTION : WRONG; break;
        case FRACTION: state = digit ? FRACTION : c == 'e' ? EXPONENT : WRONG; break;
        case EXPONENT: state = digit || sign ? POWER : WRONG; break;
        case POWER: state = digit ? POWER : WRONG; break;
        default: break;
        }
    }
    uint64_t result = 0;
    for (int i = 0; i < STATES; i++) {
        result = mix(result, counts[i]);
    }
    return result;
}

uint64_t mixed(void) {
    uint64_t result = 0;
    for (int round = 0; round < 2500; round++) {
        result = mix(result, lists(round));
        result = mix(result, matrices(round));
        for (int i = 0; i < 8; i++) {
            result = mix(result, states(round + i));
        }
    }
    return result;
}
