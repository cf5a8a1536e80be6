/* SPDX-License-Identifier: MIT */
/* What was run, row by row, for the terminal and for a Markdown table. */
#ifndef TESTS_INTERLEAVE_TALLY_H
#define TESTS_INTERLEAVE_TALLY_H

#include <stdio.h>

#include "script.h"

enum { ROWS_MOST = 1024 };

typedef struct row {
    const char *set;
    char label[TEXT_MOST];
    unsigned long scenarios, complete, sampled, executions, steps, wrong;
} row;

typedef struct tally {
    row rows[ROWS_MOST];
    unsigned count;
} tally;

/* Scenarios of which there are more executions than were allowed. */
static inline unsigned long tally_capped(const row *r)
{
    return r->scenarios - r->complete - r->sampled;
}

/* The row of this name: the last one, or a new one, and then the last one is printed. */
row *tally_row(tally *t, const char *set, const char *label);

/* Prints the last row, if that wasn't done yet. */
void tally_flush(const tally *t);

row tally_total(const tally *t);
void tally_write(const tally *t, FILE *to);

#endif
