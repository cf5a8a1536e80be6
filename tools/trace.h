/* SPDX-License-Identifier: MIT */
/*
 * Recorded page allocations: reads a trace file (traces/README.md describes the format) into
 * memory.
 */
#ifndef TRACE_H
#define TRACE_H

#include "tool.h"

#include <stddef.h>
#include <stdint.h>

enum {
    TRACE_MAX_ORDER = 20,
    TRACE_MAX_CPU = 4095,
};

#define TRACE_MAX_FRAME (UINT64_MAX >> 12)

typedef enum trace_kind { TRACE_ALLOC, TRACE_FREE } trace_kind;

typedef struct trace_event {
    uint64_t time;  /* microseconds since the first event */
    uint64_t frame; /* the first page of the block, a multiple of 2^order */
    uint16_t cpu;
    uint8_t order;
    uint8_t kind; /* a trace_kind */
} trace_event;

typedef struct trace {
    trace_event *events; /* event i stands in line i + 1 */
    size_t count;        /* at least 1 */
} trace;

/* Complains, naming the file and the line, when it fails. */
tool_status trace_read(const char *path, trace *out);
void trace_close(trace *t);

#endif
