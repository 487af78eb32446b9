// A B-tree in storage that is larger than the host's caches of small sizes: chains of dependent fetches.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <stdlib.h>
#include <string.h>

// Keys in a node: between LEAST and MOST.
enum { LEAST = 7, MOST = 2 * LEAST + 1 };

struct node {
    int count, leaf;
    uint64_t key[MOST];
    struct node *child[MOST + 1];
};

static struct node *pool;
static size_t used;

static struct node *new_node(int leaf) {
    struct node *node = &pool[used++];
    node->count = 0;
    node->leaf = leaf;
    return node;
}

// Splits the full child at `index` of a node that is not full.
static void split(struct node *parent, int index) {
    struct node *left = parent->child[index], *right = new_node(left->leaf);
    right->count = LEAST;
    memcpy(right->key, left->key + LEAST + 1, LEAST * sizeof *right->key);
    if (!left->leaf) {
        memcpy(right->child, left->child + LEAST + 1, (LEAST + 1) * sizeof *right->child);
    }
    left->count = LEAST;
    for (int i = parent->count; i > index; i--) {
        parent->key[i] = parent->key[i - 1];
        parent->child[i + 1] = parent->child[i];
    }
    parent->key[index] = left->key[LEAST];
    parent->child[index + 1] = right;
    parent->count++;
}

static struct node *insert(struct node *root, uint64_t key) {
    if (root->count == MOST) {
        struct node *above = new_node(0);
        above->child[0] = root;
        split(above, 0);
        root = above;
    }
    for (struct node *node = root;;) {
        int i = 0;
        while (i < node->count && node->key[i] < key) {
            i++;
        }
        if (i < node->count && node->key[i] == key) {
            return root;
        }
        if (node->leaf) {
            memmove(node->key + i + 1, node->key + i, (size_t)(node->count - i) * sizeof *node->key);
            node->key[i] = key;
            node->count++;
            return root;
        }
        if (node->child[i]->count == MOST) {
            split(node, i);
            if (node->key[i] == key) {
                return root;
            }
            i += node->key[i] < key;
        }
        node = node->child[i];
    }
}

// How many steps lead to the key, with a sign for whether it is there.
static int find(const struct node *node, uint64_t key) {
    for (int depth = 1;; depth++) {
        int i = 0;
        while (i < node->count && node->key[i] < key) {
            i++;
        }
        if (i < node->count && node->key[i] == key) {
            return depth;
        }
        if (node->leaf) {
            return -depth;
        }
        node = node->child[i];
    }
}

uint64_t btree(void) {
    enum { KEYS = 100000, SEARCHES = 1000000 };
    pool = malloc((KEYS / LEAST + 16) * sizeof *pool);
    if (pool == NULL) {
        return 0;
    }
    used = 0;
    struct node *root = new_node(1);
    uint64_t seed = 88172645463325252u, result = 0;
    for (int i = 0; i < KEYS; i++) {
        root = insert(root, next_random(&seed) >> 44);
    }
    for (int i = 0; i < SEARCHES; i++) {
        result += (uint64_t)find(root, next_random(&seed) >> 44);
        seed ^= result;
        seed |= 1;
    }
    free(pool);
    return mix(result, used);
}
