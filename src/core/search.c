/* SPDX-License-Identifier: MIT */
/*
 * See search.h. Lanes start far apart (setup.c) and stay in their neighbourhood while it can serve
 * them. Nodes already split are preferred to whole ones, so that big blocks last.
 */
#include "search.h"
#include "../port/likely.h"
#include "../port/probe.h"
#include "exhaust.h"
#include "leaves.h"
#include "room.h"
#include "sweep.h"

/* A search under way, for the functions that descend. */
typedef struct search {
    const lfb_t *lfb;
    lfb_lane *lane;
    const lfb_want *want;
    bool own;       /* only in the lane's share of the range */
    unsigned least; /* the order that a hint must promise */
    unsigned most;  /* so many, if one word has them */
    uintptr_t *pages;
    unsigned *got;
} search;

/* ------------------------------------------------------------------------------- cursors ---- */

static lfb_node ancestor(lfb_node node, unsigned level)
{
    return (lfb_node){level, node.number >> (level - node.level) * LFB_NODE_ORDER};
}

/* The lane fills the node of this page from now on. */
static void move_cursor(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want, uintptr_t page)
{
    lfb_node old = lfb_cursor_of(lfb, lane, want);
    lfb_node node = lfb_node_of_page(want->level, page);
    lfb_guess_store(&lane->next[want->place], lfb_index_of(lfb, node));
    if (old.number == node.number) {
        return;
    }
    lfb_guess_store(&lane->cursor[want->place], lfb_index_of(lfb, node));
    lfb_leave_node(lfb, lane, old);
    if (node.level <= 1 && lfb->top > 0) {
        lfb_node from = ancestor(old, 1);
        lfb_node to = ancestor(node, 1);
        if (from.number != to.number) {
            lfb_room_move(lfb, from, to);
        }
    }
}

/* --------------------------------------------------------------------------------- taking ---- */

/* What was taken: so many, the first at pages[0]. */
static uintptr_t hand_over(const search *s, unsigned got)
{
    *s->got = got ? got : 1; /* a sweep finds one */
    return got ? s->pages[0] : PAGE_NONE;
}

static uintptr_t take_in(const search *s, lfb_node node)
{
    /* A run that ends inside a slot takes only the pages that it needs, at the price of claiming
     * them in pieces: pages on loan to a run would look used to others. */
    if (s->want->pages & (lfb_slot_pages(node.level) - 1)) {
        return lfb_claim_in_node(s->lfb, s->lane, s->want, node);
    }
    return hand_over(s, lfb_tree_take(s->lfb, s->lane, node, s->want->fit, s->most, s->pages));
}

/* --------------------------------------------------------------------- following the hints ---- */

/* take_in, for a node whose hint promises a block: children that are free but not merged may hide
 * it. */
static uintptr_t take_or_drain(const search *s, lfb_node node)
{
    uintptr_t page = take_in(s, node);
    if (page == PAGE_NONE && node.level > 0 && lfb_drain_node(s->lfb, s->lane, node)) {
        page = take_in(s, node);
    }
    return page;
}

/* take_in, where pages begin that are free as a whole. */
static uintptr_t take_first(const search *s, uintptr_t page)
{
    lfb_node node = lfb_node_of_page(s->want->level, page);
    /* Only damage makes pages outside the range free. */
    return lfb_node_exists(s->lfb, node) ? take_in(s, node) : PAGE_NONE;
}

static uintptr_t descend(const search *s, lfb_node node);

/* A node that its hint recommends. In vain: the hint is put right. */
static uintptr_t visit(const search *s, lfb_node node)
{
    uintptr_t page = node.level > s->want->level ? descend(s, node) : take_or_drain(s, node);
    if (page == PAGE_NONE && node.level > 0) {
        lfb_hint_lower(s->lfb, node);
    }
    return page;
}

static bool is_hinted(const search *s, lfb_node node)
{
    return node.level == 0 || lfb_hint_order(s->lfb, node) >= (int)s->least;
}

static uintptr_t visit_open(const search *s, lfb_node node, lfb_word open)
{
    for (; open; open &= open - 1) {
        lfb_node child = lfb_child(node, word_bit_slot(open));
        uintptr_t page = lfb_node_exists(s->lfb, child) ? visit(s, child) : PAGE_NONE;
        if (page != PAGE_NONE) {
            return page;
        }
    }
    return PAGE_NONE;
}

static unsigned slot_at_most(uintptr_t slots)
{
    return slots < NODE_SLOTS ? (unsigned)slots : (unsigned)NODE_SLOTS;
}

/* The slots of a node whose children lie in the lane's share of their level. */
static lfb_word own_share(const search *s, lfb_node node)
{
    const lfb_t *lfb = s->lfb;
    lfb_node child = lfb_child(node, 0);
    uintptr_t share = lfb->levels[child.level].count >> lfb->lane_bits;
    uintptr_t first =
        lfb->levels[child.level].first + share * (uintptr_t)lfb_lane_number(lfb, s->lane);
    if (share == 0) {
        return WORD_EACH(1); /* more lanes than nodes: no shares */
    }
    unsigned begin = child.number < first ? slot_at_most(first - child.number) : 0;
    unsigned end = child.number < first + share ? slot_at_most(first + share - child.number) : 0;
    return begin < end ? word_mask(begin, end - begin) & WORD_EACH(1) : 0;
}

