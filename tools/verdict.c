/* SPDX-License-Identifier: MIT */
/*
 * Collecting violations: see verdict.h. The lock is only ever taken when something is wrong.
 */
#include "verdict.h"

#include "tool.h"

#include <stdarg.h>
#include <stdio.h>

void verdict_open(verdict *v)
{
    pthread_mutex_init(&v->lock, NULL);
    atomic_init(&v->count, 0);
}

void verdict_close(verdict *v)
{
    pthread_mutex_destroy(&v->lock);
}

void verdict_add(verdict *v, const char *format, ...)
{
    pthread_mutex_lock(&v->lock);
    size_t number = atomic_fetch_add(&v->count, 1);
    if (number < VERDICT_KEPT) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(v->text[number], VERDICT_LENGTH, format, arguments);
        va_end(arguments);
    }
    pthread_mutex_unlock(&v->lock);
}

size_t verdict_print(verdict *v)
{
    size_t count = atomic_load(&v->count);
    for (size_t i = 0; i < count && i < VERDICT_KEPT; i++) {
        tool_fail(TOOL_VIOLATION, "violation: %s", v->text[i]);
    }
    if (count > VERDICT_KEPT) {
        tool_fail(TOOL_VIOLATION, "and %zu more violations", count - VERDICT_KEPT);
    }
    return count;
}
