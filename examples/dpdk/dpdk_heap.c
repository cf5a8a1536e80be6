/* SPDX-License-Identifier: MIT */
/*
 * DPDK on memory of a pool: a block becomes a heap of rte_malloc, as external memory. Objects and
 * packet buffers come from it; then DPDK gives the block back, and the pool has it again. DPDK's
 * own memory, in which it keeps what it needs itself, stays small.
 *
 * usage: dpdk_heap EAL_OPTIONS      for example --no-huge --no-pci --no-shconf --iova-mode=va -m 64
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <lfbuddy/pool.h>

enum { PAGE = 4096, ORDER = 13, OBJECTS = 2000, PACKETS = 1023 };
#define BLOCK ((size_t)PAGE << ORDER) /* 32 MiB */
#define HEAP  "lfbuddy"

static bool in_block(const unsigned char *block, const void *object, size_t size)
{
    size_t offset = (size_t)((uintptr_t)object - (uintptr_t)block);
    return offset < BLOCK && size <= BLOCK - offset;
}

/* The heap on the block; its socket, by which DPDK's functions are told to use it. -1: refused. */
static int add_heap(unsigned char *block)
{
    size_t pages = BLOCK / PAGE;
    rte_iova_t *addresses = malloc(pages * sizeof(*addresses));
    for (size_t i = 0; addresses && i < pages; i++) {
        addresses[i] = (rte_iova_t)(uintptr_t)(block + i * PAGE); /* --iova-mode=va */
    }
    bool added =
        addresses && rte_malloc_heap_create(HEAP) == 0 &&
        rte_malloc_heap_memory_add(HEAP, block, BLOCK, addresses, (unsigned)pages, PAGE) == 0;
    free(addresses);
    return added ? rte_malloc_heap_get_socket(HEAP) : -1;
}

/* Fails while something of it is in use. */
static bool remove_heap(unsigned char *block)
{
    return rte_malloc_heap_memory_remove(HEAP, block, BLOCK) == 0 &&
           rte_malloc_heap_destroy(HEAP) == 0;
}

/* Objects of many sizes, each filled with a mark. Returns how many are in the block, aligned, and
 * still as they were when all are there. */
static unsigned use_objects(unsigned char *block, int socket)
{
    static unsigned char *objects[OBJECTS];
    unsigned right = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = rte_malloc_socket(NULL, 16 + i * 4, RTE_CACHE_LINE_SIZE, socket);
        if (objects[i]) {
            memset(objects[i], (int)i, 16 + i * 4);
        }
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        size_t size = 16 + i * 4;
        right += objects[i] && in_block(block, objects[i], size) &&
                 (uintptr_t)objects[i] % RTE_CACHE_LINE_SIZE == 0 &&
                 objects[i][0] == (unsigned char)i && objects[i][size - 1] == (unsigned char)i;
        rte_free(objects[i]);
    }
    return right;
}

/* All buffers of a pool of packets. Returns how many have their data in the block. */
static unsigned use_packets(unsigned char *block, int socket)
{
    static struct rte_mbuf *packets[PACKETS];
    unsigned right = 0;
    struct rte_mempool *buffers =
        rte_pktmbuf_pool_create("packets", PACKETS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, socket);
    if (!buffers) {
        fprintf(stderr, "no packet buffers: %s\n", rte_strerror(rte_errno));
        return 0;
    }
    if (rte_pktmbuf_alloc_bulk(buffers, packets, PACKETS) == 0) {
        for (unsigned i = 0; i < PACKETS; i++) {
            right += in_block(block, packets[i]->buf_addr, packets[i]->buf_len);
        }
        rte_pktmbuf_free_bulk(packets, PACKETS);
    }
    rte_mempool_free(buffers);
    return right;
}

static bool run(unsigned char *block)
{
    int socket = add_heap(block);
    if (socket < 0) {
        fprintf(stderr, "no heap on the block: %s\n", rte_strerror(rte_errno));
        return false;
    }
    unsigned objects = use_objects(block, socket);
    unsigned packets = use_packets(block, socket);
    printf("%u objects, %u of them right\n", OBJECTS, objects);
    printf("%u packet buffers, %u of them in the block\n", PACKETS, packets);

    void *last = rte_malloc_socket(NULL, 1, 0, socket);
    bool refused = !remove_heap(block);
    rte_free(last);
    printf("with an object in use DPDK %s the block\n", refused ? "keeps" : "gives back");
    if (!remove_heap(block)) {
        fprintf(stderr, "DPDK doesn't give the block back: %s\n", rte_strerror(rte_errno));
        exit(1); /* it is DPDK's still: the pool mustn't have it */
    }
    return objects == OBJECTS && packets == PACKETS && last && refused;
}

int main(int argc, char **argv)
{
    lfb_pool_config config = {.size = 4 * BLOCK, .page_size = PAGE};
    lfb_pool_error error;
    lfb_stats stats;
    if (rte_eal_init(argc, argv) < 0) {
        fprintf(stderr, "DPDK doesn't start: %s\n", rte_strerror(rte_errno));
        return 1;
    }
    lfb_pool *pool = lfb_pool_create(&config, &error);
    unsigned char *block = pool ? lfb_pool_alloc(pool, ORDER) : NULL;
    if (!block) {
        fprintf(stderr, "no block: %s\n", error.text);
        return 1;
    }
    bool right = run(block);
    right = lfb_pool_free(pool, block) == LFB_OK && right;
    lfb_get_stats(lfb_pool_core(pool), &stats);
    printf("%zu of %zu pages are free again\n", stats.free_pages, stats.total_pages);
    right = right && stats.free_pages == stats.total_pages;
    lfb_pool_close(pool);
    rte_eal_cleanup();
    return !right;
}
