/* SPDX-License-Identifier: MIT */
/*
 * An allocator wrapped around another one, that times each call by itself. Used in runs of their
 * own, for reading the clock costs as much as an allocation.
 */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "allocator.h"
#include "tool.h"

typedef struct latency_figures {
    uint64_t calls;
    double p50; /* nanoseconds, like the following */
    double p99;
    double p999;
    double max;
} latency_figures;

typedef struct latency {
    latency_figures get;
    latency_figures put;
    latency_figures both;
} latency;

/* Chooses and measures the clock; returns its name. */
const char *latency_open(void);

/* NULL: no memory. One at a time. */
const allocator *latency_wrap(const allocator *inner, unsigned threads);

/* Ends the wrapping. What a reading of the clock takes is subtracted. */
void latency_unwrap(latency *out);

#endif
