/* SPDX-License-Identifier: MIT */
#include "sweep.h"
#include "hint.h"

/* A sweep under way. */
typedef struct sweeping {
    const lfb_t *lfb;
    lfb_lane *lane;
    const lfb_want *want;
    lfb_range window; /* claims stay inside */
    int least;        /* the order that a hint must promise; -1: hints aren't asked */
} sweeping;

/* -------------------------------------------------------------------------------- claiming ---- */

/* Claims the first free place in these pages, each place aligned to the wanted order. */
static uintptr_t claim_in(const sweeping *s, uintptr_t page, uintptr_t pages)
{
    uintptr_t last = page + (pages - 1); /* inclusive: the pages may end with the address space */
    uintptr_t window_last = s->window.page + (s->window.pages - 1);
    page = page > s->window.page ? page : s->window.page;
    last = last < window_last ? last : window_last;
    uintptr_t below = ((uintptr_t)1 << s->want->order) - 1;
    for (;;) {
        uintptr_t start = page;
        page = (page + below) & ~below;
        /* page < start: past the end of the address space */
        if (page < start || page > last || last - page < s->want->pages - 1) {
            return PAGE_NONE;
        }
        if (lfb_range_claim(s->lfb, s->lane, (lfb_range){page, s->want->pages}, true)) {
            return page;
        }
        if (last - page <= below) {
            return PAGE_NONE;
        }
        page += below + 1;
    }
}

/* Where in a live word an aligned group has room: the slots that would be taken whole are FREE, or
 * OPEN if they may be claimed in pieces; one of which a part would be taken is either. */
static lfb_word candidates(const sweeping *s, lfb_word word, unsigned level, bool in_pieces)
{
    lfb_word free = word_with_code(word, level, CODE_FREE);
    lfb_word usable = level ? free | word_with_code(word, level, CODE_OPEN) : free;
    unsigned whole = (unsigned)(s->want->pages >> lfb_slot_order(level)); /* not 0: lfb_want_run */
    lfb_word bits = word_streaks(in_pieces ? usable : free, whole);
    bits &= word_aligned(s->want->fit.group);
    return s->want->fit.count > whole ? bits & usable >> (CODE_BITS * whole) : bits;
}

/* Whether a slot that would be taken whole is OPEN over a child in which something is allocated: a
 * look at each child spares the claim's at several words of each. */
static bool is_in_use(const sweeping *s, lfb_node node, lfb_word word, unsigned slot)
{
    unsigned end = slot + (unsigned)(s->want->pages >> lfb_slot_order(node.level));
    bool in_use = false;
    for (; !in_use && node.level > 0 && slot < end; slot++) {
        lfb_node child = lfb_child(node, slot);
        if (word_code(word, slot) == CODE_OPEN && lfb_node_exists(s->lfb, child)) {
            lfb_word below = lfb_tree_load(s->lfb, child);
            lfb_word held = ~(below >> 1) & WORD_EACH(1) & word_codes(child.level);
            in_use = held != 0 && !word_is_empty(below, child.level);
        }
    }
    return in_use;
}

/* Claims the first place in a live node that isn't in use. */
static uintptr_t claim_in_live(const sweeping *s, lfb_node node, lfb_word word, bool in_pieces)
{
    uintptr_t page = PAGE_NONE;
    lfb_word bits = candidates(s, word, node.level, in_pieces);
    for (; page == PAGE_NONE && bits; bits &= bits - 1) {
        unsigned slot = word_bit_slot(bits);
        if (!is_in_use(s, node, word, slot)) {
            page = claim_in(s, lfb_page_of_slot(node, slot), (uintptr_t)1 << s->want->order);
        }
    }
    return page;
}

uintptr_t lfb_claim_in_node(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want, lfb_node node)
{
    sweeping s = {lfb, lane, want, lfb_range_of_all(lfb), -1};
    lfb_word word = lfb_tree_load(lfb, node);
    return word_is_empty(word, node.level)
               ? claim_in(&s, lfb_page_of_node(node), (uintptr_t)1 << want->order)
               : claim_in_live(&s, node, word, false);
}

/* -------------------------------------------------------------------------------- sweeping ---- */

/* Tries every place below a node that isn't in use. */
static uintptr_t sweep_node(const sweeping *s, lfb_node node)
{
    const lfb_t *lfb = s->lfb;
    uintptr_t first = lfb_page_of_node(node);
    uintptr_t last = first + (lfb_node_pages(node.level) - 1);
    if (last < s->window.page || first > s->window.page + (s->window.pages - 1)) {
        return PAGE_NONE;
    }
    lfb_word word = lfb_tree_load(lfb, node);
    if (word_is_empty(word, node.level)) {
        return word_kind(word) == KIND_PLAIN ? claim_in(s, first, lfb_node_pages(node.level))
                                             : PAGE_NONE;
    }
    if (node.level == s->want->level) {
        return claim_in_live(s, node, word, true);
    }
    lfb_word open = word_with_code(word, node.level, CODE_OPEN);
    if (s->least >= 0 && node.level > 1) {
        open = lfb_hint_promising(lfb, node, open, (unsigned)s->least);
    }
    uintptr_t page = PAGE_NONE;
    lfb_word bits = open | word_with_code(word, node.level, CODE_FREE);
    for (; page == PAGE_NONE && bits; bits &= bits - 1) {
        unsigned slot = word_bit_slot(bits);
        if (word_code(word, slot) == CODE_FREE) {
            page = claim_in(s, lfb_page_of_slot(node, slot), lfb_slot_pages(node.level));
        } else if (lfb_node_exists(lfb, lfb_child(node, slot))) {
            page = sweep_node(s, lfb_child(node, slot));
        }
    }
    return page;
}

uintptr_t lfb_sweep(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want, lfb_range window,
                    bool by_hints)
{
    int least = (int)want->order - !lfb_want_is_block(want);
    sweeping s = {lfb, lane, want, window, by_hints ? least : -1};
    uintptr_t page = PAGE_NONE;
    for (uintptr_t i = 0; page == PAGE_NONE && i < lfb->levels[lfb->top].count; i++) {
        lfb_node node = {lfb->top, lfb->levels[lfb->top].first + i};
        if (!by_hints || node.level == 0 || lfb_hint_order(lfb, node) >= s.least) {
            page = sweep_node(&s, node);
        }
    }
    if (page != PAGE_NONE && !by_hints) {
        /* It was hidden from the hints, or in pieces. */
        lfb_node node = lfb_node_of_page(want->level, page);
        lfb_hint_raise_to(lfb, node, lfb_hint_survey(lfb, node));
    }
    return page;
}
