/* SPDX-License-Identifier: MIT */
#include "calls.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

enum { BULK_MOST = 40 };

_Static_assert(2 * LFB_MAX_LEVELS + 2 <= GUARD_PARTS, "words and hints of each level, rooms, ...");

static const char outside[] = "an address outside the range";
static const char misaligned[] = "an address that isn't aligned";

static void add_part(guard *g, unsigned index, const void *at, size_t size)
{
    g->parts[index].at = at;
    g->parts[index].size = size;
}

caller caller_of(lfb_t *lfb, bytes *choices)
{
    caller c = {.lfb = lfb, .choices = choices};
    unsigned parts = 0;
    for (unsigned level = 0; level <= lfb->top; level++) {
        size_t count = lfb->levels[level].count;
        add_part(&c.guard, parts++, lfb->levels[level].words,
                 lfb_word_place(level, count) * sizeof(lfb_atomic));
        if (level > 0) {
            size_t words = (count + BYTES_PER_WORD - 1) / BYTES_PER_WORD;
            add_part(&c.guard, parts++, lfb->levels[level].hints, words * sizeof(lfb_atomic));
        }
    }
    if (lfb->top > 0) {
        size_t words = (lfb->levels[1].count + BYTES_PER_WORD - 1) / BYTES_PER_WORD;
        add_part(&c.guard, parts++, lfb->rooms, words * sizeof(lfb_atomic));
    }
    add_part(&c.guard, parts++, lfb->shared, sizeof(lfb_shared));
    add_part(&c.guard, parts, lfb->lanes, lfb->lane_count * (size_t)LANE_SIZE);
    return c;
}

/* ------------------------------------------------------------------------------ arguments ---- */

static void say(caller *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(caller *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->text, sizeof(c->text), format, arguments);
    va_end(arguments);
}

static uintptr_t pages_in_range(const lfb_t *lfb)
{
    return lfb->end_page - lfb->first_page;
}

static unsigned any_lane(caller *c)
{
    return (unsigned)bytes_below(c->choices, c->lfb->lane_count + 2); /* some don't exist */
}

static unsigned any_order(caller *c)
{
    return (unsigned)bytes_below(c->choices, c->lfb->max_order + 2);
}

static uintptr_t any_page(caller *c)
{
    return c->lfb->first_page + (uintptr_t)bytes_below(c->choices, pages_in_range(c->lfb));
}

/* An address, mostly that of a page; mostly, if one is near, of a page where a run starts. */
static uintptr_t any_run(caller *c)
{
    const lfb_t *lfb = c->lfb;
    uintptr_t page = any_page(c);
    unsigned choice = (unsigned)bytes_below(c->choices, 16);
    if (choice == 0) {
        return (page << lfb->page_shift) + 1;
    }
    for (uintptr_t near = page; choice > 3 && near < lfb->end_page && near - page < 64; near++) {
        if (lfb_size_of(lfb, near << lfb->page_shift)) {
            return near << lfb->page_shift;
        }
    }
    return page << lfb->page_shift;
}

static size_t any_length(caller *c)
{
    return (size_t)bytes_skewed(c->choices, pages_in_range(c->lfb) + 2);
}

/* ------------------------------------------------------------------------------- verdicts ---- */

/* `order`: the alignment, in pages. */
static const char *judge_run(const lfb_t *lfb, uintptr_t address, uintptr_t pages, unsigned order)
{
    uintptr_t page = address >> lfb->page_shift;
    if (page << lfb->page_shift != address || page & (((uintptr_t)1 << order) - 1)) {
        return misaligned;
    }
    bool fits = page >= lfb->first_page && page < lfb->end_page && pages <= lfb->end_page - page;
    return fits ? NULL : outside;
}

static unsigned ceiling_order(uintptr_t pages)
{
    unsigned order = 0;
    while ((uintptr_t)1 << order < pages) {
        order++;
    }
    return order;
}

