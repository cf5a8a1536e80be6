/* SPDX-License-Identifier: MIT */
/*
 * The trees that are damaged. That of most tests, in pages (leaves have 32, level 1 nodes 512, the
 * top node 8192):
 *
 *   8197 .. 12697   the range; both ends lie inside leaves
 *   8200 + 3        a run in a leaf
 *   8224 + 32       a run of one slot
 *   8320 + 40       a run of a slot that goes on in a leaf
 *   8704 + 613      a run through all three levels
 *   9800 + 100      out of use
 *   10240 + 532     a run that goes on in a leaf two levels below
 *   11264 .. 12288  free, as slots of the top node
 */
#ifndef TESTS_CHECK_SCENE_H
#define TESTS_CHECK_SCENE_H

#include "geometry.h"
#include "world.h"

_Static_assert(LFB_LEAF_ORDER == 5 && LFB_NODE_ORDER == 4, "the page numbers above");

enum { PAGE = 4096, TOP = 2 };

/* The fault that the checker names where a word is illegal by itself. */
extern const char illegal[];

/*
 * For cmocka: the tree above; a range that ends with a slot of the top node, and one that ends with
 * a slot of level 1, the last slot of each a run.
 */
int tree_start(void **state);
int top_even_tree_start(void **state);
int level1_even_tree_start(void **state);
int tree_end(void **state);

#define IN(test, start) cmocka_unit_test_setup_teardown(test, start, tree_end)
#define IN_TREE(test)   IN(test, tree_start)

/* A word into the node that has the page. */
void put(world *w, unsigned level, uintptr_t page, lfb_word word);

/* One code into slots, from that of the page on. */
void set(world *w, unsigned level, uintptr_t page, unsigned count, enum word_code code);

/* Undoes the damage. */
void restore(world *w);

/* The tests of each file. All return how many failed. */
int check_faults(void);
int check_legal(void);
int check_hints(void);
int check_calls(void);
int check_agree(void);

#endif
