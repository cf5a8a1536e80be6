/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <stdio.h>
#include <string.h>

#include "core/geometry.h"

void scene_complain(scene *s, const char *what, unsigned page, unsigned pages)
{
    char *wrong = s->books.wrong;
    if (wrong[0]) {
        return;
    }
    if (pages) {
        snprintf(wrong, sizeof(s->books.wrong), "%s: pages %u to %u", what, page, page + pages - 1);
    } else {
        snprintf(wrong, sizeof(s->books.wrong), "%s", what);
    }
}

static uintptr_t address_of(const scene *s, unsigned page)
{
    return s->config.base + page;
}

/* ------------------------------------------------------------------------------- the tree ---- */

static uint64_t bits_of(const scene *s, uintptr_t page, uintptr_t pages)
{
    uintptr_t first = page - s->lfb.first_page; /* base is a multiple of PAGES_MOST */
    return first < PAGES_MOST ? scene_bits(s, (unsigned)first, (unsigned)pages) : 0;
}

static void look_at(const scene *s, lfb_node node, model *seen)
{
    lfb_word word = lfb_load_relaxed(lfb_word_of(&s->lfb, node));
    if (word_is_empty(word, node.level)) {
        uint64_t pages = bits_of(s, lfb_page_of_node(node), lfb_node_pages(node.level));
        enum word_kind kind = word_kind(word);
        seen->free |= kind == KIND_PLAIN ? pages : 0;
        seen->held |= kind == KIND_HOLE ? pages : 0;
        seen->last |= kind == KIND_RUN ? pages & ~(pages >> 1) : 0;
        return;
    }
    for (unsigned slot = 0; slot < word_slots(node.level); slot++) {
        uint64_t pages = bits_of(s, lfb_page_of_slot(node, slot), lfb_slot_pages(node.level));
        enum word_code code = word_code(word, slot);
        seen->free |= code == CODE_FREE ? pages : 0;
        seen->last |= code == CODE_LAST ? pages & ~(pages >> 1) : 0;
        if (code == CODE_OPEN && node.level == 0) {
            seen->held |= pages;
        } else if (code == CODE_OPEN && lfb_node_exists(&s->lfb, lfb_child(node, slot))) {
            look_at(s, lfb_child(node, slot), seen);
        }
    }
}

model scene_look(const scene *s)
{
    model seen = {0};
    unsigned top = s->lfb.top;
    for (uintptr_t i = 0; i < s->lfb.levels[top].count; i++) {
        look_at(s, (lfb_node){top, s->lfb.levels[top].first + i}, &seen);
    }
    return seen;
}

/* ------------------------------------------------------------------------------ the books ---- */

/* Events of what is there first are applied at once; later ones go into the history. */
static void record(scene *s, unsigned who, event e)
{
    if (who == FIRST) {
        model_apply(&s->start_model, &e);
        return;
    }
    unsigned *count = &s->history.count[who];
    e.thread = who;
    e.from = schedule_opened();
    e.to = schedule_now();
    if (*count < EVENTS_MOST) {
        s->history.events[who][(*count)++] = e;
    }
}

static void record_each(scene *s, unsigned who, event_kind kind, unsigned page, unsigned pages)
{
    for (unsigned i = 0; i < pages; i++) {
        record(s, who, (event){.kind = kind, .page = page + i, .pages = 1});
    }
}

/* The whole run, and one by one the pieces that go after the first. */
static void record_release(scene *s, unsigned who, const run *r)
{
    record(s, who, (event){.kind = EVENT_RELEASE, .page = r->page, .pages = r->pages});
    unsigned done = 1U << (31 - __builtin_clz(r->pages));
    while (done < r->pages) {
        unsigned piece = 1U << (31 - __builtin_clz(r->pages - done));
        record(s, who, (event){.kind = EVENT_FREE, .page = r->page + done, .pages = piece});
        done += piece;
    }
}

static void record_cut(scene *s, unsigned who, unsigned page)
{
    record(s, who, (event){.kind = EVENT_CUT, .page = page});
}

/* Pages that were isolated before this call began, and were free all that time, or were released by
 * a call that began later. */
