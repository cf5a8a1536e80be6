/* SPDX-License-Identifier: MIT */
/* Random numbers in two or three nanoseconds, none of them spent on memory: xorshift64* (Vigna,
 * "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016). */
#ifndef BENCH_XORSHIFT_H
#define BENCH_XORSHIFT_H

#include <stddef.h>
#include <stdint.h>

typedef struct xorshift {
    uint64_t state; /* never 0 */
} xorshift;

static inline void xorshift_start(xorshift *x, uint64_t seed, uint64_t stream)
{
    uint64_t z = seed + (stream + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x->state = (z ^ z >> 27) | 1;
}

static inline uint32_t xorshift_next(xorshift *x)
{
    x->state ^= x->state >> 12;
    x->state ^= x->state << 25;
    x->state ^= x->state >> 27;
    return (uint32_t)(x->state * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

/* 0 to limit - 1; limit is below 2^32. */
static inline size_t xorshift_below(xorshift *x, size_t limit)
{
    return (size_t)((uint64_t)xorshift_next(x) * limit >> 32);
}

static inline void xorshift_shuffle(xorshift *x, int64_t *items, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t other = xorshift_below(x, i);
        int64_t item = items[i - 1];
        items[i - 1] = items[other];
        items[other] = item;
    }
}

#endif
