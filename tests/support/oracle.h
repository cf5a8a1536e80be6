/* SPDX-License-Identifier: MIT */
/*
 * The sequential oracle: what an allocator should do, said by the slowest code that can say it. One
 * entry a page; every question is answered by looking at all pages concerned.
 */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include <stdbool.h>

#include "lfbuddy.h"

enum { ORACLE_FREE = 0, ORACLE_HELD = -1 }; /* other values name a run */

typedef struct oracle {
    size_t first; /* absolute number of the first page */
    size_t count;
    unsigned max_order;
    long next_run;
    long *pages;
} oracle;

void oracle_start(oracle *o, const lfb_config *config);
void oracle_end(oracle *o);

/* Pages are counted from the first of the range. */
bool oracle_is(const oracle *o, size_t page, size_t pages, long state);
bool oracle_is_allocated(const oracle *o, size_t page, size_t pages);
void oracle_set(oracle *o, size_t page, size_t pages, long state);
void oracle_add_run(oracle *o, size_t page, size_t pages);

bool oracle_is_start(const oracle *o, size_t page);
size_t oracle_run_pages(const oracle *o, size_t page);

/* Whether a run of this length, aligned to its ceiling order, fits somewhere in [low, high). */
bool oracle_has_room(const oracle *o, size_t pages, size_t low, size_t high);
unsigned oracle_ceiling_order(size_t pages);

/* What lfb_walk and lfb_get_stats must say. */
void oracle_compare(const oracle *o, const lfb_t *lfb);

#endif
