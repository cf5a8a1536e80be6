/* SPDX-License-Identifier: MIT */
/*
 * How many calls a pool has seen: in pools with owner tags each call of each process is counted, by
 * lane and process slot (src/pool/owner.h). Read from the pool's file, of the format that this
 * program was built with.
 */
#ifndef CALLS_H
#define CALLS_H

#include <lfbuddy/pool.h>

enum { CALLS_SLOTS = LFB_POOL_PROCESSES_MAX + 1 };

typedef struct calls_map {
    const void *start; /* the file's beginning, mapped; NULL: nothing is counted */
    size_t size;
    unsigned lanes;
} calls_map;

/* Calls ever. */
typedef struct calls_count {
    uint64_t lanes[LFB_MAX_LANES];
    uint64_t slots[CALLS_SLOTS]; /* of all processes that have had the slot */
} calls_count;

calls_map calls_open(const lfb_pool *pool);
void calls_close(calls_map *map);
void calls_read(const calls_map *map, calls_count *count);

#endif
