/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <string.h>

enum { FAILED_MOST = 4096 };

/* ---------------------------------------------------------------------- the specification ---- */

static bool is_start(const model *m, unsigned page)
{
    uint64_t before = m->free | m->held | m->last;
    return page == 0 || (before >> (page - 1) & 1);
}

static lfb_status release_status(const model *m, unsigned page)
{
    if ((m->free | m->held) >> page & 1) {
        return LFB_NOT_ALLOCATED;
    }
    return is_start(m, page) ? LFB_OK : LFB_NOT_START;
}

static unsigned run_length(const model *m, unsigned page)
{
    uint64_t ends = m->last >> page;
    return ends ? (unsigned)__builtin_ctzll(ends) + 1 : 0;
}

static unsigned first_piece(unsigned pages)
{
    return 1U << (31 - __builtin_clz(pages));
}

static bool take(model *m, uint64_t pages)
{
    bool legal = (m->free & pages) == pages;
    m->free &= ~pages;
    m->last |= pages & ~(pages >> 1);
    return legal;
}

static bool release_run(model *m, const event *e)
{
    if (release_status(m, e->page) != LFB_OK || (e->pages && run_length(m, e->page) != e->pages)) {
        return false;
    }
    unsigned pages = run_length(m, e->page);
    uint64_t piece = pages ? page_bits(e->page, first_piece(pages)) : 0;
    m->free |= piece;
    m->last &= ~piece;
    m->rest[e->thread] = e->pages ? 0 : page_bits(e->page, pages) & ~piece;
    return pages > 0;
}

static bool release_pages(model *m, uint64_t pages)
{
    bool legal = !((m->free | m->held) & pages);
    m->free |= pages;
    m->last &= ~pages;
    return legal;
}

static bool grow(model *m, const event *e, uint64_t pages)
{
    m->last &= ~page_bits(e->page - 1, 1);
    return take(m, pages);
}

static bool put(model *m, uint64_t pages)
{
    bool legal = (m->held & pages) == pages;
    m->held &= ~pages;
    m->free |= pages;
    return legal;
}

static bool hold(model *m, uint64_t pages)
{
    bool legal = (m->free & pages) == pages;
    m->free &= ~pages;
    m->held |= pages;
    return legal;
}

static bool cut(model *m, const event *e)
{
    m->last |= page_bits(e->page - 1, 1) & ~m->free & ~m->held;
    return true;
}

bool model_apply(model *m, const event *e)
{
    uint64_t pages = page_bits(e->page, e->pages);
    switch (e->kind) {
    case EVENT_TAKE:
        return take(m, pages);
    case EVENT_GROW:
        return grow(m, e, pages);
    case EVENT_HOLD:
        return hold(m, pages);
    case EVENT_PUT:
        return put(m, pages);
    case EVENT_CUT:
        return e->page == 0 || cut(m, e);
    case EVENT_RELEASE:
        return release_run(m, e);
    case EVENT_FREE:
        return release_pages(m, pages);
    case EVENT_REST:
        return release_pages(m, m->rest[e->thread]);
    case EVENT_REFUSE:
        return release_status(m, e->page) == e->status;
    }
    return false;
}

/* ------------------------------------------------------------------------------ the search ---- */

typedef struct place {
    model state;
    unsigned at[SCHEDULE_THREADS]; /* events done by each thread */
} place;

static struct {
    const history *history;
    unsigned threads;
    model end;
    place failed[FAILED_MOST];
    unsigned failed_count;
} J;

static bool has_failed(const place *p)
{
    for (unsigned i = 0; i < J.failed_count; i++) {
        if (memcmp(&J.failed[i], p, sizeof(*p)) == 0) {
            return true;
        }
    }
    return false;
}

static const event *next_event(const place *p, unsigned thread)
{
    bool more = p->at[thread] < J.history->count[thread];
    return more ? &J.history->events[thread][p->at[thread]] : NULL;
}

/* Whether no other thread's next call ended before this event's call began. */
static bool may_be_next(const place *p, unsigned thread)
{
    for (unsigned t = 0; t < J.threads; t++) {
        const event *other = next_event(p, t);
        if (t != thread && other && other->to < next_event(p, thread)->from) {
            return false;
        }
    }
    return true;
}

/* Splits of a run that free_range left behind its range are legal: the tree may show more ends. */
static bool ends_well(const place *p)
{
    return p->state.free == J.end.free && p->state.held == J.end.held &&
           (p->state.last & ~J.end.last) == 0;
}

static verdict search(const place *p)
{
    bool left = false;
    for (unsigned t = 0; t < J.threads; t++) {
        const event *e = next_event(p, t);
        left |= e != NULL;
        if (!e || !may_be_next(p, t)) {
            continue;
        }
        place next = *p;
        next.at[t]++;
        if (model_apply(&next.state, e) && !has_failed(&next)) {
            verdict v = search(&next);
            if (v != NOT_LINEARIZABLE) {
                return v;
            }
        }
    }
    if (!left && ends_well(p)) {
        return LINEARIZABLE;
    }
    if (J.failed_count == FAILED_MOST) {
        return UNDECIDED;
    }
    J.failed[J.failed_count++] = *p;
    return NOT_LINEARIZABLE;
}

verdict history_judge(const history *h, unsigned threads, model start, model end)
{
    place first = {.state = start};
    J.history = h;
    J.threads = threads;
    J.end = end;
    J.failed_count = 0;
    return search(&first);
}
