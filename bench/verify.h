/* SPDX-License-Identifier: MIT */
/*
 * An allocator wrapped around another one, that checks what it hands out: in range, aligned, and
 * not overlapping anything that is held. The map has a bit a page, set and cleared by one atomic
 * operation a word, so it may be used by all threads at once and finds any two blocks that overlap.
 */
#ifndef BENCH_VERIFY_H
#define BENCH_VERIFY_H

#include "harness.h"

/* Wraps `inner`, for a range of that many pages. NULL: no memory. One at a time. */
const allocator *verify_wrap(const allocator *inner, size_t pages);

/* For run.at_end: everything has been given back, so the whole range must be there again, in blocks
 * as large as they were. */
bool verify_at_end(const allocator *a, const cell *c);

/* Faults found since verify_wrap; *first says what the first one was. */
uint64_t verify_faults(const char **first);

void verify_unwrap(void);

#endif
