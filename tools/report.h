/* SPDX-License-Identifier: MIT */
/*
 * What a run has found, for people and for programs: each call adds one fact to the text, to the
 * JSON object, or to both. Knows nothing of what was run.
 */
#ifndef REPORT_H
#define REPORT_H

#include "histogram.h"
#include "terminal.h"

#include <lfbuddy.h>

typedef struct report {
    FILE *text; /* NULL: none wanted */
    FILE *json; /* NULL: none wanted */
    const terminal *look;
    bool in_section;
    bool first; /* nothing is in the innermost JSON object yet */
} report;

/* The JSON object is open from report_begin to report_end. */
void report_begin(report *r, FILE *text, FILE *json, const terminal *look);
void report_end(report *r);

/* Where to write a JSON value of one's own, for this key of the object; NULL: no JSON is wanted. */
FILE *report_member(report *r, const char *key);

/* All facts up to the next section belong to this one. */
void report_section(report *r, const char *key, const char *title);

/* Facts: `key` names one in the JSON, `label` in the text. */
void report_text(report *r, const char *key, const char *label, const char *value);
void report_count(report *r, const char *key, const char *label, uint64_t value);
void report_real(report *r, const char *key, const char *label, double value, const char *unit);
void report_bytes(report *r, const char *key, const char *label, uint64_t value);

/* In the text only. */
void report_remark(report *r, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A table of latencies: the heading, then a line each. Values are counted in units of `ns`. */
void report_latency_heading(report *r);
void report_latency(report *r, const char *key, const char *label, const histogram *h, double ns);

/* Values over time, as a small curve from 0 to `most`. */
void report_series(report *r, const char *key, const char *label, const size_t values[],
                   size_t count, size_t most);

/* Free blocks by order. */
void report_blocks(report *r, const lfb_stats *stats, size_t page_size);

#endif
