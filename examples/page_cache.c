/* SPDX-License-Identifier: MIT */
/*
 * A toy page cache that two processes share. Its buffers and its index lie in one shared pool,
 * which each process maps where it likes; the index names buffers by their offset.
 *
 * An entry of the index is one word: 0, or the offset of the buffer with this block of the disk.
 * The bits below a page count its users, and one says that it isn't 0.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lfbuddy/pool.h>

enum { BLOCKS = 1000, BUFFERS = 300, READS = 200000, PAGE = 4096, PRESENT = 1, USER = 2 };
typedef _Atomic(uintptr_t) entry;

typedef struct cache {
    lfb_pool *pool;
    entry *index;
    unsigned long hits, misses, hand; /* the hand points at the next block to evict */
} cache;

/* Releases a buffer that nobody uses, if the entry has one. */
static void evict(cache *c, unsigned block)
{
    uintptr_t word = atomic_load(&c->index[block]);
    if (word % PAGE == PRESENT && atomic_compare_exchange_strong(&c->index[block], &word, 0)) {
        lfb_pool_free(c->pool, lfb_pool_pointer(c->pool, word - PRESENT));
    }
}

/* "Reads" the block from the disk into a buffer, for which others must go when the pool is full. */
static uint32_t *read_block(cache *c, unsigned block)
{
    uint32_t *buffer;
    while (!(buffer = lfb_pool_alloc(c->pool, 0))) {
        evict(c, (unsigned)(c->hand++ % BLOCKS));
    }
    for (unsigned i = 0; i < PAGE / sizeof(*buffer); i++) {
        buffer[i] = block;
    }
    return buffer;
}

/* The block's buffer, with the caller as one more user of it. */
static const uint32_t *get(cache *c, unsigned block)
{
    uintptr_t word = atomic_load(&c->index[block]);
    while (word) {
        if (atomic_compare_exchange_weak(&c->index[block], &word, word + USER)) {
            c->hits++;
            return lfb_pool_pointer(c->pool, word - word % PAGE);
        }
    }
    c->misses++;
    uint32_t *buffer = read_block(c, block);
    uintptr_t own = lfb_pool_offset(c->pool, buffer) + PRESENT + USER;
    if (atomic_compare_exchange_strong(&c->index[block], &word, own)) {
        return buffer;
    }
    lfb_pool_free(c->pool, buffer); /* the other process was faster */
    return get(c, block);
}

static void put(cache *c, unsigned block)
{
    atomic_fetch_sub(&c->index[block], USER);
}

/* Reads blocks, some of them often. Returns 1 if one wasn't what the disk has. */
static int work(lfb_pool *pool, uintptr_t index, unsigned seed)
{
    cache c = {.pool = pool, .index = lfb_pool_pointer(pool, index)};
    unsigned long wrong = 0;
    for (unsigned i = 0; i < READS; i++) {
        seed = seed * 1103515245 + 12345;
        unsigned block = (seed >> 8) % ((seed >> 30) ? BLOCKS / 5 : BLOCKS);
        const uint32_t *buffer = get(&c, block);
        wrong += buffer[0] != block || buffer[PAGE / sizeof(*buffer) - 1] != block;
        put(&c, block);
    }
    printf("process %d at %p: %lu hits, %lu misses, %lu wrong\n", (int)getpid(),
           lfb_pool_pointer(pool, 0), c.hits, c.misses, wrong);
    return wrong != 0;
}

int main(void)
{
    lfb_pool_error error;
    lfb_pool_config config = {.kind = LFB_POOL_SHARED, .size = BUFFERS * PAGE, .page_size = PAGE};
    lfb_pool *pool = lfb_pool_create(&config, &error);
    entry *index = pool ? lfb_pool_alloc_zeroed(pool, BLOCKS * sizeof(entry) / PAGE + 1) : NULL;
    if (!index) {
        fprintf(stderr, "%s\n", pool ? "the pool is too small" : error.text);
        return 1;
    }
    uintptr_t handle = lfb_pool_offset(pool, index);
    pid_t child = fork();
    if (child == 0) {
        lfb_pool *own = lfb_pool_open_fd(lfb_pool_fd(pool), NULL, &error);
        int failed = own ? work(own, handle, 1) : 1;
        fflush(stdout);
        _exit(failed);
    }
    int failed = work(pool, handle, 2);
    int status;
    failed |= waitpid(child, &status, 0) != child || status != 0;
    cache c = {.pool = pool, .index = index};
    for (unsigned block = 0; block < BLOCKS; block++) {
        evict(&c, block);
    }
    lfb_pool_free(pool, index);
    lfb_stats stats;
    lfb_get_stats(lfb_pool_core(pool), &stats);
    printf("%zu of %zu pages free in the end\n", stats.free_pages, stats.total_pages);
    lfb_pool_close(pool);
    return failed || stats.free_pages != stats.total_pages;
}
