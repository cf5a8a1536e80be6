/* SPDX-License-Identifier: MIT */
/*
 * A scenario under way: the allocator, who owns which pages by what the calls returned, and what
 * was seen of the tree at each step. The calls (scene.c) keep the books; judge.c compares them with
 * the tree and with the promises of lfbuddy.h.
 */
#ifndef TESTS_INTERLEAVE_SCENE_H
#define TESTS_INTERLEAVE_SCENE_H

#include "model.h"

enum { RUNS_MOST = 16, DENIALS_MOST = 32, METADATA_MOST = 16384 };

typedef struct run {
    unsigned page, pages;
    bool live;
} run;

/* The state before the step of this number. */
typedef struct moment {
    uint64_t free;                     /* as the tree has it */
    uint64_t owned;                    /* by what calls returned */
    uint64_t on_the_way;               /* being released, while there is a note of exhaustion */
    uint64_t claims[SCHEDULE_THREADS]; /* neither: taken by this thread, in a call under way */
} moment;

/* A call that didn't get its pages; or one that looked at a page. */
typedef struct denial {
    unsigned thread, from, to; /* first and last step of the call */
    unsigned pages;
    uint64_t places; /* where they might have been */
    bool exact;      /* all of these were wanted; else `pages` of them, aligned */
    bool looked;     /* `exact`: and saw it free */
} denial;

/* What the call under way of a thread may do. */
typedef struct doing {
    uint64_t reach;     /* pages that it may take */
    unsigned quota;     /* how many of them at one time */
    uint64_t releasing; /* pages that it may make free */
    unsigned withheld;  /* pages that it keeps from others if it stops for good */
} doing;

/* What was isolated last. */
typedef struct isolation {
    uint64_t pages;
    unsigned from, to; /* first and last step of the call that said so */
    bool goes_on;      /* it isn't complete, nor was it ended */
} isolation;

/* All that a call changes. */
typedef struct books {
    uint64_t owned, holes;
    isolation isolation;
    uint64_t isolated;             /* at any time */
    unsigned isolation_ended;      /* by the caller's wish: after this step */
    unsigned released[PAGES_MOST]; /* first step of the last call that released the page */
    run runs[SCHEDULE_THREADS + 1][RUNS_MOST]; /* at FIRST, those that were there first */
    unsigned count[SCHEDULE_THREADS + 1];
    doing doing[SCHEDULE_THREADS + 1];
    denial denials[DENIALS_MOST];
    unsigned denial_count;
    char wrong[160];
} books;

typedef struct scene {
    script script;
    uint64_t all; /* pages */
    lfb_config config;
    lfb_t lfb;
    size_t metadata_size;
    _Alignas(128) unsigned char metadata[METADATA_MOST];
    unsigned char start[METADATA_MOST]; /* as it was */
    model start_model;
    moment start_moment;
    books books, start_books;
    history history;
    moment moments[SCHEDULE_STEPS + 1];
} scene;

/* Builds what is there first. Returns NULL, or what is wrong with the text. */
const char *scene_prepare(scene *s, const char *text);

void scene_reset(scene *s);
void scene_run(scene *s, unsigned thread);

/* The first complaint of an execution counts. */
void scene_complain(scene *s, const char *what, unsigned page, unsigned pages);

/* What the tree says of the pages. */
model scene_look(const scene *s);

/* The pages that only a thread which stopped, or was killed, has to do with: what it was taking and
 * releasing, its runs, and the runs there first that no other thread names. */
uint64_t scene_estate(const scene *s, unsigned dead);

/* Releases an estate on a lane, by whole runs where they lie in it. */
void scene_inherit(scene *s, unsigned dead, unsigned lane, uint64_t estate);

static inline uint64_t scene_bits(const scene *s, unsigned page, unsigned pages)
{
    return page_bits(page, pages) & s->all;
}

#endif
