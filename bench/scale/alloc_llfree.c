/* SPDX-License-Identifier: MIT */
/*
 * A design of counters and bit fields, after LLFree: Wrenger, Rommel, Halbuer, Dietrich, Lohmann,
 * "LLFree: Scalable and Optionally-Persistent Page-Frame Allocation", USENIX ATC 2023. Own code
 * after the paper, for the simulation of its cache lines: no recovery, orders 0 to 6 and 9.
 *
 *   field      512 bits, a cache line: a bit a page of a child (2 MiB), set while allocated
 *   child      free pages of a child, or that it is allocated as a whole
 *   tree       free pages of 32 children, a cache line of them; or, while a CPU has it reserved, of
 *              those that others released there
 *   local      a cache line a CPU: the tree that it has reserved, and the rest of its free pages
 *
 *   allocate   local counter down, child counter down, bit set: three updates. An empty local
 *              counter takes over what others have released in its tree; if that isn't enough, the
 *              CPU reserves another tree, if it can a partly used one that is counted nearby
 *   release    bit cleared, child counter up, then the local counter if the tree is reserved by
 *              this CPU, else the tree's
 *
 * Counters go down before bits are set and up after they are cleared, so whoever got a count finds
 * that many bits, some time; where they are in several words, or another CPU was faster, it takes
 * the count back and goes on to the next child.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "candidate.h"

enum {
    LINE = 64,
    WORD_PAGES = 64,
    CHILD_ORDER = 9,
    CHILD_PAGES = 1 << CHILD_ORDER,
    CHILD_WORDS = CHILD_PAGES / WORD_PAGES,
    TREE_CHILDREN = 32,
    TREE_PAGES = TREE_CHILDREN * CHILD_PAGES,
    WORD_ORDER = 6,
    WHOLE = 0x8000,     /* a child: allocated as a whole */
    RESERVED = 1 << 30, /* a tree */
    MOSTLY_USED = TREE_PAGES / 16,
    RETRIES = 16, /* where others were faster */
};

typedef _Atomic(uint64_t) field_word;
typedef _Atomic(uint16_t) child_count;
typedef _Atomic(uint32_t) tree_count;

enum { LINE_TREES = LINE / sizeof(tree_count) };

/* preferred: | tree + 1 | free pages | */
enum { FREE_BITS = 32 };
#define FREE_MASK (((uint64_t)1 << FREE_BITS) - 1)

typedef struct local {
    _Alignas(LINE) _Atomic(uint64_t) preferred;
    size_t next; /* child where it last found something */
} local;

static struct {
    field_word *fields;
    child_count *children;
    tree_count *trees;
    local *locals;
    size_t child_total, tree_total;
    unsigned cpus;
    char *memory;
    size_t size;
} L;

/* -------------------------------------------------------------------------------- lower ---- */

/* A bit at each multiple of 2^order where that many bits of the word are 0. */
static uint64_t free_groups(uint64_t word, unsigned order)
{
    static const uint64_t aligned[] = {
        UINT64_MAX,
        UINT64_MAX / 3,
        UINT64_MAX / 15,
        UINT64_MAX / 255,
        UINT64_MAX / 65535,
        UINT64_MAX / UINT32_MAX,
        1,
    };
    uint64_t groups = ~word;
    for (unsigned have = 0; have < order; have++) {
        groups &= groups >> (1U << have);
    }
    return groups & aligned[order];
}

static uint64_t mask_of(unsigned order)
{
    return order == WORD_ORDER ? UINT64_MAX : ((uint64_t)1 << (1U << order)) - 1;
}

static int64_t set_bits(size_t child, unsigned order)
{
    for (size_t i = child * CHILD_WORDS; i < (child + 1) * CHILD_WORDS; i++) {
        uint64_t word = atomic_load_explicit(&L.fields[i], memory_order_acquire);
        for (uint64_t groups; (groups = free_groups(word, order)) != 0;) {
            unsigned bit = (unsigned)__builtin_ctzll(groups);
            if (atomic_compare_exchange_weak(&L.fields[i], &word, word | mask_of(order) << bit)) {
                return (int64_t)(i * WORD_PAGES + bit);
            }
        }
    }
    return -1;
}

/* A child gives away pages it must have all of. */
static bool child_down(size_t child, unsigned order)
{
    uint16_t seen = atomic_load_explicit(&L.children[child], memory_order_acquire);
    for (;;) {
        unsigned pages = 1U << order;
        bool whole = order == CHILD_ORDER;
        if (whole ? seen != CHILD_PAGES : (seen & WHOLE) != 0 || seen < pages) {
            return false;
        }
        uint16_t next = (uint16_t)(whole ? WHOLE : seen - pages);
        if (atomic_compare_exchange_weak(&L.children[child], &seen, next)) {
            return true;
        }
    }
}

static int64_t take_in_child(size_t child, unsigned order)
{
    if (!child_down(child, order)) {
        return -1;
    }
    if (order == CHILD_ORDER) {
        return (int64_t)(child << CHILD_ORDER);
    }
    int64_t page = set_bits(child, order);
    if (page < 0) {
        atomic_fetch_add(&L.children[child], (uint16_t)(1U << order));
    }
    return page;
}

