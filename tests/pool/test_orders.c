/* SPDX-License-Identifier: MIT */
/*
 * Orders of steps that can make a difference: two or three threads of a small pool, a step for each
 * atomic access of the pool and of the core (tests/interleave/schedule.h), every order up to a cap,
 * then random priorities. After each execution
 *
 *   - the core is sound, and what a thread holds is allocated, in its length, with an owner;
 *   - no thread sleeps while what it waits for is free: that wake-up would be lost;
 *   - a recovery leaves nothing undecided, and exactly what the threads hold.
 *
 * A futex here puts a thread to sleep by ending it; when all are at rest those that were woken try
 * again, one after the other. Memory is sequentially consistent: docs/pools.md argues for fences.
 *
 * LFB_EXECUTIONS says how many orders each scenario is run in, LFB_SEED repeats the random ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "orders.h"
#include "random.h"

enum { USUAL = 3000, DEPTH = 4 };

typedef struct scenario {
    const char *name;
    void (*prepare)(void);
    act threads[ORDERS_THREADS];
} scenario;

static const scenario *now;
static char *metadata;
static size_t metadata_size;
static char *snapshot; /* of the metadata, at the start of each execution */

static const scenario scenarios[] = {
    {"take a page | take a page, give it", scene_free, {act_take_give, act_take_give_take, NULL}},
    {"free | free", scene_own, {act_free_first_once, act_free_first_once, NULL}},
    {"free | take", scene_full, {act_free_first, act_take_give_take, NULL}},
    {"recover | take", scene_dead, {act_recover, act_take_give_take, NULL}},
    {"recover | take 3 pages", scene_dead, {act_recover, act_take_3_give, NULL}},
    {"recover | take 4 pages, cut them", scene_dead, {act_recover, act_take_4_cut, NULL}},
    {"recover | take | take 3 pages",
     scene_dead,
     {act_recover, act_take_give_take, act_take_3_give}},
    {"recover | free the dead one's", scene_dead, {act_recover, act_free_first, NULL}},
    {"recover | adopt the dead one's", scene_dead, {act_recover, act_adopt_first, NULL}},
    {"recover | recover | take", scene_dead, {act_recover, act_recover, act_take_give}},
    {"wait | free", scene_full, {act_wait_1, act_free_first, NULL}},
    {"wait | shrink", scene_full, {act_wait_1, act_shrink_first, NULL}},
    {"wait | cut", scene_full, {act_wait_1, act_cut_first, NULL}},
    {"wait | wait | free", scene_full, {act_wait_1, act_wait_1, act_free_first}},
    {"wait | wait and give | shrink", scene_full, {act_wait_1, act_wait_1_give, act_shrink_first}},
    {"wait for 2 | wait for 1 | free", scene_full, {act_wait_2, act_wait_1_give, act_free_first}},
    {"wait for 2 | free | free", scene_full, {act_wait_2, act_free_first, act_free_second}},
    {"wait | wait | recover", scene_dead, {act_wait_2, act_wait_2, act_recover}},
};

/* -------------------------------------------------------------------------------- running ---- */

static void reset(void *context)
{
    (void)context;
    memcpy(metadata, snapshot, metadata_size);
    memset(orders.actors, 0, sizeof(orders.actors));
    orders.complaint = NULL;
}

static void thread(void *context, unsigned number)
{
    (void)context;
    now->threads[number](&orders.actors[number]);
}

static bool step(void *context)
{
    (void)context;
    return orders.complaint == NULL;
}

/* Those that were woken go on, one after the other, until all have what they want or sleep. */
static void settle(void)
{
    for (unsigned i = 0; i < ORDERS_THREADS;) {
        actor *a = &orders.actors[i++];
        if (a->rest == WOKEN) {
            orders_take(a, a->wanted);
            a->rest = a->count > 0 ? AWAKE : ASLEEP;
            i = 0;
        }
    }
    for (unsigned i = 0; i < ORDERS_THREADS; i++) {
        actor *a = &orders.actors[i];
        void *run = a->rest == ASLEEP ? lfb_pool_alloc_run(orders.pool, a->wanted) : NULL;
        orders_expect(!run, "a wake-up was lost");
    }
}

static size_t check_held(const actor *a)
{
    size_t pages = 0;
    for (unsigned i = 0; i < a->count; i++) {
        orders_expect(lfb_pool_size_of(orders.pool, orders_at(&a->held[i])) == a->held[i].pages,
                      "a run was lost");
        pages += a->held[i].pages;
    }
    return pages;
}

