/* SPDX-License-Identifier: MIT */
#ifndef TESTS_INTERLEAVE_OPTIONS_H
#define TESTS_INTERLEAVE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum which {
    SET_REGRESS = 1,
    SET_PAIRS = 2,
    SET_TRIPLES = 4,
    SET_STOPS = 8,
    SET_INTERRUPTS = 16,
    SET_RANDOM = 32,
    SET_ALL = 63
} which;

typedef struct options {
    unsigned sets;
    unsigned long executions; /* 0: each set has its own */
    const char *filter;
    const char *scenario;
    const char *replay;
    const char *table;
    bool list;
    bool verbose;
    uint64_t seed;
    unsigned long rounds;
    unsigned long wrong; /* scenarios, after which to end */
} options;

/* Returns -1, or the status to exit with. */
int options_parse(options *o, int argc, char **argv);

#endif
