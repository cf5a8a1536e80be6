/* SPDX-License-Identifier: MIT */
/*
 * What the command line asks for.
 */
#ifndef BENCH_SETTINGS_H
#define BENCH_SETTINGS_H

#include "registry.h"
#include "workloads.h"

enum { SETTINGS_MOST_WORKLOADS = 32, SETTINGS_MOST_NUMBERS = 32, SETTINGS_MOST_ROUNDS = 100 };

typedef struct settings_numbers {
    unsigned values[SETTINGS_MOST_NUMBERS];
    size_t count;
} settings_numbers;

typedef struct settings {
    const workload *workloads[SETTINGS_MOST_WORKLOADS];
    size_t workload_count;
    const allocator *allocators[REGISTRY_MOST]; /* those that can run */
    size_t allocator_count;
    settings_numbers orders;
    settings_numbers threads;
    size_t pages;
    unsigned rounds;
    uint64_t budget_ns;
    uint64_t seed;
    bool verify;
    bool latency;
    const char *trace;
    const char *json; /* the following three are NULL when not asked for */
    const char *csv;
    const char *plots;
    bool list;
} settings;

/* Returns TOOL_OK, or complains. *done: --help has been answered, and there is nothing to do. */
tool_status settings_parse(settings *s, int argc, char **argv, bool *done);

/* Workloads, allocators and what hinders those that can't run. */
void settings_list(void);

#endif
