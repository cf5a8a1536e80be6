/* SPDX-License-Identifier: MIT */
/*
 * lfbuddy with every atomic access counted: the core's source, compiled once more behind
 * count_hooks.h. A shared library of its own, of which all names but one stay inside, so that the
 * two builds of the core don't meet.
 */
#include "alloc_lfbuddy.h"

_Thread_local count_state count_of_thread;

static int64_t counted_get(unsigned thread, unsigned order)
{
    count_call();
    return subject_get(thread, order);
}

static void counted_put(unsigned thread, int64_t page, unsigned order)
{
    count_call();
    subject_put(thread, page, order);
}

static int64_t counted_get_run(unsigned thread, size_t pages)
{
    count_call();
    return subject_get_run(thread, pages);
}

static void counted_put_run(unsigned thread, int64_t page, size_t pages)
{
    count_call();
    subject_put_run(thread, page, pages);
}

static void counted_counts(allocator_counts *out)
{
    out->updates = count_of_thread.updates;
    out->cas_failures = count_of_thread.failures;
    out->lines = count_of_thread.lines;
}

static const allocator counted = {
    .name = "lfbuddy-counted",
    .about = "counts atomic updates for lfbuddy's row; not timed",
    .kind = ALLOCATOR_RANGE,
    .init = subject_init,
    .get = counted_get,
    .put = counted_put,
    .fini = subject_fini,
    .get_run = counted_get_run,
    .put_run = counted_put_run,
    .metadata = subject_metadata_bytes,
    .counts = counted_counts,
    .check = subject_check,
    .counted = true,
};

const allocator *allocator_lfbuddy_counted(void)
{
    return &counted;
}
