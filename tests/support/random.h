/* SPDX-License-Identifier: MIT */
/* Seeded random numbers for tests: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

typedef struct random_source {
    uint64_t state;
} random_source;

static inline uint64_t random_next(random_source *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* 0 to limit - 1 */
static inline uint64_t random_below(random_source *random, uint64_t limit)
{
    return random_next(random) % limit;
}

/* Any number up to the limit, small ones as often as large ones. */
static inline uint64_t random_skewed(random_source *random, uint64_t limit)
{
    unsigned bits = 1;
    while (bits < 63 && UINT64_C(1) << bits < limit) {
        bits++;
    }
    uint64_t value = random_next(random) >> (64 - 1 - random_below(random, bits));
    return value < limit ? value : limit - 1;
}

/* The seed in the environment variable LFB_SEED, to repeat a run; else a new one. */
static inline uint64_t random_seed(void)
{
    const char *given = getenv("LFB_SEED");
    if (given) {
        return strtoull(given, NULL, 0);
    }
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (uint64_t)now.tv_sec * 1000000007U ^ (uint64_t)now.tv_nsec;
}

#endif
