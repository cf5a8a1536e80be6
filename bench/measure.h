/* SPDX-License-Identifier: MIT */
/*
 * All runs that the settings ask for. In a cell (workload, order, threads) each allocator is first
 * verified, if wanted; then come the rounds, in each of which all allocators have their turn, one
 * after the other, so that whatever disturbs the machine disturbs all alike; then the runs in which
 * single calls are timed, and those in which atomic updates are counted.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "latency.h"
#include "settings.h"

typedef struct spread {
    double median; /* 0 where there is none */
    double least;
    double most;
} spread;

/* A row of the table: one allocator in one cell. */
typedef struct result {
    cell cell;
    const allocator *allocator;
    bool measured; /* false: it could not run here, or is there to be counted only */
    sample samples[SETTINGS_MOST_ROUNDS];
    unsigned rounds;
    spread ns;    /* CPU time of an operation */
    spread rate;  /* operations a second, by wall time */
    spread ratio; /* of ns, to the floor's in the same round */
    uint64_t failures;
    uint64_t operations;
    bool timed;
    latency latency; /* if timed */
    bool counted;
    sample counts; /* if counted: updates, cas_failures, lines */
    size_t metadata;
    frag_outcome frag;
    bool verified;
    uint64_t faults; /* if verified */
} result;

typedef struct measurement {
    const settings *settings;
    const char *clock; /* what single calls are timed with */
    result *rows;      /* in the order of cells, within a cell in that of the allocators */
    size_t count;
    size_t cells;
    uint64_t faults; /* in allocators of which none are known */
} measurement;

/* Calls show(rows, count) as each cell is done. Complains when something could not run at all. */
tool_status measure(measurement *m, const settings *s,
                    void (*show)(const settings *s, const result *rows, size_t count));
void measure_free(measurement *m);

#endif
