/* SPDX-License-Identifier: MIT */
/*
 * The public functions for many blocks at once. Blocks that lie in one node are taken, and
 * released, by one update of its word; leaves that are taken whole, or become free as a whole,
 * share one update of the word above them as well.
 */
#include "../port/probe.h"
#include "beside.h"
#include "isolate.h"
#include "room.h"
#include "search.h"

/* ------------------------------------------------------------------------------ allocate ---- */

/* Takes blocks of less than a leaf from leaves beside the one that the lane is filling, leaves that
 * are free as a whole, where so many blocks fill some. Returns how many; their addresses are in
 * out[]. */
static unsigned take_whole_leaves(const lfb_t *lfb, lfb_node leaf, const lfb_want *want,
                                  size_t most, uintptr_t out[])
{
    size_t leaves = most >> (LFB_LEAF_ORDER - want->order);
    if (leaves == 0 || lfb->top == 0) {
        return 0;
    }
    unsigned nodes = leaves < NODE_SLOTS ? (unsigned)leaves : NODE_SLOTS;
    return lfb_tree_take_leaves(lfb, lfb_parent(leaf), want->fit.group, nodes, out);
}

/* Takes up to `most` blocks where the lane is, or where a search finds some. Returns how many;
 * their addresses are in out[]. */
static unsigned take_some(const lfb_t *lfb, lfb_lane *lane, const lfb_want *want, size_t most,
                          uintptr_t out[])
{
    lfb_node near = lfb_cursor_of(lfb, lane, want);
    unsigned blocks = most < LEAF_SLOTS ? (unsigned)most : LEAF_SLOTS;
    unsigned got = 0;
    if (near.level == 0) {
        lfb_word word = lfb_tree_load(lfb, near);
        if (!word_is_empty(word, 0) && word_find_block(word, 0, want->fit.group)) {
            got = lfb_tree_take(lfb, lane, near, want->fit, blocks, out);
        }
        unsigned whole = got ? 0 : take_whole_leaves(lfb, near, want, most, out);
        if (whole) {
            return whole;
        }
    }
    if (got == 0 && !lfb_is_exhausted(lfb, lane, want->pages)) {
        got =
            near.level == 0 ? lfb_beside_leaves(lfb, lane, want->place, want->fit, blocks, out) : 0;
        got = got ? got : lfb_search(lfb, lane, want, blocks, out);
    }
    for (unsigned i = 0; i < got; i++) {
        out[i] = lfb_address_of(lfb, out[i]);
    }
    return got;
}

size_t lfb_alloc_bulk_on(lfb_t *lfb, unsigned lane, unsigned order, size_t count, uintptr_t out[])
{
    lfb_lane *own = lfb_lane_of(lfb, lane);
    lfb_want want;
    size_t got = 0;
    if (!lfb_want_block(lfb, order, &want)) {
        return 0;
    }
    while (got < count) {
        unsigned more = take_some(lfb, own, &want, count - got, out + got);
        if (!more) {
            break;
        }
        LFB_PROBE_ALLOC_ALL(lfb, own, more, out + got, want.pages);
        got += more;
    }
    return got;
}

size_t lfb_alloc_bulk(lfb_t *lfb, unsigned order, size_t count, uintptr_t out[])
{
    return lfb_alloc_bulk_on(lfb, lfb_lane_now(lfb), order, count, out);
}

/* ------------------------------------------------------------------------------- release ---- */

/* Whether the first addresses are those of all pages of a leaf, one after the other. */
static bool are_a_leaf(const lfb_t *lfb, lfb_node node, const uintptr_t in[], size_t count)
{
    uintptr_t page_size = lfb_address_of(lfb, 1);
    uintptr_t address = lfb_address_of(lfb, lfb_page_of_node(node));
    uintptr_t different = 0;
    if (node.level > 0 || count < LEAF_SLOTS || in[1] != address + page_size) {
        return false;
    }
    for (size_t i = 0; i < LEAF_SLOTS; i++, address += page_size) {
        different |= in[i] ^ address; /* and no way out: for vector instructions */
    }
    return different == 0;
}

/* The slots of a node, as low bits, with which the first addresses begin. *count: in, how many
 * addresses there are; out, how many of them begin a slot of this node, each another. Only the
 * first address may be the node's own: node_of_run() has looked whether a run begins there, or goes
 * on from an earlier node; for another one, nobody has. */
