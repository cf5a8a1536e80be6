/* SPDX-License-Identifier: MIT */
#include "judge.h"

#include <stdlib.h>
#include <string.h>

#include "core/exhaust.h"
#include "core/node.h"

static judge_counts counts;

static void complain_bits(scene *s, const char *what, uint64_t bits)
{
    unsigned first = (unsigned)__builtin_ctzll(bits);
    unsigned last = 63 - (unsigned)__builtin_clzll(bits);
    scene_complain(s, what, first, last - first + 1);
}

/* -------------------------------------------------------------------------- counting trees ---- */

/* Hashes of all trees seen: open addressing, at most half full. */
static struct {
    uint64_t *seen;
    size_t size, used;
} trees;

static bool remember(uint64_t *seen, size_t size, uint64_t hash)
{
    size_t i = hash & (size - 1);
    while (seen[i] && seen[i] != hash) {
        i = (i + 1) & (size - 1);
    }
    bool fresh = !seen[i];
    seen[i] = hash;
    return fresh;
}

static void make_room(void)
{
    size_t size = trees.size ? 2 * trees.size : 1 << 16;
    uint64_t *seen = calloc(size, sizeof(*seen));
    if (!seen) {
        abort();
    }
    for (size_t i = 0; i < trees.size; i++) {
        if (trees.seen[i]) {
            remember(seen, size, trees.seen[i]);
        }
    }
    free(trees.seen);
    trees.seen = seen;
    trees.size = size;
}

/* By all that a word says; tags and versions only tell one time from another. */
static uint64_t hash_of(const scene *s)
{
    uint64_t hash = s->config.page_count * 64 + s->config.max_order;
    for (unsigned level = 0; level <= s->lfb.top; level++) {
        const lfb_word *words = s->lfb.levels[level].words;
        for (uintptr_t i = 0; i < s->lfb.levels[level].count; i++) {
            lfb_word word = words[lfb_word_place(level, i)];
            bool empty = word_is_empty(word, level);
            uint64_t said = empty ? 0x100 | word_kind(word) : word & word_codes(level);
            hash = (hash ^ said) * UINT64_C(0x9e3779b97f4a7c15);
            hash ^= hash >> 29;
        }
    }
    return hash | 1; /* 0 is an empty place */
}

static void count_tree(const scene *s)
{
    if (2 * (trees.used + 1) > trees.size) {
        make_room();
    }
    trees.used += remember(trees.seen, trees.size, hash_of(s));
}

/* ------------------------------------------------------------------------- after each step ---- */

/* In one step a call may return pages and the next one begin to release them: those are no claims.
 */
static uint64_t claims_of(const scene *s, unsigned thread, const moment *before, const moment *m)
{
    uint64_t claims = before->claims[thread];
    if (thread == schedule_running()) {
        claims |= before->free;
    }
    return claims & ~m->free & ~m->owned & ~s->books.doing[thread].releasing;
}

static const moment *make_moment(scene *s)
{
    moment *m = &s->moments[schedule_now()];
    model now = scene_look(s);
    *m = (moment){.free = now.free, .owned = s->books.owned};
    if (s->script.isolating) {
        m->owned |= now.held; /* by nobody, for good: no claim */
    }
    if (lfb_load_relaxed(lfb_exhausted_word(&s->lfb))) {
        for (unsigned t = 0; t < s->script.threads; t++) {
            m->on_the_way |= s->books.doing[t].releasing;
        }
    }
    for (unsigned t = 0; t < s->script.threads && !s->script.lawless; t++) {
        m->claims[t] = claims_of(s, t, m - 1, m);
    }
    return m;
}

/* J2, J3 */
static void judge_moment(scene *s, const moment *m)
{
    uint64_t nobodys = s->all & ~m->free & ~m->owned;
    if (m->owned & m->free) {
        complain_bits(s, "pages in use became free", m->owned & m->free);
    }
    for (unsigned t = 0; t < s->script.threads; t++) {
        const doing *d = &s->books.doing[t];
        if (m->claims[t] & ~d->reach) {
            complain_bits(s, "a call keeps pages that it doesn't want", m->claims[t] & ~d->reach);
        } else if ((unsigned)__builtin_popcountll(m->claims[t]) > d->quota) {
            complain_bits(s, "a call takes more than it wants", m->claims[t]);
        }
        nobodys &= ~m->claims[t] & ~d->releasing;
    }
    if (nobodys) {
        complain_bits(s, "pages in use are nobody's", nobodys);
    }
}

bool judge_step(scene *s)
{
    lfb_report report;
    if (lfb_check(&s->lfb, &report) != LFB_OK) {
        unsigned page = (unsigned)(report.fault_address - s->config.base);
        scene_complain(s, report.first_fault, page, 1);
    }
    count_tree(s);
    const moment *m = make_moment(s);
    if (!s->script.lawless) {
        judge_moment(s, m);
    }
    return !s->books.wrong[0];
}

/* -------------------------------------------------------------------- after each execution ---- */

