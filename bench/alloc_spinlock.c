/* SPDX-License-Identifier: MIT */
/*
 * The classic: a free list for each order, all behind one spin lock (test, then test-and-set, with
 * a pause). The lists' links lie in arrays beside the pages, which are never touched.
 */
#include "allocator.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NOTHING UINT32_MAX

enum { ORDERS = 32, NOT_FREE = 0xff, LINE = 128 };

static _Alignas(LINE) atomic_bool locked;

/* Under the lock. `orders` has the order of the free block that starts at a page, else NOT_FREE. */
static _Alignas(LINE) struct {
    uint32_t heads[ORDERS];
    uint32_t filled; /* bit k: list k isn't empty */
    unsigned max_order;
    size_t pages;
    uint32_t *next;
    uint32_t *previous;
    unsigned char *orders;
    size_t bytes;
} buddy;

/* ----------------------------------------------------------------------------------- lock ---- */

static inline void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void lock(void)
{
    while (atomic_exchange_explicit(&locked, true, memory_order_acquire)) {
        while (atomic_load_explicit(&locked, memory_order_relaxed)) {
            pause_briefly();
        }
    }
}

static void unlock(void)
{
    atomic_store_explicit(&locked, false, memory_order_release);
}

/* ---------------------------------------------------------------------------------- lists ---- */

static void push(uint32_t page, unsigned order)
{
    uint32_t head = buddy.heads[order];
    buddy.next[page] = head;
    buddy.previous[page] = NOTHING;
    if (head != NOTHING) {
        buddy.previous[head] = page;
    }
    buddy.heads[order] = page;
    buddy.orders[page] = (unsigned char)order;
    buddy.filled |= (uint32_t)1 << order;
}

static void detach(uint32_t page, unsigned order)
{
    uint32_t next = buddy.next[page];
    uint32_t previous = buddy.previous[page];
    if (next != NOTHING) {
        buddy.previous[next] = previous;
    }
    if (previous != NOTHING) {
        buddy.next[previous] = next;
    } else {
        buddy.heads[order] = next;
        buddy.filled &= ~((uint32_t)(next == NOTHING) << order);
    }
    buddy.orders[page] = NOT_FREE;
}

/* ------------------------------------------------------------------------------ interface ---- */

static int64_t take(unsigned order)
{
    uint32_t fitting = buddy.filled >> order << order;
    if (fitting == 0) {
        return -1;
    }
    unsigned from = (unsigned)__builtin_ctz(fitting);
    uint32_t page = buddy.heads[from];
    detach(page, from);
    while (from > order) {
        from--;
        push(page + ((uint32_t)1 << from), from);
    }
    return page;
}

static int64_t spinlock_get(unsigned thread, unsigned order)
{
    (void)thread;
    lock();
    int64_t page = take(order);
    unlock();
    return page;
}

static void spinlock_put(unsigned thread, int64_t block, unsigned order)
{
    (void)thread;
    uint32_t page = (uint32_t)block;
    lock();
    while (order < buddy.max_order) {
        uint32_t other = page ^ (uint32_t)1 << order;
        if (other >= buddy.pages || buddy.orders[other] != order) {
            break;
        }
        detach(other, order);
        page &= ~((uint32_t)1 << order);
        order++;
    }
    push(page, order);
    unlock();
}

/* The range as the largest aligned blocks that it consists of. */
static void carve(void)
{
    for (size_t page = 0; page < buddy.pages;) {
        unsigned order = buddy.max_order;
        while (page % ((size_t)1 << order) != 0 || page + ((size_t)1 << order) > buddy.pages) {
            order--;
        }
        push((uint32_t)page, order);
        page += (size_t)1 << order;
    }
}

static int spinlock_init(size_t pages, size_t page_size, unsigned threads)
{
    (void)page_size;
    (void)threads;
    buddy.bytes = pages * (2 * sizeof(uint32_t) + 1);
    void *memory =
        mmap(NULL, buddy.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return -1;
    }
    buddy.next = memory;
    buddy.previous = buddy.next + pages;
    buddy.orders = (unsigned char *)(buddy.previous + pages);
    memset(buddy.orders, NOT_FREE, pages);
    memset(buddy.heads, 0xff, sizeof(buddy.heads));
    buddy.filled = 0;
    buddy.pages = pages;
    buddy.max_order = 63U - (unsigned)__builtin_clzll(pages);
    atomic_store(&locked, false);
    carve();
    return 0;
}

static void spinlock_fini(void)
{
    munmap(buddy.next, buddy.bytes);
}

static size_t spinlock_metadata(void)
{
    return buddy.bytes + sizeof(buddy);
}

const allocator allocator_spinlock = {
    .name = "spinlock",
    .about = "free lists behind one spin lock",
    .kind = ALLOCATOR_RANGE,
    .init = spinlock_init,
    .get = spinlock_get,
    .put = spinlock_put,
    .fini = spinlock_fini,
    .metadata = spinlock_metadata,
};
