/* SPDX-License-Identifier: MIT */
/*
 * The floor: two bare compare-and-swaps on a word of the thread's own, one in get, one in put. No
 * lock-free allocator can do with less, so times are stated as ratios to it.
 */
#include "allocator.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { LINE = 128 };

typedef struct private_word {
    _Alignas(LINE) _Atomic(uint64_t) value;
} private_word;

static private_word *words;
static uint64_t mask;

static int floor_init(size_t pages, size_t page_size, unsigned threads)
{
    (void)page_size;
    mask = pages - 1;
    words = aligned_alloc(LINE, threads * sizeof(*words));
    for (unsigned i = 0; words != NULL && i < threads; i++) {
        atomic_init(&words[i].value, 0);
    }
    return words != NULL ? 0 : -1;
}

static int64_t floor_get(unsigned thread, unsigned order)
{
    (void)order;
    uint64_t seen = atomic_load_explicit(&words[thread].value, memory_order_relaxed);
    if (!atomic_compare_exchange_strong(&words[thread].value, &seen, seen + 1)) {
        return -1;
    }
    return (int64_t)(seen & mask);
}

static void floor_put(unsigned thread, int64_t page, unsigned order)
{
    (void)page;
    (void)order;
    uint64_t seen = atomic_load_explicit(&words[thread].value, memory_order_relaxed);
    atomic_compare_exchange_strong(&words[thread].value, &seen, seen - 1);
}

static void floor_fini(void)
{
    free(words);
    words = NULL;
}

const allocator allocator_floor = {
    .name = "floor",
    .about = "two compare-and-swaps on a private word; no allocator",
    .kind = ALLOCATOR_FLOOR,
    .init = floor_init,
    .get = floor_get,
    .put = floor_put,
    .fini = floor_fini,
};
