/* SPDX-License-Identifier: MIT */
/*
 * See actor.h. The order of writes that keeps the log true: a page is marked, then noted, then the
 * call is over; it is noted GIVING, then the mark goes, then the call begins. Only the compiler has
 * to keep it: whoever reads the log of a stopped actor sees all stores that came before the stop.
 */
#include <string.h>

#include "actor.h"
#include "world.h"

size_t actor_log_size(size_t pages)
{
    return sizeof(actor_log) + pages;
}

/* -------------------------------------------------------------------------- complaints ---- */

void actor_complain(actor_complaints *complaints, const actor_complaint *complaint)
{
    unsigned i = atomic_fetch_add(&complaints->count, 1);
    if (i < ACTOR_COMPLAINTS) {
        complaints->list[i] = *complaint;
    }
}

static void complain(actor *a, const char *what, size_t page, size_t pages)
{
    actor_complain(a->complaints, &(actor_complaint){what, a->log->action, a->number, page, pages});
}

void actor_print_complaints(const actor_complaints *complaints)
{
    unsigned count = atomic_load(&complaints->count);
    for (unsigned i = 0; i < count && i < ACTOR_COMPLAINTS; i++) {
        const actor_complaint *c = &complaints->list[i];
        if (c->what) { /* else its author was stopped in between */
            print_error("actor %u: %s: %s: pages %zu to %zu\n", c->number,
                        c->action ? c->action : "", c->what, c->page, c->page + c->pages - 1);
        }
    }
}

void actor_print_log(const actor_log *log, size_t pages)
{
    static const char *const stages[] = {"idle after", "inside", "returned from"};
    static const char *const names[] = {"", "run", "hole", "giving"};
    print_error("log: %lu calls, %s %s: up to %zu of the %zu pages from %zu on\n",
                atomic_load(&log->calls), stages[atomic_load(&log->stage)],
                log->action ? log->action : "nothing", log->most, log->pages, log->first);
    for (size_t page = 0; page < pages;) {
        size_t end = page + 1;
        while (end < pages && log->notes[end] == log->notes[page]) {
            end++;
        }
        if (log->notes[page] != NOTE_NOTHING) {
            print_error("  pages %zu to %zu: %s\n", page, end - 1, names[log->notes[page]]);
        }
        page = end;
    }
}

/* ----------------------------------------------------------------------------- the log ---- */

