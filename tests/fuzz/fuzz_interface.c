/* SPDX-License-Identifier: MIT */
/*
 * Public calls of every kind, good and bad, on an allocator of any configuration, each answer
 * compared with the sequential oracle and with what the header says. The input's bytes are the
 * configuration, then one call after another. After each call the checker finds nothing, and a walk
 * sees what the oracle knows. A release that is refused, and a call that only looks, leaves the
 * metadata as it was, bit for bit.
 *
 * Where two statuses hold at once the header doesn't say which is returned, but for one thing: an
 * argument that could never be right is told before anything about the state.
 */
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "oracle.h"
#include "world.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGES_MOST = 700, BULK_MOST = 70, OFFSETS = 8 };

typedef struct trial {
    world w;
    oracle o;
    bytes in;
    unsigned lane; /* what the callback answers */
    bool on;       /* the next call is told its lane */
} trial;

/* Either variant of a function. */
#define CALL(t, name, ...)                                                                         \
    ((t)->on ? name##_on(&(t)->w.lfb, (t)->lane, __VA_ARGS__) : name(&(t)->w.lfb, __VA_ARGS__))

static unsigned lane_of(void *context)
{
    return *(unsigned *)context;
}

/* ------------------------------------------------------------------------------- statuses ---- */

/* A set of statuses, any of which may be returned. */
typedef unsigned statuses;

static statuses when(bool holds, lfb_status status)
{
    return holds ? 1U << status : 0;
}

static void expect(lfb_status status, statuses allowed)
{
    if ((unsigned)status > LFB_NO_MEMORY || !(allowed >> status & 1)) {
        print_error("status: %s, allowed: %#x\n", lfb_status_name(status), allowed);
        fail();
    }
}

/* ------------------------------------------------------------------------------ arguments ---- */

static size_t page_size(const trial *t)
{
    return t->w.config.page_size;
}

/* An address, and what it is: a page of the range, perhaps not its first byte; or no page. */
typedef struct place {
    uintptr_t address;
    size_t page;
    bool in_range;
    bool aligned;
} place;

static place place_of(const trial *t, uintptr_t address)
{
    uintptr_t offset = address - t->w.config.base;
    bool in_range = address >= t->w.config.base && offset / page_size(t) < t->o.count;
    return (place){address, offset / page_size(t), in_range, offset % page_size(t) == 0};
}

static statuses bad_place(const place *p)
{
    return when(!p->in_range, LFB_OUT_OF_RANGE) | when(!p->aligned, LFB_INVALID_ARGUMENT);
}

static size_t next_start(const trial *t, size_t page)
{
    for (size_t i = page; i < t->o.count; i++) {
        if (oracle_is_start(&t->o, i)) {
            return i;
        }
    }
    return page;
}

/* Mostly the start of a run; any page, any byte, any number as well. */
static place any_place(trial *t)
{
    unsigned kind = (unsigned)bytes_below(&t->in, 16);
    if (kind == 0) {
        return place_of(t, (uintptr_t)bytes_number(&t->in, sizeof(uintptr_t)));
    }
    size_t page = bytes_below(&t->in, t->o.count + 2);
    if (kind < 8) {
        page = next_start(t, page);
    }
    /* Two pages further than the range: the addresses before it as well. */
    uintptr_t address = page <= t->o.count ? world_page(&t->w, page) : world_page(&t->w, 0) - 1;
    return place_of(t, address + (kind == 8 ? bytes_below(&t->in, page_size(t)) : 0));
}

static place any_page(trial *t)
{
    return place_of(t, world_page(&t->w, bytes_below(&t->in, t->o.count)));
}

/* A length: sensible, 0, too long, or absurd. */
static size_t any_length(trial *t)
{
    unsigned kind = (unsigned)bytes_below(&t->in, 32);
    return kind == 0 ? (size_t)bytes_number(&t->in, sizeof(size_t))
                     : (size_t)bytes_skewed(&t->in, t->o.count + 2);
}

static statuses bad_range(const trial *t, const place *p, size_t pages)
{
    return bad_place(p) | when(pages == 0, LFB_INVALID_ARGUMENT) |
           when(p->in_range && pages > t->o.count - p->page, LFB_OUT_OF_RANGE);
}

/* Whether it lies in a leaf, or starts at a slot of the lowest node that covers it. */
static bool can_be_run(const trial *t, size_t page, size_t pages)
{
    size_t first = t->o.first + page;
    size_t last = first + pages - 1;
    unsigned slot_order = 0;
    unsigned order = LFB_LEAF_ORDER;
    for (unsigned level = 0; first >> order != last >> order; level++) {
        if (level == t->w.lfb.top) {
            return false;
        }
        slot_order = order;
        order += LFB_NODE_ORDER;
    }
    return first % ((size_t)1 << slot_order) == 0;
}

static statuses bad_run(const trial *t, const place *p)
{
    if (bad_place(p)) {
        return bad_place(p);
    }
    return when(t->o.pages[p->page] <= 0, LFB_NOT_ALLOCATED) |
           when(t->o.pages[p->page] > 0 && !oracle_is_start(&t->o, p->page), LFB_NOT_START);
}

/* ------------------------------------------------------------------------------- allocate ---- */

/* The run that an allocation returned. */
static void accept_run(trial *t, uintptr_t address, size_t pages, size_t low, size_t high)
{
    if (address == LFB_NONE) {
        assert_false(pages > 0 && oracle_has_room(&t->o, pages, low, high));
        return;
    }
    place p = place_of(t, address);
    assert_true(p.in_range && p.aligned && pages > 0);
    assert_true(p.page >= low && p.page < high && pages <= high - p.page);
    assert_int_equal((t->o.first + p.page) % ((size_t)1 << oracle_ceiling_order(pages)), 0);
    assert_true(oracle_is(&t->o, p.page, pages, ORACLE_FREE));
    oracle_add_run(&t->o, p.page, pages);
}

/* Mostly one that may be asked for; any number as well. */
static unsigned any_order(trial *t)
{
    unsigned order = (unsigned)bytes_below(&t->in, t->w.config.max_order + 3);
    return order == t->w.config.max_order + 2 ? (unsigned)bytes_number(&t->in, 4) : order;
}

static void try_alloc(trial *t)
{
    unsigned order = any_order(t);
    uintptr_t address = CALL(t, lfb_alloc, order);
    if (order > t->w.config.max_order) {
        assert_true(address == LFB_NONE);
        return;
    }
    accept_run(t, address, (size_t)1 << order, 0, t->o.count);
}

/* More than an oracle can be asked about. */
static bool is_absurd(const trial *t, size_t pages)
{
    return pages > t->o.count;
}

static void try_alloc_run(trial *t)
{
    size_t pages = any_length(t);
    uintptr_t address = CALL(t, lfb_alloc_run, pages);
    if (is_absurd(t, pages)) {
        assert_true(address == LFB_NONE);
        return;
    }
    accept_run(t, address, pages, 0, t->o.count);
}

/* The first page that begins at the address or behind it, and lies in the range; or its end. */
static size_t page_from(const trial *t, uintptr_t address)
{
    if (address <= t->w.config.base) {
        return 0;
    }
    uintptr_t offset = address - t->w.config.base;
    uintptr_t page = offset / page_size(t) + (offset % page_size(t) != 0);
    return page < t->o.count ? page : t->o.count;
}

static size_t page_before(const trial *t, uintptr_t address)
{
    if (address == LFB_NONE) {
        return t->o.count;
    }
    if (address < t->w.config.base) {
        return 0;
    }
    uintptr_t page = (address - t->w.config.base) / page_size(t);
    return page < t->o.count ? page : t->o.count;
}

static void try_alloc_within(trial *t)
{
    size_t pages = any_length(t);
    uintptr_t low = any_place(t).address;
    uintptr_t high = bytes_below(&t->in, 4) ? any_place(t).address : LFB_NONE;
    uintptr_t address = CALL(t, lfb_alloc_within, pages, low, high);
    if (is_absurd(t, pages)) {
        assert_true(address == LFB_NONE);
        return;
    }
    size_t first = page_from(t, low);
    size_t end = page_before(t, high);
    accept_run(t, address, pages, first, end > first ? end : first);
}

static void try_alloc_at(trial *t)
{
    place p = any_place(t);
    size_t pages = any_length(t);
    lfb_status status = CALL(t, lfb_alloc_at, p.address, pages);
    statuses allowed = bad_range(t, &p, pages);
    if (!allowed) {
        allowed = !can_be_run(t, p.page, pages)                  ? when(true, LFB_INVALID_ARGUMENT)
                  : oracle_is(&t->o, p.page, pages, ORACLE_FREE) ? when(true, LFB_OK)
                                                                 : when(true, LFB_BUSY);
    }
    expect(status, allowed);
    if (status == LFB_OK) {
        oracle_add_run(&t->o, p.page, pages);
    }
}

static void try_alloc_bulk(trial *t)
{
    uintptr_t out[BULK_MOST + 1];
    unsigned order = any_order(t);
    size_t count = bytes_below(&t->in, BULK_MOST + 1);
    out[count] = 12345; /* not to be written */
    size_t got = CALL(t, lfb_alloc_bulk, order, count, out);
    assert_in_range(got, 0, count);
    assert_int_equal(out[count], 12345);
    if (order > t->w.config.max_order) {
        assert_int_equal(got, 0);
        return;
    }
    for (size_t i = 0; i < got; i++) {
        assert_true(out[i] != LFB_NONE);
        accept_run(t, out[i], (size_t)1 << order, 0, t->o.count);
    }
    if (got < count) {
        accept_run(t, LFB_NONE, (size_t)1 << order, 0, t->o.count);
    }
    assert_int_equal(CALL(t, lfb_alloc_bulk, order, 0, NULL), 0);
}

/* -------------------------------------------------------------------------------- release ---- */

static void free_in_oracle(trial *t, size_t page)
{
    oracle_set(&t->o, page, oracle_run_pages(&t->o, page), ORACLE_FREE);
}

static void unchanged_unless(trial *t, lfb_status status)
{
    if (status != LFB_OK) {
        world_assert_unchanged(&t->w);
    }
}

static void try_free(trial *t)
{
    place p = any_place(t);
    lfb_status status = CALL(t, lfb_free, p.address);
    statuses bad = bad_run(t, &p);
    expect(status, bad ? bad : when(true, LFB_OK));
    unchanged_unless(t, status);
    if (status == LFB_OK) {
        free_in_oracle(t, p.page);
        /* And once more. */
        world_remember(&t->w);
        expect(CALL(t, lfb_free, p.address), when(true, LFB_NOT_ALLOCATED));
        world_assert_unchanged(&t->w);
    }
}

static void try_free_sized(trial *t)
{
    place p = any_place(t);
    bool right = bytes_below(&t->in, 4) > 0 && p.in_range && t->o.pages[p.page] > 0;
    size_t pages = right ? oracle_run_pages(&t->o, p.page) : any_length(t);
    lfb_status status = CALL(t, lfb_free_sized, p.address, pages);
    statuses bad = bad_place(&p) | when(pages == 0, LFB_INVALID_ARGUMENT);
    bad = bad ? bad : bad_run(t, &p);
    if (!bad && pages != oracle_run_pages(&t->o, p.page)) {
        bad = when(true, LFB_SIZE_MISMATCH);
    }
    expect(status, bad ? bad : when(true, LFB_OK));
    unchanged_unless(t, status);
    if (status == LFB_OK) {
        free_in_oracle(t, p.page);
    }
}

/* Some runs that follow each other, with any places between them, once freed ones too. */
static void try_free_bulk(trial *t)
{
    uintptr_t in[BULK_MOST];
    size_t count = bytes_below(&t->in, BULK_MOST + 1);
    unsigned wrong_one_in = 2 + (unsigned)bytes_below(&t->in, 64);
    size_t page = bytes_below(&t->in, t->o.count);
    for (size_t i = 0; i < count; i++) {
        page = next_start(t, page);
        in[i] = world_page(&t->w, page);
        if (i % wrong_one_in == wrong_one_in - 1) {
            in[i] = any_place(t).address;
        }
        page += page + 1 < t->o.count;
    }
    size_t done = CALL(t, lfb_free_bulk, count, in);
    assert_in_range(done, 0, count);
    for (size_t i = 0; i < done; i++) {
        place p = place_of(t, in[i]);
        assert_int_equal(bad_run(t, &p), 0);
        free_in_oracle(t, p.page);
    }
    if (done < count) {
        place p = place_of(t, in[done]);
        assert_int_not_equal(bad_run(t, &p), 0);
    }
    if (done == 0) {
        world_assert_unchanged(&t->w);
    }
    assert_int_equal(CALL(t, lfb_free_bulk, 0, NULL), 0);
}

/* What a cut left of a run behind `page`: one run or several, which the allocator names. */
static void learn_rest(trial *t, size_t page, long run)
{
    while (page < t->o.count && t->o.pages[page] == run) {
        size_t pages = lfb_size_of(&t->w.lfb, world_page(&t->w, page));
        assert_in_range(pages, 1, t->o.count - page);
        assert_true(oracle_is(&t->o, page, pages, run));
        oracle_add_run(&t->o, page, pages);
        page += pages;
    }
}

static void try_free_range(trial *t)
{
    place p = any_place(t);
    p = bytes_below(&t->in, 4) && p.in_range && p.aligned ? any_page(t) : p;
    size_t pages = any_length(t);
    lfb_status status = CALL(t, lfb_free_range, p.address, pages);
    statuses bad = bad_range(t, &p, pages);
    if (!bad) {
        bad = when(!oracle_is_allocated(&t->o, p.page, pages), LFB_NOT_ALLOCATED);
    }
    expect(status, bad ? bad : when(true, LFB_OK));
    unchanged_unless(t, status);
    if (status == LFB_OK) {
        long last = t->o.pages[p.page + pages - 1];
        oracle_set(&t->o, p.page, pages, ORACLE_FREE);
        learn_rest(t, p.page + pages, last);
    }
}

/* --------------------------------------------------------------------------------- change ---- */

static statuses bad_growth(const trial *t, size_t page, size_t old, size_t pages)
{
    bool outside = pages > t->o.count - page;
    bool never = !outside && !can_be_run(t, page, pages);
    if (outside || never) {
        /* Of a length that leaves the range both may be said. */
        return when(outside, LFB_BUSY) | when(true, LFB_INVALID_ARGUMENT);
    }
    return when(!oracle_is(&t->o, page + old, pages - old, ORACLE_FREE), LFB_BUSY);
}

static void try_resize(trial *t)
{
    place p = any_place(t);
    size_t pages = any_length(t);
    statuses bad = bad_place(&p) | when(pages == 0, LFB_INVALID_ARGUMENT);
    bad = bad ? bad : bad_run(t, &p);
    size_t old = bad ? 0 : oracle_run_pages(&t->o, p.page);
    if (!bad && !is_absurd(t, pages) && bytes_below(&t->in, 2)) {
        pages += old; /* grow */
    }
    lfb_status status = CALL(t, lfb_resize, p.address, pages);
    if (!bad && pages > old) {
        bad = bad_growth(t, p.page, old, pages);
    }
    expect(status, bad ? bad : when(true, LFB_OK));
    if (status == LFB_OK) {
        oracle_set(&t->o, p.page, old, ORACLE_FREE);
        oracle_add_run(&t->o, p.page, pages);
    }
}

static bool has(const trial *t, size_t page, size_t pages, lfb_extent_kind kind)
{
    for (size_t i = page; i < page + pages; i++) {
        long state = t->o.pages[i];
        if (kind == (state > 0              ? LFB_EXTENT_RUN
                     : state == ORACLE_FREE ? LFB_EXTENT_FREE
                                            : LFB_EXTENT_HELD)) {
            return true;
        }
    }
    return false;
}

static void try_hold_range(trial *t)
{
    place p = any_place(t);
    size_t pages = any_length(t);
    lfb_status status = CALL(t, lfb_hold_range, p.address, pages);
    statuses bad = bad_range(t, &p, pages);
    bad = bad ? bad : when(!oracle_is(&t->o, p.page, pages, ORACLE_FREE), LFB_BUSY);
    expect(status, bad ? bad : when(true, LFB_OK));
    if (status == LFB_OK) {
        oracle_set(&t->o, p.page, pages, ORACLE_HELD);
    }
}

static void try_release_range(trial *t)
{
    place p = any_place(t);
    size_t pages = any_length(t);
    while (p.in_range && bytes_below(&t->in, 8) && p.page + 1 < t->o.count &&
           t->o.pages[p.page] != ORACLE_HELD) {
        p = place_of(t, p.address + page_size(t));
    }
    lfb_status status = CALL(t, lfb_release_range, p.address, pages);
    statuses bad = bad_range(t, &p, pages);
    if (!bad) {
        bad = when(has(t, p.page, pages, LFB_EXTENT_RUN), LFB_BUSY) |
              when(has(t, p.page, pages, LFB_EXTENT_FREE), LFB_NOT_ALLOCATED);
    }
    expect(status, bad ? bad : when(true, LFB_OK));
    unchanged_unless(t, status);
    if (status == LFB_OK) {
        oracle_set(&t->o, p.page, pages, ORACLE_FREE);
    }
}

/* ----------------------------------------------------------------------------------- look ---- */

static void look_at(trial *t)
{
    place p = any_place(t);
    statuses bad = bad_run(t, &p);
    assert_int_equal(lfb_size_of(&t->w.lfb, p.address), bad ? 0 : oracle_run_pages(&t->o, p.page));
    expect(lfb_find(&t->w.lfb, p.address, NULL),
           when(true, LFB_INVALID_ARGUMENT) | when(!p.in_range, LFB_OUT_OF_RANGE));
    lfb_extent extent;
    expect(lfb_find(&t->w.lfb, p.address, &extent),
           when(true, p.in_range ? LFB_OK : LFB_OUT_OF_RANGE));
    if (p.in_range) {
        place first = place_of(t, extent.address);
        assert_true(first.in_range && first.aligned);
        assert_in_range(p.page, first.page, first.page + extent.pages - 1);
        assert_true(has(t, p.page, 1, extent.kind));
        assert_true(oracle_is(&t->o, first.page, extent.pages, t->o.pages[p.page]));
        if (extent.kind != LFB_EXTENT_FREE) {
            assert_true(first.page == 0 || t->o.pages[first.page - 1] != t->o.pages[p.page]);
            assert_int_equal(extent.pages, oracle_run_pages(&t->o, first.page));
        }
    }
    assert_int_equal(lfb_walk(&t->w.lfb, NULL, NULL), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_check(&t->w.lfb, NULL), LFB_OK);
    world_assert_unchanged(&t->w);
}

/* ------------------------------------------------------------------------------- maintain ---- */

static void drain(trial *t)
{
    lfb_drain(&t->w.lfb);
    lfb_report report;
    assert_int_equal(lfb_check(&t->w.lfb, &report), LFB_OK);
    assert_int_equal(report.warm_nodes, 0);
}

/* Another handle takes over. */
static void attach(trial *t)
{
    lfb_t *lfb = &t->w.lfb;
    lfb_t other;
    size_t size = lfb->metadata_size;
    void *metadata = t->w.metadata;
    assert_int_equal(lfb_attach(NULL, metadata, size, NULL, NULL), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_attach(&other, NULL, size, NULL, NULL), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_attach(&other, (char *)metadata + 1, size - 1, NULL, NULL),
                     LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_attach(&other, metadata, size / 2, NULL, NULL), LFB_DAMAGED);
    assert_int_equal(lfb_attach(&other, metadata, size, lane_of, &t->lane), LFB_OK);
    world_assert_unchanged(&t->w);
    lfb_destroy(lfb);
    *lfb = other;
}

static void step(trial *t)
{
    static void (*const actions[])(trial *) = {
        try_alloc,         try_alloc_run,  try_free,      try_free_sized,
        try_free_range,    try_alloc_at,   try_resize,    try_hold_range,
        try_release_range, try_alloc_bulk, try_free_bulk, try_alloc_within,
        look_at,           drain,          attach,
    };
    unsigned action = (unsigned)bytes_below(&t->in, sizeof(actions) / sizeof(*actions));
    unsigned lane = (unsigned)bytes_below(&t->in, 256); /* some don't exist */
    t->on = lane % 2;
    t->lane = lane / 2;
    world_remember(&t->w);
    actions[action](t);
    world_assert_sound(&t->w);
    oracle_compare(&t->o, &t->w.lfb);
}

/* -------------------------------------------------------------------------- configuration ---- */

static bool is_power_of_two(uintmax_t number)
{
    return number && !(number & (number - 1));
}

static bool is_valid(const lfb_config *c)
{
    if (c->struct_size != sizeof(*c) || c->max_order > LFB_MAX_ORDER || c->lanes < 1 ||
        c->lanes > LFB_MAX_LANES || !is_power_of_two(c->page_size) || c->base % c->page_size ||
        c->page_count < 1 || c->page_count > LFB_MAX_PAGES) {
        return false;
    }
    uintptr_t steps = (LFB_NONE - c->base) / c->page_size; /* from page to page */
    return c->page_count - 1 <= steps && c->base + (c->page_count - 1) * c->page_size != LFB_NONE;
}

/* Any numbers at all. */
static lfb_config wild_config(trial *t)
{
    unsigned page_shift = (unsigned)bytes_below(&t->in, sizeof(uintptr_t) * 8);
    lfb_config c = {
        .struct_size = sizeof(c) + bytes_below(&t->in, 2),
        .base = (uintptr_t)bytes_number(&t->in, sizeof(uintptr_t)),
        .page_size = ((size_t)1 << page_shift) + (bytes_below(&t->in, 16) == 1),
        .page_count = (size_t)bytes_number(&t->in, 5),
        .max_order = (unsigned)bytes_below(&t->in, LFB_MAX_ORDER + 3),
        .lanes = (unsigned)bytes_below(&t->in, LFB_MAX_LANES + 2),
    };
    c.base = bytes_below(&t->in, 2) ? c.base >> page_shift << page_shift : c.base;
    return c;
}

static lfb_config any_config(trial *t)
{
    unsigned how = (unsigned)bytes_below(&t->in, 256);
    lfb_config c = {0};
    if (how % 16 == 15) {
        c = wild_config(t);
    } else {
        size_t size = (size_t)1 << bytes_below(&t->in, 31);
        size_t count = 1 + bytes_skewed(&t->in, PAGES_MOST);
        uintptr_t room = UINTPTR_MAX / size - count;
        uintptr_t first = bytes_skewed(&t->in, 5000);
        first = how & 1 ? room - first % 3000 : first;
        c = world_config((first < room ? first : room) * size, size, count,
                         (unsigned)bytes_below(&t->in, 15));
        c.max_order = how & 2 ? c.max_order : LFB_MAX_ORDER;
        c.lanes = 1 + (unsigned)bytes_below(&t->in, 5);
    }
    c.start_held = how & 4;
    c.metadata_zeroed = how & 8;
    c.current_lane = lane_of;
    c.lane_context = &t->lane;
    return c;
}

static void *hand_out(void *context, size_t size, size_t align)
{
    world *w = context;
    return size == w->size && is_power_of_two(align) ? w->metadata : NULL;
}

static void *have_none(void *context, size_t size, size_t align)
{
    (void)context;
    (void)size;
    (void)align;
    return NULL;
}

/* Refuses what it must; then starts. `offset`: how far from a cache line the metadata lies. */
static void start(trial *t, const lfb_config *config, unsigned offset)
{
    world *w = &t->w;
    w->config = *config;
    w->size = lfb_metadata_size(config);
    char *memory = aligned_alloc(128, (w->size + OFFSETS * sizeof(uint64_t) + 127) / 128 * 128);
    assert_non_null(memory);
    memset(memory, config->metadata_zeroed ? 0 : 0xa5, w->size + OFFSETS * sizeof(uint64_t));
    w->metadata = memory + offset * sizeof(uint64_t);
    assert_int_equal(lfb_init(NULL, config, w->metadata, w->size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_init(&w->lfb, NULL, w->metadata, w->size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_init(&w->lfb, config, NULL, w->size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_init(&w->lfb, config, memory + 1, w->size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_init(&w->lfb, config, w->metadata, w->size - 1), LFB_INVALID_ARGUMENT);
    lfb_backend backend = {hand_out, NULL, w};
    lfb_backend poor = {have_none, NULL, w};
    assert_int_equal(lfb_create(&w->lfb, config, &poor), LFB_NO_MEMORY);
    assert_int_equal(offset % 2 ? lfb_create(&w->lfb, config, &backend)
                                : lfb_init(&w->lfb, config, w->metadata, w->size),
                     LFB_OK);
    oracle_start(&t->o, config);
}

static void end(trial *t, unsigned offset)
{
    lfb_destroy(&t->w.lfb);
    free((char *)t->w.metadata - offset * sizeof(uint64_t));
    free(t->w.before);
    oracle_end(&t->o);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return setenv("CMOCKA_TEST_ABORT", "1", 1); /* there is no test to leave */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trial t = {.in = {data, size}};
    lfb_config config = any_config(&t);
    unsigned offset = (unsigned)bytes_below(&t.in, OFFSETS);
    bool valid = is_valid(&config);
    assert_int_equal(lfb_metadata_size(&config) != 0, valid);
    if (!valid) {
        uint64_t some[512];
        assert_int_equal(lfb_init(&t.w.lfb, &config, some, sizeof(some)), LFB_INVALID_ARGUMENT);
        return 0;
    }
    if (config.page_count > PAGES_MOST + 1) {
        return 0;
    }
    start(&t, &config, offset);
    world_assert_sound(&t.w);
    oracle_compare(&t.o, &t.w.lfb);
    for (unsigned steps = 0; t.in.left > 0 && steps < 400; steps++) {
        step(&t);
    }
    end(&t, offset);
    return 0;
}
