/* SPDX-License-Identifier: MIT */
/*
 * Rooms: for each node of level 1 (512 pages, one huge page where pages are 4 KiB) a byte that says
 * about how full it is. Blocks of less than such a node are taken from the fullest one that is
 * still worth the way there, so that the emptier ones drain and become whole again. Approximate by
 * design: a room is counted anew when a lane leaves the node, and at a sample of the releases in
 * it. Nothing but the choice of a place depends on it.
 *
 *   bit 7      a lane is filling this node; others look elsewhere
 *   bits 0-6   pages in use, in 128ths of the node, rounded up; 127: that many or all
 *
 * Zero-filled metadata says that everything is free.
 */
#ifndef LFB_CORE_ROOM_H
#define LFB_CORE_ROOM_H

#include "../port/likely.h"
#include "hint.h"

enum {
    ROOM_FILLING = 0x80,
    ROOM_WORTH = 120, /* at least a 16th is free: repays the way there */
    ROOM_FULL = 127,
    ROOM_SLACK = 4, /* 128ths */
    ROOM_SMALL = 3, /* slots of a leaf */
    /* Releases of 64: 40 in a node's worth of pages. */
    ROOM_FEW = LEAF_SLOTS * NODE_SLOTS > 40 ? 64 * 40 / (LEAF_SLOTS * NODE_SLOTS) : 64,
};

/* Which nodes to pick: by room, and by the largest free order that the hint promises. */
typedef struct lfb_pick {
    unsigned least, most; /* in 128ths: from 1 to below ROOM_FULL */
    unsigned order;
} lfb_pick;

/* Finds a node of level 1 that no lane is filling, from `near` on, which is of that level: in the
 * lane's own share of the range, or anywhere. */
bool lfb_room_pick(const lfb_t *lfb, const lfb_lane *lane, lfb_node near, lfb_pick pick, bool own,
                   lfb_node *found);

/* The room of a node of level 1 with so many pages in use. */
static inline unsigned lfb_room_of_pages(uintptr_t used)
{
    unsigned room = (unsigned)(((used << 7) + lfb_node_pages(1) - 1) >> lfb_node_order(1));
    return room < ROOM_FULL ? room : ROOM_FULL;
}

/* Counts a node of level 1 anew. */
void lfb_room_refresh(const lfb_t *lfb, lfb_node node);

/* After a release in a node of any level. */
void lfb_room_released(const lfb_t *lfb, lfb_node node, const lfb_freed *freed);

/* A lane goes from one node of level 1 to another. */
void lfb_room_move(const lfb_t *lfb, lfb_node from, lfb_node to);

/*
 * Vacancies. A slot that a lane has just released is its best place for the next block: its word is
 * in the cache. It is taken again where that doesn't keep a node of level 1 from draining: in one
 * that is nearly full; above level 1, always. The lane notes its node as the next place.
 */

/* Whether the index-th node of level 1 is too full to drain soon. */
static inline bool lfb_room_is_tight(const lfb_t *lfb, uintptr_t index)
{
    lfb_byte room = lfb_byte_at(lfb->rooms, index);
    /* relaxed: a guess by nature */
    return (byte_in(room, lfb_load_relaxed(room.word)) & ROOM_FULL) > ROOM_WORTH;
}

/* Whether this release is one of a few, as if by chance. The same few words come again and again,
 * most of all where blocks are large: with the node mixed in, each gives both answers. */
static inline bool lfb_room_is_one_of_few(lfb_node node, lfb_word live)
{
    lfb_word mixed = (live ^ (lfb_word)node.number) * (lfb_word)UINT64_C(0x7823d02936b08193);
    return mixed < WORD_ONES / 64 * ROOM_FEW;
}

/*
 * Whether the release of the bits `run` in a leaf, or of a leaf (then `node` is the one above), is
 * one at which the room is counted anew. Mostly a few are. But in a tight node what matters is to
 * hear soon that it isn't any more: so each is, of a block of more than ROOM_SMALL slots, that
 * leaves FREE slots scattered, and each of half a leaf. None is while slots become FREE from one
 * end to the other, for soon all of them will be.
 */
static LFB_INLINE bool lfb_room_is_sampled(lfb_node node, lfb_word live, lfb_word run, bool tight)
{
    /* One branch, not three: none of this can be foretold. */
    bool few = lfb_room_is_one_of_few(node, live);
    bool large = tight & ((node.level > 0) | ((run & run >> CODE_BITS * ROOM_SMALL) != 0));
    if (LFB_LIKELY(!(large | few))) {
        return false;
    }
    lfb_word free = word_find_block(live, node.level, 0) * 3;
    bool scattered = (free & (free + (free & (~free + 1)))) != 0;
    bool half = large & (node.level == 0) & ((run & run >> (LEAF_SLOTS - 1)) != 0);
    return scattered | ((free == run) & (few | half));
}

#endif
