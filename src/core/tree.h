/* SPDX-License-Identifier: MIT */
/*
 * The tree protocol: take, release, split, enter, retire, merge. Every change of a node word in the
 * allocator is one of the compare-and-swaps here or, on words whose slots the caller owns, one that
 * range.c makes through lfb_tree_replace.
 *
 * Invariants, at every instant:
 *
 *   T1  A live node sits under an OPEN slot (or at the top level).
 *   T2  The node under a FREE, HELD or LAST slot, and every node below it, is EMPTY.
 *   T3  Slots that are HELD or LAST, a RUN node under an OPEN slot, and the continuation of a run
 *       in a child change only by the hand of the run's owner.
 *   T4  A compare-and-swap that expects an EMPTY word succeeds only if the node has been in that
 *       very state all along: tags never repeat.
 *   T5  A slot becomes OPEN only together with a step of its node's version.
 *   T6  A slot becomes OPEN only over a PLAIN child, or over one that its owner marked for that.
 *
 * Edges (release -> acquire), by the name they have where they are made:
 *
 *   E1  the last word on a page's content: release -> take, through merges and splits between
 *   E2  the tag on a child -> whoever reads it: so an enterer that knows the newest tag reads a
 *       parent at least as new as the merger's
 *   E3  the version step in the parent -> a merger that reads the parent afterwards
 *   E4  a mark (RUN, HOLE) on a child -> whoever finds the slot OPEN over it
 */
#ifndef LFB_CORE_TREE_H
#define LFB_CORE_TREE_H

#include "geometry.h"

#define PAGE_NONE UINTPTR_MAX /* no page has this number: see lfb_geometry_plan */

typedef enum lfb_state { STATE_FREE, STATE_RUN, STATE_HOLE } lfb_state;

/* What one word says of a page: the node that speaks for it, and the stretch of slots around the
 * page that are in one state (and, in a run, of that run). */
typedef struct lfb_piece {
    lfb_node node;
    lfb_word word; /* as read */
    lfb_state state;
    bool whole; /* the word is EMPTY: its kind speaks for all slots */
    unsigned slot;
    unsigned count;
} lfb_piece;

/* A place where aligned blocks fit: `count` slots at a multiple of 2^group slots. */
typedef struct lfb_fit {
    unsigned group;
    unsigned count;
} lfb_fit;

/* What a release made free, for the hints: the nodes from `lowest` up to below `highest` are wholly
 * free now; `word` is that of `highest`, live. */
typedef struct lfb_freed {
    lfb_node lowest;
    lfb_node highest;
    lfb_word word;
} lfb_freed;

static inline lfb_word lfb_tree_load(const lfb_t *lfb, lfb_node node)
{
    return lfb_load_acquire(lfb_word_of(lfb, node)); /* E1, E2, E3, E4 */
}

/* For the owner of the slots that change: see T3. On failure *seen is the word that is there. */
static inline bool lfb_tree_replace(const lfb_t *lfb, lfb_node node, lfb_word *seen, lfb_word word)
{
    return lfb_cas_acq_rel(lfb_word_of(lfb, node), seen, word); /* E1, E4 */
}

static inline uintptr_t lfb_piece_page(const lfb_piece *piece)
{
    return lfb_page_of_slot(piece->node, piece->slot);
}

static inline uintptr_t lfb_piece_pages(const lfb_piece *piece)
{
    return (uintptr_t)piece->count << lfb_slot_order(piece->node.level);
}

static inline uintptr_t lfb_piece_end(const lfb_piece *piece)
{
    return lfb_piece_page(piece) + lfb_piece_pages(piece);
}

/* Whether the run that this piece is of goes on in the child of the slot behind it. */
static inline bool lfb_piece_continues(const lfb_piece *piece)
{
    LFB_ASSERT(piece->state == STATE_RUN);
    return !piece->whole && word_code(piece->word, piece->slot + piece->count - 1) == CODE_HELD;
}

/* Whether the lane is filling this node: it stays live when it becomes all FREE, so that a lane
 * which allocates and releases in turns neither splits nor merges. */
static inline bool lfb_tree_is_warm(const lfb_t *lfb, const lfb_lane *lane, lfb_node node)
{
    uint32_t index = lfb_index_of(lfb, node);
    unsigned last = lfb_place_of(node.level, LFB_LEAF_ORDER);
    unsigned place = node.level ? last : 0;
    while (place <= last && lfb_guess_load(&lane->cursor[place]) != index) {
        place++;
    }
    return place <= last;
}