/* From the child `next` of the tree on, all round. */
static int64_t take_in_tree(size_t tree, size_t next, unsigned order)
{
    size_t first = tree * TREE_CHILDREN;
    size_t count = L.child_total - first < TREE_CHILDREN ? L.child_total - first : TREE_CHILDREN;
    size_t offset = next - first < count ? next - first : 0;
    for (size_t i = 0; i < count; i++) {
        int64_t page = take_in_child(first + (offset + i) % count, order);
        if (page >= 0) {
            return page;
        }
    }
    return -1;
}

static void clear(size_t page, unsigned order)
{
    size_t child = page >> CHILD_ORDER;
    if (order == CHILD_ORDER) {
        atomic_store_explicit(&L.children[child], CHILD_PAGES, memory_order_release);
        return;
    }
    atomic_fetch_and(&L.fields[page / WORD_PAGES], ~(mask_of(order) << page % WORD_PAGES));
    atomic_fetch_add(&L.children[child], (uint16_t)(1U << order));
}

/* -------------------------------------------------------------------------------- upper ---- */

static uint64_t preferred_of(size_t tree, uint64_t free_pages)
{
    return (uint64_t)(tree + 1) << FREE_BITS | free_pages;
}

/* Pages go back to where they are counted. */
static void give_count(local *own, size_t tree, unsigned pages)
{
    uint64_t seen = atomic_load_explicit(&own->preferred, memory_order_acquire);
    while (seen >> FREE_BITS == tree + 1) {
        if (atomic_compare_exchange_weak(&own->preferred, &seen, seen + pages)) {
            return;
        }
    }
    atomic_fetch_add(&L.trees[tree], pages);
}

/* Takes pages off a CPU's counter, from those that others released in its tree if need be. Returns
 * the tree, or -1. */
static int64_t take_count(local *from, unsigned pages)
{
    uint64_t seen = atomic_load_explicit(&from->preferred, memory_order_acquire);
    while (seen != 0) {
        size_t tree = (size_t)(seen >> FREE_BITS) - 1;
        if ((seen & FREE_MASK) >= pages) {
            if (atomic_compare_exchange_weak(&from->preferred, &seen, seen - pages)) {
                return (int64_t)tree;
            }
            continue;
        }
        uint32_t count = atomic_load_explicit(&L.trees[tree], memory_order_acquire);
        if ((count & RESERVED) == 0) { /* it has gone on to another tree */
            seen = atomic_load_explicit(&from->preferred, memory_order_acquire);
            continue;
        }
        if ((count & ~(uint32_t)RESERVED) + (seen & FREE_MASK) < pages) {
            return -1;
        }
        if (atomic_compare_exchange_weak(&L.trees[tree], &count, RESERVED)) {
            give_count(from, tree, count & ~(uint32_t)RESERVED);
            seen = atomic_load_explicit(&from->preferred, memory_order_acquire);
        }
    }
    return -1;
}

/* The CPU has this tree from now on; the one before goes back with what is left of it. */
static void settle(local *own, size_t tree, uint64_t free_pages)
{
    uint64_t before = atomic_exchange(&own->preferred, preferred_of(tree, free_pages));
    own->next = tree * TREE_CHILDREN;
    if (before == 0) {
        return;
    }
    size_t old = (size_t)(before >> FREE_BITS) - 1;
    uint32_t seen = atomic_load_explicit(&L.trees[old], memory_order_acquire);
    uint32_t next;
    do {
        next = (seen & ~(uint32_t)RESERVED) + (uint32_t)(before & FREE_MASK);
    } while (!atomic_compare_exchange_weak(&L.trees[old], &seen, next));
}

/* Trees to reserve: `count` of them from `start` on, round the end; with at least `least` and at
 * most `most` free pages. */
typedef struct wanted {
    size_t start, count;
    uint32_t least, most;
} wanted;

/* Reserves one, and takes `pages` of its pages. Returns the tree, or -1. */
static int64_t reserve(local *own, unsigned pages, wanted w)
{
    for (size_t i = 0; i < w.count; i++) {
        size_t tree = (w.start + i) % L.tree_total;
        uint32_t seen = atomic_load_explicit(&L.trees[tree], memory_order_acquire);
        while ((seen & RESERVED) == 0 && seen >= w.least && seen >= pages && seen <= w.most) {
            if (atomic_compare_exchange_weak(&L.trees[tree], &seen, RESERVED)) {
                settle(own, tree, seen - pages);
                return (int64_t)tree;
            }
        }
    }
    return -1;
}

/* Partly used trees first, among those that are counted in the same cache line, so that others stay
 * whole; then any; then what other CPUs have. */
