/* SPDX-License-Identifier: MIT */
/* One thread releases the only page in use and merges its leaf; the other enters that leaf, or
 * takes the parent's slot. Edges E1, E2, E3. */
#include "client.h"

static void *thread_merge(void *unused)
{
    client_use(0, 1, 1);
    client_give(0, 0);
    return unused;
}

static void *thread_enter(void *unused)
{
    uintptr_t page = client_take(1, 0);
    assert(page != LFB_NONE);
    client_give(1, page);
    return unused;
}

int main(void)
{
    client_start(4, 2);
    uintptr_t page = client_take(LANE_MAIN, 0);
    assert(page == 0);
    client_send_away(0, 4);
    static void *(*const threads[])(void *) = {thread_merge, thread_enter};
    client_run(2, threads);
    client_end(2);
    return 0;
}
