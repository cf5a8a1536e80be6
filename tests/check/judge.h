/* SPDX-License-Identifier: MIT */
/*
 * A judge of trees, written anew from the invariants. It says whether a tree is legal, no more.
 */
#ifndef TESTS_CHECK_JUDGE_H
#define TESTS_CHECK_JUDGE_H

#include "scene.h"

/* Whether this code may stand behind HELD. */
bool may_follow_held(unsigned level, unsigned code);

/* Whether the tree is legal. Fails the test unless the checker, whose report this is, agrees. */
bool check_and_judge(const world *w, lfb_report *report);

#endif
