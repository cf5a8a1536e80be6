/* SPDX-License-Identifier: MIT */
/*
 * Choosing and calibrating the clock: see ticks.h.
 */
#include "ticks.h"

#include <errno.h>

#if TICKS_HAVE_TSC
#include <cpuid.h>
#endif

#define MS_IN_NS 1000000U
#define S_IN_NS  UINT64_C(1000000000)

enum { CALIBRATION_NS = 10 * 1000 * 1000, COST_SAMPLES = 1000 };

static bool tsc_is_constant(void)
{
#if TICKS_HAVE_TSC
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & 1U << 8) != 0;
#else
    return false;
#endif
}

static double measure_rate(const ticks *clock)
{
    uint64_t start_ns = ticks_monotonic_ns();
    uint64_t start = ticks_now(clock);
    uint64_t now_ns;
    do {
        now_ns = ticks_monotonic_ns();
    } while (now_ns - start_ns < CALIBRATION_NS);
    return (double)(now_ns - start_ns) / (double)(ticks_now(clock) - start);
}

static double measure_cost(const ticks *clock)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < COST_SAMPLES; i++) {
        uint64_t start = ticks_now(clock);
        uint64_t took = ticks_now(clock) - start;
        least = took < least ? took : least;
    }
    return (double)least * clock->ns;
}

void ticks_open(ticks *clock)
{
    clock->tsc = tsc_is_constant();
    clock->name = clock->tsc ? "time stamp counter" : "CLOCK_MONOTONIC";
    clock->ns = clock->tsc ? measure_rate(clock) : 1.0;
    clock->cost_ns = measure_cost(clock);
}

void ticks_sleep_ms(uint64_t ms)
{
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000 * MS_IN_NS)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

struct timespec ticks_deadline(double seconds)
{
    uint64_t at = ticks_monotonic_ns() + (uint64_t)(seconds * (double)S_IN_NS);
    return (struct timespec){(time_t)(at / S_IN_NS), (long)(at % S_IN_NS)};
}
