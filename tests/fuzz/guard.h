/* SPDX-License-Identifier: MIT */
/*
 * Watches what a call does with metadata that others may have damaged: no atomic access but to a
 * word of one of its parts, and no more of them than a call can need. A call that breaks one of
 * these is left by longjmp, for it would go on for ever, or crash.
 *
 * The core is compiled with hooks.h in front. Each thread watches its own calls.
 */
#ifndef TESTS_FUZZ_GUARD_H
#define TESTS_FUZZ_GUARD_H

#include <setjmp.h>
#include <stddef.h>

enum { GUARD_PARTS = 80 };

typedef struct guard {
    struct {
        const char *at;
        size_t size;
    } parts[GUARD_PARTS]; /* what may be accessed; unused ones have no size */
    unsigned long left;   /* accesses that the call under way may still make */
    const char *broken;   /* what it did wrong; NULL: nothing */
    jmp_buf escape;
} guard;

/* From now on the calling thread is watched; NULL: no longer. Between the two it must have called
 * setjmp on guard->escape. */
void guard_watch(guard *g);

#endif
