/* SPDX-License-Identifier: MIT */
/*
 * What verification has found: how many promises were broken, and the first few in words. Any
 * number of threads may add to one.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

enum { VERDICT_KEPT = 8, VERDICT_LENGTH = 160 };

typedef struct verdict {
    pthread_mutex_t lock;
    atomic_size_t count;
    char text[VERDICT_KEPT][VERDICT_LENGTH];
} verdict;

void verdict_open(verdict *v);
void verdict_close(verdict *v);
void verdict_add(verdict *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Complains about each violation kept. Returns how many there were. Nobody may be adding. */
size_t verdict_print(verdict *v);

#endif
