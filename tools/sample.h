/* SPDX-License-Identifier: MIT */
/*
 * A pool looked at again and again, from outside: what it holds now, and what has changed since the
 * look before.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "calls.h"
#include "picture.h"

/* One look. */
typedef struct sample {
    uint64_t at_ns;
    lfb_stats stats;
    picture picture;
    calls_count calls;
    lfb_pool_process processes[LFB_POOL_PROCESSES_MAX];
    size_t process_count;
} sample;

/* By the second. Pages that were allocated and released again between two looks aren't seen, nor
 * are changes that make up for each other within 512 pages: hence "at least". */
typedef struct sample_rates {
    double seconds; /* between the looks */
    double allocated;
    double released;
    double calls;
    double lanes[LFB_MAX_LANES];
    double slots[CALLS_SLOTS];
} sample_rates;

typedef struct sampler {
    const lfb_pool *pool;
    lfb_pool_info info;
    calls_map calls;
    sample looks[2];
    unsigned now; /* which of them is the last one */
    sample_rates rates;
} sampler;

/* Takes the first look. NULL: no memory. */
sampler *sampler_open(const lfb_pool *pool);
void sampler_close(sampler *s);

/* Looks again. */
void sampler_look(sampler *s);

static inline const sample *sampler_last(const sampler *s)
{
    return &s->looks[s->now];
}

#endif
