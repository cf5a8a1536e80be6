/* SPDX-License-Identifier: MIT */
/*
 * An actor: one flow of control (a thread, a signal handler, a process) that calls every operation
 * at random on an allocator which others use too, and checks what it is given. It writes its number
 * on all pages that it gets, having found no other there, and takes it off before it gives them
 * away.
 *
 * Its log says at every instant which pages it may own, for whoever looks after it was stopped for
 * good between any two instructions: a note on each page, and what the call under way may add.
 * Whoever owns the log's memory reads it; nothing else of the actor need survive.
 *
 * actor_step is async-signal-safe: it does nothing but call the allocator and touch memory.
 */
#ifndef TESTS_ACTOR_H
#define TESTS_ACTOR_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lfbuddy.h"
#include "random.h"

enum { ACTOR_ITEMS = 48, ACTOR_COMPLAINTS = 8 };

/* What a page is to the actor. RUN and HOLE: surely its own. GIVING: its own, or given away by the
 * call under way. */
enum actor_note { NOTE_NOTHING, NOTE_RUN, NOTE_HOLE, NOTE_GIVING };

/* A call's life. INSIDE: between the last instruction before the call and the first after it.
 * RETURNED: the notes don't know its result yet. */
enum actor_stage { STAGE_IDLE, STAGE_INSIDE, STAGE_RETURNED };

/* The call under way (stage isn't IDLE) may own up to `most` pages, all of them among the `pages`
 * from `first` on, beyond those that are noted. */
typedef struct actor_log {
    atomic_int stage;
    atomic_ulong calls;
    const char *action; /* static text: the same in a forked process */
    size_t first;
    size_t pages;
    size_t most;
    unsigned char notes[]; /* one a page: enum actor_note */
} actor_log;

typedef struct actor_complaint {
    const char *what; /* static text */
    const char *action;
    unsigned number; /* the actor's */
    size_t page;
    size_t pages;
} actor_complaint;

/* What actors saw that may not be. Shared by all of them; the first few are kept. */
typedef struct actor_complaints {
    atomic_uint count;
    actor_complaint list[ACTOR_COMPLAINTS];
} actor_complaints;

typedef struct actor_item {
    enum { ITEM_RUN, ITEM_PIECES, ITEM_HOLE } kind; /* PIECES: runs that fill these pages */
    size_t page;
    size_t pages;
} actor_item;

typedef struct actor {
    /* Set these, and the log's memory to zero; the rest to zero too. */
    lfb_t *lfb;
    const lfb_config *config;
    unsigned char *marks; /* one a page: its owner's number; 0: nobody's */
    actor_log *log;
    actor_complaints *complaints;
    unsigned char number; /* from 1 */
    unsigned lane;
    unsigned order_most;
    size_t run_most;
    size_t own_most; /* it gives rather than takes when it has more pages */
    random_source random;

    size_t own; /* pages */
    unsigned count;
    actor_item items[ACTOR_ITEMS];
} actor;

/* Bytes of a log for a range of so many pages. */
size_t actor_log_size(size_t pages);

/* One operation of any kind; it may find that it can't be done. */
void actor_step(actor *a);

/* Gives back all that it has. */
void actor_release_all(actor *a);

/* For others to complain through. */
void actor_complain(actor_complaints *complaints, const actor_complaint *complaint);

/* Not async-signal-safe. */
void actor_print_complaints(const actor_complaints *complaints);
void actor_print_log(const actor_log *log, size_t pages);

static inline enum actor_stage actor_stage_of(const actor *a)
{
    return (enum actor_stage)atomic_load_explicit(&a->log->stage, memory_order_relaxed);
}

#endif
