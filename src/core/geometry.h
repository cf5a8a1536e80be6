/* SPDX-License-Identifier: MIT */
/*
 * Where everything lies: levels, nodes and pages as numbers, and the metadata as memory.
 *
 * Pages and nodes are numbered from address 0, so blocks are aligned by absolute address, and
 * parent and child are found by shifts. A level's array holds just the nodes that touch the range.
 *
 *   level      slot order                            node order
 *   0          0                                     LEAF_ORDER
 *   l >= 1     LEAF_ORDER + (l - 1) * NODE_ORDER     LEAF_ORDER + l * NODE_ORDER
 *
 * The top level is the lowest whose nodes cover the largest block that can be asked for, or a
 * higher one where that would leave more than TOP_NODES_MAX nodes to look through.
 *
 * The metadata, each part on a cache line of its own:
 *
 *   header | shared | lanes | words of the top level ... level 0 | hints of the top level ... 1 |
 *   rooms (room.h) of level 1
 *
 * Words of nodes of 2^SPREAD_ORDER pages or more are each on a line of their own: there are few of
 * them, and all lanes would meet in the lines that they share.
 */
#ifndef LFB_CORE_GEOMETRY_H
#define LFB_CORE_GEOMETRY_H

#include "node.h"

enum {
    CACHE_LINE = 128, /* two of 64 bytes: neighbours are fetched in pairs */
    LINE_WORDS = CACHE_LINE / sizeof(lfb_atomic),
    TOP_NODES_MAX = 1024,
    SPREAD_ORDER = 16,
    SPREAD_LEVEL = (SPREAD_ORDER - LFB_LEAF_ORDER + LFB_NODE_ORDER - 1) / LFB_NODE_ORDER,
};

/* A node, by the absolute number that it has on its level. */
typedef struct lfb_node {
    unsigned level;
    uintptr_t number;
} lfb_node;

/* What all CPUs share beside the tree: see exhaust.h, isolate.h. */
typedef struct lfb_shared {
    lfb_atomic exhausted;
    lfb_atomic isolated_pages;
    lfb_atomic isolated_first; /* from the first page of the allocator's range */
} lfb_shared;

/* A lane knows a place for each order that a leaf has slots for, so that they don't get into each
 * other's way, and for each level above. */
enum { LANE_PLACES = LFB_LEAF_ORDER + LFB_MAX_LEVELS - 1 };

/* What is known of one CPU. Places are nodes, numbered from the first of their level. */
typedef struct lfb_lane {
    lfb_atomic tags;               /* how many it has given out */
    lfb_atomic refusals;           /* failures that were answered without a look */
    lfb_guess cursor[LANE_PLACES]; /* the node that it is filling */
    lfb_guess next[LANE_PLACES];   /* where to allocate next: there, or see room.h */
} lfb_lane;

