/* SPDX-License-Identifier: MIT */
/*
 * A clock fine enough for one allocation: the CPU's time stamp counter where it runs at a constant
 * rate on all cores, else CLOCK_MONOTONIC.
 */
#ifndef TICKS_H
#define TICKS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#define TICKS_HAVE_TSC 1
#else
#define TICKS_HAVE_TSC 0
#endif

typedef struct ticks {
    bool tsc;
    double ns;        /* nanoseconds a tick */
    double cost_ns;   /* what a pair of readings takes itself */
    const char *name; /* of the clock */
} ticks;

/* Chooses the clock and measures it; takes about 10 ms. */
void ticks_open(ticks *clock);

static inline uint64_t ticks_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Sleeps so long at least. */
void ticks_sleep_ms(uint64_t ms);

/* CLOCK_MONOTONIC in so many seconds. */
struct timespec ticks_deadline(double seconds);

static inline uint64_t ticks_now(const ticks *clock)
{
#if TICKS_HAVE_TSC
    if (clock->tsc) {
        /* Without the fences the reading drifts into the operation that it times. */
        _mm_lfence();
        uint64_t now = __rdtsc();
        _mm_lfence();
        return now;
    }
#endif
    (void)clock;
    return ticks_monotonic_ns();
}

#endif
