/* SPDX-License-Identifier: MIT */
/*
 * NBBS, the buddy system that lfbuddy descends from, with one level a word: A. Scarselli, "A
 * Lock-Free Buddy System for Scalable Memory Allocation" (Sapienza 2017); Marotta, Ianni,
 * Pellegrini, Scarselli, Quaglia, "NBBS: A Non-Blocking Buddy System for Multi-Core Machines" (IEEE
 * TC 2022, arXiv 1804.03436). Own code after the published description. It keeps the published
 * flaw, which is what the explorer looks for in it; never use it to allocate.
 *
 * Pages are counted from 0; the memory for the tree is the caller's.
 */
#ifndef TESTS_ANCESTORS_NBBS_H
#define TESTS_ANCESTORS_NBBS_H

#include <stdbool.h>
#include <stddef.h>

#include "port/atomic.h"

enum { NBBS_ORDERS = 37, NBBS_ALIGN = 64 };

#define NBBS_NONE SIZE_MAX

/* What a node's status says. */
enum {
    NBBS_OCC_RIGHT = 0x1,  /* something is allocated in the right half */
    NBBS_OCC_LEFT = 0x2,   /* ... in the left half */
    NBBS_COAL_RIGHT = 0x4, /* a release is under way in the right half */
    NBBS_COAL_LEFT = 0x8,  /* ... in the left half */
    NBBS_OCC = 0x10,       /* the node is allocated as a whole */
    NBBS_BUSY = NBBS_OCC | NBBS_OCC_LEFT | NBBS_OCC_RIGHT
};

typedef struct nbbs_config {
    size_t page_count;  /* 1 or more */
    unsigned max_order; /* largest order served; climbs end there */
    unsigned threads;   /* their searches start spread over the tree */
    bool line_per_node; /* a cache line a node, as in the published implementation; else a word */
    bool remember;      /* a thread goes on searching where it last allocated or released */
    bool endless;       /* search as published: it may never end, see nbbs_alloc */
} nbbs_config;

typedef struct nbbs {
    nbbs_config config;
    lfb_atomic *statuses; /* node n has children 2n and 2n + 1; node 1 is the root */
    lfb_atomic *served;   /* page -> the node by which it was handed out */
    size_t stride;        /* words from status to status */
    unsigned height;      /* level of the leaves; the root's is 0 */
    unsigned top;         /* level of the blocks of max_order */
} nbbs;

/* One a thread: where it looks first, for each order. */
typedef struct nbbs_lane {
    size_t next[NBBS_ORDERS];
} nbbs_lane;

/* Bytes that nbbs_start needs, aligned to NBBS_ALIGN; 0: the configuration is invalid. */
size_t nbbs_size(const nbbs_config *config);

/* `memory` has nbbs_size bytes, and stays the caller's. */
void nbbs_start(nbbs *b, const nbbs_config *config, void *memory);

/* Thread `number` of those configured. */
void nbbs_start_lane(const nbbs *b, nbbs_lane *lane, unsigned number);

/*
 * The first page of a block of 2^order pages; NBBS_NONE: none was found, or order > max_order.
 *
 * The search begins at the lane's node, jumps over whatever it finds occupied, goes on from the
 * first node behind the last, and ends when it comes by its start again. The published one asks
 * "have I turned, and am I not before my start?"; a jump over a large block that holds the start
 * and ends the range turns again instead, for ever. Unless `endless` is set, a second turn ends it.
 */
size_t nbbs_alloc(nbbs *b, nbbs_lane *lane, unsigned order);

/* Releases the block that starts at `page`. */
void nbbs_free(nbbs *b, nbbs_lane *lane, size_t page);

/* Status of a node, for pictures. */
unsigned nbbs_status(const nbbs *b, size_t node);

#endif
