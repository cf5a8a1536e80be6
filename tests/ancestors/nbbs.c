/* SPDX-License-Identifier: MIT */
/*
 * The idea. A complete binary tree, a status a node. A block is its node: allocating one takes the
 * node's status from 0 to BUSY and then tells every ancestor that this side of it is occupied;
 * releasing one takes these marks back. What makes it hard is taking a mark back while another
 * thread relies on it:
 *
 *   allocate   1. node: 0 -> BUSY
 *              2. each ancestor: fail if it is allocated as a whole, else set OCC of this side and
 *                 clear its COAL
 *
 *   release    1. each ancestor: set COAL of this side; end where the buddy is occupied and isn't
 *                 being released, for from there upward the marks have to stay
 *              2. node: BUSY -> 0
 *              3. each ancestor: where COAL of this side is gone, an allocation has come by: end.
 *                 Else clear OCC and COAL; end if the buddy is occupied
 *
 * The flaw. Step 3 takes a COAL for its own that another release has set: the bit has no owner. It
 * needs three threads; explore_nbbs.c finds it.
 */
#include <stdint.h>
#include <string.h>

#include "nbbs.h"
#include "port/bits.h"

/* The reads and updates that only NBBS needs. Read-modify-writes of words that order each other are
 * sequentially consistent, as the published proof has it. */

static lfb_word or_seq_cst(lfb_atomic *at, lfb_word bits)
{
    LFB_ATOMIC_BEFORE(LFB_OP_ADD, at);
    lfb_word before = atomic_fetch_or_explicit(at, bits, memory_order_seq_cst);
    LFB_ATOMIC_AFTER(LFB_OP_ADD, at, true);
    return before;
}

/* release: what was written to the pages is there for the next owner. */
static void store_release(lfb_atomic *at, lfb_word value)
{
    LFB_ATOMIC_BEFORE(LFB_OP_STORE, at);
    atomic_store_explicit(at, value, memory_order_release);
    LFB_ATOMIC_AFTER(LFB_OP_STORE, at, true);
}

/* ------------------------------------------------------------------------------ geometry ---- */

static unsigned level_of(size_t node)
{
    return lfb_high_bit((lfb_word)node);
}

static lfb_atomic *status_of(const nbbs *b, size_t node)
{
    return &b->statuses[node * b->stride];
}

/* The ancestor at which climbs end, or the node itself. */
static size_t top_of(const nbbs *b, size_t node)
{
    return node >> (level_of(node) - b->top);
}

static unsigned height_for(const nbbs_config *config)
{
    unsigned height = lfb_ceiling_order(config->page_count);
    return height > config->max_order ? height : config->max_order;
}

/* ------------------------------------------------------------------------------ statuses ---- */

/* The parent's bits that speak for a child. */
static lfb_word occ_of(size_t child)
{
    return child & 1 ? NBBS_OCC_RIGHT : NBBS_OCC_LEFT;
}

static lfb_word coal_of(size_t child)
{
    return child & 1 ? NBBS_COAL_RIGHT : NBBS_COAL_LEFT;
}

static bool is_occupied(lfb_word status, size_t child)
{
    return (status & occ_of(child)) != 0;
}

static bool is_coalescing(lfb_word status, size_t child)
{
    return (status & coal_of(child)) != 0;
}

/* ----------------------------------------------------------------------------- releasing ---- */

/* Step 1. */
static void announce(const nbbs *b, size_t node, size_t upper)
{
    for (size_t child = node; child != upper; child /= 2) {
        lfb_word before = or_seq_cst(status_of(b, child / 2), coal_of(child));
        if (is_occupied(before, child ^ 1) && !is_coalescing(before, child ^ 1)) {
            return;
        }
    }
}

/* Step 3. */
static void unmark(const nbbs *b, size_t node, size_t upper)
{
    for (size_t child = node; child != upper; child /= 2) {
        lfb_atomic *above = status_of(b, child / 2);
        lfb_word seen = lfb_load_acquire(above);
        lfb_word next;
        do {
            if (!is_coalescing(seen, child)) {
                return;
            }
            next = seen & ~(occ_of(child) | coal_of(child));
        } while (!lfb_cas_seq_cst(above, &seen, next));
        if (is_occupied(next, child ^ 1)) {
            return;
        }
    }
}

/* `upper` is the highest ancestor whose marks are to be taken back. */
static void free_node(const nbbs *b, size_t node, size_t upper)
{
    announce(b, node, upper);
    store_release(status_of(b, node), 0);
    unmark(b, node, upper);
}

