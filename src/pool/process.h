/* SPDX-License-Identifier: MIT */
/*
 * The processes that have a pool open: a table of slots. A slot is taken by one compare-and-swap of
 * its identity, so at each instant it is free or names a process, also if that process dies:
 *
 *   identity   | pid (22) | PID namespace (22) | boot (6) | start time (14) |      0: free
 *
 * Process numbers come round; the start time tells two processes of one number apart. A number
 * means nothing in another PID namespace, nor after the machine was booted again. The namespace is
 * the low bits of its inode number, which the kernel counts up; boot is a hash. Where start times
 * or boots are alike by chance a dead process is taken for a live one, never the other way round.
 *
 *   owner      | slot (8) | generation of the slot (24) |     KEPT: the pool itself; 0: nobody
 *
 * The generation steps before a slot becomes free. So an owner word names one stay of one process;
 * words that name none any more are of processes that closed the pool: those runs are the pool's.
 */
#ifndef LFB_POOL_PROCESS_H
#define LFB_POOL_PROCESS_H

#include "state.h"

#define POOL_OWNER_KEPT UINT32_MAX /* no slot has the number 255 */

enum { POOL_GENERATION_BITS = 24 };

typedef enum pool_fate { POOL_ALIVE, POOL_DEAD, POOL_FOREIGN } pool_fate;

static inline unsigned pool_owner_slot(uint32_t owner)
{
    return owner >> POOL_GENERATION_BITS;
}

/* The calling process. 0: /proc can't be read. */
uint64_t pool_identity(void);

pid_t pool_identity_pid(uint64_t identity);

/* What has become of a process, as the process `self` sees it. */
pool_fate pool_identity_fate(uint64_t identity, uint64_t self);

/* The owner that the process in a slot is. */
uint32_t pool_owner_of_slot(const lfb_pool *pool, unsigned slot);

/* Takes a slot for the calling process, which is its owner word from then on. Returns it; 0: all
 * are taken (NO_SLOT), or /proc can't be read (SYSTEM). */
uint32_t pool_join(lfb_pool *pool, lfb_pool_error *error);

/* This process as an owner; after a fork the child joins at its first call. 0: it can't. */
uint32_t pool_self_join(lfb_pool *pool);

/* Frees the slot of that process, which holds nothing any more or leaves its runs to the pool. */
void pool_slot_free(const lfb_pool *pool, unsigned slot, uint64_t identity);

/* Frees the slot of this process. */
void pool_leave(lfb_pool *pool);

#endif