static uint64_t withdrawn(const scene *s)
{
    const isolation *i = &s->books.isolation;
    if (!i->goes_on || schedule_opened() < i->to) {
        return 0;
    }
    uint64_t pages = i->pages;
    for (unsigned step = i->from; step <= i->to; step++) {
        pages &= s->moments[step].free;
    }
    for (unsigned page = 0; page < s->config.page_count; page++) {
        pages |= s->books.released[page] >= i->to ? i->pages & page_bits(page, 1) : 0;
    }
    return pages;
}

static void own(scene *s, unsigned page, unsigned pages)
{
    uint64_t bits = page_bits(page, pages);
    if (page + pages > s->config.page_count || (!s->script.lawless && s->books.owned & bits)) {
        scene_complain(s, "overlap", page, pages);
    }
    if (withdrawn(s) & bits) {
        scene_complain(s, "handed out, though isolated", page, pages);
    }
    s->books.owned |= bits;
}

static void add_run(scene *s, unsigned who, unsigned page, unsigned pages)
{
    own(s, page, pages);
    if (s->books.count[who] < RUNS_MOST) {
        s->books.runs[who][s->books.count[who]++] = (run){page, pages, true};
    }
    record(s, who, (event){.kind = EVENT_TAKE, .page = page, .pages = pages});
}

static void deny(scene *s, unsigned who, unsigned pages, uint64_t places, bool exact)
{
    if (who != FIRST && s->books.denial_count < DENIALS_MOST) {
        s->books.denials[s->books.denial_count++] =
            (denial){who, schedule_opened(), schedule_now(), pages, places, exact, false};
    }
}

typedef struct onlooker {
    scene *scene;
    unsigned who;
} onlooker;

/* What a look shows, for the judge. */
static bool see(void *context, const lfb_extent *extent)
{
    onlooker *o = context;
    scene *s = o->scene;
    if (o->who == FIRST || s->books.denial_count == DENIALS_MOST) {
        return false;
    }
    uint64_t places =
        scene_bits(s, (unsigned)(extent->address - s->config.base), (unsigned)extent->pages);
    deny(s, o->who, (unsigned)extent->pages, places, extent->kind == LFB_EXTENT_FREE);
    s->books.denials[s->books.denial_count - 1].looked = true;
    return true;
}

static void look_on(scene *s, unsigned who, const call *c)
{
    onlooker o = {s, who};
    lfb_extent extent;
    if (!c->named) {
        lfb_walk(&s->lfb, see, &o);
    } else if (lfb_find(&s->lfb, address_of(s, c->a), &extent) == LFB_OK) {
        see(&o, &extent);
    }
}

static void plan_take(scene *s, unsigned who, uint64_t reach, unsigned quota)
{
    s->books.doing[who] = (doing){.reach = reach, .quota = quota, .withheld = quota};
}

/* From here on the pages aren't the caller's. */
static void plan_release(scene *s, unsigned who, unsigned page, unsigned pages)
{
    uint64_t bits = page_bits(page, pages);
    s->books.owned &= ~bits;
    s->books.doing[who].releasing |= bits;
    s->books.doing[who].withheld += pages;
    for (unsigned i = page; i < page + pages; i++) {
        s->books.released[i] = who == FIRST ? 0 : schedule_opened();
    }
}

static run *last_run(scene *s, unsigned who)
{
    unsigned count = s->books.count[who];
    run *last = count ? &s->books.runs[who][count - 1] : NULL;
    return last && last->live ? last : NULL;
}

/* ------------------------------------------------------------------------------ allocating ---- */

static void took(scene *s, unsigned who, uintptr_t address, unsigned pages)
{
    if (address == LFB_NONE) {
        deny(s, who, pages, s->books.doing[who].reach, false);
    } else {
        add_run(s, who, (unsigned)(address - s->config.base), pages);
    }
}

static void alloc(scene *s, unsigned who, const call *c)
{
    unsigned pages = c->verb == 'a' ? 1U << c->a : c->a;
    unsigned lane = s->script.parts[who].lane;
    plan_take(s, who, s->all, pages);
    took(s, who,
         c->verb == 'a' ? lfb_alloc_on(&s->lfb, lane, c->a)
                        : lfb_alloc_run_on(&s->lfb, lane, pages),
         pages);
}

