/* SPDX-License-Identifier: MIT */
/*
 * NBBS with one level a word, as a baseline: the code that the interleaving tests have of it
 * (tests/ancestors/nbbs.h), a thread going on where it last found something.
 */
#include "allocator.h"

#include <ancestors/nbbs.h>
#include <stdlib.h>

typedef struct padded_lane {
    _Alignas(128) nbbs_lane lane;
} padded_lane;

static nbbs tree;
static void *tree_memory;
static size_t tree_size;
static padded_lane *lanes;

static void tree_fini(void)
{
    free(lanes);
    free(tree_memory);
}

static int tree_init(size_t pages, size_t page_size, unsigned threads)
{
    (void)page_size;
    nbbs_config config = {
        .page_count = pages,
        .max_order = 63U - (unsigned)__builtin_clzll(pages),
        .threads = threads,
        .remember = true,
    };
    tree_size = nbbs_size(&config);
    size_t aligned = (tree_size + NBBS_ALIGN - 1) / NBBS_ALIGN * NBBS_ALIGN;
    tree_memory = tree_size == 0 ? NULL : aligned_alloc(NBBS_ALIGN, aligned);
    lanes = aligned_alloc(_Alignof(padded_lane), threads * sizeof(*lanes));
    if (tree_memory == NULL || lanes == NULL) {
        tree_fini();
        return -1;
    }
    nbbs_start(&tree, &config, tree_memory);
    for (unsigned i = 0; i < threads; i++) {
        nbbs_start_lane(&tree, &lanes[i].lane, i);
    }
    return 0;
}

static int64_t tree_get(unsigned thread, unsigned order)
{
    size_t page = nbbs_alloc(&tree, &lanes[thread].lane, order);
    return page == NBBS_NONE ? -1 : (int64_t)page;
}

static void tree_put(unsigned thread, int64_t page, unsigned order)
{
    (void)order;
    nbbs_free(&tree, &lanes[thread].lane, (size_t)page);
}

static size_t tree_metadata(void)
{
    return tree_size;
}

const allocator allocator_nbbs = {
    .name = "nbbs",
    .about = "NBBS, one level a word",
    .kind = ALLOCATOR_RANGE,
    .init = tree_init,
    .get = tree_get,
    .put = tree_put,
    .fini = tree_fini,
    .metadata = tree_metadata,
    .flaw = "as published, three threads can make it hand out a block twice or lose one",
};