/* ---------------------------------------------------------------------------- allocating ---- */

/* Tells the parent that this side is occupied; false: it is allocated as a whole. */
static bool mark(const nbbs *b, size_t child)
{
    lfb_atomic *above = status_of(b, child / 2);
    lfb_word seen = lfb_load_acquire(above);
    lfb_word next;
    do {
        if (seen & NBBS_OCC) {
            return false;
        }
        next = (seen | occ_of(child)) & ~coal_of(child);
    } while (next != seen && !lfb_cas_seq_cst(above, &seen, next));
    return true;
}

/* Returns 0, or the node that stands in the way. */
static size_t try_alloc(const nbbs *b, size_t node)
{
    lfb_atomic *own = status_of(b, node);
    lfb_word seen = lfb_load_acquire(own);
    if (seen != 0 || !lfb_cas_seq_cst(own, &seen, NBBS_BUSY)) {
        return node;
    }
    size_t top = top_of(b, node);
    for (size_t child = node; child != top; child /= 2) {
        if (!mark(b, child)) {
            free_node(b, node, child);
            return child / 2;
        }
    }
    return 0;
}

static size_t hand_out(const nbbs *b, nbbs_lane *lane, size_t node)
{
    unsigned order = b->height - level_of(node);
    size_t first = (size_t)1 << level_of(node);
    size_t page = (node - first) << order;
    lfb_store_relaxed(&b->served[page], (lfb_word)node); /* only the block's owner reads it */
    if (b->config.remember) {
        lane->next[order] = first + (node + 1 - first) % first;
    }
    return page;
}

size_t nbbs_alloc(nbbs *b, nbbs_lane *lane, unsigned order)
{
    if (order > b->config.max_order) {
        return NBBS_NONE;
    }
    unsigned level = b->height - order;
    size_t first = (size_t)1 << level;
    size_t start = lane->next[order];
    size_t node = start;
    unsigned turns = 0;
    while (turns == 0 || node < start) {
        size_t blocked = try_alloc(b, node);
        if (!blocked) {
            return hand_out(b, lane, node);
        }
        node = (blocked + 1) << (level - level_of(blocked));
        if (node >= 2 * first) {
            node = first;
            if (turns++ && !b->config.endless) {
                break;
            }
        }
    }
    return NBBS_NONE;
}

void nbbs_free(nbbs *b, nbbs_lane *lane, size_t page)
{
    size_t node = (size_t)lfb_load_relaxed(&b->served[page]);
    if (b->config.remember) {
        lane->next[b->height - level_of(node)] = node;
    }
    free_node(b, node, top_of(b, node));
}

/* -------------------------------------------------------------------------------- set-up ---- */

size_t nbbs_size(const nbbs_config *config)
{
    if (config->page_count == 0 || config->max_order >= NBBS_ORDERS || config->threads == 0 ||
        height_for(config) >= LFB_WORD_BITS - 1) {
        return 0;
    }
    size_t leaves = (size_t)1 << height_for(config);
    size_t stride = config->line_per_node ? NBBS_ALIGN / sizeof(lfb_atomic) : 1;
    return (2 * leaves * stride + leaves) * sizeof(lfb_atomic);
}

/* The tree is a power of two of pages: those past the end are allocated for good. */
static void hold_tail(const nbbs *b)
{
    size_t leaves = (size_t)1 << b->height;
    for (size_t page = b->config.page_count; page < leaves;) {
        unsigned order = 0;
        while (order < b->config.max_order && page % ((size_t)2 << order) == 0) {
            order++;
        }
        try_alloc(b, (leaves + page) >> order);
        page += (size_t)1 << order;
    }
}

void nbbs_start(nbbs *b, const nbbs_config *config, void *memory)
{
    memset(memory, 0, nbbs_size(config));
    b->config = *config;
    b->height = height_for(config);
    b->top = b->height - config->max_order;
    b->stride = config->line_per_node ? NBBS_ALIGN / sizeof(lfb_atomic) : 1;
    b->statuses = memory;
    b->served = b->statuses + ((size_t)2 << b->height) * b->stride;
    hold_tail(b);
}

void nbbs_start_lane(const nbbs *b, nbbs_lane *lane, unsigned number)
{
    for (unsigned order = 0; order <= b->config.max_order; order++) {
        size_t nodes = (size_t)1 << (b->height - order);
        lane->next[order] = nodes + number % b->config.threads * nodes / b->config.threads;
    }
}

unsigned nbbs_status(const nbbs *b, size_t node)
{
    return (unsigned)lfb_load_relaxed(status_of(b, node));
}
