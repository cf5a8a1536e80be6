/* SPDX-License-Identifier: MIT */
/* A set of zones under test, with all its memory from malloc. */
#ifndef TESTS_ZONE_SCENE_H
#define TESTS_ZONE_SCENE_H

#include <stdatomic.h>

#include "world.h"

#include "lfbuddy/zone.h"

enum { ZONES = 3, PAGE = 4096 };

typedef struct scene {
    lfb_zones_t set;
    void *memory;
    size_t size;
    world zones[ZONES];
    atomic_uint told[ZONES]; /* how often */
} scene;

void scene_start(scene *s, unsigned lanes, size_t batch);

/* Adds the next zone: pages from a page number on, orders to 6. */
void scene_add(scene *s, uintptr_t first_page, size_t pages, size_t low, size_t minimum);

/* Fails the test unless every count is what the core says, and all is sound. */
void scene_assert_counts(scene *s);

/* Fails the test if a page is allocated. */
void scene_end(scene *s);

/* The address of a zone's page, counted from its first. */
uintptr_t scene_page(const scene *s, unsigned zone, size_t page);

/* A request on lane 0, for all zones in the order of adding. */
lfb_zone_request scene_request(size_t pages, unsigned flags);

#endif
