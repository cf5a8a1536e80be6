/* SPDX-License-Identifier: MIT */
/*
 * The idea. Taking and releasing slots of a live node is one compare-and-swap on its word. What
 * needs care is the border between a node and its parent: a node may become free as a whole (it
 * retires and merges into its parent's slot) while another thread is about to allocate in it (it
 * enters). Neither holds a lock over both words; each prepares in one word what it completes in
 * the other:
 *
 *   enter    1. read child = EMPTY(t); read parent; slot FREE: read the child again (T6)
 *   (S1)     2. parent: slot OPEN (or FREE -> OPEN), version + 1
 *            3. child: EMPTY(t) -> live, with the allocation in it
 *
 *   merge    1. read parent
 *   (S2)     2. child: -> EMPTY(t'), t' never used before
 *            3. parent: slot OPEN -> FREE, expecting exactly the word of step 1
 *
 * If the version step comes before the merger's read, the new tag comes after the step, and defeats
 * the entry. If it comes after that read, it defeats the merge. So an entered child sits under an
 * OPEN slot (T1), and a slot becomes FREE only over an EMPTY child (T2). A merger that sees the
 * version moved gives up, so the two can't undo each other's preparations for ever; what it leaves,
 * EMPTY under OPEN, is free for everybody.
 *
 * Idea: the tree of status bits with coalescing marks is from A. Scarselli, "A Lock-Free Buddy
 * System for Scalable Memory Allocation" (2017), and Marotta et al., NBBS (IEEE TC 2022). The
 * mark's missing owner, which lets NBBS lose one, is what tag and version are here for.
 *
 * Progress: every loop repeats only after another operation's compare-and-swap succeeded in
 * allocating, releasing, entering or merging.
 */
#include "tree.h"
#include "../port/likely.h"
#include "../port/probe.h"

/* ------------------------------------------------------------------------------ locating ---- */

static lfb_piece piece_of_empty(lfb_node node, lfb_word word)
{
    static const lfb_state states[] = {STATE_FREE, STATE_RUN, STATE_HOLE, STATE_HOLE};
    return (lfb_piece){.node = node,
                       .word = word,
                       .state = states[word_kind(word)],
                       .whole = true,
                       .count = word_slots(node.level)};
}

static lfb_piece piece_of_live(lfb_node node, lfb_word word, unsigned slot)
{
    lfb_piece piece = {.node = node, .word = word, .state = STATE_RUN};
    enum word_code code = word_code(word, slot);
    if (code == CODE_HELD || code == CODE_LAST) {
        piece.slot = word_run_start(word, slot);
        piece.count = word_run_length(word, piece.slot);
        return piece;
    }
    lfb_word others = ~word_with_code(word, node.level, code) & WORD_EACH(1);
    lfb_word below = others & (word_mask(0, slot + 1) >> CODE_BITS);
    lfb_word above = others & word_codes(node.level) & ~word_mask(0, slot + 1);
    piece.state = code == CODE_FREE ? STATE_FREE : STATE_HOLE;
    piece.slot = below ? lfb_high_bit(below) / CODE_BITS + 1 : 0;
    piece.count = (above ? word_bit_slot(above) : word_slots(node.level)) - piece.slot;
    return piece;
}

/* One try of lfb_tree_locate; `above` is the word above that of the piece, if that is OPEN. */
static lfb_piece locate_once(const lfb_t *lfb, uintptr_t page, lfb_word *above)
{
    /* Most runs begin in the highest word that can hold their start, so look there first: a live
     * word speaks for itself (T1). */
    lfb_node node = lfb_node_of_page(lfb_level_of_page(lfb, page), page);
    lfb_word word = lfb_tree_load(lfb, node);

    /* Up: an EMPTY word speaks only under an OPEN slot, and only if it was read after that. */
    while (word_is_empty(word, node.level) && node.level < lfb->top) {
        node = lfb_parent(node);
        word = lfb_tree_load(lfb, node);
    }
    /* Down: an OPEN slot leaves it to the child. */
    while (!word_is_empty(word, node.level)) {
        unsigned slot = lfb_slot_of_page(node.level, page);
        if (node.level == 0 || word_code(word, slot) != CODE_OPEN) {
            return piece_of_live(node, word, slot);
        }
        *above = word;
        node = lfb_child(node, slot);
        word = lfb_tree_load(lfb, node);
    }
    return piece_of_empty(node, word);
}

