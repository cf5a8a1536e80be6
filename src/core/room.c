/* SPDX-License-Identifier: MIT */
/*
 * See room.h. A lane looks first through the part of the range that falls to it if all lanes get
 * the same, so that lanes meet in one cache line only where one has run out of room; several bytes
 * at once, and no more of them than what it finds is worth.
 */
#include "room.h"
#include "../port/likely.h"

enum {
    WORDS_MOST = 512, /* of rooms, that one pick looks at */
    PATIENCE = 64,    /* of them behind the first that will do, for a better one ... */
    PATIENCE_FEW = 8, /* ... for blocks of FEW_ORDER or more, of which a place serves few */
    FEW_ORDER = 4,
    CLOSE = 16, /* 128ths */
};

/* All here is relaxed: rooms order nothing. */

/* The FREE slots of up to three leaves, counted where each slot has its two bits, added up in
 * bytes: three leaves have 12 in a byte at most, all leaves of a node 4 * NODE_SLOTS. */
static lfb_word add_up_in_bytes(lfb_word twos)
{
    lfb_word fours = (twos & BYTE_EACH((lfb_word)0x33)) + (twos >> 2 & BYTE_EACH((lfb_word)0x33));
    return (fours & BYTE_EACH((lfb_word)0x0f)) + (fours >> 4 & BYTE_EACH((lfb_word)0x0f));
}

_Static_assert(4 * NODE_SLOTS < 256, "see above");

/* The FREE slots of a leaf, as low bits; none if it is EMPTY. No branch: whether it is can't be
 * foretold. */
static LFB_INLINE lfb_word free_slots(const lfb_atomic *leaf)
{
    lfb_word word = lfb_load_relaxed(leaf);
    return word_find_block(word, 0, 0) & ((lfb_word)word_is_empty(word, 0) - 1);
}

static LFB_INLINE unsigned free_in_leaves(const lfb_atomic *leaf, unsigned count)
{
    lfb_word by_byte = 0;
    for (; count >= 3; count -= 3, leaf += 3) {
        by_byte += add_up_in_bytes(free_slots(leaf) + free_slots(leaf + 1) + free_slots(leaf + 2));
    }
    for (; count > 0; count--, leaf++) {
        by_byte += add_up_in_bytes(free_slots(leaf));
    }
    lfb_word by_pair = (by_byte & WORD_ONES / 0x101) + (by_byte >> 8 & WORD_ONES / 0x101);
    return (unsigned)(by_pair * (WORD_ONES / 0xffff) >> (LFB_WORD_BITS - 16));
}

static unsigned pages_in_use(const lfb_t *lfb, lfb_node node)
{
    lfb_word word = lfb_load_relaxed(lfb_word_of(lfb, node));
    if (word_is_empty(word, 1)) {
        return word_kind(word) == KIND_PLAIN ? 0 : (unsigned)NODE_SLOTS * LEAF_SLOTS;
    }
    unsigned free = lfb_count_bits(word_with_code(word, 1, CODE_FREE)) * LEAF_SLOTS;
    /* All leaves, for those that are live sit under an OPEN slot (T1); of those that are EMPTY
     * there, not merged yet, none. */
    lfb_children leaves = lfb_children_of(lfb, (lfb_node){1, node.number});
    uintptr_t first = leaves.first < leaves.count ? leaves.first : 0;
    uintptr_t end = leaves.first + NODE_SLOTS;
    end = end < leaves.count ? end : leaves.count;
    /* Apart, for the compiler. */
    free += end - first == NODE_SLOTS
                ? free_in_leaves(leaves.words + first, NODE_SLOTS)
                : free_in_leaves(leaves.words + first, (unsigned)(end - first));
    /* A leaf that was entered since its parent was read counts twice. */
    unsigned most = NODE_SLOTS * LEAF_SLOTS;
    return most - (free < most ? free : most);
}

/* The room of a node becomes `room`, and loses or gains the filling mark. */
static void put(const lfb_t *lfb, lfb_node node, unsigned room, unsigned keep, unsigned mark)
{
    lfb_byte place = lfb_byte_at(lfb->rooms, node.number - lfb->levels[1].first);
    lfb_word seen = lfb_load_relaxed(place.word);
    for (;;) {
        unsigned next = room | (byte_in(place, seen) & keep) | mark;
        if (next == byte_in(place, seen) ||
            lfb_cas_acq_rel(place.word, &seen, byte_set(place, seen, next))) {
            return;
        }
    }
}

static unsigned room_of(const lfb_t *lfb, lfb_node node)
{
    if (lfb_hint_order(lfb, node) < 0) {
        return ROOM_FULL; /* mostly so when a lane leaves it, which has just found that out */
    }
    return lfb_room_of_pages(pages_in_use(lfb, node));
}

/* Whether a count says no more than the room that is noted: each change is an update of a cache
 * line that rooms share. */
static bool is_close(unsigned room, unsigned noted)
{
    return (room > ROOM_WORTH) == (noted > ROOM_WORTH) && (room == 0) == (noted == 0) &&
           room - noted + ROOM_SLACK <= 2 * ROOM_SLACK;
}

