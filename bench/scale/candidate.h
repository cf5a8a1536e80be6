/* SPDX-License-Identifier: MIT */
/*
 * What is simulated: an allocator (allocator.h), and what its cache lines are.
 */
#ifndef SCALE_CANDIDATE_H
#define SCALE_CANDIDATE_H

#include "allocator.h"

typedef struct candidate {
    const allocator *allocator;
    /* Of which part of the allocator a line is, static text; *number: its place there. NULL: all
     * lines are alike. Between init and fini. */
    const char *(*part_of)(uintptr_t address, size_t *number);
} candidate;

extern const candidate candidate_lfbuddy, candidate_llfree;

#endif
