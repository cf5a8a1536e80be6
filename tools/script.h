/* SPDX-License-Identifier: MIT */
/*
 * A trace made ready to be replayed: for each thread the operations it is to do, in order, with all
 * releases matched to the blocks they release. A replay needs no look-up and no frame number.
 *
 * A block that is released in parts falls into pieces, each of which is half of what it was cut
 * from, so that every release is one of whole pieces.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "trace.h"

typedef enum script_kind {
    SCRIPT_ALLOC,    /* of the whole block */
    SCRIPT_FREE,     /* of the whole block */
    SCRIPT_FREE_PART /* of one piece */
} script_kind;

typedef struct script_op {
    size_t event;   /* number of its event in the trace: the order among threads */
    uint32_t block; /* number of the block, from 0 */
    uint32_t turn;  /* of a part: how many parts of the block go before */
    uint32_t first; /* of a part: its first page, counted from the block's */
    uint8_t order;  /* of what is allocated or released */
    uint8_t kind;   /* a script_kind */
} script_op;

typedef struct script_list {
    script_op *ops;
    size_t count;
    size_t room;
} script_list;

typedef struct script {
    script_list *threads;
    unsigned thread_count;
    unsigned busy_threads; /* that have anything to do */
    unsigned cpus;         /* that the trace has events of */
    script_list left;      /* releases of what the trace leaves allocated */
    uint32_t blocks;
    unsigned max_order;
    size_t allocs;
    size_t frees;         /* events, of which: */
    size_t foreign_frees; /* released pages from before the trace */
    size_t part_frees;    /* released parts of blocks */
    size_t lost_frees;    /* releases that the trace lacks, added */
    size_t peak_pages;    /* the most that are allocated at once */
    size_t peak_event;    /* when */
    size_t left_pages;
    uint64_t duration; /* microseconds */
} script;

/* threads 0: as many as the trace has CPUs. Complains when it fails. */
tool_status script_make(script *s, const trace *t, unsigned threads);
void script_close(script *s);

#endif
