/* SPDX-License-Identifier: MIT */
/*
 * The checker, on trees that are damaged on purpose: each fault is provoked and found where it is,
 * and a judge written anew, from the invariants, agrees with the checker about every single-bit
 * flip and about random damage. Some calls on damaged trees. LFB_SEED repeats a run.
 *
 * The tree of most tests, in pages (leaves have 32, level 1 nodes 512, the top node 8192):
 *
 *   8197 .. 12697   the range; both ends lie inside leaves
 *   8200 + 3        a run in a leaf
 *   8224 + 32       a run of one slot
 *   8320 + 40       a run of a slot that goes on in a leaf
 *   8704 + 613      a run through all three levels
 *   9800 + 100      out of use
 *   10240 + 532     a run that goes on in a leaf two levels below
 *   11264 .. 12288  free, as slots of the top node
 */
#include <stdlib.h>
#include <string.h>

#include "hint.h"
#include "random.h"
#include "world.h"

_Static_assert(LFB_LEAF_ORDER == 5 && LFB_NODE_ORDER == 4, "the page numbers above");

enum { PAGE = 4096, TOP = 2, HELD_PAGE = 9800, HELD_PAGES = 100, ANY = 0 };

typedef struct place {
    uintptr_t page;
    size_t pages;
} place;

static const place range = {8197, 4500};
static const place runs[] = {{8200, 3}, {8224, 32}, {8320, 40}, {8704, 613}, {10240, 532}};
enum { RUNS = sizeof(runs) / sizeof(*runs) };

static const char illegal[] = "an illegal word";
static const char unknown[] = "a live node that its parent doesn't know of";
static const char outside[] = "pages outside the range are in use";
static const char over_end[] = "a slot reaches over the end of the range";
static const char empty_end[] = "a node that reaches over the end of the range is EMPTY";
static const char goes_on[] = "a run goes on into pages that it doesn't have";

/* ---------------------------------------------------------------------------------- trees ---- */

static world *start_over(place pages)
{
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    lfb_config config = world_config(pages.page * PAGE, PAGE, pages.pages, 13);
    world_start(w, &config);
    assert_int_equal(w->lfb.top, TOP);
    return w;
}

static void alloc_place(world *w, place run)
{
    assert_int_equal(lfb_alloc_at(&w->lfb, run.page * PAGE, run.pages), LFB_OK);
}

static int tree_start(void **state)
{
    world *w = start_over(range);
    *state = w;
    for (size_t i = 0; i < RUNS; i++) {
        alloc_place(w, runs[i]);
    }
    assert_int_equal(lfb_hold_range(&w->lfb, (uintptr_t)HELD_PAGE * PAGE, HELD_PAGES), LFB_OK);
    world_assert_sound(w);
    world_remember(w);
    return 0;
}

/* A range that ends with a slot of the top node, and one that ends with a slot of level 1; the last
 * slot of each is a run. */
static int even_tree_start(void **state, place pages, place run)
{
    world *w = start_over(pages);
    *state = w;
    alloc_place(w, run);
    world_assert_sound(w);
    world_remember(w);
    return 0;
}

static int top_even_tree_start(void **state)
{
    return even_tree_start(state, (place){8192, 2048}, (place){9728, 512});
}

static int level1_even_tree_start(void **state)
{
    return even_tree_start(state, (place){8192 + 64, 2048}, (place){10240, 64});
}

/* Undoes the damage. */
static void restore(world *w)
{
    memcpy(w->metadata, w->before, w->size);
}

static int tree_end(void **state)
{
    world *w = *state;
    restore(w);
    world_end(w);
    free(w);
    return 0;
}

static lfb_atomic *word_at(const world *w, unsigned level, uintptr_t page)
{
    return lfb_word_of(&w->lfb, lfb_node_of_page(level, page));
}

static void put(world *w, unsigned level, uintptr_t page, lfb_word word)
{
    lfb_store_relaxed(word_at(w, level, page), word);
}

