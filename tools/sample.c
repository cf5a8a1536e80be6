/* SPDX-License-Identifier: MIT */
/*
 * Looking at a pool from outside: see sample.h.
 */
#include "sample.h"

#include "ticks.h"

#include <stdlib.h>

static void look(const sampler *s, sample *now)
{
    const lfb_t *core = lfb_pool_core(s->pool);
    now->at_ns = ticks_monotonic_ns();
    lfb_get_stats(core, &now->stats);
    picture_take(&now->picture, core);
    calls_read(&s->calls, &now->calls);
    now->process_count = lfb_pool_processes(s->pool, now->processes, LFB_POOL_PROCESSES_MAX);
}

static void compare(sample_rates *rates, const sample *before, const sample *now)
{
    *rates = (sample_rates){.seconds = (double)(now->at_ns - before->at_ns) / 1e9};
    size_t allocated = 0;
    size_t released = 0;
    for (size_t i = 0; i < now->picture.count; i++) {
        uint16_t old = before->picture.used[i];
        uint16_t new = now->picture.used[i];
        allocated += new > old ? (size_t)(new - old) : 0;
        released += old > new ? (size_t)(old - new) : 0;
    }
    rates->allocated = (double)allocated / rates->seconds;
    rates->released = (double)released / rates->seconds;
    for (unsigned i = 0; i < LFB_MAX_LANES; i++) {
        uint64_t calls = now->calls.lanes[i] - before->calls.lanes[i];
        rates->lanes[i] = (double)calls / rates->seconds;
        rates->calls += rates->lanes[i];
    }
    for (unsigned i = 0; i < CALLS_SLOTS; i++) {
        rates->slots[i] = (double)(now->calls.slots[i] - before->calls.slots[i]) / rates->seconds;
    }
}

sampler *sampler_open(const lfb_pool *pool)
{
    sampler *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->pool = pool;
    lfb_pool_get_info(pool, &s->info);
    if (!picture_open(&s->looks[0].picture, 0, s->info.page_count, s->info.page_size) ||
        !picture_open(&s->looks[1].picture, 0, s->info.page_count, s->info.page_size)) {
        sampler_close(s);
        return NULL;
    }
    s->calls = calls_open(pool);
    look(s, &s->looks[s->now]);
    return s;
}

void sampler_close(sampler *s)
{
    calls_close(&s->calls);
    picture_close(&s->looks[0].picture);
    picture_close(&s->looks[1].picture);
    free(s);
}

void sampler_look(sampler *s)
{
    const sample *before = &s->looks[s->now];
    s->now ^= 1;
    look(s, &s->looks[s->now]);
    compare(&s->rates, before, sampler_last(s));
}