lfb_piece lfb_tree_locate(const lfb_t *lfb, uintptr_t page)
{
    for (;;) {
        lfb_word above = 0;
        lfb_piece piece = locate_once(lfb, page, &above);
        /* An EMPTY word speaks only while the slot over it is OPEN: since that was read, an owner
         * may have pulled the slot up and wiped its mark off (T5: opened again, it is another
         * word). */
        if (!piece.whole || piece.node.level == lfb->top ||
            lfb_tree_load(lfb, lfb_parent(piece.node)) == above) {
            return piece;
        }
    }
}

bool lfb_tree_is_continuation(const lfb_t *lfb, const lfb_piece *piece)
{
    lfb_node node = piece->node;
    for (bool first = piece->slot == 0; first && node.level < lfb->top; node = lfb_parent(node)) {
        unsigned slot = lfb_slot_in_parent(node);
        lfb_word above = lfb_tree_load(lfb, lfb_parent(node));
        if (word_is_empty(above, node.level + 1)) {
            return false; /* the piece is gone */
        }
        if (slot > 0) {
            return word_code(above, slot - 1) == CODE_HELD;
        }
    }
    return false;
}

/* ---------------------------------------------------------------------------------- tags ---- */

static lfb_word new_tag(const lfb_t *lfb, lfb_lane *lane)
{
    /* From 1: tag 0 is that of zero-filled memory. relaxed: the counter orders nothing, it only
     * must not give a number twice. */
    lfb_word count = lfb_add_relaxed(&lane->tags, 1) + 1;
    return count << lfb->lane_bits | lfb_lane_number(lfb, lane);
}

lfb_word lfb_tree_empty(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word old,
                        enum word_kind kind)
{
    return word_empty(old, node.level, kind, new_tag(lfb, lane));
}

/* ------------------------------------------------------------------------------ entering ---- */

/*
 * A node is EMPTY but marked. Where the parent says that its pages are free, the mark was left by
 * an owner who marked the node, didn't go on, and has released it since: it can be wiped off, for
 * the mark was read before the parent, and no later owner works under a tag that it didn't make
 * itself. Else the pages are in use, or are about to be.
 */
static lfb_outcome wash(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word seen)
{
    if (node.level == lfb->top) {
        return LFB_TAKEN;
    }
    lfb_word above = lfb_tree_load(lfb, lfb_parent(node));
    if (word_is_empty(above, node.level + 1)) {
        if (word_kind(above) != KIND_PLAIN) {
            return wash(lfb, lane, lfb_parent(node), above);
        }
    } else if (word_code(above, lfb_slot_in_parent(node)) != CODE_FREE) {
        return LFB_TAKEN;
    }
    lfb_tree_replace(lfb, node, &seen, lfb_tree_empty(lfb, lane, node, seen, KIND_PLAIN));
    return LFB_CHANGED;
}

/* S1: the parent's slot is OPEN, and no merge that was prepared earlier can succeed. `child` is the
 * node's EMPTY word, as the caller read it. */
