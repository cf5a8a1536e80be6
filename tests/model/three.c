/* SPDX-License-Identifier: MIT */
/* The program on which NBBS fails: one thread releases a page, one allocates a page and releases
 * it, one allocates a page; then all that is free is allocated, the largest block first. */
#include "client.h"

static uintptr_t kept;

static void *thread_release(void *unused)
{
    client_use(0, 1, 1);
    client_give(0, 0);
    return unused;
}

static void *thread_take_and_release(void *unused)
{
    uintptr_t page = client_take(1, 0);
    assert(page != LFB_NONE);
    client_give(1, page);
    return unused;
}

static void *thread_take(void *unused)
{
    kept = client_take(2, 0);
    assert(kept != LFB_NONE);
    return unused;
}

int main(void)
{
    client_start(4, 2);
    uintptr_t page = client_take(LANE_MAIN, 0);
    assert(page == 0);
    client_send_away(0, 4);
    static void *(*const threads[])(void *) = {thread_release, thread_take_and_release,
                                               thread_take};
    client_run(3, threads);
    uintptr_t all = client_take(LANE_MAIN, 2);
    assert(all == LFB_NONE);
    client_give(2, kept);
    client_end(2);
    return 0;
}