static const char *judge_extent(const lfb_t *lfb, const lfb_extent *extent)
{
    if (extent->pages == 0) {
        return "an extent of no pages";
    }
    bool block = extent->kind == LFB_EXTENT_FREE;
    return judge_run(lfb, extent->address, extent->pages, block ? ceiling_order(extent->pages) : 0);
}

static const char *judge_status(lfb_status status)
{
    return (unsigned)status > LFB_NO_MEMORY ? "no status" : NULL;
}

static const char *judge_stats(const lfb_t *lfb, const lfb_stats *stats)
{
    size_t blocks = 0;
    for (unsigned order = 0; order <= LFB_MAX_ORDER; order++) {
        blocks += stats->free_blocks[order] << order;
    }
    bool fine =
        stats->total_pages == pages_in_range(lfb) && blocks == stats->free_pages &&
        stats->free_pages + stats->allocated_pages + stats->held_pages == stats->total_pages &&
        stats->runs <= stats->allocated_pages;
    return fine ? NULL : "statistics that don't add up";
}

/* --------------------------------------------------------------------------------- calls ---- */

static const char *call_alloc(caller *c)
{
    unsigned order = any_order(c);
    unsigned lane = any_lane(c);
    say(c, "lfb_alloc_on(lane %u, order %u)", lane, order);
    uintptr_t address = lfb_alloc_on(c->lfb, lane, order);
    return address == LFB_NONE ? NULL : judge_run(c->lfb, address, (uintptr_t)1 << order, order);
}

static const char *call_alloc_run(caller *c)
{
    size_t pages = any_length(c);
    unsigned lane = any_lane(c);
    say(c, "lfb_alloc_run_on(lane %u, %zu pages)", lane, pages);
    uintptr_t address = lfb_alloc_run_on(c->lfb, lane, pages);
    return address == LFB_NONE ? NULL : judge_run(c->lfb, address, pages, ceiling_order(pages));
}

static const char *call_alloc_within(caller *c)
{
    const lfb_t *lfb = c->lfb;
    size_t pages = any_length(c);
    unsigned lane = any_lane(c);
    uintptr_t low = any_page(c) << lfb->page_shift;
    uintptr_t high = any_page(c) << lfb->page_shift;
    say(c, "lfb_alloc_within_on(lane %u, %zu pages, %#jx, %#jx)", lane, pages, (uintmax_t)low,
        (uintmax_t)high);
    uintptr_t address = lfb_alloc_within_on(c->lfb, lane, pages, low, high);
    if (address == LFB_NONE) {
        return NULL;
    }
    bool inside = address >= low && address < high && pages <= (high - address) >> lfb->page_shift;
    return inside ? judge_run(lfb, address, pages, ceiling_order(pages)) : outside;
}

static const char *call_alloc_at(caller *c)
{
    uintptr_t address = any_page(c) << c->lfb->page_shift;
    size_t pages = any_length(c);
    unsigned lane = any_lane(c);
    say(c, "lfb_alloc_at_on(lane %u, %#jx, %zu pages)", lane, (uintmax_t)address, pages);
    return judge_status(lfb_alloc_at_on(c->lfb, lane, address, pages));
}

static const char *call_alloc_bulk(caller *c)
{
    uintptr_t out[BULK_MOST];
    unsigned order = any_order(c);
    size_t count = bytes_below(c->choices, BULK_MOST + 1);
    unsigned lane = any_lane(c);
    say(c, "lfb_alloc_bulk_on(lane %u, order %u, %zu)", lane, order, count);
    size_t got = lfb_alloc_bulk_on(c->lfb, lane, order, count, out);
    if (got > count) {
        return "more blocks than asked for";
    }
    for (size_t i = 0; i < got; i++) {
        const char *wrong = judge_run(c->lfb, out[i], (uintptr_t)1 << order, order);
        if (wrong) {
            return wrong;
        }
    }
    return NULL;
}