static void set_stage(actor *a, enum actor_stage stage)
{
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&a->log->stage, (int)stage, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

/* A call begins that may get `most` of these pages. */
static void begin(actor *a, const char *action, size_t first, size_t pages, size_t most)
{
    a->log->action = action;
    a->log->first = first;
    a->log->pages = pages;
    a->log->most = most;
    atomic_fetch_add_explicit(&a->log->calls, 1, memory_order_relaxed);
    set_stage(a, STAGE_INSIDE);
}

static void begin_anywhere(actor *a, const char *action, size_t most)
{
    begin(a, action, 0, a->config->page_count, most);
}

/* A call begins that gets nothing. */
static void begin_giving(actor *a, const char *action)
{
    begin(a, action, 0, 0, 0);
}

static void returned(actor *a)
{
    set_stage(a, STAGE_RETURNED);
}

static void settle(actor *a)
{
    set_stage(a, STAGE_IDLE);
}

static void note(actor *a, size_t page, size_t pages, enum actor_note note)
{
    atomic_signal_fence(memory_order_seq_cst);
    memset(a->log->notes + page, (int)note, pages);
    atomic_signal_fence(memory_order_seq_cst);
}

/* --------------------------------------------------------------------------- ownership ---- */

static uintptr_t address_of(const actor *a, size_t page)
{
    return a->config->base + page * a->config->page_size;
}

static size_t page_of(const actor *a, uintptr_t address)
{
    return (address - a->config->base) / a->config->page_size;
}

static bool in_range(const actor *a, uintptr_t address, size_t pages)
{
    size_t count = a->config->page_count;
    return address >= a->config->base && address % a->config->page_size == 0 && pages <= count &&
           page_of(a, address) <= count - pages;
}

static void change_marks(actor *a, size_t page, size_t pages, unsigned char from, unsigned char to,
                         const char *what)
{
    unsigned char *marks = a->marks + page;
    if (marks[0] != from || memcmp(marks, marks + 1, pages - 1) != 0) {
        complain(a, what, page, pages);
    }
    memset(marks, to, pages);
}

static void own(actor *a, size_t page, size_t pages, enum actor_note what)
{
    change_marks(a, page, pages, 0, a->number, "overlap");
    note(a, page, pages, what);
    a->own += pages;
}

/* To be followed by the call, and by forget. */
static void give(actor *a, size_t page, size_t pages)
{
    note(a, page, pages, NOTE_GIVING);
    change_marks(a, page, pages, a->number, 0, "somebody else's mark on my pages");
    a->own -= pages;
}

static void forget(actor *a, size_t page, size_t pages)
{
    note(a, page, pages, NOTE_NOTHING);
}

static void add_item(actor *a, actor_item item)
{
    a->items[a->count++] = item;
}

static actor_item remove_item(actor *a, unsigned i)
{
    actor_item item = a->items[i];
    a->items[i] = a->items[--a->count];
    return item;
}

static actor_item pick(actor *a)
{
    return remove_item(a, (unsigned)random_below(&a->random, a->count));
}

/* A run that a call returned, or none. */
static void keep_run(actor *a, uintptr_t address, size_t pages)
{
    if (address == LFB_NONE) {
        return;
    }
    if (!in_range(a, address, pages)) {
        complain(a, "outside the range", 0, pages);
        return;
    }
    size_t page = page_of(a, address);
    own(a, page, pages, NOTE_RUN);
    if (lfb_size_of(a->lfb, address) != pages) {
        complain(a, "wrong size", page, pages);
    }
    add_item(a, (actor_item){ITEM_RUN, page, pages});
}

static void expect_ok(actor *a, lfb_status status, actor_item item)
{
    if (status != LFB_OK) {
        complain(a, lfb_status_name(status), item.page, item.pages);
    }
}

/* ---------------------------------------------------------------------------- allocate ---- */

static size_t any_length(actor *a)
{
    size_t most = a->run_most < a->config->page_count ? a->run_most : a->config->page_count;
    return 1 + random_skewed(&a->random, most);
}

static void do_alloc(actor *a)
{
    unsigned order = (unsigned)random_below(&a->random, a->order_most + 1);
    order = random_below(&a->random, 2) ? order : order / 3;
    size_t pages = (size_t)1 << order;
    begin_anywhere(a, "alloc", pages);
    uintptr_t address = lfb_alloc_on(a->lfb, a->lane, order);
    returned(a);
    keep_run(a, address, pages);
    settle(a);
}

static void do_alloc_run(actor *a)
{
    size_t pages = any_length(a);
    begin_anywhere(a, "alloc_run", pages);
    uintptr_t address = lfb_alloc_run_on(a->lfb, a->lane, pages);
    returned(a);
    keep_run(a, address, pages);
    settle(a);
}

static void do_alloc_within(actor *a)
{
    size_t pages = any_length(a);
    size_t low = random_below(&a->random, a->config->page_count);
    size_t high = low + random_below(&a->random, a->config->page_count - low + 1);
    begin(a, "alloc_within", low, high - low, pages);
    uintptr_t address =
        lfb_alloc_within_on(a->lfb, a->lane, pages, address_of(a, low), address_of(a, high));
    returned(a);
    if (address != LFB_NONE && (address < address_of(a, low) ||
                                address + pages * a->config->page_size > address_of(a, high))) {
        complain(a, "outside the window", low, high - low);
    }
    keep_run(a, address, pages);
    settle(a);
}

/* Pages at any place, or, half of the time, aligned so that a run can always be there. */
static actor_item any_place(actor *a)
{
    size_t pages = any_length(a);
    size_t first = a->config->base / a->config->page_size;
    size_t page = random_below(&a->random, a->config->page_count);
    if (random_below(&a->random, 2)) {
        size_t align = 1;
        while (align < pages) {
            align *= 2;
        }
        size_t aligned = (first + page) / align * align;
        page = aligned > first ? aligned - first : 0;
    }
    size_t room = a->config->page_count - page;
    return (actor_item){ITEM_RUN, page, pages < room ? pages : room};
}

static void do_alloc_at(actor *a)
{
    actor_item place = any_place(a);
    uintptr_t address = address_of(a, place.page);
    begin(a, "alloc_at", place.page, place.pages, place.pages);
    lfb_status status = lfb_alloc_at_on(a->lfb, a->lane, address, place.pages);
    returned(a);
    if (status == LFB_OK) {
        keep_run(a, address, place.pages);
    } else if (status != LFB_BUSY && status != LFB_INVALID_ARGUMENT) {
        complain(a, lfb_status_name(status), place.page, place.pages);
    }
    settle(a);
}

static void do_alloc_bulk(actor *a)
{
    uintptr_t out[ACTOR_ITEMS];
    unsigned order = (unsigned)random_below(&a->random, 4);
    size_t count = 1 + random_below(&a->random, ACTOR_ITEMS - a->count);
    size_t pages = (size_t)1 << order;
    begin_anywhere(a, "alloc_bulk", count * pages);
    size_t got = lfb_alloc_bulk_on(a->lfb, a->lane, order, count, out);
    returned(a);
    for (size_t i = 0; i < got; i++) {
        keep_run(a, out[i], pages);
    }
    settle(a);
}

static void do_hold(actor *a)
{
    actor_item place = any_place(a);
    begin(a, "hold_range", place.page, place.pages, place.pages);
    lfb_status status = lfb_hold_range_on(a->lfb, a->lane, address_of(a, place.page), place.pages);
    returned(a);
    if (status == LFB_OK) {
        own(a, place.page, place.pages, NOTE_HOLE);
        place.kind = ITEM_HOLE;
        add_item(a, place);
    } else if (status != LFB_BUSY) {
        complain(a, lfb_status_name(status), place.page, place.pages);
    }
    settle(a);
}

/* ----------------------------------------------------------------------------- release ---- */

/* Gives pages of an item away, all of them in one call. */
static void give_part(actor *a, actor_item part)
{
    uintptr_t address = address_of(a, part.page);
    lfb_status status;
    give(a, part.page, part.pages);
    if (part.kind == ITEM_HOLE) {
        begin_giving(a, "release_range");
        status = lfb_release_range_on(a->lfb, a->lane, address, part.pages);
    } else {
        begin_giving(a, "free_range");
        status = lfb_free_range_on(a->lfb, a->lane, address, part.pages);
    }
    returned(a);
    expect_ok(a, status, part);
    forget(a, part.page, part.pages);
    settle(a);
}

static void free_run(actor *a, actor_item run)
{
    uintptr_t address = address_of(a, run.page);
    lfb_status status;
    give(a, run.page, run.pages);
    if (random_below(&a->random, 2)) {
        begin_giving(a, "free");
        status = lfb_free_on(a->lfb, a->lane, address);
    } else {
        begin_giving(a, "free_sized");
        status = lfb_free_sized_on(a->lfb, a->lane, address, run.pages);
    }
    returned(a);
    expect_ok(a, status, run);
    forget(a, run.page, run.pages);
    settle(a);
}

static void give_item(actor *a, actor_item item)
{
    if (item.kind == ITEM_RUN) {
        free_run(a, item);
    } else {
        give_part(a, item);
    }
}

static void do_free(actor *a)
{
    give_item(a, pick(a));
}

static void do_free_bulk(actor *a)
{
    uintptr_t in[ACTOR_ITEMS];
    actor_item items[ACTOR_ITEMS];
    size_t most = 1 + random_below(&a->random, a->count);
    size_t count = 0;
    for (unsigned i = a->count; i-- > 0 && count < most;) {
        if (a->items[i].kind == ITEM_RUN) {
            items[count] = remove_item(a, i);
            in[count] = address_of(a, items[count].page);
            give(a, items[count].page, items[count].pages);
            count++;
        }
    }
    begin_giving(a, "free_bulk");
    size_t done = lfb_free_bulk_on(a->lfb, a->lane, count, in);
    returned(a);
    if (done != count) {
        complain(a, "bulk release refused", items[done].page, items[done].pages);
    }
    for (size_t i = 0; i < count; i++) {
        forget(a, items[i].page, items[i].pages);
    }
    settle(a);
}

/* Cuts a part out of a run or a hole. What is behind it may be several runs from now on. */
static void do_cut(actor *a)
{
    actor_item item = pick(a);
    actor_item before = item;
    actor_item part = item;
    actor_item behind = item;
    before.pages = random_below(&a->random, item.pages);
    part.page += before.pages;
    part.pages = 1 + random_below(&a->random, item.pages - before.pages);
    behind.page = part.page + part.pages;
    behind.pages = item.pages - before.pages - part.pages;
    if (behind.kind == ITEM_RUN) {
        behind.kind = ITEM_PIECES;
    }
    give_part(a, part);
    if (before.pages) {
        if (before.kind == ITEM_RUN &&
            lfb_size_of(a->lfb, address_of(a, before.page)) != before.pages) {
            complain(a, "wrong size after a cut", before.page, before.pages);
        }
        add_item(a, before);
    }
    if (behind.pages && a->count < ACTOR_ITEMS) {
        add_item(a, behind);
    } else if (behind.pages) {
        give_part(a, behind);
    }
}

/* ------------------------------------------------------------------------------ change ---- */

static void shrink(actor *a, actor_item run, size_t pages)
{
    actor_item rest = {ITEM_PIECES, run.page + pages, run.pages - pages};
    give(a, rest.page, rest.pages);
    begin_giving(a, "resize");
    lfb_status status = lfb_resize_on(a->lfb, a->lane, address_of(a, run.page), pages);
    returned(a);
    expect_ok(a, status, run);
    forget(a, rest.page, rest.pages);
    settle(a);
    add_item(a, (actor_item){ITEM_RUN, run.page, pages});
}

static void grow(actor *a, actor_item run, size_t pages)
{
    actor_item more = {ITEM_RUN, run.page + run.pages, pages - run.pages};
    begin(a, "resize", more.page, more.pages, more.pages);
    lfb_status status = lfb_resize_on(a->lfb, a->lane, address_of(a, run.page), pages);
    returned(a);
    if (status == LFB_OK && more.pages) {
        if (in_range(a, address_of(a, run.page), pages)) {
            own(a, more.page, more.pages, NOTE_RUN);
            run.pages = pages;
        } else {
            complain(a, "grown out of the range", run.page, pages);
        }
    } else if (status != LFB_OK && status != LFB_BUSY && status != LFB_INVALID_ARGUMENT) {
        complain(a, lfb_status_name(status), run.page, run.pages);
    }
    settle(a);
    add_item(a, run);
}

static void do_resize(actor *a)
{
    actor_item run = pick(a);
    if (run.kind != ITEM_RUN) {
        add_item(a, run);
        return;
    }
    if (run.pages > 1 && random_below(&a->random, 2)) {
        shrink(a, run, 1 + random_below(&a->random, run.pages - 1));
    } else {
        grow(a, run, run.pages + random_skewed(&a->random, a->run_most / 4 + 2));
    }
    actor_item now = a->items[a->count - 1];
    if (lfb_size_of(a->lfb, address_of(a, now.page)) != now.pages) {
        complain(a, "wrong size after a change", now.page, now.pages);
    }
}

/* ---------------------------------------------------------------------- look, maintain ---- */

/* Looks at a run of its own, which nobody changes meanwhile; calls that must be refused. */
static void do_look(actor *a)
{
    actor_item item = a->items[random_below(&a->random, a->count)];
    uintptr_t address = address_of(a, item.page);
    lfb_extent extent;
    begin_giving(a, "look");
    if (item.kind == ITEM_RUN) {
        size_t any = random_below(&a->random, item.pages);
        if (lfb_find(a->lfb, address_of(a, item.page + any), &extent) != LFB_OK ||
            extent.kind != LFB_EXTENT_RUN || extent.address != address ||
            extent.pages != item.pages) {
            complain(a, "not found as it is", item.page, item.pages);
        }
        if (lfb_free_sized_on(a->lfb, a->lane, address, item.pages + 1) != LFB_SIZE_MISMATCH) {
            complain(a, "a wrong size was accepted", item.page, item.pages);
        }
    } else if (item.kind == ITEM_HOLE &&
               lfb_free_on(a->lfb, a->lane, address) != LFB_NOT_ALLOCATED) {
        complain(a, "released out of a hole", item.page, item.pages);
    }
    returned(a);
    settle(a);
}

static void do_drain(actor *a)
{
    if (random_below(&a->random, 8) == 0) {
        begin_giving(a, "drain");
        lfb_drain(a->lfb);
        returned(a);
        settle(a);
    }
}

/* ------------------------------------------------------------------------------ choice ---- */

void actor_step(actor *a)
{
    static void (*const take[])(actor *) = {
        do_alloc,    do_alloc,      do_alloc, do_alloc_run, do_alloc_run, do_alloc_within,
        do_alloc_at, do_alloc_bulk, do_hold,  do_hold,      do_drain,
    };
    static void (*const release[])(actor *) = {
        do_free,      do_free,   do_free,   do_free, do_free, do_free,
        do_free_bulk, do_resize, do_resize, do_cut,  do_cut,  do_look,
    };
    bool full = a->count == ACTOR_ITEMS || a->own > a->own_most;
    if (a->count == 0 || (!full && random_below(&a->random, 2))) {
        take[random_below(&a->random, sizeof(take) / sizeof(*take))](a);
    } else {
        release[random_below(&a->random, sizeof(release) / sizeof(*release))](a);
    }
}

void actor_release_all(actor *a)
{
    while (a->count) {
        give_item(a, pick(a));
    }
}
