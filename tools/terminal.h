/* SPDX-License-Identifier: MIT */
/*
 * What the reader of a stream can see: colours, block characters, how many columns.
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

typedef struct terminal {
    bool tty;
    bool colour; /* a terminal, and neither --no-colour nor NO_COLOR nor TERM=dumb */
    bool utf8;   /* by the locale; setlocale has been called */
    unsigned columns;
} terminal;

void terminal_look(terminal *t, FILE *stream, bool no_colour);

#endif