/* One code into slots, from that of the page on. */
static void set(world *w, unsigned level, uintptr_t page, unsigned count, enum word_code code)
{
    lfb_word word = lfb_load_relaxed(word_at(w, level, page));
    put(w, level, page, word_set(word, lfb_slot_of_page(level, page), count, code));
}

/* ---------------------------------------------------------------------------- each fault ---- */

/* The checker finds this fault first, in this node; `faults` in all, or any number. Then the damage
 * is undone. */
static void assert_fault(world *w, const char *what, unsigned level, uintptr_t page, size_t faults)
{
    lfb_report report;
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_DAMAGED);
    assert_string_equal(report.first_fault, what);
    assert_int_equal(report.fault_level, level);
    assert_int_equal(report.fault_address, page * PAGE);
    assert_int_equal(report.faults, faults == ANY ? report.faults : faults);
    assert_int_equal(lfb_check(&w->lfb, NULL), LFB_DAMAGED);
    restore(w);
    world_assert_sound(w);
}

static void test_header(void **state)
{
    world *w = *state;
    ((unsigned char *)w->metadata)[24] ^= 1;
    assert_fault(w, "the header was changed", TOP, 8192, 1);
}

static void test_illegal_leaf(void **state)
{
    world *w = *state;
    set(w, 0, 8202, 1, CODE_HELD); /* the run's last page; what follows is FREE */
    assert_fault(w, illegal, 0, 8192, 1);
    set(w, 0, 8203, 1, CODE_HOLE);
    set(w, 0, 8202, 1, CODE_HELD);
    assert_fault(w, illegal, 0, 8192, 1);
    set(w, 0, 8202, 1, CODE_HOLE);
    assert_fault(w, illegal, 0, 8192, 1);
    put(w, 0, 9984, 3); /* EMPTY, but of no kind */
    assert_fault(w, illegal, 0, 9984, 1);
}

static void test_illegal_inner(void **state)
{
    world *w = *state;
    set(w, 1, 8224, 1, CODE_HELD);
    set(w, 1, 8256, 1, CODE_FREE);
    assert_fault(w, illegal, 1, 8192, 1);
    set(w, 1, 8352, 1, CODE_FREE); /* the run's HELD is before it, its other pages below it */
    assert_fault(w, illegal, 1, 8192, 2);
    set(w, 2, 11264, 1, CODE_HELD);
    assert_fault(w, illegal, 2, 8192, 1);
    put(w, 1, 11264, 3);
    assert_fault(w, illegal, 1, 11264, 1);
}

static void test_live_under_free(void **state)
{
    world *w = *state;
    put(w, 0, 9984, WORD_EACH((lfb_word)CODE_FREE));
    assert_fault(w, unknown, 0, 9984, 1);
    put(w, 1, 11264, WORD_EACH((lfb_word)CODE_FREE) & word_codes(1));
    assert_fault(w, unknown, 1, 11264, 1);
    put(w, 0, 11296, WORD_EACH((lfb_word)CODE_LAST)); /* under an EMPTY node */
    assert_fault(w, unknown, 0, 11296, 1);
}

static void test_live_under_run(void **state)
{
    world *w = *state;
    put(w, 0, 8224, WORD_EACH((lfb_word)CODE_FREE)); /* LAST */
    assert_fault(w, unknown, 0, 8224, 1);
    put(w, 0, 8320, WORD_EACH((lfb_word)CODE_LAST)); /* HELD */
    assert_fault(w, unknown, 0, 8320, 1);
    put(w, 1, 8704, WORD_EACH((lfb_word)CODE_OPEN) & word_codes(1));
    assert_fault(w, unknown, 1, 8704, 1);
}

/* A slot that is closed over a live node. */
static void test_closed_over_live(void **state)
{
    world *w = *state;
    set(w, 1, 8192 + 160, 1, CODE_LAST);
    assert_fault(w, unknown, 0, 8352, 1);
    set(w, 2, 9728, 1, CODE_FREE);
    assert_fault(w, unknown, 1, 9728, 1);
}