/* The largest free order that a live word shows; -1: none. */
static inline int lfb_tree_largest_free(lfb_node node, lfb_word word)
{
    int slots = word_largest_free(word, node.level);
    return slots < 0 ? slots : slots + (int)lfb_slot_order(node.level);
}

/* Finds the word that speaks for a page of the range. */
lfb_piece lfb_tree_locate(const lfb_t *lfb, uintptr_t page);

/* Whether the run that this piece belongs to began in an earlier word. */
bool lfb_tree_is_continuation(const lfb_t *lfb, const lfb_piece *piece);

/* Takes up to `most` blocks that fit from one node, live or EMPTY, by one update of its word.
 * Returns how many; their first pages are in pages[]. */
unsigned lfb_tree_take(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_fit fit, unsigned most,
                       uintptr_t pages[]);

/* CHANGED: another change came first: look again. TAKEN: a slot that is wanted is in use. */
typedef enum lfb_outcome { LFB_DONE, LFB_CHANGED, LFB_TAKEN } lfb_outcome;

/* Puts `live` in the place of the EMPTY word `seen` of a node, which is free under a slot that is
 * FREE or OPEN. */
lfb_outcome lfb_tree_enter(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word seen,
                           lfb_word live);

/* Takes these slots of this node if they are FREE. */
lfb_outcome lfb_tree_take_slots(const lfb_t *lfb, lfb_lane *lane, lfb_node node, unsigned slot,
                                unsigned count);

/*
 * Replaces `seen` by `live`, a word with more slots FREE; if that leaves the node all FREE and
 * nobody keeps it warm, the node retires and merges upward. `seen` may be a whole RUN or HOLE.
 * Returns false, and does nothing, if the word is no longer `seen`.
 */
bool lfb_tree_release(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word seen, lfb_word live,
                      lfb_freed *freed);

/* The same where it leaves a node below the top all FREE, or where that is free as a whole already,
 * and nobody keeps it warm. */
bool lfb_tree_retire(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word seen,
                     lfb_freed *freed);

/* Takes up to `most` leaves of a live node of level 1 whole, as blocks of 2^group pages, by one
 * update of its word beside one for each leaf. Returns how many blocks; their addresses are in
 * out[]. */
unsigned lfb_tree_take_leaves(const lfb_t *lfb, lfb_node parent, unsigned group, unsigned most,
                              uintptr_t out[]);

/* Leaves under one parent that this thread has released and made EMPTY, but not merged yet. */
typedef struct lfb_retired {
    lfb_node parent;
    lfb_word above; /* the parent's word, read before the first tag */
    lfb_word slots; /* in the parent, as low bits */
    lfb_word tag;   /* one for all: each is another node */
    lfb_word words[NODE_SLOTS];
} lfb_retired;

/* Whether a leaf that is left like this is to be retired. */
static inline bool lfb_tree_may_retire(const lfb_t *lfb, const lfb_lane *lane, lfb_node node,
                                       lfb_word live)
{
    return node.level == 0 && lfb->top > 0 && word_is_all(live, 0, CODE_FREE) &&
           !lfb_tree_is_warm(lfb, lane, node);
}

/* lfb_tree_release for a leaf that may retire: all of it but the merge. Others that are retired
 * must have the same parent. */
bool lfb_tree_retire_leaf(const lfb_t *lfb, lfb_lane *lane, lfb_node leaf, lfb_word seen,
                          lfb_retired *retired);

/* Merges these of the retired leaves: several by one update of the parent, or one however many that
 * takes. Returns false, and does nothing, if several can't be: then each by itself. */
bool lfb_tree_merge_retired(const lfb_t *lfb, lfb_lane *lane, const lfb_retired *retired,
                            lfb_word slots, lfb_freed *freed);

/* Retires and merges a node that is all FREE but was kept, or that is EMPTY under an OPEN slot.
 * Returns whether anything changed. */
bool lfb_tree_coalesce(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_freed *freed);

/* The word that makes a node EMPTY, with a tag never used before. */
lfb_word lfb_tree_empty(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word old,
                        enum word_kind kind);

#endif
