/* SPDX-License-Identifier: MIT */
/*
 * NBBS with bunches: four levels of the tree in one word, after the same papers as
 * tests/ancestors/nbbs.h. Own code.
 *
 * A bunch is 15 nodes. Only its 8 leaves have a status, a byte each; a node above is as occupied as
 * the leaves below it, and allocating it writes all of these with one compare-and-swap. So a climb
 * makes one step for four levels. Below each leaf of a bunch lie two bunches of the next row, its
 * left and its right one.
 *
 *   byte     ...  OCC  COAL_LEFT  COAL_RIGHT  OCC_LEFT  OCC_RIGHT
 *   bit            4       3          2          1          0
 *
 *   allocate   1. own bunch: the bytes of the node from 0 to BUSY
 *              2. each bunch above: fail if the leaf is allocated as a whole, else set OCC of this
 *                 side and clear its COAL
 *
 *   release    1. if this will leave the bunch without anything occupied: in each bunch above, set
 *                 COAL of this side; end where something else is occupied and isn't being released
 *              2. own bunch: the bytes to 0
 *              3. if that left nothing occupied: in each bunch above, where COAL of this side is
 *                 gone, end, for an allocation has come by; else clear OCC and COAL; end if
 *                 something else in that bunch is occupied
 *
 * It keeps the published flaw: COAL has no owner.
 */
#include "allocator.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    LEAVES = 8, /* of a bunch */
    LEVELS = 4, /* of the tree in a bunch */
    BYTE = 8,
    MOST_ROWS = 10,
    MOST_ORDERS = 40,
    OCC_RIGHT = 0x01,
    COAL_RIGHT = 0x04,
    OCC = 0x10,
    BUSY = OCC | 0x03
};

#define EACH_LEAF     UINT64_C(0x0101010101010101)
#define SIDES         (EACH_LEAF * 0x03)
#define ALL_OCCUPIED  (EACH_LEAF * BUSY)
#define FROM_COAL     2 /* COAL bits are so far above the OCC bits */
#define LEVELS_A_BYTE 3 /* log2(LEAVES) */

typedef _Atomic(uint64_t) bunch;

/* A node by its bunch, and its leaves there. */
typedef struct node {
    unsigned row;  /* 0 is the root's */
    size_t number; /* of the bunch in its row */
    uint64_t mask; /* its leaves' BUSY bits */
} node;

typedef struct lane {
    _Alignas(128) size_t next[MOST_ORDERS]; /* where to go on, for each order */
} lane;

static bunch *rows[MOST_ROWS];
static unsigned row_count;
static unsigned height; /* level of the pages; more than log2(pages) where the top row isn't full */
static size_t page_count;
static lane *lanes;
static bunch *memory;
static size_t memory_size;

/* ------------------------------------------------------------------------------- geometry ---- */

static bunch *bunch_at(unsigned row, size_t number)
{
    return &rows[row][number];
}

/* The shift to the byte above a bunch, in its parent, and which side of that leaf it is. */
static unsigned byte_above(size_t number)
{
    return (unsigned)(number / 2 % LEAVES) * BYTE;
}

static unsigned side_of(size_t number)
{
    return number % 2 == 0;
}

static uint64_t occ_above(size_t number)
{
    return (uint64_t)OCC_RIGHT << side_of(number) << byte_above(number);
}

static uint64_t coal_above(size_t number)
{
    return (uint64_t)COAL_RIGHT << side_of(number) << byte_above(number);
}

/* Node `index` of a level. */
static node node_at(unsigned level, size_t index)
{
    unsigned depth = level % LEVELS;
    unsigned leaves = LEAVES >> depth;
    size_t first = (index & (((size_t)1 << depth) - 1)) * leaves;
    uint64_t all = leaves == LEAVES ? UINT64_MAX : ((uint64_t)1 << leaves * BYTE) - 1;
    return (node){level / LEVELS, index >> depth, (ALL_OCCUPIED & all) << first * BYTE};
}

/* ------------------------------------------------------------------------------- releasing --- */

static bool is_occupied(uint64_t word)
{
    return (word & ALL_OCCUPIED) != 0;
}

/* Something is occupied that isn't being released. */
static bool is_staying(uint64_t word)
{
    return (word & SIDES & ~(word >> FROM_COAL)) != 0 || (word & EACH_LEAF * OCC) != 0;
}

/* Step 1, in rows above `row` and below `limit` rows from the top. */
static void announce(unsigned row, size_t number, unsigned limit)
{
    for (; row > limit; row--, number /= 2 * LEAVES) {
        uint64_t before =
            atomic_fetch_or(bunch_at(row - 1, number / (2 * LEAVES)), coal_above(number));
        if (is_staying(before & ~occ_above(number))) {
            return;
        }
    }
}

/* Step 3. */
static void unmark(unsigned row, size_t number, unsigned limit)
{
    for (; row > limit; row--, number /= 2 * LEAVES) {
        bunch *above = bunch_at(row - 1, number / (2 * LEAVES));
        uint64_t seen = atomic_load(above);
        uint64_t next;
        do {
            if ((seen & coal_above(number)) == 0) {
                return;
            }
            next = seen & ~(coal_above(number) | occ_above(number));
        } while (!atomic_compare_exchange_weak(above, &seen, next));
        if (is_occupied(next)) {
            return;
        }
    }
}