static void alloc_within(scene *s, unsigned who, const call *c)
{
    plan_take(s, who, scene_bits(s, c->b, c->c - c->b), c->a);
    took(s, who,
         lfb_alloc_within_on(&s->lfb, s->script.parts[who].lane, c->a, address_of(s, c->b),
                             address_of(s, c->c)),
         c->a);
}

static void alloc_bulk(scene *s, unsigned who, const call *c)
{
    uintptr_t out[BULK_MOST];
    unsigned pages = 1U << c->a;
    unsigned count = c->b ? c->b : 2;
    plan_take(s, who, s->all, count * pages);
    size_t got = lfb_alloc_bulk_on(&s->lfb, s->script.parts[who].lane, c->a, count, out);
    uint64_t places = s->all;
    for (size_t i = 0; i < got; i++) {
        unsigned page = (unsigned)(out[i] - s->config.base);
        add_run(s, who, page, pages);
        places &= ~page_bits(page, pages);
    }
    if (got < count) {
        deny(s, who, pages, places, false);
    }
}

static void alloc_at(scene *s, unsigned who, const call *c)
{
    uint64_t wanted = scene_bits(s, c->a, c->b);
    plan_take(s, who, wanted, c->b);
    lfb_status status =
        lfb_alloc_at_on(&s->lfb, s->script.parts[who].lane, address_of(s, c->a), c->b);
    if (status == LFB_OK) {
        add_run(s, who, c->a, c->b);
    } else if (status == LFB_BUSY) {
        deny(s, who, c->b, wanted, true);
    } else if (status != LFB_INVALID_ARGUMENT) {
        scene_complain(s, "a strange status of alloc_at", c->a, c->b);
    }
}

static void hold(scene *s, unsigned who, const call *c)
{
    uint64_t wanted = scene_bits(s, c->a, c->b);
    plan_take(s, who, wanted, c->b);
    lfb_status status =
        lfb_hold_range_on(&s->lfb, s->script.parts[who].lane, address_of(s, c->a), c->b);
    if (status == LFB_OK) {
        own(s, c->a, c->b);
        s->books.holes |= wanted;
        record(s, who, (event){.kind = EVENT_HOLD, .page = c->a, .pages = c->b});
    } else if (status == LFB_BUSY) {
        deny(s, who, c->b, wanted, true);
    } else {
        scene_complain(s, "a strange status of hold_range", c->a, c->b);
    }
}

static void isolate(scene *s, unsigned who, const call *c)
{
    uint64_t wanted = scene_bits(s, c->a, c->b);
    size_t in_use;
    s->books.isolated |= wanted;
    plan_take(s, who, wanted, c->b);
    lfb_status status = lfb_isolate_range_on(&s->lfb, s->script.parts[who].lane,
                                             address_of(s, c->a), c->b, &in_use);
    schedule_show(false);
    if (status == LFB_OK && wanted & ~scene_look(s).held) {
        scene_complain(s, "isolated, though not all out of use", c->a, c->b);
    }
    schedule_show(true);
    if (status == LFB_OK || status == LFB_BUSY) {
        unsigned from = who == FIRST ? 0 : schedule_opened();
        unsigned to = who == FIRST ? 0 : schedule_now();
        bool ended = s->books.isolation_ended && s->books.isolation_ended >= from;
        s->books.isolation = (isolation){wanted, from, to, status == LFB_BUSY && !ended};
    } else if (status != LFB_EXHAUSTED) {
        scene_complain(s, "a strange status of isolate_range", c->a, c->b);
    }
}

static void end_isolation(scene *s)
{
    lfb_isolate_end(&s->lfb);
    s->books.isolation.goes_on = false;
    s->books.isolation_ended = schedule_now();
}

/* ------------------------------------------------------------------------------- releasing ---- */

