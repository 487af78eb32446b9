// Text in the form of JSON: written, then parsed by recursive descent into nodes, then summed up. Truth: RFC 8259.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <stdio.h>
#include <string.h>

enum kind { NOTHING, TRUTH, NUMBER, STRING, ARRAY, OBJECT };

struct value {
    enum kind kind;
    // Elements of arrays and objects; the next one of those this value is in.
    struct value *first, *next;
    const char *name, *string;
    size_t name_length, length;
    double number;
};

enum { VALUES = 40000, TEXT = 1 << 20 };

static struct value values[VALUES];
static size_t used;
static char text[TEXT];
static const char *at;

static void skip(void) {
    while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') {
        at++;
    }
}

static size_t string(const char **start) {
    *start = ++at;
    while (*at != '"' && *at != 0) {
        at += *at == '\\' ? 2 : 1;
    }
    size_t length = (size_t)(at - *start);
    at++;
    return length;
}

static double number(void) {
    double sign = 1, result = 0, scale = 1;
    if (*at == '-') {
        sign = -1;
        at++;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        result = result * 10 + (*at - '0');
    }
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9'; at++) {
            scale *= 10;
            result = result * 10 + (*at - '0');
        }
    }
    return sign * result / scale;
}

static struct value *parse(void) {
    if (used == VALUES) {
        return NULL;
    }
    struct value *value = &values[used++];
    *value = (struct value){0};
    skip();
    if (*at == '{' || *at == '[') {
        char end = *at == '{' ? '}' : ']';
        value->kind = *at == '{' ? OBJECT : ARRAY;
        struct value **last = &value->first;
        for (at++, skip(); *at != end; skip()) {
            const char *name = NULL;
            size_t length = 0;
            if (value->kind == OBJECT) {
                length = string(&name);
                skip();
                if (*at++ != ':') {
                    return NULL;
                }
            }
            struct value *element = parse();
            if (element == NULL) {
                return NULL;
            }
            element->name = name;
            element->name_length = length;
            *last = element;
            last = &element->next;
            skip();
            if (*at == ',') {
                at++;
            } else if (*at != end) {
                return NULL;
            }
        }
        at++;
    } else if (*at == '"') {
        value->kind = STRING;
        value->length = string(&value->string);
    } else if (strncmp(at, "true", 4) == 0) {
        value->kind = TRUTH;
        value->number = 1;
        at += 4;
    } else if (strncmp(at, "false", 5) == 0) {
        value->kind = TRUTH;
        at += 5;
    } else if (strncmp(at, "null", 4) == 0) {
        at += 4;
    } else if (*at == '-' || (*at >= '0' && *at <= '9')) {
        value->kind = NUMBER;
        value->number = number();
    } else {
        return NULL;
    }
    return value;
}

static uint64_t sum(const struct value *value) {
    uint64_t result = mix((uint64_t)value->kind, value->name_length);
    if (value->kind == NUMBER) {
        result = mix(result, (uint64_t)(int64_t)(value->number * 100));
    }
    if (value->kind == STRING) {
        for (size_t i = 0; i < value->length; i++) {
            result = result * 31 + (unsigned char)value->string[i];
        }
    }
    for (const struct value *element = value->first; element != NULL; element = element->next) {
        result = mix(result, sum(element));
    }
    return result;
}

uint64_t json(void) {
    uint64_t seed = 88172645463325252u, result = 0;
    size_t length = 0;
    text[length++] = '[';
    for (int i = 0; i < 2000; i++) {
        uint64_t r = next_random(&seed);
        length += (size_t)snprintf(text + length, TEXT - length,
                                   "%s\n  {\"name\": \"slot %u\", \"size\": %u, \"ratio\": -%u.%02u, \"marked\": %s,\n"
                                   "   \"keys\": [%u, %u, {\"f\\\"etch\": null}], \"text\": \"%s\"}",
                                   i == 0 ? "" : ",", (unsigned)i, (unsigned)(r >> 40), (unsigned)(r & 1023),
                                   (unsigned)(r >> 10 & 63), r & 1 << 20 ? "true" : "false", (unsigned)(r >> 21 & 15),
                                   (unsigned)(r >> 25 & 15), r & 2048 ? "a longer piece of text, with \\n in it" : "");
    }
    text[length++] = ']';
    text[length] = 0;
    for (int round = 0; round < 50; round++) {
        used = 0;
        at = text;
        struct value *all = parse();
        if (all == NULL || *at != 0) {
            return 0;
        }
        result = mix(result, sum(all));
        // Another text for the next round: a line's end becomes a blank.
        *strchr(text + length / 2, '\n') = ' ';
    }
    return result;
}
