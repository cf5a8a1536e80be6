/* SPDX-License-Identifier: MIT */
/*
 * Rooms: for each node of level 1 (512 pages, one huge page where pages are 4 KiB) a byte that says
 * about how full it is. Small blocks are taken from the fullest node that is still worth the way
 * there, so that the emptier ones drain and become whole again. Approximate by design: a room is
 * counted anew when a lane leaves the node, and at one in 2^ROOM_SAMPLE_BITS of the releases in it,
 * picked by what the word says then. Nothing but the choice of a place depends on it.
 *
 *   bit 7      a lane is filling this node; others look elsewhere
 *   bits 0-6   pages in use, in 128ths of the node, rounded up; 127: that many or all
 *
 * Zero-filled metadata says that everything is free.
 */
#ifndef LFB_CORE_ROOM_H
#define LFB_CORE_ROOM_H

#include "hint.h"

enum {
    ROOM_FILLING = 0x80,
    ROOM_WORTH = 120, /* at least a 16th is free: repays the way there */
    ROOM_FULL = 127,
    ROOM_SAMPLE_BITS = 4,
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

/* Counts a node of level 1 anew. */
void lfb_room_refresh(const lfb_t *lfb, lfb_node node);

/* After a release in a node of any level, the word of which was `seen`. */
void lfb_room_released(const lfb_t *lfb, lfb_node node, lfb_word seen, const lfb_freed *freed);

/* A lane goes from one node of level 1 to another. */
void lfb_room_move(const lfb_t *lfb, lfb_node from, lfb_node to);

/* Whether this release is one at which the room is counted anew. */
static inline bool lfb_room_is_sampled(lfb_word word)
{
    return word * (WORD_ONES / 0xffff * 0x9e37) >> (LFB_WORD_BITS - ROOM_SAMPLE_BITS) == 0;
}

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

#endif