static void release(scene *s, unsigned who, run *r)
{
    if (!r || !r->live) {
        return;
    }
    plan_release(s, who, r->page, r->pages);
    r->live = false;
    if (lfb_free_on(&s->lfb, s->script.parts[who].lane, address_of(s, r->page)) != LFB_OK) {
        scene_complain(s, "a release was refused", r->page, r->pages);
    }
    record_release(s, who, r);
}

static void release_bulk(scene *s, unsigned who, run *runs, unsigned count)
{
    uintptr_t in[RUNS_MOST] = {0};
    run *given[RUNS_MOST];
    unsigned n = 0;
    for (unsigned i = 0; i < count; i++) {
        if (runs[i].live) {
            plan_release(s, who, runs[i].page, runs[i].pages);
            runs[i].live = false;
            given[n] = &runs[i];
            in[n++] = address_of(s, runs[i].page);
        }
    }
    size_t done = lfb_free_bulk_on(&s->lfb, s->script.parts[who].lane, n, in);
    if (done < n) {
        scene_complain(s, "a release in bulk was refused", given[done]->page, given[done]->pages);
    }
    for (unsigned i = 0; i < n; i++) {
        record_release(s, who, given[i]);
    }
}

/* Whoever's it is: the history says what the status may be. */
static void release_any(scene *s, unsigned who, const call *c)
{
    s->books.doing[who].releasing = s->all;
    lfb_status status = lfb_free_on(&s->lfb, s->script.parts[who].lane, address_of(s, c->a));
    event e = {
        .kind = status == LFB_OK ? EVENT_RELEASE : EVENT_REFUSE, .status = status, .page = c->a};
    record(s, who, e);
    if (status == LFB_OK) {
        record(s, who, (event){.kind = EVENT_REST});
    }
}

static void release_range(scene *s, unsigned who, unsigned page, unsigned pages)
{
    plan_release(s, who, page, pages);
    if (lfb_free_range_on(&s->lfb, s->script.parts[who].lane, address_of(s, page), pages) !=
        LFB_OK) {
        scene_complain(s, "a part was refused", page, pages);
    }
    if (page + pages < s->config.page_count) {
        record_cut(s, who, page + pages);
    }
    record_cut(s, who, page);
    record_each(s, who, EVENT_FREE, page, pages);
}

static void put_into_use(scene *s, unsigned who, const call *c)
{
    uint64_t wanted = scene_bits(s, c->a, c->b);
    if ((s->books.holes & wanted) != wanted) {
        return; /* the hold before failed */
    }
    s->books.holes &= ~wanted;
    plan_release(s, who, c->a, c->b);
    if (lfb_release_range_on(&s->lfb, s->script.parts[who].lane, address_of(s, c->a), c->b) !=
        LFB_OK) {
        scene_complain(s, "pages out of use were refused", c->a, c->b);
    }
    record_each(s, who, EVENT_PUT, c->a, c->b);
}

/* -------------------------------------------------------------------------------- changing ---- */

static void trim(scene *s, unsigned who, run *r, unsigned pages)
{
    unsigned rest = r->pages - pages;
    plan_release(s, who, r->page + pages, rest);
    if (lfb_resize_on(&s->lfb, s->script.parts[who].lane, address_of(s, r->page), pages) !=
        LFB_OK) {
        scene_complain(s, "a trim was refused", r->page, r->pages);
    }
    r->pages = pages;
    if (rest) {
        record_cut(s, who, r->page + pages);
    }
    record_each(s, who, EVENT_FREE, r->page + pages, rest);
}

static void grow(scene *s, unsigned who, run *r, unsigned pages)
{
    unsigned first = r->page + r->pages, more = pages - r->pages;
    uint64_t wanted = scene_bits(s, first, more);
    bool outside = r->page + pages > s->config.page_count;
    plan_take(s, who, wanted, more);
    lfb_status status =
        lfb_resize_on(&s->lfb, s->script.parts[who].lane, address_of(s, r->page), pages);
    if (status == LFB_OK) {
        own(s, first, more);
        record(s, who, (event){.kind = EVENT_GROW, .page = first, .pages = more});
        r->pages = pages;
    } else if (status == LFB_BUSY && !outside) {
        deny(s, who, more, wanted, true);
    } else if (status != LFB_INVALID_ARGUMENT && !outside) {
        scene_complain(s, "a strange status of resize", r->page, pages);
    }
}

