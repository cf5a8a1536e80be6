/* SPDX-License-Identifier: MIT */
/*
 * lfbuddy as shipped, block by block and through its bulk functions: see alloc_lfbuddy.h.
 */
#include "alloc_lfbuddy.h"

const allocator allocator_lfbuddy = {
    .name = "lfbuddy",
    .about = "this library, a lane a thread",
    .kind = ALLOCATOR_RANGE,
    .init = subject_init,
    .get = subject_get,
    .put = subject_put,
    .fini = subject_fini,
    .get_run = subject_get_run,
    .put_run = subject_put_run,
    .metadata = subject_metadata_bytes,
    .check = subject_check,
};

/* ----------------------------------------------------------------------------------- bulk ---- */

static int bulk_init(size_t pages, size_t page_size, unsigned threads)
{
    (void)page_size;
    return subject_init(pages, 1, threads);
}

/* Page numbers are far below INT64_MAX, so the arrays may be read as either type. */
static size_t bulk_get(unsigned thread, unsigned order, size_t count, int64_t out[])
{
    return lfb_alloc_bulk_on(&subject, thread, order, count, (uintptr_t *)out);
}

static void bulk_put(unsigned thread, size_t count, const int64_t in[])
{
    lfb_free_bulk_on(&subject, thread, count, (const uintptr_t *)in);
}

#define LFBUDDY_BULK(blocks, its_name)                                                             \
    {                                                                                              \
        .name = its_name,                                                                          \
        .about = "this library, " #blocks " blocks a call; only in bulk and remote",               \
        .kind = ALLOCATOR_RANGE, .init = bulk_init, .get = subject_get, .put = subject_put,        \
        .fini = subject_fini, .bulk = (blocks), .get_bulk = bulk_get, .put_bulk = bulk_put,        \
        .metadata = subject_metadata_bytes, .check = subject_check,                                \
    }

const allocator allocator_lfbuddy_bulk = LFBUDDY_BULK(64, "lfbuddy-bulk");
const allocator allocator_lfbuddy_bulk512 = LFBUDDY_BULK(512, "lfbuddy-bulk512");
