/* SPDX-License-Identifier: MIT */
/* What the tests of pools share: pools to test, marks on pages, counts. */
#ifndef TESTS_POOLS_H
#define TESTS_POOLS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lfbuddy/pool.h"

/* Creates a pool, or fails the test with the pool's message. */
lfb_pool *pools_create(const lfb_pool_config *config);

/* Another handle on it, at another address. */
lfb_pool *pools_again(const lfb_pool *pool);

/* A path for a file pool in a directory of this process, which is removed at exit. */
const char *pools_path(const char *name);

size_t pools_allocated(const lfb_pool *pool);

/* Fails the test unless the core is sound and every run has an owner. */
void pools_assert_sound(const lfb_pool *pool);

/* Writes a word to both ends of each page of a run; whether all are there. */
void pools_mark(const lfb_pool *pool, void *run, size_t pages, uint64_t mark);
bool pools_is_marked(const lfb_pool *pool, const void *run, size_t pages, uint64_t mark);

bool pools_is_zero(const lfb_pool *pool, const void *run, size_t pages);

/* A process of its own, with the pool at another address: it ends with _exit, or is killed. */
pid_t pools_start(const lfb_pool *pool, void (*life)(lfb_pool *own));

/* Waits for it. Fails the test unless it ended with 0, or by a signal. */
void pools_reap(pid_t child);

/* CLOCK_MONOTONIC in so many milliseconds. */
struct timespec pools_in(long milliseconds);

#endif