void lfb_room_refresh(const lfb_t *lfb, lfb_node node)
{
    lfb_byte place = lfb_byte_at(lfb->rooms, node.number - lfb->levels[1].first);
    unsigned room = room_of(lfb, node);
    if (!is_close(room, byte_in(place, lfb_load_relaxed(place.word)) & ROOM_FULL)) {
        put(lfb, node, room, ROOM_FILLING, 0);
    }
}

void lfb_room_released(const lfb_t *lfb, lfb_node node, const lfb_freed *freed)
{
    if (lfb->top == 0 || node.level > 1) {
        return;
    }
    lfb_node counted = node.level ? node : lfb_parent(node);
    lfb_node changed = freed->highest;
    if (changed.level <= 1) {
        bool tight = lfb_room_is_tight(lfb, counted.number - lfb->levels[1].first);
        lfb_word live = lfb_load_relaxed(lfb_word_of(lfb, changed));
        lfb_word run = changed.level > node.level ? word_mask(lfb_slot_in_parent(node), 1) : 0;
        bool whole = changed.level == 1 && word_is_all(live, 1, CODE_FREE); /* at the top */
        if (!whole && !lfb_room_is_sampled(changed, live, run, tight)) {
            return;
        }
    }
    lfb_room_refresh(lfb, counted);
}

void lfb_room_move(const lfb_t *lfb, lfb_node from, lfb_node to)
{
    put(lfb, from, room_of(lfb, from), 0, 0);
    put(lfb, to, 0, ROOM_FULL, ROOM_FILLING);
}

/* Nodes, numbered from the first of level 1, that are looked through in a circle. */
typedef struct circle {
    uintptr_t first;
    uintptr_t end;
} circle;

/* Whether a word of rooms, or several that were joined by OR and by AND, has nothing to pick:
 * nothing but whole nodes, or full ones. */
static bool is_plain(lfb_word joined_by_or, lfb_word joined_by_and)
{
    return joined_by_or == 0 || joined_by_and == BYTE_EACH((lfb_word)ROOM_FULL);
}

/* How many of the words from the first on have surely nothing to pick, of `most`: four at a time.
 */
static uintptr_t count_plain(const lfb_atomic *rooms, uintptr_t most)
{
    uintptr_t plain = 0;
    for (; most - plain >= 4; plain += 4) {
        lfb_word a = lfb_load_relaxed(&rooms[plain]);
        lfb_word b = lfb_load_relaxed(&rooms[plain + 1]);
        lfb_word c = lfb_load_relaxed(&rooms[plain + 2]);
        lfb_word d = lfb_load_relaxed(&rooms[plain + 3]);
        if (!is_plain(a | b | c | d, a & b & c & d)) {
            break;
        }
    }
    return plain;
}

/* The fullest of the nodes that the pick allows, from the one at `at` on round the circle: the
 * first that is nearly as full as allowed, or the best of those that are seen before patience ends.
 */
static bool pick_in(const lfb_t *lfb, circle c, uintptr_t at, lfb_pick pick, lfb_node *found)
{
    const lfb_atomic *rooms = lfb->rooms;
    const lfb_atomic *hints = lfb->levels[1].hints;
    unsigned enough = pick.most - pick.least < CLOSE ? pick.least : pick.most - CLOSE;
    uintptr_t first = c.first / BYTES_PER_WORD;
    uintptr_t end = (c.end + BYTES_PER_WORD - 1) / BYTES_PER_WORD;
    uintptr_t left = end - first < WORDS_MOST ? end - first : WORDS_MOST;
    uintptr_t patience = pick.order < FEW_ORDER ? PATIENCE : PATIENCE_FEW;
    bool any = false;
    at /= BYTES_PER_WORD;
    for (; left > 0; left--, at = at + 1 < end ? at + 1 : first) {
        lfb_word room = lfb_load_relaxed(&rooms[at]);
        if (LFB_LIKELY(is_plain(room, room))) {
            uintptr_t behind = end - at < left ? end - at - 1 : left - 1;
            uintptr_t plain = count_plain(&rooms[at + 1], behind);
            at += plain;
            left -= plain;
            continue;
        }
        lfb_word fit = bytes_from(room, pick.least) & bytes_up_to(room, pick.most) &
                       bytes_up_to(lfb_load_relaxed(&hints[at]), lfb_node_order(1) - pick.order);
        for (; fit; fit &= fit - 1) {
            unsigned shift = lfb_low_bit(fit) & ~7U;
            unsigned full = (unsigned)(room >> shift) & ROOM_FULL;
            uintptr_t index = at * BYTES_PER_WORD + shift / 8;
            if (full < pick.least || index < c.first || index >= c.end) {
                continue;
            }
            *found = (lfb_node){1, lfb->levels[1].first + index};
            if (full >= enough) {
                return true;
            }
            left = any || left < patience ? left : patience;
            any = true;
            pick.least = full + 1;
        }
    }
    return any;
}

bool lfb_room_pick(const lfb_t *lfb, const lfb_lane *lane, lfb_node near, lfb_pick pick, bool own,
                   lfb_node *found)
{
    uintptr_t count = lfb->levels[1].count;
    uintptr_t share = count >> lfb->lane_bits;
    circle c = {0, count};
    if (own) {
        c.first = share * (uintptr_t)lfb_lane_number(lfb, lane);
        c.end = c.first + share;
    }
    uintptr_t at = near.number - lfb->levels[1].first;
    return pick_in(lfb, c, at - c.first < c.end - c.first ? at : c.first, pick, found);
}
