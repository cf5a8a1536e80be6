/* SPDX-License-Identifier: MIT */
/* An allocator under test, with metadata from malloc and a copy of it for "nothing has changed". */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lfbuddy.h"

typedef struct world {
    lfb_t lfb;
    lfb_config config;
    void *metadata;
    size_t size;
    void *before; /* what the metadata was: world_remember */
} world;

/* A configuration that can be changed before world_start. */
lfb_config world_config(uintptr_t base, size_t page_size, size_t page_count, unsigned max_order);

void world_start(world *w, const lfb_config *config);
void world_end(world *w);

/* Remembers the metadata; fails the test unless it is, bit for bit, as remembered. */
void world_remember(world *w);
void world_assert_unchanged(world *w);

/* Fails the test unless lfb_check finds nothing, low hints included. */
void world_assert_sound(const world *w);

/* Fails the test unless, after a drain, all pages are free in maximal blocks. */
void world_assert_all_free(world *w);

uintptr_t world_page(const world *w, size_t index);

#endif
