/* SPDX-License-Identifier: MIT */
/*
 * Arrays of bytes within atomic words. A byte is changed by compare-and-swap on its word: a plain
 * store could bury a change of its neighbour, and byte-wide atomics call a library on some targets.
 * Many bytes are compared at once, within a word, as long as they are below 0x80.
 */
#ifndef LFB_CORE_BYTES_H
#define LFB_CORE_BYTES_H

#include "geometry.h"

enum { BYTES_PER_WORD = LFB_WORD_BITS / 8 };

#define BYTE_EACH(value) (WORD_ONES / 0xff * (value)) /* the value in every byte */
#define BYTE_HIGH        BYTE_EACH((lfb_word)0x80)

typedef struct lfb_byte {
    lfb_atomic *word;
    unsigned shift;
} lfb_byte;

static inline lfb_byte lfb_byte_at(void *array, uintptr_t index)
{
    return (lfb_byte){(lfb_atomic *)array + index / BYTES_PER_WORD,
                      8 * (unsigned)(index % BYTES_PER_WORD)};
}

static inline unsigned byte_in(lfb_byte at, lfb_word word)
{
    return (unsigned)(word >> at.shift) & 0xff;
}

static inline lfb_word byte_set(lfb_byte at, lfb_word word, unsigned value)
{
    return (word & ~((lfb_word)0xff << at.shift)) | (lfb_word)value << at.shift;
}

/* The high bit of each byte of `word` that is at most `most`; most < 0x80. */
static inline lfb_word bytes_up_to(lfb_word word, unsigned most)
{
    return ((BYTE_HIGH | BYTE_EACH((lfb_word)most)) - (word & ~BYTE_HIGH)) & ~word & BYTE_HIGH;
}

/* The high bit of each byte of `word` that is at least `least`; least < 0x80. Bytes from 0x80 on
 * count by their other bits. */
static inline lfb_word bytes_from(lfb_word word, unsigned least)
{
    return ((word | BYTE_HIGH) - BYTE_EACH((lfb_word)least)) & BYTE_HIGH;
}

#endif