static void test_outside(void **state)
{
    world *w = *state;
    for (unsigned code = CODE_LAST; code <= CODE_FREE; code++) {
        set(w, 0, 8192, 5, (enum word_code)code);
        assert_fault(w, outside, 0, 8192, 5);
        set(w, 0, 12703, 1, (enum word_code)code);
        assert_fault(w, outside, 0, 12672, 1);
    }
    for (unsigned code = CODE_FREE; code <= CODE_OPEN; code++) {
        set(w, 1, 12704, 1, (enum word_code)code);
        assert_fault(w, outside, 1, 12288, 1);
        set(w, 2, 16383, 1, (enum word_code)code);
        assert_fault(w, outside, 2, 8192, 1);
    }
    set(w, 2, 12800, 1, CODE_HELD);
    assert_fault(w, outside, 2, 8192, ANY);
}

/* A run goes on in pages outside the range, which no node speaks for. */
static void test_outside_open_behind_run(void **state)
{
    world *w = *state;
    set(w, 2, 9728, 1, CODE_HELD);
    set(w, 2, 10240, 1, CODE_OPEN);
    assert_fault(w, outside, TOP, 8192, ANY);
}

/* The last slot of the range is HELD, and the first one outside is its run's LAST. */
static void assert_run_leaves(world *w, unsigned level, uintptr_t page)
{
    lfb_report report;
    set(w, level, page, 1, CODE_HELD);
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_DAMAGED);
    assert_int_equal(report.fault_level, level);
    assert_int_equal(report.faults, 1);
    restore(w);
}

static void test_run_leaves_at_top(void **state)
{
    assert_run_leaves(*state, TOP, 9728);
}

static void test_run_leaves_at_level1(void **state)
{
    assert_run_leaves(*state, 1, 10272);
}

static void test_over_end(void **state)
{
    world *w = *state;
    static const enum word_code codes[] = {CODE_LAST, CODE_FREE};
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        set(w, 2, 8192, 1, codes[i]);
        assert_fault(w, over_end, 2, 8192, 2); /* and a live node below it */
        set(w, 1, 8192, 1, codes[i]);
        assert_fault(w, over_end, 1, 8192, 2);
        set(w, 1, 12672, 1, codes[i]);
        assert_fault(w, over_end, 1, 12288, 2);
    }
    set(w, 2, 12288, 1, CODE_HELD); /* LAST, outside, follows */
    assert_fault(w, over_end, 2, 8192, ANY);
}

static void test_empty_end(void **state)
{
    world *w = *state;
    for (lfb_word kind = KIND_PLAIN; kind <= KIND_HOLE; kind++) {
        put(w, 0, 8192, kind);
        assert_fault(w, empty_end, 0, 8192, 1);
        put(w, 0, 12672, kind);
        assert_fault(w, empty_end, 0, 12672, 1);
        put(w, 1, 12288, kind);
        assert_fault(w, empty_end, 1, 12288, 2); /* and a live leaf below it */
    }
}

static void test_empty_top(void **state)
{
    world *w = *state;
    put(w, 2, 8192, KIND_PLAIN);
    assert_fault(w, empty_end, TOP, 8192, ANY);
}

static void test_goes_on_into_a_leaf(void **state)
{
    world *w = *state;
    set(w, 0, 8352, 8, CODE_FREE);
    assert_fault(w, goes_on, 0, 8352, 1);
    set(w, 0, 8352, 8, CODE_HOLE);
    assert_fault(w, goes_on, 0, 8352, 1);
    put(w, 0, 8352, KIND_PLAIN);
    assert_fault(w, goes_on, 0, 8352, 1);
    put(w, 0, 8352, KIND_HOLE);
    assert_fault(w, goes_on, 0, 8352, 1);
}

