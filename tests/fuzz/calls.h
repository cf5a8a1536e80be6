/* SPDX-License-Identifier: MIT */
/*
 * Every public call, with arguments that bytes choose, on metadata that may be damaged. What must
 * hold all the same: the call ends, and touches nothing but the metadata (guard.h); each address
 * that it returns is a page of the range, aligned as promised; whatever it reports lies in the
 * range.
 */
#ifndef TESTS_FUZZ_CALLS_H
#define TESTS_FUZZ_CALLS_H

#include <stdbool.h>

#include "bytes.h"
#include "guard.h"
#include "lfbuddy.h"

typedef struct caller {
    lfb_t *lfb;
    bytes *choices;
    guard guard;
    char text[120];         /* the call, as in C */
    unsigned long accesses; /* that the last call made */
    unsigned long most;     /* that any call made, in thousandths of what it may */
} caller;

/* The last two: lfb_drain and lfb_check. */
enum { CALL_KINDS = 18, CALL_DRAIN = CALL_KINDS - 2, CALL_CHECK = CALL_KINDS - 1 };

caller caller_of(lfb_t *lfb, bytes *choices);

/* Makes one call. Returns NULL, or what it did wrong. `patience`: how much longer than alone a call
 * may take, because others change what it reads. */
const char *call_make(caller *c, unsigned kind, unsigned long patience);

/* Prints the call and aborts if it did something wrong. */
void call_must_be_right(const caller *c, const char *wrong);

#endif
