/* SPDX-License-Identifier: MIT */
/*
 * What all parts of the program share: how a verb ends, how it complains, how it reads numbers.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stdbool.h>
#include <stdint.h>

typedef enum tool_status {
    TOOL_OK = 0,
    TOOL_FAILED = 1,   /* could not do the work: a file, memory, too small a range */
    TOOL_USAGE = 2,    /* called wrongly */
    TOOL_VIOLATION = 3 /* the allocator broke a promise */
} tool_status;

/* Prints "lfbuddy: ..." and a newline to stderr, behind what stdout has. Returns `status`. */
tool_status tool_fail(tool_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Call it last: what stdout has is written now. Returns `status`, or complains when something could
 * not be written and nothing else was wrong. */
tool_status tool_finish(tool_status status);

/* A decimal number from least to most, and nothing behind it. */
bool tool_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *out);

/* A number of bytes, with or without K, M, G or T (powers of 1024) behind it. */
bool tool_parse_size(const char *text, uint64_t *out);

/* "1.5 MiB" into text. Returns text. */
const char *tool_format_bytes(char text[32], double bytes);

/* "1,234,567" into text. Returns text. */
const char *tool_format_count(char text[32], uint64_t value);

#endif
