/* SPDX-License-Identifier: MIT */
/*
 * Matching releases with allocations: see script.h.
 *
 * A hash table holds the pieces that are allocated at the moment, by first frame. Pieces are
 * aligned to their size, so the one around a frame begins where some order's alignment puts it.
 */
#include "script.h"

#include <stdlib.h>
#include <string.h>

typedef struct piece {
    uint64_t frame;
    uint32_t block;
    uint32_t first; /* page in the block */
    uint8_t order;
    bool used; /* the place in the table holds a piece */
} piece;

typedef struct piece_table {
    piece *places;
    size_t mask; /* places - 1 */
    size_t count;
} piece_table;

/* A block's whereabouts while the script is being made. */
typedef struct block_state {
    uint32_t turns; /* parts released so far */
    uint8_t order;
} block_state;

typedef struct maker {
    script *out;
    piece_table live;
    block_state *blocks;
    size_t pages; /* allocated now */
    unsigned rank_of_cpu[TRACE_MAX_CPU + 1];
} maker;

/* ------------------------------------------------------------------------------- the table ---- */

static size_t place_of(const piece_table *t, uint64_t frame)
{
    return (size_t)((frame * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & t->mask;
}

static piece *table_find(const piece_table *t, uint64_t frame)
{
    size_t i = place_of(t, frame);
    while (t->places[i].used && t->places[i].frame != frame) {
        i = (i + 1) & t->mask;
    }
    return &t->places[i];
}

static bool table_grow(piece_table *t)
{
    piece_table bigger = {NULL, t->places == NULL ? 4095 : t->mask * 2 + 1, t->count};
    bigger.places = calloc(bigger.mask + 1, sizeof(*bigger.places));
    if (bigger.places == NULL) {
        return false;
    }
    for (size_t i = 0; t->places != NULL && i <= t->mask; i++) {
        if (t->places[i].used) {
            *table_find(&bigger, t->places[i].frame) = t->places[i];
        }
    }
    free(t->places);
    *t = bigger;
    return true;
}

static bool table_put(piece_table *t, const piece *p)
{
    if ((t->places == NULL || t->count * 2 > t->mask) && !table_grow(t)) {
        return false;
    }
    piece *place = table_find(t, p->frame);
    *place = *p;
    place->used = true;
    t->count++;
    return true;
}

/* Moves back whatever stands behind the gap and would no longer be found across it. */
static void table_remove(piece_table *t, piece *p)
{
    size_t gap = (size_t)(p - t->places);
    for (size_t i = (gap + 1) & t->mask; t->places[i].used; i = (i + 1) & t->mask) {
        size_t home = place_of(t, t->places[i].frame);
        if (((i - home) & t->mask) >= ((i - gap) & t->mask)) {
            t->places[gap] = t->places[i];
            gap = i;
        }
    }
    t->places[gap].used = false;
    t->count--;
}

/* The piece that the frame lies in; NULL: none. */
static piece *table_around(const piece_table *t, uint64_t frame, unsigned max_order)
{
    if (t->places == NULL) {
        return NULL;
    }
    for (unsigned order = 0; order <= max_order; order++) {
        uint64_t start = frame >> order << order;
        if (order > 0 && start == frame >> (order - 1) << (order - 1)) {
            continue;
        }
        piece *p = table_find(t, start);
        if (p->used && frame - p->frame < (uint64_t)1 << p->order) {
            return p;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------ operations ---- */

static bool list_add(script_list *list, const script_op *op)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 1024 : list->room * 2;
        script_op *ops = realloc(list->ops, room * sizeof(*ops));
        if (ops == NULL) {
            return false;
        }
        list->ops = ops;
        list->room = room;
    }
    list->ops[list->count++] = *op;
    return true;
}

/* The release of a piece, whole or not. */
static script_op release_of(maker *m, const piece *p, size_t event)
{
    block_state *block = &m->blocks[p->block];
    bool whole = p->order == block->order;
    return (script_op){
        .event = event,
        .block = p->block,
        .turn = whole ? 0 : block->turns++,
        .first = p->first,
        .order = p->order,
        .kind = whole ? SCRIPT_FREE : SCRIPT_FREE_PART,
    };
}

static bool release_piece(maker *m, script_list *list, piece *p, size_t event)
{
    script_op op = release_of(m, p, event);
    m->pages -= (size_t)1 << p->order;
    table_remove(&m->live, p);
    return list_add(list, &op);
}

/* Halves the piece around the frame until one half is the block of that order. NULL: no memory. */
static piece *cut_piece(maker *m, piece *p, uint64_t frame, unsigned order)
{
    piece rest = *p;
    table_remove(&m->live, p);
    while (rest.order > order) {
        rest.order--;
        uint32_t half = (uint32_t)1 << rest.order;
        piece other = rest;
        bool upper = (frame >> rest.order & 1) != 0;
        piece *far = upper ? &rest : &other;
        far->frame += half;
        far->first += half;
        if (!table_put(&m->live, &other)) {
            return NULL;
        }
    }
    return table_put(&m->live, &rest) ? table_find(&m->live, rest.frame) : NULL;
}

/* Releases all pieces inside the block, and returns how many in *released. */
static bool release_inside(maker *m, script_list *list, const trace_event *e, size_t event,
                           size_t *released)
{
    *released = 0;
    uint64_t end = e->frame + ((uint64_t)1 << e->order);
    for (uint64_t frame = e->frame; frame < end && m->live.count > 0;) {
        piece *p = table_find(&m->live, frame);
        uint64_t pages = p->used ? (uint64_t)1 << p->order : 1;
        if (p->used) {
            ++*released;
            if (!release_piece(m, list, p, event)) {
                return false;
            }
        }
        frame += pages;
    }
    return true;
}

/* ---------------------------------------------------------------------------------- events ---- */

/* Releases what the event says; false: no memory. */
static bool release_told(maker *m, script_list *list, const trace_event *e, size_t event)
{
    piece *p = table_around(&m->live, e->frame, m->out->max_order);
    if (p != NULL && p->order > e->order) {
        p = cut_piece(m, p, e->frame, e->order);
        return p != NULL && release_piece(m, list, p, event);
    }
    size_t released;
    return release_inside(m, list, e, event, &released);
}

static bool make_free(maker *m, script_list *list, const trace_event *e, size_t event)
{
    size_t before = list->count;
    if (!release_told(m, list, e, event)) {
        return false;
    }
    m->out->frees++;
    if (list->count == before) {
        m->out->foreign_frees++;
    } else if (list->ops[before].kind == SCRIPT_FREE_PART) {
        m->out->part_frees++;
    }
    return true;
}

/* What the trace still believes allocated there was released without its notice. */
static bool release_lost(maker *m, script_list *list, const trace_event *e, size_t event)
{
    piece *around = table_around(&m->live, e->frame, m->out->max_order);
    if (around != NULL && around->order > e->order) {
        m->out->lost_frees++;
        return release_piece(m, list, around, event);
    }
    size_t released;
    bool fine = release_inside(m, list, e, event, &released);
    m->out->lost_frees += released;
    return fine;
}

static bool make_alloc(maker *m, script_list *list, const trace_event *e, size_t event)
{
    script *s = m->out;
    if (!release_lost(m, list, e, event)) {
        return false;
    }
    uint32_t block = s->blocks++;
    s->allocs++;
    m->blocks[block] = (block_state){0, e->order};
    m->pages += (size_t)1 << e->order;
    if (m->pages > s->peak_pages) {
        s->peak_pages = m->pages;
        s->peak_event = event;
    }
    piece p = {.frame = e->frame, .block = block, .order = e->order};
    script_op op = {.event = event, .block = block, .order = e->order, .kind = SCRIPT_ALLOC};
    return table_put(&m->live, &p) && list_add(list, &op);
}

static bool make_left(maker *m)
{
    m->out->left_pages = m->pages;
    for (size_t i = 0; m->live.places != NULL && i <= m->live.mask; i++) {
        if (m->live.places[i].used) {
            script_op op = release_of(m, &m->live.places[i], SIZE_MAX);
            if (!list_add(&m->out->left, &op)) {
                return false;
            }
        }
    }
    return true;
}

/* Ranks the CPUs that occur, so that a trace of CPUs 4 and 7 is one of two threads. */
static void survey(maker *m, const trace *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const trace_event *e = &t->events[i];
        m->rank_of_cpu[e->cpu] = 1;
        m->out->max_order = e->order > m->out->max_order ? e->order : m->out->max_order;
    }
    for (unsigned cpu = 0; cpu <= TRACE_MAX_CPU; cpu++) {
        unsigned seen = m->rank_of_cpu[cpu];
        m->rank_of_cpu[cpu] = m->out->cpus;
        m->out->cpus += seen;
    }
    m->out->duration = t->events[t->count - 1].time - t->events[0].time;
}

static bool make_all(maker *m, const trace *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const trace_event *e = &t->events[i];
        unsigned thread = m->rank_of_cpu[e->cpu] % m->out->thread_count;
        script_list *list = &m->out->threads[thread];
        bool fine = e->kind == TRACE_ALLOC ? make_alloc(m, list, e, i) : make_free(m, list, e, i);
        if (!fine) {
            return false;
        }
    }
    for (unsigned i = 0; i < m->out->thread_count; i++) {
        m->out->busy_threads += m->out->threads[i].count > 0;
    }
    return make_left(m);
}

tool_status script_make(script *s, const trace *t, unsigned threads)
{
    memset(s, 0, sizeof(*s));
    maker m = {.out = s};
    survey(&m, t);
    s->thread_count = threads > 0 ? threads : s->cpus;
    s->threads = calloc(s->thread_count, sizeof(*s->threads));
    m.blocks = calloc(t->count, sizeof(*m.blocks));
    bool fine = t->count < UINT32_MAX && s->threads != NULL && m.blocks != NULL && make_all(&m, t);
    free(m.blocks);
    free(m.live.places);
    if (!fine) {
        script_close(s);
        return tool_fail(TOOL_FAILED, "no memory to prepare %zu events", t->count);
    }
    return TOOL_OK;
}

void script_close(script *s)
{
    for (unsigned i = 0; s->threads != NULL && i < s->thread_count; i++) {
        free(s->threads[i].ops);
    }
    free(s->threads);
    free(s->left.ops);
    memset(s, 0, sizeof(*s));
}