static lfb_word slots_at(const lfb_t *lfb, lfb_node node, const uintptr_t in[], size_t *count)
{
    if (are_a_leaf(lfb, node, in, *count)) {
        *count = LEAF_SLOTS;
        return word_aligned(0) & word_codes(0);
    }
    unsigned shift = lfb->page_shift + lfb_slot_order(node.level);
    uintptr_t first = lfb_page_of_node(node) >> lfb_slot_order(node.level);
    uintptr_t slots = word_slots(node.level);
    lfb_word bits = 0;
    lfb_word not_again = 0;
    size_t i = 0;
    for (; i < *count; i++) {
        uintptr_t slot = (in[i] >> shift) - first;
        lfb_word bit = (lfb_word)1 << (CODE_BITS * (slot & (slots - 1)));
        if (slot >= slots || not_again & bit || (in[i] & (((uintptr_t)1 << shift) - 1))) {
            break;
        }
        bits |= bit;
        not_again = bits | 1;
    }
    *count = i;
    return bits;
}

/* Merges these of the retired leaves, and tells of it. Returns false where it can't be done at
 * once. */
static bool merge_together(const lfb_t *lfb, lfb_lane *lane, const lfb_retired *retired,
                           lfb_word slots)
{
    lfb_freed freed;
    if (!lfb_tree_merge_retired(lfb, lane, retired, slots, &freed)) {
        return false;
    }
    lfb_hint_raise(lfb, &freed);
    lfb_room_released(lfb, freed.lowest, &freed);
    return true;
}

static void merge_all(const lfb_t *lfb, lfb_lane *lane, lfb_retired *retired)
{
    if (retired->slots && !merge_together(lfb, lane, retired, retired->slots)) {
        for (lfb_word bits = retired->slots; bits; bits &= bits - 1) {
            merge_together(lfb, lane, retired, bits & (~bits + 1));
        }
    }
    retired->slots = 0;
}

/* The node in whose slot, the first of it or another, a run that begins at the page would begin.
 * *word is 0 if a run goes on there that began before. */
static lfb_node node_of_run(const lfb_t *lfb, uintptr_t page, lfb_word *word)
{
    lfb_node node = lfb_node_of_page(lfb_level_of_page(lfb, page), page);
    unsigned slot = lfb_slot_of_page(node.level, page);
    *word = lfb_tree_load(lfb, node);
    if (slot > 0 && word_code(*word, slot - 1) == CODE_HELD) {
        *word = 0; /* or the node is EMPTY */
    }
    while (node.level > 0 && !word_is_empty(*word, node.level) &&
           word_code(*word, slot) == CODE_OPEN) {
        node = lfb_child(node, slot);
        *word = lfb_tree_load(lfb, node);
        slot = 0;
    }
    return node;
}

/* Releases the runs at the first addresses that begin in one node, if all of them end in it too.
 * Returns how many; 0: look at each. A leaf that becomes EMPTY is left to the caller to merge. */
static size_t free_in_node(lfb_t *lfb, lfb_lane *lane, size_t count, const uintptr_t in[],
                           lfb_retired *retired)
{
    uintptr_t page;
    if (lfb_page_at(lfb, in[0], &page) != LFB_OK) {
        return 0;
    }
    for (;;) {
        lfb_word seen;
        lfb_node node = node_of_run(lfb, page, &seen);
        size_t done = count;
        lfb_word starts = slots_at(lfb, node, in, &done);
        lfb_word runs = word_run_masks(seen, node.level, starts);
        if (runs == 0 || word_is_empty(seen, node.level)) {
            return 0;
        }
        lfb_word live = (seen & ~runs) | (runs & WORD_EACH((lfb_word)CODE_FREE));
        if (lfb_tree_may_retire(lfb, lane, node, live)) {
            if (retired->slots && retired->parent.number != lfb_parent(node).number) {
                merge_all(lfb, lane, retired);
            }
            if (lfb_tree_retire_leaf(lfb, lane, node, seen, retired)) {
                return done;
            }
            continue;
        }
        lfb_freed freed;
        if (lfb_tree_release(lfb, lane, node, seen, live, &freed)) {
            lfb_hint_raise(lfb, &freed);
            lfb_room_released(lfb, node, &freed);
            return done;
        }
    }
}

size_t lfb_free_bulk_on(lfb_t *lfb, unsigned lane, size_t count, const uintptr_t in[])
{
    lfb_lane *own = lfb_lane_of(lfb, lane);
    lfb_retired retired;
    size_t done = 0;
    retired.slots = 0; /* and no more of it is ever looked at */
    while (done < count) {
        size_t more =
            lfb_is_isolating(lfb) ? 0 : free_in_node(lfb, own, count - done, in + done, &retired);
        LFB_PROBE_FREE_ALL(lfb, own, more, in + done);
        if (!more) {
            if (lfb_free_on(lfb, lane, in[done]) != LFB_OK) {
                break;
            }
            more = 1;
        }
        done += more;
    }
    merge_all(lfb, own, &retired);
    return done;
}

size_t lfb_free_bulk(lfb_t *lfb, size_t count, const uintptr_t in[])
{
    return lfb_free_bulk_on(lfb, lfb_lane_now(lfb), count, in);
}
