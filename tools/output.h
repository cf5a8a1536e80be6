/* SPDX-License-Identifier: MIT */
/*
 * A file that is written when the work is done, but opened before it begins: a path that can't be
 * written is found out at once, and a file that stood there stays as it was if the work fails.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "tool.h"

#include <stdio.h>

typedef struct output {
    const char *path; /* NULL: nobody asked for it; "-": stdout */
    FILE *file;
    bool fresh; /* no such file was there */
} output;

/* Complains when it fails. */
tool_status output_open(output *o, const char *path);

/* The stream, emptied, to write all of it; NULL when nobody asked. */
FILE *output_begin(output *o);

/* Ends what was begun. Complains when something could not be written. */
tool_status output_commit(output *o);

/* Ends one that was not committed; fine in any state. */
void output_abandon(output *o);

#endif