static void test_goes_on_into_a_node(void **state)
{
    world *w = *state;
    set(w, 1, 9216, 3, CODE_FREE);
    assert_fault(w, goes_on, 1, 9216, 1);
    set(w, 1, 10752, 1, CODE_FREE); /* the leaf under it is known no more */
    assert_fault(w, goes_on, 1, 10752, 2);
    set(w, 0, 10752, 20, CODE_FREE); /* two levels below the run's start */
    assert_fault(w, goes_on, 0, 10752, 1);
}

/* Legal states that look like damage. */
static void test_legal_oddities(void **state)
{
    world *w = *state;
    put(w, 0, 8352, KIND_RUN); /* the whole leaf instead of 8 pages of it */
    world_assert_sound(w);
    assert_int_equal(lfb_size_of(&w->lfb, (uintptr_t)8320 * PAGE), 64);
    restore(w);
    put(w, 0, 9984, KIND_HOLE); /* under FREE a mark says nothing */
    world_assert_sound(w);
    set(w, 1, 9984, 1, CODE_OPEN);
    world_assert_sound(w);
    restore(w);
}

static void test_warm_nodes(void **state)
{
    world *w = *state;
    lfb_report report;
    set(w, 1, 9984, 1, CODE_OPEN); /* over EMPTY */
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_int_equal(report.warm_nodes, 1);
    put(w, 0, 9984, WORD_EACH((lfb_word)CODE_FREE));
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_int_equal(report.warm_nodes, 1);
    lfb_drain(&w->lfb);
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_int_equal(report.warm_nodes, 0);
}

/* A run that fills a node may be spelled as one word, until its owner is through with a cut. */
static void test_run_in_an_empty_word(void **state)
{
    world *w = *state;
    uintptr_t run = (uintptr_t)9984 * PAGE;
    put(w, 0, 9984, KIND_RUN);
    set(w, 1, 9984, 1, CODE_OPEN);
    world_assert_sound(w);
    assert_int_equal(lfb_size_of(&w->lfb, run), 32);
    assert_int_equal(lfb_free_bulk(&w->lfb, 1, &run), 1);
    assert_int_equal(lfb_size_of(&w->lfb, run), 0);
    world_assert_sound(w);
}

/* -------------------------------------------------------------------------------- hints ---- */

/* What the hint's byte says: 0, all is free; `nothing`, nothing is. */
static void set_hint(world *w, unsigned level, uintptr_t page, unsigned byte)
{
    uintptr_t index = (page >> lfb_node_order(level)) - w->lfb.levels[level].first;
    lfb_atomic *words = w->lfb.levels[level].hints;
    lfb_atomic *word = &words[index / BYTES_PER_WORD];
    unsigned shift = 8 * (unsigned)(index % BYTES_PER_WORD);
    lfb_word others = lfb_load_relaxed(word) & ~((lfb_word)0xff << shift);
    lfb_store_relaxed(word, others | (lfb_word)byte << shift);
}

static unsigned nothing(unsigned level)
{
    return lfb_node_order(level) + 1;
}

static void assert_low_hints(world *w, size_t low_hints)
{
    lfb_report report;
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_int_equal(report.low_hints, low_hints);
    assert_int_equal(report.faults, 0);
    restore(w);
}

static void test_low_hints(void **state)
{
    world *w = *state;
    set_hint(w, 1, 9728, nothing(1));
    assert_low_hints(w, 1);
    set_hint(w, 1, 11264, nothing(1)); /* under FREE */
    assert_low_hints(w, 1);
    set_hint(w, 1, 11264, 1);
    assert_low_hints(w, 1);
    set_hint(w, 2, 8192, nothing(2));
    assert_low_hints(w, 1);
    set_hint(w, 1, 11264, nothing(1));
    set_hint(w, 1, 9728, nothing(1));
    set_hint(w, 2, 8192, nothing(2));
    assert_low_hints(w, 3);
    set_hint(w, 1, 8704, nothing(1));
    set_hint(w, 1, 10240, nothing(1));
    assert_low_hints(w, 0); /* below runs they mean nothing */
}

