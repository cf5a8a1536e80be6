/* SPDX-License-Identifier: MIT */
/* Choices taken from bytes: a fuzzer's input, or random ones. When they run out, every choice is
 * the first. */
#ifndef TESTS_FUZZ_BYTES_H
#define TESTS_FUZZ_BYTES_H

#include <stddef.h>
#include <stdint.h>

typedef struct bytes {
    const uint8_t *at;
    size_t left;
} bytes;

static inline uint64_t bytes_number(bytes *b, unsigned width)
{
    uint64_t number = 0;
    for (; width > 0 && b->left > 0; width--, b->left--) {
        number = number << 8 | *b->at++;
    }
    return number;
}

/* 0 to limit - 1, from no more bytes than that takes. */
static inline uint64_t bytes_below(bytes *b, uint64_t limit)
{
    unsigned width = limit <= 0x100 ? 1 : limit <= 0x10000 ? 2 : limit <= 0x100000000 ? 4 : 8;
    return bytes_number(b, width) % limit;
}

/* 0 to limit - 1, small numbers as often as large ones. */
static inline uint64_t bytes_skewed(bytes *b, uint64_t limit)
{
    unsigned bits = 1;
    while (bits < 63 && UINT64_C(1) << bits < limit) {
        bits++;
    }
    uint64_t scale = UINT64_C(2) << bytes_below(b, bits);
    return bytes_below(b, scale < limit ? scale : limit);
}

#endif