/* Looks below a node above the wanted level: in these children first, from the lane's own on, then
 * in these slots, which are whole. */
static uintptr_t descend_in(const search *s, lfb_node node, lfb_word open, lfb_word whole)
{
    lfb_node own = ancestor(lfb_cursor_of(s->lfb, s->lane, s->want), node.level - 1);
    unsigned start = lfb_parent(own).number == node.number ? lfb_slot_in_parent(own) : 0;
    lfb_word before = word_mask(0, start + 1) >> CODE_BITS;
    uintptr_t page = visit_open(s, node, open & ~before);
    if (page == PAGE_NONE) {
        page = visit_open(s, node, open & before);
    }
    for (; page == PAGE_NONE && whole; whole &= whole - 1) {
        page = take_first(s, lfb_page_of_slot(node, word_bit_slot(whole)));
    }
    return page;
}

/* Looks in the lane's share first, so that lanes meet only where one has run out. */
static uintptr_t descend(const search *s, lfb_node node)
{
    lfb_word word = lfb_tree_load(s->lfb, node);
    if (word_is_empty(word, node.level)) {
        return take_first(s, lfb_page_of_node(node));
    }
    if (s->least >= lfb_node_order(node.level)) {
        return PAGE_NONE; /* its hint promises all of it, but it has been split */
    }
    lfb_word whole = word_with_code(word, node.level, CODE_FREE);
    lfb_word open = word_with_code(word, node.level, CODE_OPEN);
    if (node.level > 1) {
        open = lfb_hint_promising(s->lfb, node, open, s->least);
    }
    lfb_word share = own_share(s, node);
    uintptr_t page = descend_in(s, node, open & share, whole & share);
    return page != PAGE_NONE || s->own ? page : descend_in(s, node, open & ~share, whole & ~share);
}

/* Goes where hints promise a free block of order `least` at least. */
static uintptr_t follow_hints(search *s, unsigned least)
{
    const lfb_t *lfb = s->lfb;
    s->least = least;
    lfb_node own = lfb_cursor_of(lfb, s->lane, s->want);
    for (unsigned level = own.level + 1; level <= lfb->top; level++) {
        lfb_node node = ancestor(own, level);
        uintptr_t page = is_hinted(s, node) ? visit(s, node) : PAGE_NONE;
        if (page != PAGE_NONE) {
            return page;
        }
    }
    if (s->own) {
        return PAGE_NONE;
    }
    /* The other top nodes, from the next one round. */
    uintptr_t first = lfb->levels[lfb->top].first;
    uintptr_t count = lfb->levels[lfb->top].count;
    uintptr_t index = ancestor(own, lfb->top).number - first;
    for (uintptr_t i = 0; i < count; i++) {
        index = index + 1 < count ? index + 1 : 0;
        lfb_node node = {lfb->top, first + index};
        uintptr_t page = is_hinted(s, node) ? visit(s, node) : PAGE_NONE;
        if (page != PAGE_NONE) {
            return page;
        }
    }
    return PAGE_NONE;
}

/* ------------------------------------------------------------------- filling what is split ---- */

/* Takes from the live ones among the nodes under these OPEN slots. */
static uintptr_t take_in_live(const search *s, lfb_node parent, lfb_word open)
{
    lfb_fit fit = s->want->fit;
    lfb_children children = lfb_children_of(s->lfb, parent);
    unsigned level = parent.level - 1;
    for (; open; open &= open - 1) {
        unsigned slot = word_bit_slot(open);
        const lfb_atomic *child = lfb_child_word(&children, slot);
        if (!child) {
            continue; /* damage */
        }
        lfb_word word = lfb_load_relaxed(child); /* relaxed: take_in looks again */
        if (word_first_run(word, level, fit.group, fit.count) && !word_is_empty(word, level)) {
            uintptr_t page = take_in(s, lfb_child(parent, slot));
            if (page != PAGE_NONE) {
                return page;
            }
        }
    }
    return PAGE_NONE;
}

/* Takes from the nodes beside the one that the lane is filling: from live ones, from that one on
 * round; then from such as must be entered. */
static uintptr_t take_next_door(const search *s)
{
    lfb_node own = lfb_cursor_of(s->lfb, s->lane, s->want);
    if (own.level <= 1 || own.level == s->lfb->top) {
        return PAGE_NONE; /* leaves: beside.h; level 1: the fullest node is a better place */
    }
    lfb_node parent = lfb_parent(own);
    lfb_word word = lfb_tree_load(s->lfb, parent);
    if (word_is_empty(word, parent.level)) {
        return take_first(s, lfb_page_of_node(parent));
    }
    lfb_word before = word_mask(0, lfb_slot_in_parent(own) + 1) >> CODE_BITS;
    lfb_word open = word_with_code(word, parent.level, CODE_OPEN);
    uintptr_t page = take_in_live(s, parent, open & ~before);
    page = page == PAGE_NONE ? take_in_live(s, parent, open & before) : page;
    lfb_word whole = word_with_code(word, parent.level, CODE_FREE);
    for (; page == PAGE_NONE && whole; whole &= whole - 1) {
        page = take_first(s, lfb_page_of_slot(parent, word_bit_slot(whole)));
    }
    return page;
}

