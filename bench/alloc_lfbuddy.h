/* SPDX-License-Identifier: MIT */
/*
 * The subject: a range of pages counted from 0, a lane a thread, metadata fresh from the system.
 * Both builds of the core include this, the one that is measured and the one that counts, so all in
 * it is static.
 */
#ifndef BENCH_ALLOC_LFBUDDY_H
#define BENCH_ALLOC_LFBUDDY_H

#include "allocator.h"

#include <lfbuddy.h>
#include <sys/mman.h>

static lfb_t subject;
static void *subject_metadata;
static size_t subject_size;
static unsigned subject_shift; /* log2 of the page size */

/* A page of one byte makes addresses page numbers, which spares the bulk functions a conversion. */
static int subject_init(size_t pages, size_t page_size, unsigned threads)
{
    lfb_config config = {
        .struct_size = sizeof(config),
        .page_size = page_size,
        .page_count = pages,
        .max_order = 63U - (unsigned)__builtin_clzll(pages), /* anything up to the whole range */
        .lanes = threads,
        .metadata_zeroed = true,
    };
    subject_shift = (unsigned)__builtin_ctzll(page_size);
    subject_size = lfb_metadata_size(&config);
    subject_metadata = subject_size == 0 ? MAP_FAILED
                                         : mmap(NULL, subject_size, PROT_READ | PROT_WRITE,
                                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (subject_metadata == MAP_FAILED) {
        return -1;
    }
    return lfb_init(&subject, &config, subject_metadata, subject_size) == LFB_OK ? 0 : -1;
}

static void subject_fini(void)
{
    lfb_destroy(&subject);
    munmap(subject_metadata, subject_size);
}

static int64_t subject_page(uintptr_t address)
{
    return address == LFB_NONE ? -1 : (int64_t)(address >> subject_shift);
}

static inline int64_t subject_get(unsigned thread, unsigned order)
{
    return subject_page(lfb_alloc_on(&subject, thread, order));
}

static inline void subject_put(unsigned thread, int64_t page, unsigned order)
{
    (void)order; /* it knows */
    lfb_free_on(&subject, thread, (uintptr_t)page << subject_shift);
}

static int64_t subject_get_run(unsigned thread, size_t pages)
{
    return subject_page(lfb_alloc_run_on(&subject, thread, pages));
}

static void subject_put_run(unsigned thread, int64_t page, size_t pages)
{
    (void)pages;
    lfb_free_on(&subject, thread, (uintptr_t)page << subject_shift);
}

static size_t subject_metadata_bytes(void)
{
    return subject_size;
}

static bool subject_check(void)
{
    lfb_report report;
    return lfb_check(&subject, &report) == LFB_OK && report.stats.runs == 0;
}

#endif