/* A level 1 node whose largest free block has order 7: 9600 to 9728 behind the long run. */
static void test_hint_limits(void **state)
{
    world *w = *state;
    for (unsigned byte = 0; byte <= nothing(1); byte++) {
        set_hint(w, 1, 9216, byte);
        assert_low_hints(w, (int)lfb_node_order(1) - (int)byte < 8);
    }
}

static void test_high_hints(void **state)
{
    world *w = *state;
    for (uintptr_t page = 8192; page < 12697; page += 512) {
        set_hint(w, 1, page, 0);
    }
    set_hint(w, 2, 8192, 0);
    assert_low_hints(w, 0);
}

/* Low hints cost time, never a wrong answer. */
static void test_low_hints_are_mended(void **state)
{
    world *w = *state;
    for (uintptr_t page = 8192; page < 12697; page += 512) {
        set_hint(w, 1, page, nothing(1));
    }
    set_hint(w, 2, 8192, nothing(2));
    lfb_stats stats;
    lfb_get_stats(&w->lfb, &stats);
    for (size_t i = 0; i < stats.free_pages; i++) {
        assert_true(lfb_alloc(&w->lfb, 0) != LFB_NONE);
    }
    assert_true(lfb_alloc(&w->lfb, 0) == LFB_NONE);
    restore(w);
}

/* ------------------------------------------------------------------------------- the judge ---- */

typedef enum voice { SILENT, SPEAKS, GOES_ON } voice; /* GOES_ON: speaks, and a run goes on here */

typedef struct judged {
    unsigned level;
    unsigned slots;
    unsigned codes[32];
    uintptr_t first;      /* page of the node */
    uintptr_t slot_pages; /* pages a slot */
} judged;

static judged judged_node(const world *w, unsigned level, uintptr_t page)
{
    static const uintptr_t slot_pages[] = {1, 32, 512};
    judged j = {.level = level, .slots = level ? 16 : 32, .slot_pages = slot_pages[level]};
    uintptr_t node_pages = j.slots * j.slot_pages;
    j.first = page / node_pages * node_pages;
    lfb_word word = lfb_load_relaxed(lfb_word_of(&w->lfb, (lfb_node){level, page / node_pages}));
    for (unsigned slot = 0; slot < j.slots; slot++) {
        j.codes[slot] = (unsigned)(word >> (2 * slot)) & 3;
    }
    return j;
}

static bool is_inside(const world *w, uintptr_t page)
{
    uintptr_t first = w->config.base / PAGE;
    return page >= first && page < first + w->config.page_count;
}

static bool may_follow_held(unsigned level, unsigned code)
{
    return code == CODE_HELD || code == CODE_LAST || (level > 0 && code == CODE_OPEN);
}

static bool slot_is_sound(const world *w, const judged *j, unsigned slot)
{
    uintptr_t first = j->first + slot * j->slot_pages;
    bool starts_inside = is_inside(w, first);
    bool ends_inside = is_inside(w, first + (j->slot_pages - 1));
    unsigned code = j->codes[slot];
    if (!starts_inside && !ends_inside) {
        return code == (j->level ? CODE_LAST : CODE_HOLE) &&
               (slot == 0 || j->codes[slot - 1] != CODE_HELD);
    }
    if (slot + 1 < j->slots && code == CODE_HELD &&
        !may_follow_held(j->level, j->codes[slot + 1])) {
        return false;
    }
    return (starts_inside && ends_inside) || code == CODE_OPEN;
}

static bool judge(const world *w, unsigned level, uintptr_t page, voice role);

