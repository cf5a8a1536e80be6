/* SPDX-License-Identifier: MIT */
/*
 * What the clients of the model checker share: the shipped core as one unit, with 2-slot nodes, on
 * static metadata, and pages with contents. Contents are read and written plainly: if the last
 * owner's accesses don't happen before the next one's, that is a data race, and is reported.
 *
 * Loops over nodes are bounded by the size of the range; a retry follows another thread's success,
 * of which there are few. So nothing has to be unrolled.
 */
#ifndef TESTS_MODEL_CLIENT_H
#define TESTS_MODEL_CLIENT_H

#define LFB_LEAF_ORDER 1
#define LFB_NODE_ORDER 1

#include <assert.h>
#include <pthread.h>

#include "lfbuddy.c"

enum { PAGES_MOST = 8, METADATA_WORDS = 512, THREADS_MOST = 3 };

static lfb_t client;
static _Alignas(128) lfb_atomic metadata[METADATA_WORDS];
static int contents[PAGES_MOST];

/* Threads use lanes 0 to 2, the program around them lane 3. */
enum { LANE_MAIN = THREADS_MOST, LANES };

/* lfb_init without the header, whose checksum reads words byte by byte: the model checker knows
 * each word in one size only. */
static void client_start(size_t pages, unsigned max_order)
{
    lfb_config config = {0};
    config.struct_size = sizeof(config);
    config.page_size = 1;
    config.page_count = pages;
    config.max_order = max_order;
    config.lanes = LANES;
    size_t size = lfb_geometry_plan(&client, &config);
    assert(size > 0 && size <= sizeof(metadata));
    (void)size;
    lfb_geometry_place(&client, (char *)metadata);
    start_lanes(&client);
    start_tree(&client, false);
}

/* Leaves its mark on pages that it owns, and sees that nobody else leaves one. */
static void client_use(uintptr_t page, size_t pages, int mark)
{
    for (size_t i = 0; i < pages; i++) {
        contents[page + i] = mark;
    }
    for (size_t i = 0; i < pages; i++) {
        assert(contents[page + i] == mark);
    }
}

static uintptr_t client_take(unsigned lane, unsigned order)
{
    uintptr_t page = lfb_alloc_on(&client, lane, order);
    if (page != LFB_NONE) {
        client_use(page, (size_t)1 << order, (int)lane + 1);
    }
    return page;
}

static void client_give(unsigned lane, uintptr_t page)
{
    lfb_status status = lfb_free_on(&client, lane, page);
    assert(status == LFB_OK);
    (void)status;
}

/* A lane keeps the node where it last allocated split. Sent to the other end of the range, it
 * merges what it releases here. */
static inline void client_send_away(unsigned lane, size_t pages)
{
    for (unsigned level = 0; level < client.top; level++) {
        uint32_t last = (uint32_t)(pages - 1) >> lfb_node_order(level);
        lfb_lane_of(&client, lane)->cursor[lfb_place_of(level, 0)] = last;
        lfb_lane_of(&client, lane)->next[lfb_place_of(level, 0)] = last;
    }
}

static void client_run(unsigned threads, void *(*const thread[])(void *))
{
    pthread_t ids[THREADS_MOST];
    for (unsigned i = 0; i < threads; i++) {
        pthread_create(&ids[i], NULL, thread[i], NULL);
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
    }
}

/* Everything was released: all of it can be had at once. */
static void client_end(unsigned max_order)
{
    uintptr_t all = client_take(LANE_MAIN, max_order);
    assert(all == 0);
    (void)all;
}

#endif
