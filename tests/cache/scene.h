/* SPDX-License-Identifier: MIT */
/* An allocator with a cache over it, and what the cache said of blocks that the core refused. */
#ifndef TESTS_CACHE_SCENE_H
#define TESTS_CACHE_SCENE_H

#include "lfbuddy/cache.h"
#include "world.h"

typedef struct scene {
    world w;
    lfb_cache_t cache;
    void *memory;
    size_t size;
    unsigned refused; /* blocks */
    uintptr_t refused_address;
    lfb_status refused_status;
} scene;

/* A configuration that can be changed before scene_start. */
lfb_cache_config scene_cache_config(unsigned slots, unsigned orders, unsigned magazine_pages);

/* cache_config's callback is the scene's own. */
void scene_start(scene *s, const lfb_config *config, lfb_cache_config cache_config);

/* Drains the cache; fails the test unless all pages are free then. */
void scene_end(scene *s);

lfb_cache_stats scene_stats(const scene *s);

/* Pages that the core holds to be allocated. */
size_t scene_allocated(const scene *s);

/* So many calls on a slot, each of which must succeed. */
void scene_take(scene *s, unsigned slot, unsigned order, size_t count, uintptr_t out[]);
void scene_give(scene *s, unsigned slot, unsigned order, size_t count, const uintptr_t in[]);

#endif