static const char *call_free(caller *c)
{
    uintptr_t address = any_run(c);
    unsigned lane = any_lane(c);
    say(c, "lfb_free_on(lane %u, %#jx)", lane, (uintmax_t)address);
    return judge_status(lfb_free_on(c->lfb, lane, address));
}

static const char *call_free_sized(caller *c)
{
    uintptr_t address = any_run(c);
    size_t pages = lfb_size_of(c->lfb, address);
    pages = bytes_below(c->choices, 4) ? pages : any_length(c);
    unsigned lane = any_lane(c);
    say(c, "lfb_free_sized_on(lane %u, %#jx, %zu pages)", lane, (uintmax_t)address, pages);
    return judge_status(lfb_free_sized_on(c->lfb, lane, address, pages));
}

static const char *call_free_bulk(caller *c)
{
    uintptr_t in[BULK_MOST];
    size_t count = 0;
    size_t most = bytes_below(c->choices, BULK_MOST + 1);
    uintptr_t page = any_page(c);
    for (; page < c->lfb->end_page && count < most; page++) {
        uintptr_t address = page << c->lfb->page_shift;
        if (lfb_size_of(c->lfb, address)) {
            in[count++] = address;
        }
    }
    unsigned lane = any_lane(c);
    say(c, "lfb_free_bulk_on(lane %u, %zu runs from %#jx on)", lane, count,
        (uintmax_t)(count ? in[0] : 0));
    return lfb_free_bulk_on(c->lfb, lane, count, in) <= count ? NULL : "more than there were";
}

static const char *call_free_range(caller *c)
{
    uintptr_t address = any_run(c);
    size_t pages = any_length(c);
    unsigned lane = any_lane(c);
    say(c, "lfb_free_range_on(lane %u, %#jx, %zu pages)", lane, (uintmax_t)address, pages);
    return judge_status(lfb_free_range_on(c->lfb, lane, address, pages));
}

static const char *call_resize(caller *c)
{
    uintptr_t address = any_run(c);
    size_t pages = any_length(c);
    unsigned lane = any_lane(c);
    say(c, "lfb_resize_on(lane %u, %#jx, %zu pages)", lane, (uintmax_t)address, pages);
    return judge_status(lfb_resize_on(c->lfb, lane, address, pages));
}

static const char *call_hold_range(caller *c)
{
    uintptr_t address = any_page(c) << c->lfb->page_shift;
    size_t pages = any_length(c);
    unsigned lane = any_lane(c);
    say(c, "lfb_hold_range_on(lane %u, %#jx, %zu pages)", lane, (uintmax_t)address, pages);
    return judge_status(lfb_hold_range_on(c->lfb, lane, address, pages));
}

static const char *call_release_range(caller *c)
{
    const lfb_t *lfb = c->lfb;
    uintptr_t page = any_page(c);
    size_t pages = any_length(c);
    /* Mostly all that is out of use there. */
    lfb_extent extent = {0};
    if (bytes_below(c->choices, 4) && lfb_find(lfb, page << lfb->page_shift, &extent) == LFB_OK &&
        extent.kind == LFB_EXTENT_HELD) {
        page = extent.address >> lfb->page_shift;
        pages = extent.pages;
    }
    unsigned lane = any_lane(c);
    say(c, "lfb_release_range_on(lane %u, %#jx, %zu pages)", lane,
        (uintmax_t)(page << lfb->page_shift), pages);
    return judge_status(lfb_release_range_on(c->lfb, lane, page << lfb->page_shift, pages));
}

static const char *call_size_of(caller *c)
{
    uintptr_t address = any_run(c);
    say(c, "lfb_size_of(%#jx)", (uintmax_t)address);
    size_t pages = lfb_size_of(c->lfb, address);
    return pages ? judge_run(c->lfb, address, pages, 0) : NULL;
}

