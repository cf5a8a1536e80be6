/* SPDX-License-Identifier: MIT */
/* A plug-in for lfbuddy-bench: first fit in a map of bytes, behind a lock. Not fast, but short. */
#include "plugin.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned char *used; /* a byte a page: 1 if allocated */
static size_t page_count;

const char *lfb_bench_name(void)
{
    return "first-fit";
}

int lfb_bench_init(size_t pages, size_t page_size, unsigned threads)
{
    (void)page_size;
    (void)threads;
    page_count = pages;
    used = calloc(pages, 1);
    return used != NULL ? 0 : -1;
}

int64_t lfb_bench_get(unsigned thread, unsigned order)
{
    size_t size = (size_t)1 << order;
    size_t page = 0;
    (void)thread;
    pthread_mutex_lock(&mutex);
    while (page + size <= page_count && memchr(used + page, 1, size) != NULL) {
        page += size;
    }
    bool found = page + size <= page_count;
    memset(used + page, 1, found ? size : 0);
    pthread_mutex_unlock(&mutex);
    return found ? (int64_t)page : -1;
}

void lfb_bench_put(unsigned thread, int64_t page, unsigned order)
{
    (void)thread;
    pthread_mutex_lock(&mutex);
    memset(used + page, 0, (size_t)1 << order);
    pthread_mutex_unlock(&mutex);
}

void lfb_bench_fini(void)
{
    free(used);
}