/* J5 */
static void judge_failure(scene *s, const denial *d)
{
    uint64_t throughout = d->places;
    for (unsigned i = d->from; i <= d->to; i++) {
        const moment *m = &s->moments[i];
        throughout &= (m->free & ~m->on_the_way) | m->claims[d->thread];
    }
    unsigned align = 1;
    while (align < d->pages) {
        align *= 2;
    }
    for (unsigned page = 0; page + d->pages <= s->config.page_count; page += align) {
        uint64_t place = page_bits(page, d->pages);
        if ((throughout & place) == place) {
            scene_complain(s, "an allocation failed beside free pages", page, d->pages);
        }
    }
    counts.failures++;
}

/* J6 */
static void judge_refusal(scene *s, const denial *d)
{
    uint64_t taken = 0;
    for (unsigned i = d->from; i <= d->to; i++) {
        taken |= ~(s->moments[i].free | s->moments[i].claims[d->thread]);
    }
    if (!(taken & d->places)) {
        complain_bits(s, "refused as busy, though free all the time", d->places);
    }
    counts.refusals++;
}

/* J8 */
static void judge_look(scene *s, const denial *d)
{
    uint64_t seen = 0;
    for (unsigned i = d->from; i <= d->to; i++) {
        seen |= d->exact ? s->moments[i].free : ~s->moments[i].free;
    }
    if (d->places & ~seen) {
        complain_bits(s, d->exact ? "seen free, and never was" : "seen in use, and never was",
                      d->places & ~seen);
    }
}

/* J4 */
static void judge_history(scene *s)
{
    verdict v = history_judge(&s->history, s->script.threads, s->start_model, scene_look(s));
    if (v == NOT_LINEARIZABLE) {
        scene_complain(s, "the history isn't linearizable", 0, 0);
    }
    counts.histories += v == LINEARIZABLE;
    counts.undecided += v == UNDECIDED;
}

/* Each page by itself, by what the tree says: judge_history has compared it with what should be. */
static void release_rest(scene *s)
{
    model m = scene_look(s);
    for (unsigned page = 0; page < s->config.page_count; page++) {
        uintptr_t address = s->config.base + page;
        lfb_status status = LFB_OK;
        if (m.held >> page & 1) {
            status = lfb_release_range_on(&s->lfb, 0, address, 1);
        } else if (!(m.free >> page & 1)) {
            status = lfb_free_range_on(&s->lfb, 0, address, 1);
        }
        if (status != LFB_OK) {
            scene_complain(s, "a page that is left can't be released", page, 1);
        }
    }
}

bool judge_whole(scene *s)
{
    lfb_report report;
    lfb_isolate_end(&s->lfb);
    release_rest(s);
    lfb_drain(&s->lfb);
    lfb_status status = lfb_check(&s->lfb, &report);
    if (status != LFB_OK || report.warm_nodes || report.stats.free_pages != s->config.page_count) {
        scene_complain(s, report.first_fault ? report.first_fault : "not whole again", 0, 0);
    }
    return !s->books.wrong[0];
}

/* J9 */
static void judge_isolation(scene *s)
{
    uint64_t pages = s->books.isolation.pages;
    lfb_isolate_end(&s->lfb); /* of other pages, perhaps */
    if (pages) {
        unsigned first = (unsigned)__builtin_ctzll(pages);
        size_t in_use;
        uint64_t used = pages & s->books.owned & ~s->books.holes;
        lfb_status status = lfb_isolate_range_on(&s->lfb, 0, s->config.base + first,
                                                 (size_t)__builtin_popcountll(pages), &in_use);
        if (status != (used ? LFB_BUSY : LFB_OK) || in_use != (size_t)__builtin_popcountll(used)) {
            scene_complain(s, "isolation counts other pages in use than there are", 0, 0);
        }
        if (pages & ~used & ~scene_look(s).held) {
            complain_bits(s, "isolated, but neither in use nor out of it", pages & ~used);
        }
    }
    lfb_isolate_end(&s->lfb);
    uint64_t lost = scene_look(s).held & ~s->books.holes & ~s->books.isolated;
    if (lost) {
        complain_bits(s, "out of use, though never isolated", lost);
    }
}

bool judge_execution(scene *s)
{
    for (unsigned i = 0; i < s->books.denial_count; i++) {
        const denial *d = &s->books.denials[i];
        if (d->looked) {
            judge_look(s, d);
        } else if (d->exact) {
            judge_refusal(s, d);
        } else if (!s->script.deadly) {
            judge_failure(s, d);
        }
    }
    if (s->script.isolating) {
        judge_isolation(s);
    }
    if (s->script.deadly) {
        return judge_whole(s);
    }
    if (!s->script.isolating) {
        judge_history(s);
    }
    lfb_report report;
    if (lfb_check(&s->lfb, &report) != LFB_OK || report.low_hints) {
        scene_complain(s, report.first_fault ? report.first_fault : "a hint is too low", 0, 0);
    }
    return judge_whole(s);
}

judge_counts judge_counted(void)
{
    counts.trees = trees.used;
    return counts;
}
