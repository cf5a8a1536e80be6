/* SPDX-License-Identifier: MIT */
/*
 * Messages and numbers: see tool.h.
 */
#include "tool.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef TOOL_NAME
#define TOOL_NAME "lfbuddy"
#endif

tool_status tool_fail(tool_status status, const char *format, ...)
{
    fflush(stdout);
    fputs(TOOL_NAME ": ", stderr);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return status;
}

tool_status tool_finish(tool_status status)
{
    errno = 0;
    bool fine = fflush(stdout) == 0 && ferror(stdout) == 0;
    if (fine || status != TOOL_OK) {
        return status;
    }
    /* An earlier write that failed left no reason. */
    return tool_fail(TOOL_FAILED, "standard output: writing failed%s%s", errno != 0 ? ": " : "",
                     errno != 0 ? strerror(errno) : "");
}

/* strtoull alone takes blanks, signs and numbers that don't fit. */
static bool digits(const char *text, const char **end, uint64_t *out)
{
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    char *stop;
    errno = 0;
    *out = strtoull(text, &stop, 10);
    *end = stop;
    return errno == 0;
}

bool tool_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    const char *end;
    return digits(text, &end, out) && *end == '\0' && *out >= least && *out <= most;
}

bool tool_parse_size(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    const char *end;
    uint64_t value;
    if (!digits(text, &end, &value)) {
        return false;
    }
    unsigned shift = 0;
    if (*end != '\0') {
        const char *unit = strchr(units, toupper((unsigned char)*end));
        if (unit == NULL || end[1] != '\0') {
            return false;
        }
        shift = 10 * (unsigned)(unit - units + 1);
    }
    *out = value << shift;
    return *out >> shift == value;
}

const char *tool_format_bytes(char text[32], double bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1024;
        unit++;
    }
    bool whole = bytes == (double)(uint64_t)bytes;
    snprintf(text, 32, "%.*f %s", whole ? 0 : 1, bytes, units[unit]);
    return text;
}

const char *tool_format_count(char text[32], uint64_t value)
{
    char plain[24];
    size_t length = (size_t)snprintf(plain, sizeof(plain), "%" PRIu64, value);
    char *out = text;
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *out++ = ',';
        }
        *out++ = plain[i];
    }
    *out = '\0';
    return text;
}
