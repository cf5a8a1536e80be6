/* SPDX-License-Identifier: MIT */
/*
 * What must hold.
 *
 * After every step:
 *   J1  The tree is legal (lfb_check).
 *   J2  No page that a call has handed out, or taken out of use, is free.
 *   J3  A page that isn't free is somebody's: handed out, or being released by its owner, or taken
 *       by a call under way that wants it; and no call takes more pages than it wants.
 *
 * After every execution:
 *   J4  The history is linearizable (model.h), and ends in the tree that is there.
 *   J5  An allocation that failed had no place that was free from its first step to its last, save
 *       for what it took and gave back itself. While there is a note of exhaustion, pages that a
 *       call under way is releasing don't count as free before it returns.
 *   J6  alloc_at, hold_range or resize that was refused with LFB_BUSY wanted a page that at some
 *       step of the call wasn't free, by another's doing.
 *   J7  No hint is too low; and when all is released and drained the tree is whole again.
 *   J8  What lfb_find and lfb_walk say of each page was so at some step of the call.
 *   J9  What was free throughout a call that isolates it, or was released by a call that began
 *       later, isn't handed out while that goes on. A call that says that the isolation is complete
 *       found all of it out of use; and at last one takes out of use all but what is in runs, and
 *       counts that. Nothing else goes out of use.
 *
 * In a scenario where threads release what isn't theirs (`!`), nobody knows who owns what before
 * the end: J2 and J3 don't apply. Where one is killed (`k`), its call has no place in the history,
 * and may leave a hint too low, or a note that nothing is free: of J4 to J7 there remain J6 and the
 * whole tree. Where pages are isolated (`i`), who takes out of use what another releases isn't in
 * the model: J4 is left out, and pages out of use count as somebody's.
 */
#ifndef TESTS_INTERLEAVE_JUDGE_H
#define TESTS_INTERLEAVE_JUDGE_H

#include "scene.h"

/* All return false if there is a complaint. */
bool judge_step(scene *s);
bool judge_execution(scene *s);

/* J7 alone, without the hints: releases what is left. */
bool judge_whole(scene *s);

/* What was counted since the start. */
typedef struct judge_counts {
    unsigned long trees;     /* different ones; legal, by J1 */
    unsigned long histories; /* found linearizable */
    unsigned long undecided; /* given up: too many orders */
    unsigned long failures;  /* allocations that J5 judged */
    unsigned long refusals;  /* calls that J6 judged */
} judge_counts;

judge_counts judge_counted(void);

#endif