static void resize(scene *s, unsigned who, run *r, unsigned pages)
{
    if (r && r->live && pages <= r->pages) {
        trim(s, who, r, pages);
    } else if (r && r->live) {
        grow(s, who, r, pages);
    }
}

/* ----------------------------------------------------------------------------------- heirs ---- */

static bool names_run(const part *p, unsigned which)
{
    for (unsigned i = 0; i < p->count; i++) {
        const call *c = &p->calls[i];
        bool one = strchr("fyx", c->verb) && c->named && c->a == which;
        if (one || (c->verb == 'F' && c->named && which - c->a < c->b)) {
            return true;
        }
    }
    return false;
}

/* Whether of all threads only this one names the run there first. */
static bool is_concerned_alone(const scene *s, unsigned thread, unsigned which)
{
    for (unsigned t = 0; t < s->script.threads; t++) {
        if (names_run(&s->script.parts[t], which) != (t == thread)) {
            return false;
        }
    }
    return true;
}

uint64_t scene_estate(const scene *s, unsigned dead)
{
    const moment *m = &s->moments[schedule_now()];
    model now = scene_look(s);
    uint64_t runs = 0, others = 0;
    for (unsigned i = 0; i < s->books.count[dead]; i++) {
        const run *r = &s->books.runs[dead][i];
        runs |= r->live ? page_bits(r->page, r->pages) : 0;
    }
    for (unsigned i = 0; i < s->start_books.count[FIRST]; i++) {
        const run *r = &s->start_books.runs[FIRST][i];
        runs |= is_concerned_alone(s, dead, i) ? page_bits(r->page, r->pages) : 0;
    }
    for (unsigned t = 0; t < s->script.threads; t++) {
        others |= t != dead ? m->claims[t] : 0;
        for (unsigned i = 0; t != dead && i < s->books.count[t]; i++) {
            const run *r = &s->books.runs[t][i];
            others |= r->live ? page_bits(r->page, r->pages) : 0;
        }
    }
    uint64_t taken = (m->claims[dead] | m->free) & ~s->books.owned;
    uint64_t releasing = s->books.doing[dead].releasing & ~s->books.owned;
    for (unsigned i = schedule_opened(); i <= schedule_now(); i++) {
        releasing &= ~s->moments[i].free; /* another may have it by now */
    }
    uint64_t settled = s->script.isolating ? now.free | now.held : now.free;
    return (taken | releasing | runs) & ~settled & ~others;
}

/* One run, one page of a run, or one page out of use. Returns how many pages. */
static unsigned inherit_at(scene *s, unsigned lane, unsigned page, uint64_t estate)
{
    uintptr_t address = address_of(s, page);
    lfb_extent extent;
    schedule_show(false);
    unsigned pages = (unsigned)lfb_size_of(&s->lfb, address);
    lfb_status status = lfb_find(&s->lfb, address, &extent);
    schedule_show(true);
    bool whole = pages > 0 && !(page_bits(page, pages) & ~estate);
    if (status == LFB_OK) {
        status = whole                            ? lfb_free_on(&s->lfb, lane, address)
                 : extent.kind == LFB_EXTENT_HELD ? lfb_release_range_on(&s->lfb, lane, address, 1)
                                                  : lfb_free_range_on(&s->lfb, lane, address, 1);
    }
    if (status != LFB_OK) {
        scene_complain(s, "a dead thread's page can't be released", page, 1);
    }
    return whole ? pages : 1;
}

void scene_inherit(scene *s, unsigned dead, unsigned lane, uint64_t estate)
{
    s->books.owned &= ~estate;
    s->books.holes &= ~estate;
    s->books.doing[dead] = (doing){.releasing = estate};
    s->books.count[dead] = 0;
    for (unsigned page = 0; page < s->config.page_count;) {
        page += estate >> page & 1 ? inherit_at(s, lane, page, estate) : 1;
    }
    s->books.doing[dead] = (doing){0};
}

/* --------------------------------------------------------------------------------- scripts ---- */

