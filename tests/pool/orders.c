/* SPDX-License-Identifier: MIT */
/* See orders.h. */
#undef _FORTIFY_SOURCE /* its longjmp knows one stack only */
#include "orders.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STACK_MOST = 16384 };

struct orders orders;

void orders_expect(bool so, const char *what)
{
    orders.complaint = so || orders.complaint ? orders.complaint : what;
}

/* ---------------------------------------------------------------------------------- futex ---- */

/* The one on whose stack this runs. */
static actor *self(void)
{
    char here;
    unsigned i = 0;
    while (i < ORDERS_THREADS - 1 && (size_t)labs(orders.actors[i].stack - &here) > STACK_MOST) {
        i++;
    }
    return &orders.actors[i];
}

long test_futex(long number, ...)
{
    va_list list;
    va_start(list, number);
    const _Atomic(uint32_t) *word = va_arg(list, _Atomic(uint32_t) *);
    int operation = va_arg(list, int) & FUTEX_CMD_MASK;
    uint32_t value = va_arg(list, uint32_t);
    va_end(list);
    if (operation == FUTEX_WAKE) {
        for (unsigned i = 0; i < ORDERS_THREADS && value > 0; i++) {
            if (orders.actors[i].rest == ASLEEP) {
                orders.actors[i].rest = WOKEN;
                value--;
            }
        }
        return 0;
    }
    if (*word != value) {
        errno = EAGAIN;
        return -1;
    }
    self()->rest = ASLEEP;
    longjmp(self()->asleep, 1);
}

/* ----------------------------------------------------------------------------------- acts ---- */

void *orders_at(const hold *h)
{
    return lfb_pool_pointer(orders.pool, h->offset);
}

void orders_take(actor *a, size_t pages)
{
    void *run = lfb_pool_alloc_run(orders.pool, pages);
    if (run) {
        a->held[a->count++] = (hold){lfb_pool_offset(orders.pool, run), pages};
    }
}

static void give(actor *a)
{
    if (a->count > 0) {
        orders_expect(lfb_pool_free(orders.pool, orders_at(&a->held[--a->count])) == LFB_OK,
                      "a release refused");
    }
}

void act_recover(actor *a)
{
    (void)a;
    lfb_status status = lfb_pool_recover(orders.pool, NULL, NULL);
    orders_expect(status == LFB_OK || status == LFB_BUSY, "a recovery refused");
}

void act_take_give(actor *a)
{
    orders_take(a, 1);
    give(a);
}

void act_take_give_take(actor *a)
{
    act_take_give(a);
    orders_take(a, 1);
}

void act_take_4_give_take_4(actor *a)
{
    orders_take(a, 4);
    give(a);
    a->wanted = 1; /* a sign for test_between */
    orders_take(a, 4);
}

void act_take_3_give(actor *a)
{
    orders_take(a, 3);
    give(a);
}

void act_take_4_cut(actor *a)
{
    orders_take(a, 4);
    if (a->count > 0) {
        hold *h = &a->held[a->count - 1];
        orders_expect(lfb_pool_free_range(orders.pool, (char *)orders_at(h) + ORDERS_PAGE, 2) ==
                          LFB_OK,
                      "a cut refused");
        a->held[a->count++] = (hold){h->offset + 3 * ORDERS_PAGE, 1};
        h->pages = 1;
    }
}

/* With orders.prepared's runs. */
void act_free_first(actor *a)
{
    (void)a;
    lfb_pool_free(orders.pool, orders_at(&orders.prepared.held[0]));
}

void act_free_first_once(actor *a)
{
    lfb_status status = lfb_pool_free(orders.pool, orders_at(&orders.prepared.held[0]));
    a->wanted += status == LFB_OK; /* counted at the end */
}

void act_free_second(actor *a)
{
    (void)a;
    lfb_pool_free(orders.pool, orders_at(&orders.prepared.held[1]));
}

void act_adopt_first(actor *a)
{
    if (lfb_pool_adopt(orders.pool, orders_at(&orders.prepared.held[0])) == LFB_OK) {
        a->held[a->count++] = orders.prepared.held[0];
    }
}

void act_shrink_first(actor *a)
{
    (void)a;
    orders_expect(lfb_pool_resize(orders.pool, orders_at(&orders.prepared.held[0]), 1) == LFB_OK,
                  "a resize refused");
}

void act_cut_first(actor *a)
{
    (void)a;
    void *end = (char *)orders_at(&orders.prepared.held[0]) + ORDERS_PAGE;
    orders_expect(lfb_pool_free_range(orders.pool, end, 1) == LFB_OK, "a cut refused");
}

/* Falls asleep at most once. */
static void wait_for(actor *a, size_t pages)
{
    char here;
    a->stack = &here;
    a->wanted = pages;
    if (setjmp(a->asleep) == 0) {
        void *run = lfb_pool_alloc_wait(orders.pool, pages, NULL);
        if (run) {
            a->held[a->count++] = (hold){lfb_pool_offset(orders.pool, run), pages};
        }
        a->rest = AWAKE;
    }
}

void act_wait_1(actor *a)
{
    wait_for(a, 1);
}

void act_wait_2(actor *a)
{
    wait_for(a, 2);
}

void act_wait_1_give(actor *a)
{
    wait_for(a, 1);
    if (a->rest == AWAKE) {
        give(a);
    }
}

/* --------------------------------------------------------------------------------- scenes ---- */

void scene_free(void)
{
}

/* Two runs of two pages are orders.prepared's; nothing else is free. */
void scene_full(void)
{
    orders_take(&orders.prepared, 2);
    orders_take(&orders.prepared, 2);
    while (lfb_pool_alloc(orders.pool, 0)) {
        /* nobody's in this test */
    }
}

static void take_2(void *context, unsigned thread)
{
    (void)context;
    (void)thread;
    lfb_pool_alloc_run(orders.pool, 2);
}

static void begin_nothing(void *context)
{
    (void)context;
}

static bool go_on(void *context)
{
    (void)context;
    return true;
}

/* A child that takes a page, and dies after so many steps of taking two more. */
static uintptr_t die_after(unsigned steps)
{
    int told[2];
    int status;
    uintptr_t offset;
    assert_int_equal(pipe(told), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        schedule_task task = {1, begin_nothing, take_2, go_on, go_on, NULL};
        offset = lfb_pool_offset(orders.pool, lfb_pool_alloc(orders.pool, 0));
        if (write(told[1], &offset, sizeof(offset)) != sizeof(offset)) {
            _exit(1);
        }
        schedule_begin(&task);
        schedule_run(0, steps);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(read(told[0], &offset, sizeof(offset)), sizeof(offset));
    close(told[0]);
    close(told[1]);
    return offset;
}

/* A dead process has left a page, held[0], and two pages that nobody owns. */
void scene_dead(void)
{
    lfb_pool_report report = {.unowned = 0};
    for (unsigned steps = 1; report.unowned == 0; steps++) {
        assert_int_equal(lfb_pool_recover(orders.pool, NULL, NULL), LFB_OK);
        orders.prepared.held[0] = (hold){die_after(steps), 1};
        assert_int_equal(lfb_pool_check(orders.pool, &report), LFB_OK);
    }
    assert_int_equal(pools_allocated(orders.pool), 3);
}

void scene_own(void)
{
    orders_take(&orders.prepared, 1);
    orders_take(&orders.prepared, 2);
}
