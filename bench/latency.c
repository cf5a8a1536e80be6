/* SPDX-License-Identifier: MIT */
/*
 * Timing single calls: see latency.h.
 */
#include "latency.h"

#include "histogram.h"
#include "ticks.h"

#include <stdlib.h>

/* A thread's, written by it alone; each is far larger than a cache line. */
typedef struct recorder {
    histogram get;
    histogram put;
} recorder;

static struct {
    const allocator *inner;
    allocator outer;
    recorder *recorders;
    unsigned threads;
    ticks clock;
} timing;

/* Set-up and warm-up aren't recorded. By thread, not by lane: one thread may use several. */
static _Thread_local bool recording;

static void latency_watch(bool on)
{
    recording = on;
}

static inline void record(histogram *h, uint64_t start)
{
    uint64_t took = ticks_now(&timing.clock) - start;
    if (recording) {
        histogram_add(h, took);
    }
}

static int64_t latency_get(unsigned thread, unsigned order)
{
    uint64_t start = ticks_now(&timing.clock);
    int64_t page = timing.inner->get(thread, order);
    record(&timing.recorders[thread].get, start);
    return page;
}

static void latency_put(unsigned thread, int64_t page, unsigned order)
{
    uint64_t start = ticks_now(&timing.clock);
    timing.inner->put(thread, page, order);
    record(&timing.recorders[thread].put, start);
}

static int64_t latency_get_run(unsigned thread, size_t pages)
{
    uint64_t start = ticks_now(&timing.clock);
    int64_t page = timing.inner->get_run(thread, pages);
    record(&timing.recorders[thread].get, start);
    return page;
}

static void latency_put_run(unsigned thread, int64_t page, size_t pages)
{
    uint64_t start = ticks_now(&timing.clock);
    timing.inner->put_run(thread, page, pages);
    record(&timing.recorders[thread].put, start);
}

static size_t latency_get_bulk(unsigned thread, unsigned order, size_t count, int64_t out[])
{
    uint64_t start = ticks_now(&timing.clock);
    size_t got = timing.inner->get_bulk(thread, order, count, out);
    record(&timing.recorders[thread].get, start);
    return got;
}

static void latency_put_bulk(unsigned thread, size_t count, const int64_t in[])
{
    uint64_t start = ticks_now(&timing.clock);
    timing.inner->put_bulk(thread, count, in);
    record(&timing.recorders[thread].put, start);
}

const char *latency_open(void)
{
    ticks_open(&timing.clock);
    return timing.clock.name;
}

const allocator *latency_wrap(const allocator *inner, unsigned threads)
{
    timing.recorders = calloc(threads, sizeof(*timing.recorders));
    if (timing.recorders == NULL) {
        return NULL;
    }
    timing.inner = inner;
    timing.threads = threads;
    timing.outer = *inner;
    timing.outer.get = latency_get;
    timing.outer.put = latency_put;
    timing.outer.watch = latency_watch;
    timing.outer.get_run = inner->get_run != NULL ? latency_get_run : NULL;
    timing.outer.put_run = inner->put_run != NULL ? latency_put_run : NULL;
    timing.outer.get_bulk = inner->get_bulk != NULL ? latency_get_bulk : NULL;
    timing.outer.put_bulk = inner->put_bulk != NULL ? latency_put_bulk : NULL;
    return &timing.outer;
}

/* -------------------------------------------------------------------------------- figures ---- */

static double nanoseconds(uint64_t reading)
{
    double ns = (double)reading * timing.clock.ns - timing.clock.cost_ns;
    return ns > 0 ? ns : 0;
}

static latency_figures figures_of(const histogram *h)
{
    return (latency_figures){
        .calls = h->count,
        .p50 = nanoseconds(histogram_quantile(h, 0.5)),
        .p99 = nanoseconds(histogram_quantile(h, 0.99)),
        .p999 = nanoseconds(histogram_quantile(h, 0.999)),
        .max = nanoseconds(h->max),
    };
}

void latency_unwrap(latency *out)
{
    recorder *sum = &timing.recorders[0];
    for (unsigned i = 1; i < timing.threads; i++) {
        histogram_merge(&sum->get, &timing.recorders[i].get);
        histogram_merge(&sum->put, &timing.recorders[i].put);
    }
    out->get = figures_of(&sum->get);
    out->put = figures_of(&sum->put);
    histogram_merge(&sum->get, &sum->put);
    out->both = figures_of(&sum->get);
    free(timing.recorders);
}