/* Takes from a node of level 1, or below it from a leaf. */
static uintptr_t take_in_either(const search *s, lfb_node node)
{
    if (s->want->level == 1) {
        return take_in(s, node);
    }
    return hand_over(s, lfb_leaves_take(s->lfb, s->lane, node, 0, s->want->fit, s->most, s->pages));
}

/* Takes from the fullest node of level 1 nearby that is no fuller than `most`, and than leaves room
 * for this. */
static uintptr_t fill(const search *s, unsigned least, unsigned most)
{
    enum { TRIES = 4 };
    lfb_node near = ancestor(lfb_cursor_of(s->lfb, s->lane, s->want), 1);
    uintptr_t all = lfb_node_pages(1);
    unsigned beside = lfb_room_of_pages(s->want->pages < all ? all - s->want->pages : 0);
    lfb_pick pick = {least, most < beside ? most : beside, s->want->order};
    lfb_node node;
    for (unsigned tries = 0; tries < TRIES && pick.least <= pick.most; tries++) {
        if (!lfb_room_pick(s->lfb, s->lane, near, pick, s->own, &node)) {
            break;
        }
        uintptr_t page = take_in_either(s, node);
        if (page != PAGE_NONE) {
            return page;
        }
        lfb_hint_lower(s->lfb, node);
        if (lfb_hint_order(s->lfb, node) < 0) {
            lfb_room_refresh(s->lfb, node); /* else it may do for others */
        }
    }
    return PAGE_NONE;
}

/* ------------------------------------------------------------------------------ searching ---- */

/* A small block: from the fullest node that repays the way, else from a whole one. */
static uintptr_t fill_or_split(search *s)
{
    uintptr_t page = fill(s, 1, ROOM_WORTH);
    if (page == PAGE_NONE && s->want->order < lfb_node_order(1)) {
        page = follow_hints(s, lfb_node_order(1));
    }
    return page;
}

/* By the price of the way: where the lane is and next door (leaves: beside.h), where rooms and
 * hints lead. Small blocks first in the lane's own share, so that lanes write into the same cache
 * lines only where one runs out. */
static uintptr_t look(search *s)
{
    const lfb_t *lfb = s->lfb;
    uintptr_t page = PAGE_NONE;
    if (s->want->level > 0 || lfb->top == 0) {
        page = take_in(s, lfb_cursor_of(lfb, s->lane, s->want));
        page = page == PAGE_NONE ? take_next_door(s) : page;
    }
    if (page == PAGE_NONE && s->want->level <= 1 && lfb->top > 0) {
        s->own = lfb->lane_count > 1;
        page = fill_or_split(s);
        if (page == PAGE_NONE && s->own) {
            s->own = false;
            page = fill_or_split(s);
        }
        if (page == PAGE_NONE) {
            page = fill(s, ROOM_WORTH + 1, ROOM_FULL - 1);
        }
    }
    return page != PAGE_NONE ? page : follow_hints(s, s->want->order);
}

/* Where rooms and hints have led to nothing. */
static uintptr_t look_everywhere(const search *s)
{
    lfb_range all = lfb_range_of_all(s->lfb);
    /* A run may fit where no block is free that would hold it. */
    uintptr_t page =
        lfb_want_is_block(s->want) ? PAGE_NONE : lfb_sweep(s->lfb, s->lane, s->want, all, true);
    if (page == PAGE_NONE) {
        lfb_word sweep = lfb_exhaustion_suspected(s->lfb, s->lane, s->want->order);
        page = lfb_sweep(s->lfb, s->lane, s->want, all, false);
        if (page == PAGE_NONE) {
            lfb_exhaustion_found(s->lfb, sweep, s->want->order);
        }
    }
    return page;
}

unsigned lfb_search(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want, unsigned most,
                    uintptr_t pages[])
{
    unsigned got = 1;
    search s = {.lfb = lfb, .lane = lane, .want = want, .most = most, .pages = pages, .got = &got};
    pages[0] = look(&s);
    if (pages[0] != PAGE_NONE) {
        move_cursor(lfb, lane, want, pages[0]);
        return got;
    }
    pages[0] = look_everywhere(&s);
    LFB_PROBE_EXHAUSTED_IF(pages[0] == PAGE_NONE, lfb, lane, want->pages);
    return pages[0] != PAGE_NONE;
}

uintptr_t lfb_search_within(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want,
                            lfb_range window)
{
    uintptr_t page = lfb_sweep(lfb, lane, want, window, true);
    page = page == PAGE_NONE ? lfb_sweep(lfb, lane, want, window, false) : page;
    LFB_PROBE_EXHAUSTED_IF(page == PAGE_NONE, lfb, lane, want->pages);
    return page;
}
