/* SPDX-License-Identifier: MIT */
/* Threads of a small pool whose orders are tried: what they do, and the pool that they find. */
#ifndef TESTS_POOL_ORDERS_H
#define TESTS_POOL_ORDERS_H

#include "../interleave/schedule.h"
#include "pools.h"

enum { ORDERS_PAGES = 8, ORDERS_PAGE = 4096, ORDERS_HELD_MOST = 4, ORDERS_THREADS = 3 };

typedef struct hold {
    uintptr_t offset;
    size_t pages;
} hold;

typedef enum rest { AWAKE, ASLEEP, WOKEN } rest;

/* What a thread has, and where it sleeps. */
typedef struct actor {
    hold held[ORDERS_HELD_MOST];
    unsigned count;
    rest rest;
    size_t wanted; /* pages that it waits for; else a sign that an act gives */
    char *stack;   /* some place on it */
    jmp_buf asleep;
} actor;

extern struct orders {
    lfb_pool *pool;
    actor actors[ORDERS_THREADS];
    actor prepared;        /* what there is before the threads begin */
    const char *complaint; /* the first one; NULL: none */
} orders;

void orders_expect(bool so, const char *what);
void *orders_at(const hold *h);
void orders_take(actor *a, size_t pages);

/* The pool at the start: empty; a page and two pages taken; full, two runs of two pages among what
 * is taken; or with what a process left that died inside a call: a page of its own, and two pages
 * that nobody owns. The first two runs are orders.prepared's. */
void scene_free(void);
void scene_own(void);
void scene_full(void);
void scene_dead(void);

/* What a thread does. */
typedef void (*act)(actor *a);

void act_recover(actor *a);
void act_take_give(actor *a);
void act_take_give_take(actor *a);
void act_take_4_give_take_4(actor *a);
void act_take_3_give(actor *a);
void act_take_4_cut(actor *a);
void act_free_first(actor *a);
void act_free_first_once(actor *a);
void act_free_second(actor *a);
void act_adopt_first(actor *a);
void act_shrink_first(actor *a);
void act_cut_first(actor *a);
void act_wait_1(actor *a);
void act_wait_2(actor *a);
void act_wait_1_give(actor *a);

#endif