static lfb_outcome step_parent(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word child)
{
    if (node.level == lfb->top) {
        return LFB_DONE;
    }
    lfb_node parent = lfb_parent(node);
    unsigned slot = lfb_slot_in_parent(node);
    lfb_word seen = lfb_tree_load(lfb, parent); /* E2 */
    do {
        bool empty = word_is_empty(seen, parent.level);
        enum word_code code = empty ? CODE_FREE : word_code(seen, slot);
        if (code != CODE_OPEN && code != CODE_FREE) {
            return LFB_TAKEN;
        }
        /* T6: under OPEN a mark that came since would say that the pages are in use. */
        if (code == CODE_FREE && lfb_tree_load(lfb, node) != child) {
            return LFB_CHANGED;
        }
        if (empty) {
            lfb_word live = word_open(word_all(seen, parent.level, CODE_FREE), slot, 1);
            lfb_outcome entered = lfb_tree_enter(lfb, lane, parent, seen, live);
            LFB_PROBE_SPLIT_IF(entered == LFB_DONE, lfb, lfb_page_of_node(node),
                               lfb_node_order(node.level), 1U);
            return entered;
        }
    } while (!lfb_cas_acq_rel(lfb_word_of(lfb, parent), &seen, word_open(seen, slot, 1))); /* E3 */
    LFB_PROBE_SPLIT_IF(word_code(seen, slot) == CODE_FREE, lfb, lfb_page_of_node(node),
                       lfb_node_order(node.level), 1U);
    return LFB_DONE;
}

lfb_outcome lfb_tree_enter(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word seen,
                           lfb_word live)
{
    if (word_kind(seen) != KIND_PLAIN) {
        return wash(lfb, lane, node, seen);
    }
    lfb_outcome stepped = step_parent(lfb, lane, node, seen);
    if (stepped != LFB_DONE) {
        return stepped;
    }
    /* LP of an allocation that enters. E1, E2: fails if a merger has put a new tag here. */
    return lfb_cas_acq_rel(lfb_word_of(lfb, node), &seen, live) ? LFB_DONE : LFB_CHANGED;
}

/* -------------------------------------------------------------------------------- taking ---- */

/* Whether runs of `count` slots that begin at these (low) bits lie in the range: only damage makes
 * pages outside it FREE. */
static bool are_in_range(const lfb_t *lfb, lfb_node node, lfb_word starts, unsigned count)
{
    unsigned first = word_bit_slot(starts);
    unsigned end = lfb_high_bit(starts) / CODE_BITS + count;
    return lfb_pages_in_range(lfb, lfb_page_of_slot(node, first),
                              (end - first) * lfb_slot_pages(node.level));
}

static LFB_INLINE void list_steps(uintptr_t first, uintptr_t step, size_t count, uintptr_t out[])
{
    for (size_t i = 0; i < count; i++, first += step) {
        out[i] = first;
    }
}

/* The pages of these slots (low bits). Returns how many. */
static unsigned list_pages(lfb_node node, lfb_word slots, uintptr_t pages[])
{
    unsigned got = 0;
    if (node.level == 0 && slots == (WORD_EACH(1) & word_codes(0))) {
        list_steps(lfb_page_of_node(node), 1, LEAF_SLOTS, pages);
        return LEAF_SLOTS;
    }
    for (; slots; slots &= slots - 1) {
        pages[got++] = lfb_page_of_slot(node, word_bit_slot(slots));
    }
    return got;
}

static LFB_INLINE unsigned take(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_fit fit,
                                unsigned most, uintptr_t pages[])
{
    lfb_word seen = lfb_tree_load(lfb, node);
    for (;;) {
        bool empty = word_is_empty(seen, node.level);
        lfb_word word = empty ? word_all(seen, node.level, CODE_FREE) : seen;
        lfb_word starts = word_lowest(word_find_free(word, node.level, fit.group, fit.count), most);
        if (starts == 0 || !are_in_range(lfb, node, starts, fit.count)) {
            return 0;
        }
        word = word_hold_all(word, starts, fit.count);
        if (!empty) {
            /* LP of most allocations. E1: acquires what the last owner wrote to the pages. */
            if (lfb_cas_acq_rel(lfb_word_of(lfb, node), &seen, word)) {
                return list_pages(node, starts, pages);
            }
            continue;
        }
        lfb_outcome entered = lfb_tree_enter(lfb, lane, node, seen, word);
        if (entered != LFB_CHANGED) {
            return entered == LFB_DONE ? list_pages(node, starts, pages) : 0;
        }
        seen = lfb_tree_load(lfb, node);
    }
}

