/* SPDX-License-Identifier: MIT */
/*
 * A replay from the trace's file to the report and the picture: what `lfbuddy replay` and the first
 * half of `lfbuddy demo` do.
 */
#ifndef SESSION_H
#define SESSION_H

#include "tool.h"

typedef struct session_options {
    const char *trace;
    const char *picture; /* a file ending in .svg or .png; NULL: none */
    const char *json;    /* "-": to stdout, in place of the report; NULL: none */
    unsigned threads;    /* 0: as many as the trace has CPUs */
    unsigned passes;
    uint64_t pages; /* 0: by size */
    uint64_t size;  /* bytes; 0 as well: by what the trace needs */
    uint64_t page_size;
    int max_order; /* -1: 10, or the trace's */
    bool verify;
    bool no_colour;
} session_options;

/* What the options are when nobody sets them; trace is NULL. */
session_options session_defaults(void);

tool_status session_run(const session_options *options);

#endif