static bool finish(void *context)
{
    (void)context;
    lfb_pool_report report;
    lfb_pool_recovery done;
    size_t held = 0;
    settle();
    orders_expect(lfb_pool_recover(orders.pool, NULL, &done) == LFB_OK && done.undecided == 0,
                  "undecided");
    orders_expect(lfb_pool_check(orders.pool, &report) == LFB_OK, "damaged");
    orders_expect(report.unowned == 0, "a run without an owner");
    for (unsigned i = 0; i < ORDERS_THREADS; i++) {
        held += check_held(&orders.actors[i]);
    }
    if (now->prepare == scene_dead || now->prepare == scene_free) {
        orders_expect(report.core.stats.allocated_pages == held, "other pages than those held");
    }
    if (now->threads[1] == act_free_first_once) {
        orders_expect(orders.actors[0].wanted + orders.actors[1].wanted == 1,
                      "released once, told twice");
    }
    return orders.complaint == NULL;
}

/* ------------------------------------------------------------------------------ scenarios ---- */

static void start_pool(void)
{
    lfb_pool_info info;
    lfb_pool_config config = {.kind = LFB_POOL_SHARED,
                              .size = ORDERS_PAGES * ORDERS_PAGE,
                              .page_size = ORDERS_PAGE,
                              .lanes = 1,
                              .processes = 2,
                              .owner_tags = true};
    orders.pool = pools_create(&config);
    lfb_pool_get_info(orders.pool, &info);
    const lfb_t *core = lfb_pool_core(orders.pool);
    metadata = (char *)info.address - info.metadata;
    metadata_size = (size_t)((char *)core->metadata - metadata) + core->metadata_size;
    snapshot = malloc(metadata_size);
    assert_non_null(snapshot);
}

static void end_pool(void)
{
    free(snapshot);
    lfb_pool_close(orders.pool);
}

static void show(const schedule_result *found, uint64_t seed)
{
    print_error("%s: %s; LFB_SEED=%#jx, order ", now->name, orders.complaint, (uintmax_t)seed);
    for (unsigned i = 0; i < found->length; i++) {
        print_error("%u", (unsigned)found->order[i]);
    }
    print_error("\n");
}

static schedule_task begin_scenario(const scenario *s)
{
    now = s;
    start_pool();
    memset(&orders.prepared, 0, sizeof(orders.prepared));
    s->prepare();
    memcpy(snapshot, metadata, metadata_size);
    return (schedule_task){s->threads[2] ? 3U : 2U, reset, thread, step, finish, NULL};
}

static void run_scenario(const scenario *s, unsigned long most, uint64_t seed)
{
    schedule_task task = begin_scenario(s);
    schedule_result all = schedule_explore(&task, most);
    schedule_result some = {0};
    if (!all.violated && !all.complete) {
        some = schedule_random(&task, seed, DEPTH, most);
    }
    print_message("%-40s %6lu%s executions, %6lu random\n", s->name, all.executions,
                  all.complete ? "" : "+", some.executions);
    if (all.violated || some.violated) {
        show(all.violated ? &all : &some, seed);
        fail();
    }
    end_pool();
}

static void test_orders(void **state)
{
    (void)state;
    const char *given = getenv("LFB_EXECUTIONS");
    unsigned long most = given ? strtoul(given, NULL, 0) : USUAL;
    uint64_t seed = random_seed();
    print_message("LFB_SEED=%#jx\n", (uintmax_t)seed);
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++) {
        run_scenario(&scenarios[i], most, seed);
    }
}

/* Steps of thread 1 till there are so many runs without an owner, or its sign. */
static unsigned steps_till(size_t unowned)
{
    lfb_pool_report report = {.unowned = unowned + 1};
    unsigned steps = 0;
    while (unowned ? report.unowned != unowned : !orders.actors[1].wanted) {
        steps += schedule_run(1, 1);
        lfb_pool_check(orders.pool, &report);
    }
    return steps;
}

/*
 * What random orders hardly find: a recovery sees a run that is being allocated; that call ends,
 * the run is released; the recovery counts, nobody is inside; the same run is allocated anew, and
 * the recovery reads it before it has an owner; that call ends as well, and the recovery counts
 * again.
 */
static void test_between(void **state)
{
    (void)state;
    enum { FEW = 8, ENOUGH = 1000 };
    const scenario s = {"between", scene_dead, {act_recover, act_take_4_give_take_4, NULL}};
    schedule_task task = begin_scenario(&s);
    schedule_begin(&task);
    unsigned first = steps_till(2);
    unsigned second = steps_till(0);
    unsigned third = steps_till(2);
    unsigned all = schedule_run(0, ENOUGH);
    for (unsigned i = 0; i < all * FEW * FEW; i++) {
        schedule_begin(&task);
        schedule_run(1, first);
        schedule_run(0, i / FEW / FEW);
        schedule_run(1, second);
        schedule_run(0, i / FEW % FEW);
        schedule_run(1, third);
        schedule_run(0, i % FEW);
        schedule_run(1, ENOUGH);
        schedule_run(0, ENOUGH);
        if (!finish(NULL)) {
            fail_msg("order %u: %s", i, orders.complaint);
        }
    }
    end_pool();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_between),
        cmocka_unit_test(test_orders),
    };
    return cmocka_run_group_tests_name("orders", tests, NULL, NULL);
}