unsigned lfb_tree_take(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_fit fit, unsigned most,
                       uintptr_t pages[])
{
    /* Apart, for the compiler. */
    return node.level ? take(lfb, lane, node, fit, most, pages)
                      : take(lfb, lane, (lfb_node){0, node.number}, fit, most, pages);
}

lfb_outcome lfb_tree_take_slots(const lfb_t *lfb, lfb_lane *lane, lfb_node node, unsigned slot,
                                unsigned count)
{
    lfb_word seen = lfb_tree_load(lfb, node);
    if (word_is_empty(seen, node.level)) {
        lfb_word live = word_hold(word_all(seen, node.level, CODE_FREE), slot, count);
        return lfb_tree_enter(lfb, lane, node, seen, live);
    }
    if ((seen ^ WORD_EACH((lfb_word)CODE_FREE)) & word_mask(slot, count)) {
        return LFB_TAKEN;
    }
    lfb_word held = word_hold(seen, slot, count);
    /* LP of claims: alloc_at, hold_range, growth. E1 */
    return lfb_cas_acq_rel(lfb_word_of(lfb, node), &seen, held) ? LFB_DONE : LFB_CHANGED;
}

/* S1 for several leaves: opens up to `most` FREE slots over leaves that are free. Returns the
 * slots, as low bits; the leaves' words, as read before the step of the version, are in tags[]. */
static lfb_word open_leaves(const lfb_t *lfb, lfb_node parent, unsigned most, lfb_word tags[])
{
    lfb_word seen = lfb_tree_load(lfb, parent);
    lfb_word slots = 0;
    if (word_is_empty(seen, 1)) {
        return 0;
    }
    lfb_word free = word_with_code(seen, 1, CODE_FREE);
    for (; most > 0 && free; free &= free - 1) {
        unsigned slot = word_bit_slot(free);
        lfb_node leaf = lfb_child(parent, slot);
        if (!lfb_pages_in_range(lfb, lfb_page_of_node(leaf), LEAF_SLOTS)) {
            break; /* damage: pages outside the range are never FREE */
        }
        tags[slot] = lfb_tree_load(lfb, leaf);
        /* T2. A mark would be a dead owner's (T6), and goes with the entry. */
        if (word_is_empty(tags[slot], 0)) {
            slots |= free & (~free + 1);
            most--;
        }
    }
    lfb_word opened = word_open_free(seen, slots);
    return slots && lfb_cas_acq_rel(lfb_word_of(lfb, parent), &seen, opened) /* E3 */
               ? (LFB_PROBE_SPLIT(lfb, lfb_page_of_slot(parent, word_bit_slot(slots)),
                                  lfb_slot_order(1), lfb_count_bits(slots)),
                  slots)
               : 0;
}

unsigned lfb_tree_take_leaves(const lfb_t *lfb, lfb_node parent, unsigned group, unsigned most,
                              uintptr_t out[])
{
    lfb_word tags[NODE_SLOTS];
    lfb_word slots = open_leaves(lfb, parent, most, tags);
    lfb_word all = word_all(0, 0, CODE_FREE);
    lfb_word full = word_hold_all(all, word_find_block(all, 0, group), 1U << group);
    uintptr_t size = lfb_address_of(lfb, (uintptr_t)1 << group);
    size_t blocks = LEAF_SLOTS >> group; /* in a leaf */
    size_t got = 0;
    for (; slots; slots &= slots - 1) {
        unsigned slot = word_bit_slot(slots);
        lfb_node leaf = lfb_child(parent, slot);
        /* LP of these allocations. E1, E2: fails if a merger has put a new tag here, or somebody
         * else has entered. */
        if (lfb_cas_acq_rel(lfb_word_of(lfb, leaf), &tags[slot], full)) {
            uintptr_t address = lfb_address_of(lfb, lfb_page_of_node(leaf));
            /* Apart, for the compiler. */
            if (blocks == LEAF_SLOTS) {
                list_steps(address, size, LEAF_SLOTS, out + got);
            } else {
                list_steps(address, size, blocks, out + got);
            }
            got += blocks;
        }
    }
    return (unsigned)got;
}