/* Takes back marks in the rows down from `limit`, that row included. */
static void release(node n, unsigned limit)
{
    bunch *own = bunch_at(n.row, n.number);
    bool announced = false;
    uint64_t seen = atomic_load(own);
    for (;;) {
        uint64_t next = seen & ~n.mask;
        if (!is_occupied(next) && !announced) {
            announce(n.row, n.number, limit);
            announced = true;
            seen = atomic_load(own);
        } else if (atomic_compare_exchange_weak(own, &seen, next)) {
            if (!is_occupied(next)) {
                unmark(n.row, n.number, limit);
            }
            return;
        }
    }
}

/* ------------------------------------------------------------------------------ allocating --- */

/* Tells the bunches above; returns the row in which a leaf is allocated as a whole, else -1. */
static int mark(unsigned row, size_t number)
{
    for (; row > 0; row--, number /= 2 * LEAVES) {
        bunch *above = bunch_at(row - 1, number / (2 * LEAVES));
        uint64_t seen = atomic_load_explicit(above, memory_order_acquire);
        uint64_t next;
        do {
            if ((seen & (uint64_t)OCC << byte_above(number)) != 0) {
                return (int)row - 1;
            }
            next = (seen | occ_above(number)) & ~coal_above(number);
        } while (next != seen && !atomic_compare_exchange_weak(above, &seen, next));
    }
    return -1;
}

/* All bits of the bytes in a node's mask. */
static uint64_t whole_bytes(uint64_t mask)
{
    return (mask & EACH_LEAF) * 0xff;
}

/* Searches one bunch from node `index` of `level` on. Returns the node taken; or SIZE_MAX, and
 * *next is where to go on. */
static size_t take_in_bunch(unsigned level, size_t index, size_t *next)
{
    size_t end = ((index >> level % LEVELS) + 1) << level % LEVELS;
    node n = node_at(level, index);
    bunch *own = bunch_at(n.row, n.number);
    uint64_t seen = atomic_load_explicit(own, memory_order_acquire);
    while (index < end) {
        n = node_at(level, index);
        if ((seen & whole_bytes(n.mask)) != 0) { /* a COAL hinders too */
            index++;
        } else if (atomic_compare_exchange_weak(own, &seen, seen | n.mask)) {
            int blocked = mark(n.row, n.number);
            if (blocked < 0) {
                return index;
            }
            release(n, (unsigned)blocked + 1);
            unsigned leaf_level = (unsigned)blocked * LEVELS + LEVELS_A_BYTE;
            *next = ((index >> (level - leaf_level)) + 1) << (level - leaf_level);
            return SIZE_MAX;
        }
    }
    *next = end;
    return SIZE_MAX;
}

static int64_t bunch_get(unsigned thread, unsigned order)
{
    unsigned level = height - order;
    size_t count = page_count >> order;
    size_t start = lanes[thread].next[order];
    size_t index = start;
    bool turned = false;
    while (!turned || index < start) {
        size_t next;
        size_t taken = take_in_bunch(level, index, &next);
        if (taken != SIZE_MAX) {
            lanes[thread].next[order] = taken + 1 < count ? taken + 1 : 0;
            return (int64_t)(taken << order);
        }
        index = next;
        if (index >= count) {
            if (turned) {
                break;
            }
            index = 0;
            turned = true;
        }
    }
    return -1;
}

static void bunch_put(unsigned thread, int64_t page, unsigned order)
{
    size_t index = (size_t)page >> order;
    release(node_at(height - order, index), 0);
    lanes[thread].next[order] = index;
}

/* --------------------------------------------------------------------------------- set-up ---- */

static void bunch_fini(void)
{
    if (memory != MAP_FAILED) {
        munmap((void *)memory, memory_size);
    }
    free(lanes);
}

/* Rows are laid out behind each other; only bunches that have pages are there. */
static size_t lay_out(size_t pages)
{
    size_t total = 0;
    for (unsigned row = 0; row < row_count; row++) {
        unsigned order = height - row * LEVELS; /* of a bunch as a whole */
        rows[row] = memory + total;
        total += ((pages - 1) >> order) + 1;
    }
    return total;
}

/* Leaves of the top bunch that stand for no page are allocated for good. */
static void hold_outside(size_t pages)
{
    unsigned order = height - LEVELS_A_BYTE; /* of a leaf of the top bunch */
    for (size_t leaf = pages >> order; leaf < LEAVES; leaf++) {
        atomic_fetch_or(bunch_at(0, 0), (uint64_t)BUSY << leaf * BYTE);
    }
}

/* `pages` is a power of two, as it always is here. */
static int bunch_init(size_t pages, size_t page_size, unsigned threads)
{
    (void)page_size;
    unsigned levels = 64U - (unsigned)__builtin_clzll(pages);
    row_count = (levels + LEVELS - 1) / LEVELS;
    height = row_count * LEVELS - 1;
    page_count = pages;
    memory = NULL;
    memory_size = lay_out(pages) * sizeof(*memory);
    memory = mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    lanes = aligned_alloc(_Alignof(lane), threads * sizeof(*lanes));
    if (memory == MAP_FAILED || lanes == NULL) {
        bunch_fini();
        return -1;
    }
    lay_out(pages);
    hold_outside(pages);
    for (unsigned i = 0; i < threads; i++) {
        for (unsigned order = 0; order < levels; order++) {
            lanes[i].next[order] = (pages >> order) * i / threads;
        }
    }
    return 0;
}

static size_t bunch_metadata(void)
{
    return memory_size;
}

const allocator allocator_nbbs_bunch = {
    .name = "nbbs-bunch",
    .about = "NBBS, four levels a word",
    .kind = ALLOCATOR_RANGE,
    .init = bunch_init,
    .get = bunch_get,
    .put = bunch_put,
    .fini = bunch_fini,
    .metadata = bunch_metadata,
    .flaw = "as published, three threads can make it hand out a block twice or lose one",
};