static void make_call(scene *s, unsigned who, const call *c)
{
    run *first = s->books.runs[FIRST];
    switch (c->verb) {
    case 'a':
    case 'r':
        alloc(s, who, c);
        break;
    case '@':
        alloc_at(s, who, c);
        break;
    case 'w':
        alloc_within(s, who, c);
        break;
    case 'b':
        alloc_bulk(s, who, c);
        break;
    case 'f':
        release(s, who, c->named ? &first[c->a] : last_run(s, who));
        break;
    case 'F':
        c->named ? release_bulk(s, who, first + c->a, c->b)
                 : release_bulk(s, who, s->books.runs[who], s->books.count[who]);
        break;
    case 'z':
        resize(s, who, last_run(s, who), c->a);
        break;
    case 'y':
        resize(s, who, &first[c->a], c->b);
        break;
    case 'x':
        first[c->a].live = false; /* what is left is released at the end */
        release_range(s, who, first[c->a].page + c->b, c->c);
        break;
    case '!':
        release_any(s, who, c);
        break;
    case 'h':
        hold(s, who, c);
        break;
    case 'u':
        put_into_use(s, who, c);
        break;
    case 'i':
        isolate(s, who, c);
        break;
    case 'e':
        end_isolation(s);
        break;
    case '?':
        look_on(s, who, c);
        break;
    default:
        lfb_drain(&s->lfb);
    }
}

/* Own runs that were released go, so that `f` finds the last one that is left. */
static void drop_dead_runs(scene *s, unsigned who)
{
    while (who != FIRST && s->books.count[who] &&
           !s->books.runs[who][s->books.count[who] - 1].live) {
        s->books.count[who]--;
    }
}

/* A call that is killed after so many steps, unless it ends before. */
static void make_doomed_call(scene *s, unsigned who, const call *c, unsigned steps)
{
    jmp_buf death;
    if (!_setjmp(death)) {
        schedule_doom(steps, &death);
        make_call(s, who, c);
        schedule_doom(0, NULL);
        return;
    }
    schedule_show(false);
    uint64_t estate = scene_estate(s, who);
    schedule_show(true);
    scene_inherit(s, who, s->script.parts[who].lane, estate);
}

void scene_run(scene *s, unsigned thread)
{
    const part *p = &s->script.parts[thread];
    for (unsigned i = 0; i < p->count; i++) {
        schedule_open();
        if (p->calls[i].verb == 'k' && i + 1 < p->count) {
            make_doomed_call(s, thread, &p->calls[i + 1], p->calls[i].a);
            i++;
        } else {
            make_call(s, thread, &p->calls[i]);
        }
        s->books.doing[thread] = (doing){0};
        drop_dead_runs(s, thread);
    }
}

void scene_reset(scene *s)
{
    memcpy(s->metadata, s->start, s->metadata_size);
    s->books = s->start_books;
    s->moments[0] = s->start_moment;
    memset(s->history.count, 0, sizeof(s->history.count));
}

const char *scene_prepare(scene *s, const char *text)
{
    memset(s, 0, sizeof(*s));
    const char *wrong = script_parse(&s->script, text);
    if (wrong) {
        return wrong;
    }
    s->config = (lfb_config){.struct_size = sizeof(lfb_config),
                             .base = PAGES_MOST,
                             .page_size = 1,
                             .page_count = s->script.pages,
                             .max_order = s->script.max_order,
                             .lanes = SCHEDULE_THREADS + 1};
    s->all = page_bits(0, s->script.pages);
    s->start_model.free = s->all;
    s->metadata_size = lfb_metadata_size(&s->config);
    if (!s->metadata_size || s->metadata_size > METADATA_MOST ||
        lfb_init(&s->lfb, &s->config, s->metadata, s->metadata_size) != LFB_OK) {
        return "the allocator doesn't start";
    }
    scene_run(s, FIRST);
    memcpy(s->start, s->metadata, s->metadata_size);
    s->start_books = s->books;
    s->start_moment = (moment){.free = scene_look(s).free, .owned = s->books.owned};
    return s->books.wrong[0] ? "what is there first fails" : NULL;
}
