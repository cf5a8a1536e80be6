/* SPDX-License-Identifier: MIT */
/*
 * What can be measured. The first five functions are the plug-in interface under shorter names: a
 * shared object that exports them as lfb_bench_name, lfb_bench_init, lfb_bench_get, lfb_bench_put
 * and lfb_bench_fini is measured like a built-in. An allocator is a set of functions without a
 * context, so one of each is in use at a time.
 */
#ifndef BENCH_ALLOCATOR_H
#define BENCH_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ALLOCATOR_PAGE_SIZE = 4096 };

typedef enum allocator_kind {
    ALLOCATOR_RANGE, /* serves the pages of a range, and says when there are none left */
    ALLOCATOR_HEAP,  /* takes pages from the system: no range, never exhausted */
    ALLOCATOR_FLOOR  /* hands out numbers, not pages: only its time means something */
} allocator_kind;

/* What the calling thread has done to shared memory so far. */
typedef struct allocator_counts {
    uint64_t updates;      /* atomic updates that changed a word */
    uint64_t cas_failures; /* those that didn't, because another thread was faster */
    uint64_t lines;        /* cache lines written by a call, added up */
} allocator_counts;

typedef struct allocator {
    const char *name;
    const char *about;
    allocator_kind kind;

    /* Pages are counted from 0, threads from 0; a block of an order is 2^order pages, aligned to
     * its size. 0: fine. */
    int (*init)(size_t pages, size_t page_size, unsigned threads);
    /* -1: exhausted */
    int64_t (*get)(unsigned thread, unsigned order);
    void (*put)(unsigned thread, int64_t page, unsigned order);
    void (*fini)(void);

    /* Each of the following may be NULL. */
    const char *(*missing)(void); /* NULL: it can run; else what to do about it */
    int64_t (*get_run)(unsigned thread, size_t pages);
    void (*put_run)(unsigned thread, int64_t page, size_t pages);
    /* Having these, it takes part only in the workloads that call them, for so many blocks at once.
     */
    size_t bulk;
    size_t (*get_bulk)(unsigned thread, unsigned order, size_t count, int64_t out[]);
    void (*put_bulk)(unsigned thread, size_t count, const int64_t in[]);
    size_t (*metadata)(void);              /* bytes, between init and fini */
    void (*counts)(allocator_counts *out); /* of the calling thread */
    void (*watch)(bool on); /* the calling thread begins, ends the part that counts */
    bool (*check)(void);    /* its own invariants, when no call is in progress */
    bool counted;           /* serves the columns of counts, not those of time */
    const char *flaw;       /* a known one, that a verification may find */
} allocator;

extern const allocator allocator_floor, allocator_lfbuddy, allocator_lfbuddy_bulk,
    allocator_lfbuddy_bulk512, allocator_cache, allocator_nbbs, allocator_nbbs_bunch,
    allocator_spinlock, allocator_glibc, allocator_jemalloc, allocator_mimalloc, allocator_tcmalloc;

/* From another build of the core, hence a function. */
const allocator *allocator_lfbuddy_counted(void);

#endif
