/* SPDX-License-Identifier: MIT */
/* Two threads release the two pages of a leaf; one of them then wants the block that covers both.
 * What it writes there comes after what the other one wrote. Edges E1, E2. */
#include "client.h"

static void *thread_release(void *unused)
{
    client_use(0, 1, 1);
    client_give(0, 0);
    return unused;
}

static void *thread_release_and_take(void *unused)
{
    client_use(1, 1, 2);
    client_give(1, 1);
    uintptr_t both = client_take(1, 1);
    if (both != LFB_NONE) {
        client_give(1, both);
    }
    return unused;
}

int main(void)
{
    client_start(4, 2);
    for (unsigned page = 0; page < 4; page++) {
        uintptr_t taken = client_take(LANE_MAIN, 0);
        assert(taken == page);
    }
    client_send_away(0, 4);
    client_send_away(1, 4);
    static void *(*const threads[])(void *) = {thread_release, thread_release_and_take};
    client_run(2, threads);
    client_give(LANE_MAIN, 2);
    client_give(LANE_MAIN, 3);
    client_end(2);
    return 0;
}