static bool judge_children(const world *w, const judged *j, bool live, voice above)
{
    for (unsigned slot = 0; j->level > 0 && slot < j->slots; slot++) {
        uintptr_t first = j->first + slot * j->slot_pages;
        voice child = SILENT;
        if (live && j->codes[slot] == CODE_OPEN) {
            bool goes_on_here = slot ? j->codes[slot - 1] == CODE_HELD : above == GOES_ON;
            child = goes_on_here ? GOES_ON : SPEAKS;
        }
        bool exists = is_inside(w, first) || is_inside(w, first + (j->slot_pages - 1));
        if (exists && !judge(w, j->level - 1, first, child)) {
            return false;
        }
    }
    return true;
}

/* Whether the node and all below it are a legal state, of a tree that has one top node. */
static bool judge(const world *w, unsigned level, uintptr_t page, voice role)
{
    judged j = judged_node(w, level, page);
    bool live = j.codes[j.slots - 1] != CODE_HELD;
    uintptr_t last = j.first + j.slots * j.slot_pages - 1;
    if (!live) {
        bool whole = is_inside(w, j.first) && is_inside(w, last);
        return j.codes[0] <= KIND_HOLE && (role != GOES_ON || j.codes[0] == KIND_RUN) &&
               (role == SILENT || whole) && judge_children(w, &j, false, role);
    }
    if (role == SILENT || (role == GOES_ON && !may_follow_held(level, j.codes[0]))) {
        return false;
    }
    for (unsigned slot = 0; slot < j.slots; slot++) {
        if (!slot_is_sound(w, &j, slot)) {
            return false;
        }
    }
    return judge_children(w, &j, true, role);
}

/* The checker and the judge agree. */
static bool check_and_judge(const world *w, lfb_report *report)
{
    bool legal = judge(w, TOP, w->config.base / PAGE, SPEAKS);
    lfb_status status = lfb_check(&w->lfb, report);
    if (status != (legal ? LFB_OK : LFB_DAMAGED)) {
        print_error("the judge says %s, the checker: %s\n", legal ? "legal" : "damaged",
                    report->first_fault ? report->first_fault : "ok");
        fail();
    }
    return legal;
}

/* ----------------------------------------------------------------------------- every flip ---- */

typedef struct tally {
    size_t found;
    size_t legal;
    size_t contradictions; /* of those found: HELD before a slot that is in no run */
} tally;

static bool contradicts(lfb_word word, unsigned level)
{
    if (word_is_empty(word, level)) {
        return false;
    }
    for (unsigned slot = 0; slot + 1 < word_slots(level); slot++) {
        if (word_code(word, slot) == CODE_HELD &&
            !may_follow_held(level, word_code(word, slot + 1))) {
            return true;
        }
    }
    return false;
}

static void flip(world *w, lfb_node node, unsigned bit, tally *t)
{
    lfb_atomic *word = lfb_word_of(&w->lfb, node);
    lfb_word before = lfb_load_relaxed(word);
    lfb_word flipped = before ^ (lfb_word)1 << bit;
    lfb_report report;
    lfb_store_relaxed(word, flipped);
    bool legal = check_and_judge(w, &report);
    t->found += !legal;
    t->legal += legal;
    if (contradicts(flipped, node.level)) {
        assert_string_equal(report.first_fault, illegal);
        assert_int_equal(report.fault_level, node.level);
        assert_int_equal(report.fault_address, lfb_page_of_node(node) * PAGE);
        t->contradictions++;
    }
    lfb_store_relaxed(word, before);
}

static tally flip_all(world *w, bool live)
{
    tally t = {0};
    for (unsigned level = 0; level <= TOP; level++) {
        for (uintptr_t i = 0; i < w->lfb.levels[level].count; i++) {
            lfb_node node = {level, w->lfb.levels[level].first + i};
            lfb_word word = lfb_load_relaxed(lfb_word_of(&w->lfb, node));
            for (unsigned bit = 0; bit < LFB_WORD_BITS; bit++) {
                if (word_is_empty(word, level) != live) {
                    flip(w, node, bit, &t);
                }
            }
        }
    }
    return t;
}

