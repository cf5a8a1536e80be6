/* SPDX-License-Identifier: MIT */
/*
 * Isolation: pages that are to go out of use, while some of them are still in live runs. The range
 * is noted where all CPUs see it; what is free in it goes out of use at once, and what is released
 * in it later goes out of use instead: its owner turns it into a hole without a moment in which it
 * is free. So nothing is allocated there again, but what a release gives back that began before
 * the note was there; the next call takes that.
 *
 *   isolated_pages   0: no range is isolated; ISOLATION_STARTS: one is about to be
 *   isolated_first   its first page
 *
 * The first word is written last, and read before and after the second (E5: what was written to the
 * second passes with it). A reader that sees none, or
 * one that is over, is one that ran beside the change.
 *
 * Idea: Linux's MIGRATE_ISOLATE (mm/page_isolation.c), without its lock.
 */
#ifndef LFB_CORE_ISOLATE_H
#define LFB_CORE_ISOLATE_H

#include "range.h"

static inline bool lfb_is_isolating(const lfb_t *lfb)
{
    /* relaxed: who doesn't see it yet runs beside the call that isolates */
    return lfb_load_relaxed(&((lfb_shared *)lfb->shared)->isolated_pages) != 0;
}

/* Releases runs of the caller that fill the range; what of it is isolated goes out of use. */
void lfb_isolate_release(const lfb_t *lfb, lfb_lane *lane, lfb_range range);

#endif
