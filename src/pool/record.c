/* SPDX-License-Identifier: MIT */
/*
 * See record.h. Each lane has a chain of chunks of events, the newest first. A call takes the next
 * place of its lane's newest chunk by one addition; where that is full, it maps another chunk and
 * puts it in front by compare-and-swap. So nobody waits, signal handlers may come in between, and
 * lanes don't meet. Nothing is written before the pool is closed: then all events are sorted by
 * time, and runs are spelled as blocks, which is what the format knows.
 */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "file.h"

enum { CHUNK_EVENTS = 8192, CPUS_MOST = 4096, ORDER_MOST = 20 }; /* the latter: traces/README.md */

typedef enum event_kind { EVENT_NONE, EVENT_ALLOC, EVENT_FREE } event_kind;

struct record_event {
    uint64_t time; /* nanoseconds */
    uint64_t page;
    uint64_t pages;
    uint32_t cpu;
    pool_u32 kind; /* written last: an event_kind */
};

typedef struct chunk {
    struct chunk *older;
    pool_u64 used; /* places taken; more than there are: full */
    record_event events[CHUNK_EVENTS];
} chunk;

typedef struct lane_chunks {
    _Alignas(POOL_LINE) _Atomic(chunk *) newest;
} lane_chunks;

struct pool_recording {
    FILE *file;
    pid_t process; /* a child made by fork has a copy, which it doesn't write */
    unsigned lanes;
    pool_u64 lost; /* events for which there was no memory */
    lane_chunks chunks[];
};

/* ------------------------------------------------------------------------------ recording ---- */

static size_t recording_size(unsigned lanes)
{
    return sizeof(pool_recording) + lanes * sizeof(lane_chunks);
}

/* Another chunk in front of the full one, whoever puts it there. */
static chunk *next_chunk(lane_chunks *lane, chunk *full)
{
    chunk *fresh =
        mmap(NULL, sizeof(chunk), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) {
        return NULL;
    }
    fresh->older = full;
    /* acq_rel: who finds the chunk finds `older` set */
    if (atomic_compare_exchange_strong_explicit(&lane->newest, &full, fresh, memory_order_acq_rel,
                                                memory_order_acquire)) {
        return fresh;
    }
    munmap(fresh, sizeof(chunk));
    return full;
}

static record_event *take_place(pool_recording *r, lane_chunks *lane)
{
    chunk *c = atomic_load_explicit(&lane->newest, memory_order_acquire);
    for (;;) {
        /* relaxed: the number orders nothing */
        uint64_t place =
            c ? atomic_fetch_add_explicit(&c->used, 1, memory_order_relaxed) : CHUNK_EVENTS;
        if (place < CHUNK_EVENTS) {
            return &c->events[place];
        }
        c = next_chunk(lane, c);
        if (!c) {
            atomic_fetch_add_explicit(&r->lost, 1, memory_order_relaxed);
            return NULL;
        }
    }
}

