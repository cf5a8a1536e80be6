/* SPDX-License-Identifier: MIT */
/*
 * A recorded trace, as fast as it goes: replay.
 *
 * Read once, the trace becomes a list of steps: allocate block number n, free block number n. Each
 * block has a number of its own, so a release can find its block in a table whichever thread has
 * allocated it. The threads share out the trace's CPUs; where there are more threads, several
 * copies of the trace run side by side.
 */
#include "workloads.h"

#include "trace.h"

#include <stdlib.h>
#include <string.h>

enum { PENDING = -2, DEFERRED_MOST = 4096 };

typedef struct step {
    uint32_t block;
    uint8_t order;
    bool is_free;
    uint16_t cpu;
} step;

static struct {
    step *steps;
    size_t count;
    size_t blocks;
    unsigned cpus;
} loaded;

/* -------------------------------------------------------------------------------- reading ---- */

/* Which block number a frame holds, by open addressing. */
typedef struct frame_map {
    struct frame_entry {
        uint64_t frame; /* plus one; 0: none */
        uint32_t block; /* UINT32_MAX: released */
        uint8_t order;
    } * entries;
    size_t mask;
} frame_map;

static struct frame_entry *find_frame(const frame_map *map, uint64_t frame)
{
    size_t at = (size_t)((frame * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & map->mask;
    while (map->entries[at].frame != 0 && map->entries[at].frame != frame + 1) {
        at = (at + 1) & map->mask;
    }
    return &map->entries[at];
}

static void add_step(const trace_event *event, uint32_t block, uint8_t order, bool is_free)
{
    loaded.steps[loaded.count++] = (step){block, order, is_free, event->cpu};
    loaded.cpus = event->cpu >= loaded.cpus ? event->cpu + 1U : loaded.cpus;
}

/* Releases of what wasn't allocated in the trace are passed over; a frame allocated twice was
 * released in between. */
static void add_event(frame_map *map, const trace_event *event)
{
    struct frame_entry *entry = find_frame(map, event->frame);
    bool known = entry->frame != 0 && entry->block != UINT32_MAX;
    if (known) {
        add_step(event, entry->block, entry->order, true);
        entry->block = UINT32_MAX;
    }
    if (event->kind == TRACE_ALLOC) {
        *entry = (struct frame_entry){event->frame + 1, (uint32_t)loaded.blocks++, event->order};
        add_step(event, entry->block, entry->order, false);
    }
}

tool_status workloads_load_trace(const char *path)
{
    trace t;
    tool_status status = trace_read(path, &t);
    if (status != TOOL_OK) {
        return status;
    }
    frame_map map = {NULL, 1};
    while (map.mask < 2 * t.count) {
        map.mask = map.mask * 2 + 1;
    }
    map.entries = calloc(map.mask + 1, sizeof(*map.entries));
    loaded.steps = malloc(2 * t.count * sizeof(*loaded.steps));
    if (map.entries == NULL || loaded.steps == NULL) {
        status = tool_fail(TOOL_FAILED, "%s: no memory for %zu events", path, t.count);
    }
    for (size_t i = 0; status == TOOL_OK && i < t.count; i++) {
        add_event(&map, &t.events[i]);
    }
    free(map.entries);
    trace_close(&t);
    return status;
}

void workloads_forget_trace(void)
{
    free(loaded.steps);
    memset(&loaded, 0, sizeof(loaded));
}

/* ---------------------------------------------------------------------------------- tables --- */

typedef _Atomic(int64_t) place; /* a block's page; PENDING: not allocated yet; HARNESS_NONE: none */

typedef struct table {
    place *places;  /* of all copies */
    unsigned group; /* threads for a copy */
    unsigned copies;
} table;

static size_t replay_capacity(const cell *c)
{
    (void)c;
    return loaded.count > 0 ? DEFERRED_MOST : 0; /* for releases put off */
}

static bool replay_open(run *r)
{
    table *t = malloc(sizeof(*t));
    if (t == NULL) {
        return false;
    }
    t->group = r->size < loaded.cpus ? r->size : loaded.cpus;
    t->copies = r->size / t->group;
    t->places = malloc(t->copies * loaded.blocks * sizeof(*t->places));
    for (size_t i = 0; t->places != NULL && i < t->copies * loaded.blocks; i++) {
        atomic_init(&t->places[i], PENDING);
    }
    r->shared = t;
    if (t->places == NULL) {
        free(t);
        return false;
    }
    return true;
}

static void replay_close(run *r)
{
    table *t = r->shared;
    free(t->places);
    free(t);
}

/* -------------------------------------------------------------------------------- playing ---- */

/* false: it isn't there yet. */
static bool try_free(worker *w, place *places, uint32_t block, unsigned order)
{
    int64_t page = atomic_load_explicit(&places[block], memory_order_acquire);
    if (page == PENDING) {
        return false;
    }
    if (page >= 0) {
        w->allocator->put(w->thread, page, order);
        atomic_store_explicit(&places[block], HARNESS_NONE, memory_order_relaxed);
        w->operations++;
    }
    return true;
}

static void play_alloc(worker *w, place *places, const step *s)
{
    int64_t page = w->allocator->get(w->thread, s->order);
    w->failures += page < 0;
    w->operations++;
    /* release: the pages' past goes with them to the thread that frees them. */
    atomic_store_explicit(&places[s->block], page < 0 ? HARNESS_NONE : page, memory_order_release);
}

/* Releases whose block another thread was to allocate and hadn't; most succeed at the first try. */
static void retry_deferred(worker *w, place *places)
{
    size_t left = 0;
    for (size_t i = 0; i < w->count; i++) {
        const step *s = &loaded.steps[w->held[i]];
        if (!try_free(w, places, s->block, s->order)) {
            w->held[left++] = w->held[i];
        }
    }
    w->count = left;
}

static void play(worker *w)
{
    const table *t = w->run->shared;
    unsigned copy = w->thread / t->group;
    unsigned part = w->thread % t->group;
    if (copy >= t->copies) {
        return;
    }
    place *places = t->places + copy * loaded.blocks;
    w->count = 0;
    for (size_t i = 0; i < loaded.count; i++) {
        const step *s = &loaded.steps[i];
        if (s->cpu % t->group != part) {
            continue;
        }
        if (!s->is_free) {
            play_alloc(w, places, s);
        } else if (!try_free(w, places, s->block, s->order)) {
            w->held[w->count++] = (int64_t)i;
        }
        while (w->count == DEFERRED_MOST || (w->count > 0 && i % HARNESS_BATCH == 0)) {
            retry_deferred(w, places);
            if (w->count < DEFERRED_MOST) {
                break;
            }
        }
    }
}

/* What the trace leaves held, and all releases put off: by one thread, when all have played. */
static void clear(worker *w)
{
    harness_meet(w);
    w->count = 0;
    const table *t = w->run->shared;
    for (size_t i = 0; w->thread == 0 && i < loaded.count; i++) {
        const step *s = &loaded.steps[i];
        for (unsigned copy = 0; !s->is_free && copy < t->copies; copy++) {
            place *at = &t->places[copy * loaded.blocks + s->block];
            int64_t page = atomic_load(at);
            if (page >= 0) {
                w->allocator->put(w->thread, page, s->order);
            }
            atomic_store(at, PENDING);
        }
    }
    harness_meet(w);
}

static void replay_prepare(worker *w)
{
    play(w);
    clear(w);
    w->operations = 0;
    w->failures = 0;
}

/*
 * The trace once, each event by the thread that has its CPU, without the pauses. A release whose
 * block isn't allocated yet is put off and tried again. An operation is two events, so that it
 * compares with an allocation and a release.
 */
static void replay_work(worker *w)
{
    harness_start_clock(w);
    play(w);
    harness_stop_clock(w);
    w->operations /= 2;
    uint64_t operations = w->operations;
    w->wall_end = harness_now();
    clear(w);
    w->operations = operations;
}

const workload workload_replay = {
    .name = "replay",
    .about = "a recorded trace of a kernel's page allocations",
    .capacity = replay_capacity,
    .open = replay_open,
    .close = replay_close,
    .prepare = replay_prepare,
    .work = replay_work,
};
