/* SPDX-License-Identifier: MIT */
/*
 * The ownership map: see verify.h.
 */
#include "verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    WORD_PAGES = 64,
    HEAP_PAGE_BITS = 35, /* user addresses of 47 bits; the map is as sparse as they are */
    END_ORDER = 9,
    TEXT_LENGTH = 160
};

static struct {
    const allocator *inner;
    allocator outer;
    _Atomic(uint64_t) *map;
    size_t pages; /* that the map covers */
    atomic_uint_fast64_t faults;
    char first[TEXT_LENGTH];
} verify;

/* --------------------------------------------------------------------------------- faults ---- */

static void report(const char *what, int64_t page, size_t pages)
{
    if (atomic_fetch_add(&verify.faults, 1) == 0) {
        snprintf(verify.first, sizeof(verify.first), "%s: page %" PRId64 ", %zu pages", what, page,
                 pages);
    }
}

/* ------------------------------------------------------------------------------------ map ---- */

/* The bits of one word that stand for pages from `at` on, at most to `end`; *next is the first page
 * behind them. */
static uint64_t bits_of(size_t at, size_t end, size_t *next)
{
    size_t word_end = (at / WORD_PAGES + 1) * WORD_PAGES;
    *next = end < word_end ? end : word_end;
    size_t count = *next - at;
    uint64_t bits = count == WORD_PAGES ? UINT64_MAX : ((uint64_t)1 << count) - 1;
    return bits << at % WORD_PAGES;
}

static bool is_inside(int64_t page, size_t pages)
{
    return page >= 0 && (size_t)page < verify.pages && pages <= verify.pages - (size_t)page;
}

static void claim(int64_t page, size_t pages, size_t alignment)
{
    if (!is_inside(page, pages)) {
        report("handed out, but not in the range", page, pages);
        return;
    }
    if (verify.inner->kind == ALLOCATOR_RANGE && (size_t)page % alignment != 0) {
        report("handed out, but not aligned", page, pages);
    }
    size_t end = (size_t)page + pages;
    for (size_t at = (size_t)page; at < end;) {
        size_t next;
        uint64_t bits = bits_of(at, end, &next);
        if ((atomic_fetch_or(&verify.map[at / WORD_PAGES], bits) & bits) != 0) {
            report("handed out, but overlaps a block that is held", page, pages);
        }
        at = next;
    }
}

/* Before the release: from then on another thread may claim it. */
static void disclaim(int64_t page, size_t pages)
{
    if (!is_inside(page, pages)) {
        return;
    }
    size_t end = (size_t)page + pages;
    for (size_t at = (size_t)page; at < end;) {
        size_t next;
        uint64_t bits = bits_of(at, end, &next);
        atomic_fetch_and(&verify.map[at / WORD_PAGES], ~bits);
        at = next;
    }
}

/* ------------------------------------------------------------------------------- wrapping ---- */

static int64_t verify_get(unsigned thread, unsigned order)
{
    int64_t page = verify.inner->get(thread, order);
    if (page != -1) {
        claim(page, (size_t)1 << order, (size_t)1 << order);
    }
    return page;
}

static void verify_put(unsigned thread, int64_t page, unsigned order)
{
    disclaim(page, (size_t)1 << order);
    verify.inner->put(thread, page, order);
}

static int64_t verify_get_run(unsigned thread, size_t pages)
{
    int64_t page = verify.inner->get_run(thread, pages);
    size_t alignment = 1;
    while (alignment < pages) {
        alignment *= 2;
    }
    if (page != -1) {
        claim(page, pages, alignment);
    }
    return page;
}

static void verify_put_run(unsigned thread, int64_t page, size_t pages)
{
    disclaim(page, pages);
    verify.inner->put_run(thread, page, pages);
}

/* The bulk functions don't say the order when they release; what is verified is remembered here:
 * such an allocator takes part in workloads of one order only. */
static atomic_uint bulk_order;

static size_t verify_get_bulk(unsigned thread, unsigned order, size_t count, int64_t out[])
{
    atomic_store(&bulk_order, order);
    size_t got = verify.inner->get_bulk(thread, order, count, out);
    for (size_t i = 0; i < got; i++) {
        claim(out[i], (size_t)1 << order, (size_t)1 << order);
    }
    return got;
}

static void verify_put_bulk(unsigned thread, size_t count, const int64_t in[])
{
    for (size_t i = 0; i < count; i++) {
        disclaim(in[i], (size_t)1 << atomic_load(&bulk_order));
    }
    verify.inner->put_bulk(thread, count, in);
}

static size_t map_bytes(void)
{
    return (verify.pages + WORD_PAGES - 1) / WORD_PAGES * sizeof(*verify.map);
}

const allocator *verify_wrap(const allocator *inner, size_t pages)
{
    verify.inner = inner;
    verify.pages = inner->kind == ALLOCATOR_HEAP ? (size_t)1 << HEAP_PAGE_BITS : pages;
    atomic_store(&verify.faults, 0);
    void *map = mmap(NULL, map_bytes(), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return NULL;
    }
    verify.map = map;
    verify.outer = *inner;
    verify.outer.get = verify_get;
    verify.outer.put = verify_put;
    verify.outer.get_run = inner->get_run != NULL ? verify_get_run : NULL;
    verify.outer.put_run = inner->put_run != NULL ? verify_put_run : NULL;
    verify.outer.get_bulk = inner->get_bulk != NULL ? verify_get_bulk : NULL;
    verify.outer.put_bulk = inner->put_bulk != NULL ? verify_put_bulk : NULL;
    return &verify.outer;
}

void verify_unwrap(void)
{
    munmap((void *)verify.map, map_bytes());
    verify.map = NULL;
}

uint64_t verify_faults(const char **first)
{
    *first = verify.first;
    return atomic_load(&verify.faults);
}

/* ------------------------------------------------------------------------------ at the end --- */

bool verify_at_end(const allocator *a, const cell *c)
{
    size_t blocks = c->pages >> END_ORDER;
    int64_t *pages = malloc(blocks * sizeof(*pages));
    if (a->kind != ALLOCATOR_RANGE || pages == NULL) {
        free(pages);
        return true;
    }
    if (a->check != NULL && !a->check()) {
        report("all is given back, but its own check fails", 0, c->pages);
    }
    size_t got = 0;
    while (got < blocks && (pages[got] = a->get(0, END_ORDER)) >= 0) {
        got++;
    }
    if (got < blocks) {
        report("all is given back, but not to be had in 2 MiB blocks; missing from", (int64_t)got,
               (blocks - got) << END_ORDER);
    }
    for (size_t i = 0; i < got; i++) {
        a->put(0, pages[i], END_ORDER);
    }
    free(pages);
    return got == blocks;
}
