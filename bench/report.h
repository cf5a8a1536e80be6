/* SPDX-License-Identifier: MIT */
/*
 * Results, for people and for programs.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "measure.h"

#include <stdio.h>

/* What was measured how, and on what; printed before the table, and kept in the JSON file. */
void report_introduce(const settings *s);

/* A cell's rows of the table. */
void report_rows(const settings *s, const result *rows, size_t count);

/* The table of what `frag` found, if it ran. */
void report_frag(const measurement *m);

/* Sentences that figures need beside them; NULL-terminated. */
extern const char *const report_notes[];

tool_status report_json(const measurement *m, const char *path);
tool_status report_csv(const measurement *m, const char *path);

/* A row that exists only to be counted, its counts shown in lfbuddy's. */
bool report_is_hidden(const measurement *m, const result *row);

/* Model of the processor, as far as the system says; `text` has 96 bytes. */
const char *report_processor(char text[96]);

/* Draws into a directory, which is created. */
tool_status report_plots(const measurement *m, const char *directory);

/* Whether there is a gnuplot to run. */
bool report_can_plot(void);

#endif
