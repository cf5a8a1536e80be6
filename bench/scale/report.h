/* SPDX-License-Identifier: MIT */
/*
 * What the runs found: a table in Markdown, comma-separated values, plots, and the cache lines that
 * were moved.
 */
#ifndef SCALE_REPORT_H
#define SCALE_REPORT_H

#include "drive.h"
#include "tool.h"

typedef struct report_row {
    const char *allocator;
    drive_workload workload;
    unsigned order;
    unsigned cpus;
    double of_linear; /* the rate, to that of the first number of CPUs multiplied as the CPUs are */
    drive_result result;
} report_row;

/* A workload's rows: a line for each number of sockets and CPUs, a column an allocator. The rows
 * are sorted by CPUs, then by allocators, then by sockets, and are all there. */
void report_table(const report_row *rows, size_t count);

tool_status report_csv(const report_row *rows, size_t count, const char *path);

/* Draws throughput, efficiency and transfers into a directory, which is created, by gnuplot. */
tool_status report_plots(const report_row *rows, size_t count, const char *directory);

/* A drive_look: says which lines were moved, by part of the allocator and one by one. */
void report_lines(const drive_plan *plan, const drive_result *r);

#endif
