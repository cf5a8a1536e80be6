/* SPDX-License-Identifier: MIT */
/* A handle on a pool, and what the files of this layer share. */
#ifndef LFB_POOL_STATE_H
#define LFB_POOL_STATE_H

#include "error.h"
#include "layout.h"

typedef struct pool_recording pool_recording;

struct lfb_pool {
    lfb_t core; /* addresses are offsets */
    unsigned char *data;
    size_t bytes; /* of data that can be handed out */
    unsigned page_shift;
    unsigned trim_order; /* 0: never */
    unsigned lanes;
    size_t calls_of_lane; /* words from one lane's calls to the next one's */
    bool read_only;
    bool tagged;               /* has owner tags */
    unsigned watched;          /* by which memory checkers: watch.h */
    pool_u8 *shut;             /* parts in which pages were shut: watch.c */
    pool_recording *recording; /* NULL: none. record.h */
    pool_header *header;
    pool_slot *slots;
    pool_u64 *calls;
    pool_u8 *dirty;
    pool_u32 *owners;
    pool_u32 *self; /* this process as an owner, 0: none yet. In a page that fork wipes */
    pool_plan plan;
    lfb_pool_huge huge; /* what it got */
    size_t granule;     /* bytes; memory goes back to the system in multiples of this */
    int fd;             /* -1: private */
    void *metadata;     /* mapped: plan.data_at bytes, file pools: all */
    void *pages;        /* private: mapped apart */
    size_t pages_size;
};

static inline bool pool_is_private(const lfb_pool *pool)
{
    return pool->fd < 0;
}

/* The chunks of `dirty` that a range touches: first to last. */
static inline size_t pool_first_chunk(const lfb_pool *pool, uintptr_t offset)
{
    return offset >> pool->plan.chunk_shift;
}

static inline size_t pool_last_chunk(const lfb_pool *pool, uintptr_t offset, size_t bytes)
{
    return (offset + bytes - 1) >> pool->plan.chunk_shift;
}

#endif