/* ----------------------------------------------------------------------------- releasing ---- */

/* The word of a node after slots of it became FREE, the word before being `above`. It retires if it
 * is all FREE then, and *grand is the word above it. */
static lfb_word merged(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word above,
                       lfb_word slots, lfb_word *grand, lfb_freed *freed)
{
    lfb_word next = word_merge(above, slots);
    freed->highest = node;
    freed->word = next;
    if (node.level == lfb->top || !word_is_all(next, node.level, CODE_FREE) ||
        lfb_tree_is_warm(lfb, lane, node)) {
        return next;
    }
    *grand = lfb_tree_load(lfb, lfb_parent(node)); /* before the tag: S2 */
    return lfb_tree_empty(lfb, lane, node, above, KIND_PLAIN);
}

/*
 * S2. `node` is EMPTY by this thread's hand; `mine` is its word, and `above` the parent's word,
 * read before `mine` was in place.
 */
static void merge(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word mine, lfb_word above,
                  lfb_freed *freed)
{
    for (;;) { /* node isn't at the top: such don't retire */
        lfb_node parent = lfb_parent(node);
        unsigned slot = lfb_slot_in_parent(node);
        if (word_is_empty(above, parent.level) || word_code(above, slot) != CODE_OPEN) {
            return; /* somebody else has merged it */
        }
        lfb_word grand = 0;
        lfb_word bit = (lfb_word)1 << (CODE_BITS * slot);
        lfb_word next = merged(lfb, lane, parent, above, bit, &grand, freed);
        lfb_word seen = above;
        /* E1: passes the pages' last words upward. E2 when the parent retires. seq_cst: hints. */
        if (lfb_cas_seq_cst(lfb_word_of(lfb, parent), &seen, next)) {
            LFB_PROBE_MERGE(lfb, lfb_page_of_node(node), lfb_node_order(node.level), 1U);
            if (!word_is_empty(next, parent.level)) {
                return;
            }
            node = parent;
            mine = next;
            above = grand;
            continue;
        }
        if (word_is_empty(seen, parent.level) ||
            word_version(seen, parent.level) != word_version(above, parent.level)) {
            return; /* somebody enters this child or another one: leave it to them */
        }
        /* Other slots changed. The next try needs a tag younger than this reading. */
        above = seen;
        lfb_word fresh = lfb_tree_empty(lfb, lane, node, mine, KIND_PLAIN);
        if (!lfb_cas_acq_rel(lfb_word_of(lfb, node), &mine, fresh)) { /* E2 */
            return;                                                   /* entered */
        }
        mine = fresh;
    }
}

/* lfb_tree_retire, where the parent's word was `above`. */
static LFB_INLINE bool retire_under(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word seen,
                                    lfb_word above, lfb_freed *freed)
{
    *freed = (lfb_freed){node, node, word_all(seen, node.level, CODE_FREE)};
    lfb_word mine = lfb_tree_empty(lfb, lane, node, seen, KIND_PLAIN);
    /* LP of a release that leaves nothing in its node. E1, E2. seq_cst: hint.c, H1. */
    if (!lfb_cas_seq_cst(lfb_word_of(lfb, node), &seen, mine)) {
        return false;
    }
    merge(lfb, lane, node, mine, above, freed);
    return true;
}

