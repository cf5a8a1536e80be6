/* SPDX-License-Identifier: MIT */
/*
 * The example, broken on purpose, so that a test can see --verify find it: now and then it hands
 * out a block that it has handed out before.
 */
#define lfb_bench_name sound_name
#define lfb_bench_get  sound_get
#include "plugin_example.c"
#undef lfb_bench_name
#undef lfb_bench_get

#include <stdatomic.h>

enum { CALLS_A_FAULT = 1000 };

static atomic_uint calls;
static _Atomic(int64_t) earlier;

const char *lfb_bench_name(void);
int64_t lfb_bench_get(unsigned thread, unsigned order);

const char *lfb_bench_name(void)
{
    return "broken";
}

int64_t lfb_bench_get(unsigned thread, unsigned order)
{
    if (order == 0 && atomic_fetch_add(&calls, 1) % CALLS_A_FAULT == CALLS_A_FAULT - 1) {
        return atomic_load(&earlier);
    }
    int64_t page = sound_get(thread, order);
    atomic_store(&earlier, page);
    return page;
}