static const char *call_find(caller *c)
{
    const lfb_t *lfb = c->lfb;
    uintptr_t address = any_page(c) << lfb->page_shift;
    lfb_extent extent;
    say(c, "lfb_find(%#jx)", (uintmax_t)address);
    if (lfb_find(lfb, address, &extent) != LFB_OK) {
        return "a refusal";
    }
    const char *wrong = judge_extent(lfb, &extent);
    if (!wrong && (extent.address > address ||
                   (address - extent.address) >> lfb->page_shift >= extent.pages)) {
        wrong = "an extent somewhere else";
    }
    return wrong;
}

static const char *call_stats(caller *c)
{
    lfb_stats stats;
    say(c, "lfb_get_stats()");
    lfb_get_stats(c->lfb, &stats);
    return judge_stats(c->lfb, &stats);
}

typedef struct walker {
    const lfb_t *lfb;
    uintptr_t page; /* that the next extent begins with */
    const char *wrong;
} walker;

static bool walk_extent(void *context, const lfb_extent *extent)
{
    walker *w = context;
    w->wrong = judge_extent(w->lfb, extent);
    if (!w->wrong && extent->address >> w->lfb->page_shift != w->page) {
        w->wrong = "an extent that doesn't follow the one before";
    }
    w->page += extent->pages;
    return !w->wrong;
}

static const char *call_walk(caller *c)
{
    say(c, "lfb_walk()");
    walker w = {c->lfb, c->lfb->first_page, NULL};
    if (lfb_walk(c->lfb, walk_extent, &w) != LFB_OK) {
        return "a refusal";
    }
    return !w.wrong && w.page != c->lfb->end_page ? "pages left out" : w.wrong;
}

static const char *call_drain(caller *c)
{
    say(c, "lfb_drain()");
    lfb_drain(c->lfb);
    return NULL;
}

static const char *call_check(caller *c)
{
    lfb_report report;
    say(c, "lfb_check()");
    lfb_status status = lfb_check(c->lfb, &report);
    if (status != (report.faults ? LFB_DAMAGED : LFB_OK) || !report.first_fault != !report.faults ||
        report.fault_level > c->lfb->top) {
        return "a report that contradicts itself";
    }
    return judge_stats(c->lfb, &report.stats);
}

/* ------------------------------------------------------------------------------ one call ---- */

/*
 * The most accesses that a call needs: it may look at every page of the range by its own word, on
 * every level, a few times over, for each block that it is asked for.
 */
static unsigned long most_accesses(const lfb_t *lfb, bool bulk)
{
    unsigned long words = 64;
    for (unsigned level = 0; level <= lfb->top; level++) {
        words += (unsigned long)lfb->levels[level].count;
    }
    words += (unsigned long)pages_in_range(lfb);
    return 8 * words * (lfb->top + 1) * (bulk ? BULK_MOST : 1);
}

const char *call_make(caller *c, unsigned kind, unsigned long patience)
{
    static const char *(*const calls[CALL_KINDS])(caller *) = {
        call_alloc,      call_alloc_run,     call_alloc_within, call_alloc_at,   call_alloc_bulk,
        call_free,       call_free_sized,    call_free_bulk,    call_free_range, call_resize,
        call_hold_range, call_release_range, call_size_of,      call_find,       call_stats,
        call_walk,       call_drain,         call_check,
    };
    bool bulk = calls[kind] == call_alloc_bulk || calls[kind] == call_free_bulk;
    unsigned long most = most_accesses(c->lfb, bulk) * patience;
    strcpy(c->text, "the choice of arguments");
    c->guard.broken = NULL;
    c->guard.left = most;
    if (setjmp(c->guard.escape)) {
        return c->guard.broken;
    }
    guard_watch(&c->guard);
    const char *wrong = calls[kind](c);
    guard_watch(NULL);
    c->accesses = most - c->guard.left;
    unsigned long part = c->accesses * 1000 / most;
    c->most = part > c->most ? part : c->most;
    return wrong;
}

void call_must_be_right(const caller *c, const char *wrong)
{
    if (wrong) {
        fprintf(stderr, "%s: %s\n", c->text, wrong);
        abort();
    }
}
