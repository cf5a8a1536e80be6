/* SPDX-License-Identifier: MIT */
/* Two threads allocate a page and release it, in one leaf. Edge E1. */
#include "client.h"

static void *pass_page(unsigned lane)
{
    uintptr_t page = client_take(lane, 0);
    assert(page != LFB_NONE);
    client_give(lane, page);
    return NULL;
}

static void *thread_first(void *unused)
{
    return (void)unused, pass_page(0);
}

static void *thread_second(void *unused)
{
    return (void)unused, pass_page(1);
}

int main(void)
{
    client_start(2, 1);
    static void *(*const threads[])(void *) = {thread_first, thread_second};
    client_run(2, threads);
    client_end(1);
    return 0;
}