enum { LANE_SIZE = (sizeof(lfb_lane) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE };
_Static_assert(LANE_SIZE == 128 || LFB_MAX_LEVELS > 13, "128 bytes a lane");

/* ------------------------------------------------------------------------------- orders ---- */

static inline unsigned lfb_slot_order(unsigned level)
{
    return level ? LFB_LEAF_ORDER + (level - 1) * LFB_NODE_ORDER : 0;
}

static inline unsigned lfb_node_order(unsigned level)
{
    return LFB_LEAF_ORDER + level * LFB_NODE_ORDER;
}

/* ----------------------------------------------------------------------- nodes and pages ---- */

static inline lfb_node lfb_node_of_page(unsigned level, uintptr_t page)
{
    return (lfb_node){level, page >> lfb_node_order(level)};
}

static inline unsigned lfb_slot_of_page(unsigned level, uintptr_t page)
{
    return (unsigned)(page >> lfb_slot_order(level)) & (word_slots(level) - 1);
}

static inline lfb_node lfb_parent(lfb_node node)
{
    return (lfb_node){node.level + 1, node.number >> LFB_NODE_ORDER};
}

static inline unsigned lfb_slot_in_parent(lfb_node node)
{
    return (unsigned)node.number & (NODE_SLOTS - 1);
}

static inline lfb_node lfb_child(lfb_node node, unsigned slot)
{
    return (lfb_node){node.level - 1, (node.number << LFB_NODE_ORDER) + slot};
}

static inline uintptr_t lfb_slot_pages(unsigned level)
{
    return (uintptr_t)1 << lfb_slot_order(level);
}

static inline uintptr_t lfb_node_pages(unsigned level)
{
    return (uintptr_t)1 << lfb_node_order(level);
}

static inline uintptr_t lfb_page_of_node(lfb_node node)
{
    return node.number << lfb_node_order(node.level);
}

static inline uintptr_t lfb_page_of_slot(lfb_node node, unsigned slot)
{
    return lfb_page_of_node(node) + ((uintptr_t)slot << lfb_slot_order(node.level));
}

/* The nodes of a level that touch the range are first, first + 1, ... */
static inline bool lfb_node_exists(const lfb_t *lfb, lfb_node node)
{
    return node.number - lfb->levels[node.level].first < lfb->levels[node.level].count;
}

/* The highest level that has a slot which begins at the page. */
static inline unsigned lfb_level_of_page(const lfb_t *lfb, uintptr_t page)
{
    enum { HIGH = sizeof(page) * 8 - 1, MOST = LFB_MAX_ORDER < HIGH ? LFB_MAX_ORDER : HIGH };
    return lfb->level_of_order[lfb_trailing_zeros(page | (uintptr_t)1 << MOST)];
}

/* ----------------------------------------------------------------- addresses and pages ---- */

static inline uintptr_t lfb_address_of(const lfb_t *lfb, uintptr_t page)
{
    return page << lfb->page_shift;
}

static inline bool lfb_page_in_range(const lfb_t *lfb, uintptr_t page)
{
    return page - lfb->first_page < lfb->end_page - lfb->first_page;
}

static inline bool lfb_pages_in_range(const lfb_t *lfb, uintptr_t page, uintptr_t pages)
{
    return lfb_page_in_range(lfb, page) && pages <= lfb->end_page - page;
}

/* Whether the address is the first byte of a page; which page: address >> page_shift. */
static inline bool lfb_is_page_address(const lfb_t *lfb, uintptr_t address)
{
    return (address & (((uintptr_t)1 << lfb->page_shift) - 1)) == 0;
}

/* The page that begins at an address. */
static inline lfb_status lfb_page_at(const lfb_t *lfb, uintptr_t address, uintptr_t *page)
{
    *page = address >> lfb->page_shift;
    if (!lfb_page_in_range(lfb, *page)) {
        return LFB_OUT_OF_RANGE;
    }
    return lfb_is_page_address(lfb, address) ? LFB_OK : LFB_INVALID_ARGUMENT;
}

/* ------------------------------------------------------------------- words in metadata ---- */

/* The place of a node's word in the array of its level, by the node's index there. */
static inline uintptr_t lfb_word_place(unsigned level, uintptr_t index)
{
    return level < SPREAD_LEVEL ? index : index * LINE_WORDS;
}

static inline lfb_atomic *lfb_word_of(const lfb_t *lfb, lfb_node node)
{
    LFB_ASSERT(lfb_node_exists(lfb, node));
    lfb_atomic *words = lfb->levels[node.level].words;
    return &words[lfb_word_place(node.level, node.number - lfb->levels[node.level].first)];
}

/* The words of a node's children, for who looks at many of them. */
typedef struct lfb_children {
    lfb_atomic *words; /* of their level */
    unsigned level;
    uintptr_t first; /* index of the child of slot 0; may be below 0, which wraps */
    uintptr_t count;
} lfb_children;

static inline lfb_children lfb_children_of(const lfb_t *lfb, lfb_node node)
{
    lfb_node child = lfb_child(node, 0);
    return (lfb_children){lfb->levels[child.level].words, child.level,
                          child.number - lfb->levels[child.level].first,
                          lfb->levels[child.level].count};
}

/* NULL: there is no such child. */
static inline lfb_atomic *lfb_child_word(const lfb_children *children, unsigned slot)
{
    uintptr_t index = children->first + slot;
    return index < children->count ? &children->words[lfb_word_place(children->level, index)]
                                   : NULL;
}

/* The lane of who doesn't name one. */
static inline unsigned lfb_lane_now(const lfb_t *lfb)
{
    return lfb->current_lane ? lfb->current_lane(lfb->lane_context) : 0;
}

/* A lane that doesn't exist is folded into those that do. */
static inline lfb_lane *lfb_lane_of(const lfb_t *lfb, unsigned lane)
{
    if (lane >= lfb->lane_count) {
        lane &= ((1U << lfb->lane_bits) - 1) >> 1;
    }
    return (lfb_lane *)(void *)((char *)lfb->lanes + (size_t)lane * LANE_SIZE);
}

static inline lfb_word lfb_lane_number(const lfb_t *lfb, const lfb_lane *lane)
{
    return (lfb_word)((const char *)lane - (const char *)lfb->lanes) / LANE_SIZE;
}

/* The place in a lane for blocks of an order. */
static inline unsigned lfb_place_of(unsigned level, unsigned order)
{
    unsigned last = LFB_LEAF_ORDER - 1;
    return level ? last + level : order < last ? order : last;
}

/* A node's number from the first of its level, as lanes note it. */
static inline uint32_t lfb_index_of(const lfb_t *lfb, lfb_node node)
{
    return (uint32_t)(node.number - lfb->levels[node.level].first);
}

/* ---------------------------------------------------------------------------- geometry.c ---- */

/* Lays out an allocator: all of *lfb but callback, backend and metadata pointers. Returns the bytes
 * that its parts need; 0: the configuration is invalid. */
size_t lfb_geometry_plan(lfb_t *lfb, const lfb_config *config);

/* Points the planned parts into `parts`. */
void lfb_geometry_place(lfb_t *lfb, void *parts);

#endif
