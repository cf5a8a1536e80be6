/* SPDX-License-Identifier: MIT */
/*
 * A scenario as text: "pages max_order : what is there first | thread | thread ...", with the words
 *
 *   aK      allocate order K             rN      allocate a run of N pages
 *   @P,N    allocate N pages at page P   wN,L,H  a run of N pages between pages L and H
 *   bK,N    allocate N blocks of order K in bulk; bK: two
 *   f       release own last run         fI      release run I of those there first
 *   F       release own runs in bulk     FI,N    N of those there first in bulk, from run I on
 *   zN      own last run to N pages      yI,N    run I of those there first to N pages
 *   xI,S,N  release N pages of run I of those there first, from its page S on
 *   !P      release what starts at page P, whoever's it is
 *   hP,N    take pages out of use        uP,N    put them into use, if that hold succeeded
 *   d       drain                        ?P, ?   look at page P, at all
 *   iP,N    isolate N pages from page P  e       end the isolation
 *   kN      the next call is killed after N of its steps; an heir, on the same lane, releases what
 *           it withholds, by whole runs, and goes on
 *
 * Each thread has a lane of its own, unless its text begins with `=`, which puts it on lane 0.
 */
#ifndef TESTS_INTERLEAVE_SCRIPT_H
#define TESTS_INTERLEAVE_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "schedule.h"

enum { PAGES_MOST = 64, CALLS_MOST = 16, BULK_MOST = 8, TEXT_MOST = 400, FIRST = SCHEDULE_THREADS };

typedef struct call {
    char verb;
    bool named; /* at least one number was given: */
    unsigned a, b, c;
} call;

typedef struct part {
    call calls[CALLS_MOST];
    unsigned count;
    unsigned lane;
} part;

typedef struct script {
    char text[TEXT_MOST];
    unsigned pages, max_order;
    unsigned threads;
    part parts[SCHEDULE_THREADS + 1]; /* one a thread; at FIRST, what is there first */
    bool lawless;                     /* somebody releases what may be another's */
    bool deadly;                      /* somebody is killed */
    bool isolating;                   /* pages go out of use as they are released */
} script;

/* Returns NULL, or what is wrong with the text. */
const char *script_parse(script *s, const char *text);

/* Reads the words up to the end or a `|`; returns what follows, NULL: not words. */
const char *script_parse_part(part *p, const char *text);

/* Bits for pages, the first page at bit 0. */
static inline uint64_t page_bits(unsigned page, unsigned pages)
{
    return pages ? UINT64_MAX >> (64 - pages) << page : 0;
}

#endif