static void test_flips(void **state)
{
    world *w = *state;
    tally live = flip_all(w, true);
    tally empty = flip_all(w, false);
    print_message("live words: %zu flips found, %zu legal; EMPTY words: %zu found, %zu legal\n",
                  live.found, live.legal, empty.found, empty.legal);
    assert_true(live.found > 0 && live.legal > 0 && live.contradictions > 0);
    assert_true(empty.found > 0 && empty.legal > 0);
    world_assert_unchanged(w);
}

/* ------------------------------------------------------------------ calls on damaged trees ---- */

/* fuzz/hostile.c makes all calls on trees that are damaged at random. Here is what it meets seldom:
 * what the call answers, and that it ends, is all that there is to expect. */

static uintptr_t at(uintptr_t page)
{
    return page * PAGE;
}

/* A live node under a slot that is free: that can be taken, but not be taken out of use. */
static void test_hold_over_a_live_node(void **state)
{
    world *w = *state;
    put(w, 0, 9984, WORD_EACH((lfb_word)CODE_FREE));
    assert_int_equal(lfb_hold_range(&w->lfb, at(9984), 32), LFB_OK);
    assert_int_equal(lfb_size_of(&w->lfb, at(9984)), 32);
}

/* One under an EMPTY node, which mustn't become live by its merging. */
static void test_free_under_an_empty_node(void **state)
{
    world *w = *state;
    uintptr_t leaf = 11264 + 15 * 32;
    put(w, 0, leaf, word_set(WORD_EACH((lfb_word)CODE_FREE), 1, 1, CODE_LAST));
    assert_int_equal(lfb_free(&w->lfb, at(leaf + 1)), LFB_OK);
    world_assert_sound(w);
}

/* A run over the end of the range, in slots the last of which has no child. */
static void test_free_over_the_end(void **state)
{
    world *w = *state;
    set(w, 1, 12640, 2, CODE_HELD);
    set(w, 1, 12704, 1, CODE_LAST);
    assert_int_equal(lfb_size_of(&w->lfb, at(12640)), 12697 - 12640);
    assert_int_equal(lfb_free_range(&w->lfb, at(12640), 12697 - 12640), LFB_OK);
    assert_int_equal(lfb_size_of(&w->lfb, at(12640)), 0);
}

/* A run that fills the last node of the address space, of which the range has all but a page. */
static void test_free_at_the_last_address(void **state)
{
    (void)state;
    world w;
    lfb_config config = world_config(LFB_NONE - 100, 1, 100, 13);
    world_start(&w, &config);
    put(&w, 0, LFB_NONE, KIND_RUN);
    assert_int_equal(lfb_size_of(&w.lfb, LFB_NONE - 31), 31);
    assert_int_equal(lfb_free_range(&w.lfb, LFB_NONE - 31, 31), LFB_OK);
    assert_int_equal(lfb_size_of(&w.lfb, LFB_NONE - 31), 0);
    world_end(&w);
}

/* A node over the end that is out of use as a whole: part of it can't come into use, for it has
 * slots that have no children. */
static void test_release_range_at_the_end(void **state)
{
    world *w = *state;
    put(w, 1, 12288, KIND_HOLE);
    put(w, 0, 12672, KIND_HOLE);
    assert_int_equal(lfb_release_range(&w->lfb, at(12300), 1), LFB_OK);
    lfb_extent extent;
    assert_int_equal(lfb_find(&w->lfb, at(12300), &extent), LFB_OK);
    assert_int_equal(extent.kind, LFB_EXTENT_HELD);
}

/* EMPTY, of no kind, which looks like OPEN in its first slot. */
static void test_free_in_a_node_of_no_kind(void **state)
{
    world *w = *state;
    put(w, 1, 9728, 3);
    world_remember(w);
    assert_int_equal(lfb_free(&w->lfb, at(9728)), LFB_NOT_ALLOCATED);
    world_assert_unchanged(w);
}

