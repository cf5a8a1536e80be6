/* SPDX-License-Identifier: MIT */
/*
 * What a plug-in for lfbuddy-bench exports: compile with -shared -fPIC, and give the file to
 * --plugin.
 */
#ifndef BENCH_PLUGIN_H
#define BENCH_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A word for the table. */
const char *lfb_bench_name(void);

/* Starts afresh: `pages` pages (a power of two), all free, used by threads 0 to threads - 1. Called
 * again after each lfb_bench_fini. Returns 0; else the allocator is left out. */
int lfb_bench_init(size_t pages, size_t page_size, unsigned threads);

/* The first page, counted from 0, of a block of 2^order pages aligned to its size; -1: there is
 * none. Called by many threads at once; a number of thread is used by one at a time. */
int64_t lfb_bench_get(unsigned thread, unsigned order);

/* Releases a block that lfb_bench_get gave to any thread. */
void lfb_bench_put(unsigned thread, int64_t page, unsigned order);

void lfb_bench_fini(void);

#endif
