/* SPDX-License-Identifier: MIT */
/* Flattened device trees for tests, right or wrong: tokens, strings and reservations are put down
 * one by one, then packed behind a header whose fields a test may change. */
#ifndef TESTS_BOOT_TREE_BUILDER_H
#define TESTS_BOOT_TREE_BUILDER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum tree_token { TREE_BEGIN = 1, TREE_END_NODE, TREE_PROPERTY, TREE_NOP, TREE_END = 9 };

/* Words of the header. */
enum {
    TREE_MAGIC,
    TREE_TOTAL,
    TREE_TOKENS,
    TREE_STRINGS,
    TREE_RESERVATIONS,
    TREE_VERSION,
    TREE_COMPATIBLE,
    TREE_CPU,
    TREE_STRINGS_SIZE,
    TREE_TOKENS_SIZE,
    TREE_HEADER_WORDS
};

typedef struct tree_part {
    unsigned char bytes[4096];
    size_t size;
} tree_part;

typedef struct tree {
    tree_part tokens;
    tree_part strings;
    tree_part reservations;
    tree_part packed;
} tree;

/* A word of the header. */
static inline uint32_t tree_word(const unsigned char *bytes, size_t number)
{
    const unsigned char *at = bytes + 4 * number;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void tree_put_word_at(unsigned char *bytes, size_t at, uint32_t word)
{
    for (size_t i = 0; i < 4; i++) {
        bytes[at + i] = (unsigned char)(word >> (24 - 8 * i));
    }
}

static inline void tree_put_word(tree_part *part, uint32_t word)
{
    part->size += 4;
    tree_put_word_at(part->bytes, part->size - 4, word);
}

static inline void tree_put_bytes(tree_part *part, const void *bytes, size_t size)
{
    memcpy(part->bytes + part->size, bytes, size);
    part->size += size;
}

static inline void tree_align(tree_part *part)
{
    while (part->size % 4) {
        part->bytes[part->size++] = 0;
    }
}

static inline void tree_reserve(tree *t, uint32_t start, uint32_t size)
{
    tree_put_word(&t->reservations, 0);
    tree_put_word(&t->reservations, start);
    tree_put_word(&t->reservations, 0);
    tree_put_word(&t->reservations, size);
}

static inline void tree_begin(tree *t, const char *name)
{
    tree_put_word(&t->tokens, TREE_BEGIN);
    tree_put_bytes(&t->tokens, name, strlen(name) + 1);
    tree_align(&t->tokens);
}

static inline void tree_token(tree *t, uint32_t token)
{
    tree_put_word(&t->tokens, token);
}

static inline void tree_property(tree *t, const char *name, const void *value, size_t size)
{
    tree_put_word(&t->tokens, TREE_PROPERTY);
    tree_put_word(&t->tokens, (uint32_t)size);
    tree_put_word(&t->tokens, (uint32_t)t->strings.size);
    tree_put_bytes(&t->tokens, value, size);
    tree_align(&t->tokens);
    tree_put_bytes(&t->strings, name, strlen(name) + 1);
}

static inline void tree_text(tree *t, const char *name, const char *text)
{
    tree_property(t, name, text, strlen(text) + 1);
}

static inline void tree_words(tree *t, const char *name, const uint32_t *words, size_t count)
{
    tree_part value = {.size = 0};
    for (size_t i = 0; i < count; i++) {
        tree_put_word(&value, words[i]);
    }
    tree_property(t, name, value.bytes, value.size);
}

#define TREE_WORDS(t, name, ...)                                                                   \
    tree_words(t, name, (const uint32_t[]){__VA_ARGS__},                                           \
               sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

/* The whole: header, reservations, tokens, strings. */
static inline void tree_pack(tree *t)
{
    uint32_t reservations = 4 * TREE_HEADER_WORDS;
    uint32_t tokens = reservations + (uint32_t)t->reservations.size;
    uint32_t strings = tokens + (uint32_t)t->tokens.size;
    const uint32_t header[TREE_HEADER_WORDS] = {
        [TREE_MAGIC] = 0xd00dfeed,
        [TREE_TOTAL] = strings + (uint32_t)t->strings.size,
        [TREE_TOKENS] = tokens,
        [TREE_STRINGS] = strings,
        [TREE_RESERVATIONS] = reservations,
        [TREE_VERSION] = 17,
        [TREE_COMPATIBLE] = 16,
        [TREE_STRINGS_SIZE] = (uint32_t)t->strings.size,
        [TREE_TOKENS_SIZE] = (uint32_t)t->tokens.size,
    };
    for (size_t i = 0; i < TREE_HEADER_WORDS; i++) {
        tree_put_word(&t->packed, header[i]);
    }
    tree_put_bytes(&t->packed, t->reservations.bytes, t->reservations.size);
    tree_put_bytes(&t->packed, t->tokens.bytes, t->tokens.size);
    tree_put_bytes(&t->packed, t->strings.bytes, t->strings.size);
}

#endif
