/* SPDX-License-Identifier: MIT */
/*
 * One word and the functions of node.h: each check fails the test where they don't say what the
 * model does. And the tests.
 */
#ifndef TESTS_NODE_CHECKS_H
#define TESTS_NODE_CHECKS_H

#include "model.h"

/* look.c; `noise` is for the bits that belong to no slot. */
void check_looks(const model *m, lfb_word word, lfb_word noise);

/* find.c: `choice` picks where blocks and runs start. */
void check_searches(const model *m, lfb_word word, lfb_word choice);

/* `count` slots of one code, anywhere and at a multiple of 2^order. */
void check_places(const model *m, lfb_word word, unsigned order, unsigned count);

/* change.c */
void check_changes(const model *m, lfb_word word, unsigned slot, unsigned count);
void check_whole(const model *m, lfb_word word);
void check_empty(const model *m, lfb_word word, lfb_word tag);

/* Splits and merges of the slots that `choice` picks, all at once. */
void check_many(const model *m, lfb_word word, lfb_word choice);

void check_moves(const model *m, lfb_word word, unsigned slot, unsigned count);

/* The tests of each file. Both return how many failed. */
int node_numbers(void);
int node_words(void);

#endif
