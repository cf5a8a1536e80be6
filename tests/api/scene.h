/* SPDX-License-Identifier: MIT */
/*
 * The scene of most tests: a range with runs of all shapes, a hole and free pages between them.
 * Whatever is refused there must leave the metadata as it was, bit for bit.
 */
#ifndef TESTS_API_SCENE_H
#define TESTS_API_SCENE_H

#include "world.h"

enum {
    PAGE = 4096,
    LEAF = 1 << LFB_LEAF_ORDER,
    LINE = 128,
};

enum { SCENE_PAGES = 2000, SCENE_MAX_ORDER = 11, HOLE_PAGE = 600, HOLE_PAGES = 100 };

typedef struct place {
    size_t page;
    size_t pages;
} place;

enum { RUNS = 6, FREE_PAGE = 6, LONG_RUN = RUNS - 1 };

/* Runs of one page, in a leaf, of a slot, of several; and such as go on in one and two children. */
extern const place runs[RUNS];

lfb_config scene_config(void);

/* For cmocka: the scene; the same range with nothing in it; all of it held at the start. */
int scene_start(void **state);
int range_start(void **state);
int held_range_start(void **state);
int any_end(void **state);

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_start, any_end)
#define IN_RANGE(test) cmocka_unit_test_setup_teardown(test, range_start, any_end)
#define IN_HELD(test)  cmocka_unit_test_setup_teardown(test, held_range_start, any_end)

/* The call returns `expected` and leaves the metadata as it was. */
#define assert_refused(w, call, expected)                                                          \
    do {                                                                                           \
        world_remember(w);                                                                         \
        assert_int_equal(call, expected);                                                          \
        world_assert_unchanged(w);                                                                 \
    } while (0)

#define assert_none(w, call) assert_refused(w, call, LFB_NONE)

/* Every call that expects the start of a live run, at an address where none is. */
void assert_no_run_at(world *w, uintptr_t address, lfb_status expected);

/* Field by field: extents have padding. */
void assert_same_extent(const lfb_extent *a, const lfb_extent *b);

/* What a visitor of lfb_walk was shown. */
typedef struct shown {
    lfb_extent extents[SCENE_PAGES];
    size_t count;
    size_t most; /* the visitor stops then */
} shown;

bool show(void *context, const lfb_extent *extent);

lfb_stats stats_of(const world *w);

/* Takes every page one by one, and gives all back. */
void use_all(lfb_t *lfb, size_t pages);

/* The tests of each file. All return how many failed. */
int api_start(void);
int api_refuse(void);
int api_change(void);
int api_look(void);
int api_extent(void);

#endif