record_event *record_add(const lfb_pool *pool, uintptr_t offset, size_t pages, bool release)
{
    pool_recording *r = pool->recording;
    unsigned cpu = (unsigned)sched_getcpu() % CPUS_MOST;
    struct timespec now;
    pages = pages ? pages : lfb_size_of(&pool->core, offset);
    record_event *event = pages ? take_place(r, &r->chunks[cpu % r->lanes]) : NULL;
    if (!event) {
        return NULL;
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    event->time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    event->page = offset >> pool->page_shift;
    event->pages = pages;
    event->cpu = cpu;
    atomic_store_explicit(&event->kind, release ? EVENT_FREE : EVENT_ALLOC, memory_order_release);
    return event;
}

void record_cross_out(record_event *event)
{
    atomic_store_explicit(&event->kind, EVENT_NONE, memory_order_release);
}

/* -------------------------------------------------------------------------------- writing ---- */

/* The largest block of the format with which a range of pages begins. */
static unsigned first_order(uint64_t page, uint64_t pages)
{
    unsigned order = 0;
    while (order < ORDER_MOST && pages >> order >= 2 && (page >> order & 1) == 0) {
        order++;
    }
    return order;
}

static void write_event(FILE *file, const record_event *e, uint64_t started)
{
    bool alloc = e->kind == EVENT_ALLOC;
    for (uint64_t page = e->page, end = page + e->pages; page < end;) {
        unsigned order = first_order(page, end - page);
        fprintf(file, "%" PRIu64 " %" PRIu32 " %c %u %" PRIx64 "%s\n", (e->time - started) / 1000,
                e->cpu, alloc ? 'a' : 'f', order, page, alloc ? " 0" : "");
        page += (uint64_t)1 << order;
    }
}

/* By time; a release before an allocation that can't be told from it. */
static int compare_events(const void *a, const void *b)
{
    const record_event *x = *(const record_event *const *)a;
    const record_event *y = *(const record_event *const *)b;
    if (x->time != y->time) {
        return x->time < y->time ? -1 : 1;
    }
    return (int)(y->kind == EVENT_FREE) - (int)(x->kind == EVENT_FREE);
}

/* Lists what happened in all[], unless that is NULL; returns how much. */
static size_t list_events(pool_recording *r, record_event *all[])
{
    size_t count = 0;
    for (unsigned lane = 0; lane < r->lanes; lane++) {
        for (chunk *c = r->chunks[lane].newest; c; c = c->older) {
            for (uint64_t i = 0; i < c->used && i < CHUNK_EVENTS; i++) {
                if (c->events[i].kind != EVENT_NONE) {
                    if (all) {
                        all[count] = &c->events[i];
                    }
                    count++;
                }
            }
        }
    }
    return count;
}

static void write_all(pool_recording *r)
{
    size_t count = list_events(r, NULL);
    record_event **all = calloc(count + 1, sizeof(record_event *));
    if (!all) {
        return;
    }
    list_events(r, all);
    qsort(all, count, sizeof(record_event *), compare_events);
    for (size_t i = 0; i < count; i++) {
        write_event(r->file, all[i], all[0]->time);
    }
    free(all);
}

/* ------------------------------------------------------------------------- begin and end ---- */

bool lfb_pool_record(lfb_pool *pool, const char *path, lfb_pool_error *error)
{
    if (error) {
        *error = (lfb_pool_error){.status = LFB_POOL_OK};
    }
    if (pool->recording || pool->read_only) {
        return pool_fail(error, LFB_POOL_INVALID, 0, "%s: %s", path,
                         pool->recording ? "this handle is being recorded already"
                                         : "the pool was opened read_only: nothing will happen");
    }
    size_t size = (recording_size(pool->lanes) + POOL_LINE - 1) / POOL_LINE * POOL_LINE;
    pool_recording *r = aligned_alloc(POOL_LINE, size);
    if (!r) {
        return pool_fail_system(error, ENOMEM, path, "record into it");
    }
    memset(r, 0, size);
    r->process = getpid();
    r->lanes = pool->lanes;
    r->file = fopen(path, "we");
    if (!r->file) {
        int code = errno;
        free(r);
        return pool_fail_system(error, code, path, "record into it");
    }
    pool->recording = r;
    return true;
}

void record_begin(lfb_pool *pool)
{
    static pool_u32 handles;
    char path[POOL_PATH_MOST];
    lfb_pool_error error;
    const char *prefix = secure_getenv("LFBUDDY_RECORD");
    if (!prefix || !*prefix || pool->recording || pool->read_only) {
        return;
    }
    /* relaxed: the number orders nothing */
    uint32_t number = atomic_fetch_add_explicit(&handles, 1, memory_order_relaxed) + 1;
    snprintf(path, sizeof(path), "%s.%ld.%" PRIu32, prefix, (long)getpid(), number);
    if (!lfb_pool_record(pool, path, &error)) {
        fprintf(stderr, "LFBUDDY_RECORD: %s\n", error.text);
    }
}

void record_end(lfb_pool *pool)
{
    pool_recording *r = pool->recording;
    if (r->process == getpid()) {
        write_all(r);
    }
    fclose(r->file);
    for (unsigned lane = 0; lane < r->lanes; lane++) {
        for (chunk *c = r->chunks[lane].newest, *older; c; c = older) {
            older = c->older;
            munmap(c, sizeof(chunk));
        }
    }
    free(r);
    pool->recording = NULL;
}