static int64_t find_tree(unsigned cpu, unsigned pages)
{
    local *own = &L.locals[cpu];
    uint64_t preferred = atomic_load_explicit(&own->preferred, memory_order_relaxed);
    size_t start =
        preferred != 0 ? (size_t)(preferred >> FREE_BITS) - 1 : L.tree_total * cpu / L.cpus;
    size_t near = start / LINE_TREES * LINE_TREES;
    size_t in_line = L.tree_total - near < LINE_TREES ? L.tree_total - near : LINE_TREES;
    int64_t tree = reserve(own, pages, (wanted){near, in_line, MOSTLY_USED, TREE_PAGES - 1});
    if (tree < 0) {
        tree = reserve(own, pages, (wanted){start, L.tree_total, 0, TREE_PAGES});
    }
    for (unsigned i = 1; tree < 0 && i < L.cpus; i++) {
        tree = take_count(&L.locals[(cpu + i) % L.cpus], pages);
    }
    return tree;
}

/* ---------------------------------------------------------------------------- interface ---- */

static int64_t llfree_get(unsigned cpu, unsigned order)
{
    local *own = &L.locals[cpu];
    unsigned pages = 1U << order;
    if (order > WORD_ORDER && order != CHILD_ORDER) {
        return -1;
    }
    for (size_t tries = 0; tries <= L.tree_total + RETRIES; tries++) {
        int64_t tree = tries == 0 ? take_count(own, pages) : find_tree(cpu, pages);
        if (tree < 0 && tries > 0) {
            return -1;
        }
        int64_t page = tree < 0 ? -1 : take_in_tree((size_t)tree, own->next, order);
        if (page >= 0) {
            own->next = (size_t)page >> CHILD_ORDER;
            return page;
        }
        if (tree >= 0) {
            give_count(own, (size_t)tree, pages); /* counted, but in pieces */
        }
    }
    return -1;
}

static void llfree_put(unsigned cpu, int64_t page, unsigned order)
{
    clear((size_t)page, order);
    give_count(&L.locals[cpu], (size_t)page / TREE_PAGES, 1U << order);
}

static size_t line_up(size_t bytes)
{
    return (bytes + LINE - 1) / LINE * LINE;
}

static void llfree_fini(void)
{
    munmap(L.memory, L.size);
}

/* `pages` is a multiple of CHILD_PAGES, as it always is here. */
static int llfree_init(size_t pages, size_t page_size, unsigned cpus)
{
    (void)page_size;
    L.cpus = cpus;
    L.child_total = pages / CHILD_PAGES;
    L.tree_total = (L.child_total + TREE_CHILDREN - 1) / TREE_CHILDREN;
    size_t fields = line_up(pages / 8);
    size_t children = line_up(L.child_total * sizeof(child_count));
    size_t trees = line_up(L.tree_total * sizeof(tree_count));
    L.size = fields + children + trees + cpus * sizeof(local);
    L.memory = mmap(NULL, L.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (L.memory == MAP_FAILED) {
        return -1;
    }
    L.fields = (field_word *)(void *)L.memory;
    L.children = (child_count *)(void *)(L.memory + fields);
    L.trees = (tree_count *)(void *)(L.memory + fields + children);
    L.locals = (local *)(void *)(L.memory + fields + children + trees);
    for (size_t i = 0; i < L.child_total; i++) {
        atomic_init(&L.children[i], CHILD_PAGES);
        size_t tree = i / TREE_CHILDREN;
        atomic_init(&L.trees[tree], (uint32_t)(i % TREE_CHILDREN + 1) * CHILD_PAGES);
    }
    return 0;
}

static const char *part_of(uintptr_t address, size_t *number)
{
    const struct {
        const char *name;
        const void *start;
    } parts[] = {{"CPUs' trees and counters", L.locals},
                 {"tree counters", L.trees},
                 {"child counters", L.children},
                 {"bit fields", L.fields}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if ((uintptr_t)parts[i].start <= address && address < (uintptr_t)L.memory + L.size) {
            *number = (address - (uintptr_t)parts[i].start) / LINE;
            return parts[i].name;
        }
    }
    *number = 0;
    return "others";
}

static size_t llfree_metadata(void)
{
    return L.size;
}

/* Everything has been given back: no bit is set, and all counters together say so. */
static bool llfree_check(void)
{
    size_t free_pages = 0;
    bool fine = true;
    for (size_t i = 0; i < L.child_total; i++) {
        fine = fine && atomic_load(&L.children[i]) == CHILD_PAGES;
    }
    for (size_t i = 0; i < L.child_total * CHILD_WORDS; i++) {
        fine = fine && atomic_load(&L.fields[i]) == 0;
    }
    for (size_t i = 0; i < L.tree_total; i++) {
        free_pages += atomic_load(&L.trees[i]) & ~(uint32_t)RESERVED;
    }
    for (unsigned i = 0; i < L.cpus; i++) {
        free_pages += (size_t)(atomic_load(&L.locals[i].preferred) & FREE_MASK);
    }
    return fine && free_pages == L.child_total * CHILD_PAGES;
}

static const allocator llfree = {
    .name = "llfree-like",
    .about = "counters and bit fields, after LLFree's paper",
    .kind = ALLOCATOR_RANGE,
    .init = llfree_init,
    .get = llfree_get,
    .put = llfree_put,
    .fini = llfree_fini,
    .metadata = llfree_metadata,
    .check = llfree_check,
};

const candidate candidate_llfree = {&llfree, part_of};