bool lfb_tree_retire(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word seen,
                     lfb_freed *freed)
{
    lfb_word above = lfb_tree_load(lfb, lfb_parent(node)); /* before the tag: S2 */
    return retire_under(lfb, lane, node, seen, above, freed);
}

bool lfb_tree_release(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word seen, lfb_word live,
                      lfb_freed *freed)
{
    if (node.level < lfb->top && word_is_all(live, node.level, CODE_FREE) &&
        (word_is_empty(seen, node.level) || !lfb_tree_is_warm(lfb, lane, node))) {
        return lfb_tree_retire(lfb, lane, node, seen, freed);
    }
    *freed = (lfb_freed){node, node, live};
    /* LP of most releases. E1. seq_cst: hint.c, H1. */
    return lfb_cas_seq_cst(lfb_word_of(lfb, node), &seen, live);
}

bool lfb_tree_retire_leaf(const lfb_t *lfb, lfb_lane *lane, lfb_node leaf, lfb_word seen,
                          lfb_retired *retired)
{
    unsigned slot = lfb_slot_in_parent(leaf);
    lfb_word bit = (lfb_word)1 << (CODE_BITS * slot);
    if (retired->slots == 0) {
        retired->parent = lfb_parent(leaf);
        retired->above = lfb_tree_load(lfb, retired->parent); /* before the tags: S2 */
    }
    if (retired->slots == 0 || retired->slots & bit) { /* T4 */
        retired->tag = new_tag(lfb, lane);
    }
    lfb_word mine = word_empty(seen, 0, KIND_PLAIN, retired->tag);
    /* LP of these releases. E1, E2. seq_cst: hint.c, H1. */
    if (!lfb_cas_seq_cst(lfb_word_of(lfb, leaf), &seen, mine)) {
        return false;
    }
    retired->words[slot] = mine;
    retired->slots |= bit;
    return true;
}

bool lfb_tree_merge_retired(const lfb_t *lfb, lfb_lane *lane, const lfb_retired *retired,
                            lfb_word slots, lfb_freed *freed)
{
    lfb_node parent = retired->parent;
    lfb_word above = retired->above;
    lfb_word grand = 0;
    if ((slots & (slots - 1)) == 0) {
        unsigned slot = word_bit_slot(slots);
        lfb_node leaf = lfb_child(parent, slot);
        *freed = (lfb_freed){leaf, leaf, word_all(0, 0, CODE_FREE)};
        merge(lfb, lane, leaf, retired->words[slot], above, freed);
        return true;
    }
    if (word_is_empty(above, 1) || (slots & ~word_with_code(above, 1, CODE_OPEN)) != 0) {
        return false; /* somebody else has merged some of them */
    }
    *freed = (lfb_freed){.lowest = parent};
    lfb_word next = merged(lfb, lane, parent, above, slots, &grand, freed);
    /* S2, for all of them. E1; E2 when the parent retires. seq_cst: hints. */
    if (!lfb_cas_seq_cst(lfb_word_of(lfb, parent), &above, next)) {
        return false;
    }
    LFB_PROBE_MERGE(lfb, lfb_page_of_slot(parent, word_bit_slot(slots)), lfb_slot_order(1),
                    lfb_count_bits(slots));
    if (word_is_empty(next, 1)) {
        merge(lfb, lane, parent, next, grand, freed);
    }
    return true;
}

bool lfb_tree_coalesce(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_freed *freed)
{
    if (node.level == lfb->top) {
        return false;
    }
    lfb_word above = lfb_tree_load(lfb, lfb_parent(node)); /* before the tag: S2 */
    lfb_word seen = lfb_tree_load(lfb, node);
    if (word_is_empty(seen, node.level)
            ? word_kind(seen) != KIND_PLAIN || word_is_empty(above, node.level + 1) ||
                  word_code(above, lfb_slot_in_parent(node)) != CODE_OPEN
            : !word_is_all(seen, node.level, CODE_FREE)) {
        return false;
    }
    return retire_under(lfb, lane, node, seen, above, freed);
}
