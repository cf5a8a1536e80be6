/* SPDX-License-Identifier: MIT */
#include "beside.h"
#include "../port/likely.h"
#include "leaves.h"
#include "take.h"

/* The node that a lane is filling, and what its parent says of those beside it (low bits). */
typedef struct neighbours {
    lfb_node full;
    lfb_node parent;
    lfb_word here; /* the node's own */
    lfb_word open;
    lfb_word free;
} neighbours;

/* Returns false where nothing is beside the node, or all is free. */
static LFB_INLINE bool look_beside(const lfb_t *lfb, const lfb_lane *lane, unsigned level,
                                   unsigned place, neighbours *n)
{
    /* Memory shared with others may hold anything. */
    uint32_t index = lfb_guess_load(&lane->cursor[place]);
    if (level >= lfb->top || index >= lfb->levels[level].count) {
        return false;
    }
    n->full = (lfb_node){level, lfb->levels[level].first + index};
    n->parent = lfb_parent(n->full);
    lfb_word above = lfb_tree_load(lfb, n->parent);
    n->here = (lfb_word)1 << CODE_BITS * lfb_slot_in_parent(n->full);
    n->open = word_with_code(above, level + 1, CODE_OPEN);
    n->free = word_with_code(above, level + 1, CODE_FREE);
    return !word_is_empty(above, level + 1);
}

/* Of these slots, those behind the node. */
static LFB_INLINE lfb_word slots_behind(const neighbours *n, lfb_word slots)
{
    return slots & ~(n->here | (n->here - 1));
}

/* The lane fills this node from now on. */
static LFB_INLINE void fill_next(const lfb_t *lfb, lfb_lane *lane, unsigned place,
                                 const neighbours *n, lfb_node node)
{
    lfb_guess_store(&lane->next[place], lfb_index_of(lfb, node));
    lfb_guess_store(&lane->cursor[place], lfb_index_of(lfb, node));
    lfb_leave_node(lfb, lane, n->full);
}

/* Takes the first slots of a node that is free as a whole. */
static LFB_INLINE bool enter_whole(const lfb_t *lfb, lfb_lane *lane, unsigned level, unsigned place,
                                   const neighbours *n, lfb_fit fit, uintptr_t *page)
{
    lfb_word whole = slots_behind(n, n->free) ? slots_behind(n, n->free) : n->free;
    if (whole == 0) {
        return false;
    }
    lfb_node node = {level, lfb_child(n->parent, word_bit_slot(whole)).number};
    *page = lfb_page_of_node(node);
    if (!lfb_pages_in_range(lfb, *page, lfb_node_pages(level))) {
        return false; /* damage: pages outside the range are never FREE */
    }
    lfb_word seen = lfb_tree_load(lfb, node);
    lfb_word live = word_hold(word_all(seen, level, CODE_FREE), 0, fit.count);
    if (!word_is_empty(seen, level) || lfb_tree_enter(lfb, lane, node, seen, live) != LFB_DONE) {
        return false;
    }
    fill_next(lfb, lane, place, n, node);
    return true;
}

/* Chooses as lfb_leaves_take does, which takes several blocks at once and so more instructions. */
bool lfb_beside_leaf(const lfb_t *lfb, lfb_lane *lane, unsigned place, lfb_fit fit, uintptr_t *page)
{
    neighbours n;
    if (!look_beside(lfb, lane, 0, place, &n)) {
        return false;
    }
    lfb_node first = lfb_child(n.parent, 0);
    for (lfb_word open = slots_behind(&n, n.open); open; open &= open - 1) {
        lfb_node leaf = {0, first.number + word_bit_slot(open)};
        /* Only damage opens a slot outside the range. */
        if (lfb_node_exists(lfb, leaf) &&
            lfb_take_in(lfb, 0, lfb_index_of(lfb, leaf), fit, false, page)) {
            fill_next(lfb, lane, place, &n, leaf);
            return true;
        }
    }
    return enter_whole(lfb, lane, 0, place, &n, fit, page);
}

unsigned lfb_beside_leaves(const lfb_t *lfb, lfb_lane *lane, unsigned place, lfb_fit fit,
                           unsigned most, uintptr_t pages[])
{
    neighbours n;
    if (!look_beside(lfb, lane, 0, place, &n)) {
        return 0;
    }
    unsigned got =
        lfb_leaves_take(lfb, lane, n.parent, lfb_slot_in_parent(n.full), fit, most, pages);
    if (got) {
        fill_next(lfb, lane, place, &n, lfb_node_of_page(0, pages[0]));
    }
    return got;
}

/* Whether one of the live nodes under these OPEN slots has room for a block. */
static bool has_room(const lfb_t *lfb, lfb_node parent, lfb_word open, unsigned group)
{
    lfb_children children = lfb_children_of(lfb, parent);
    bool has = false;
    for (; open && !has; open &= open - 1) {
        const lfb_atomic *child = lfb_child_word(&children, word_bit_slot(open));
        lfb_word word = child ? lfb_load_relaxed(child) : 0; /* relaxed: only guides */
        has = !word_is_empty(word, 1) && word_first_block(word, 1, group) != 0;
    }
    return has;
}

bool lfb_beside_node(const lfb_t *lfb, lfb_lane *lane, unsigned level, unsigned place, lfb_fit fit,
                     uintptr_t *page)
{
    LFB_ASSUME(level > 1);
    neighbours n;
    return look_beside(lfb, lane, level, place, &n) &&
           !has_room(lfb, n.parent, n.open & ~n.here, fit.group) &&
           enter_whole(lfb, lane, level, place, &n, fit, page);
}