/* A note that no blocks larger than there can be are free says nothing of smaller ones. */
static void test_impossible_note(void **state)
{
    world *w = *state;
    lfb_store_relaxed(lfb_exhausted_word(&w->lfb), LFB_WORD_BITS);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(lfb_alloc_run(&w->lfb, 100) != LFB_NONE);
    }
}

/* -------------------------------------------------------------------------- random damage ---- */

static lfb_word any_damage(random_source *random, lfb_word word, unsigned level)
{
    unsigned slot = (unsigned)random_below(random, word_slots(level));
    unsigned count = 1 + (unsigned)random_skewed(random, word_slots(level) - slot);
    switch (random_below(random, 4)) {
    case 0:
        return (lfb_word)random_next(random);
    case 1:
        return word_hold(word, slot, count);
    case 2:
        return word ^ (lfb_word)1 << random_below(random, LFB_WORD_BITS);
    default:
        return word_set(word, slot, count, (enum word_code)random_below(random, 4));
    }
}

static void test_random_damage(void **state)
{
    world *w = *state;
    uint64_t seed = random_seed();
    print_message("LFB_SEED=%#jx repeats this run\n", (uintmax_t)seed);
    random_source random = {seed};
    lfb_report report;
    for (unsigned i = 0; i < 20000; i++) {
        for (uint64_t damages = 1 + random_below(&random, 5); damages > 0; damages--) {
            unsigned level = (unsigned)random_below(&random, TOP + 1);
            uintptr_t index = random_below(&random, w->lfb.levels[level].count);
            lfb_node node = {level, w->lfb.levels[level].first + index};
            lfb_atomic *word = lfb_word_of(&w->lfb, node);
            lfb_store_relaxed(word, any_damage(&random, lfb_load_relaxed(word), level));
        }
        check_and_judge(w, &report);
        restore(w);
    }
}

#define IN(test, start) cmocka_unit_test_setup_teardown(test, start, tree_end)
#define IN_TREE(test)   IN(test, tree_start)
#define NAMED(test, start)                                                                         \
    {                                                                                              \
#test ", " #start, test, start, tree_end, NULL                                             \
    }

static const struct CMUnitTest tests[] = {
    IN_TREE(test_header),
    IN_TREE(test_illegal_leaf),
    IN_TREE(test_illegal_inner),
    IN_TREE(test_live_under_free),
    IN_TREE(test_live_under_run),
    IN_TREE(test_closed_over_live),
    IN_TREE(test_outside),
    IN(test_outside_open_behind_run, top_even_tree_start),
    IN(test_run_leaves_at_top, top_even_tree_start),
    IN(test_run_leaves_at_level1, level1_even_tree_start),
    IN_TREE(test_over_end),
    IN_TREE(test_empty_end),
    IN_TREE(test_empty_top),
    IN_TREE(test_goes_on_into_a_leaf),
    IN_TREE(test_goes_on_into_a_node),
    IN_TREE(test_legal_oddities),
    IN_TREE(test_warm_nodes),
    IN_TREE(test_low_hints),
    IN_TREE(test_hint_limits),
    IN_TREE(test_high_hints),
    IN_TREE(test_low_hints_are_mended),
    IN_TREE(test_run_in_an_empty_word),
    IN_TREE(test_hold_over_a_live_node),
    IN_TREE(test_free_under_an_empty_node),
    IN_TREE(test_free_over_the_end),
    cmocka_unit_test(test_free_at_the_last_address),
    IN_TREE(test_release_range_at_the_end),
    IN_TREE(test_free_in_a_node_of_no_kind),
    IN_TREE(test_impossible_note),
    NAMED(test_flips, tree_start),
    NAMED(test_flips, top_even_tree_start),
    NAMED(test_flips, level1_even_tree_start),
    NAMED(test_random_damage, tree_start),
    NAMED(test_random_damage, top_even_tree_start),
    NAMED(test_random_damage, level1_even_tree_start),
};

int main(void)
{
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
