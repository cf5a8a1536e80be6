/* SPDX-License-Identifier: MIT */
#include "disturb.h"

#include "judge.h"

const char *disturb_name(disturb_kind kind)
{
    static const char *const names[] = {"stop", "stop-runs", "interrupt", "heir"};
    return names[kind];
}

/* Releases what a stopped thread withholds: the whole run at a page, if none of it is `others` and
 * that is wished, else the page alone. Returns how many pages. */
static unsigned release_for(scene *s, unsigned page, uint64_t others, bool whole_runs)
{
    uintptr_t address = s->config.base + page;
    unsigned pages = (unsigned)lfb_size_of(&s->lfb, address);
    bool own = whole_runs && pages > 0 && !(page_bits(page, pages) & others);
    lfb_extent extent;
    lfb_status status = lfb_find(&s->lfb, address, &extent);
    if (own) {
        status = lfb_free_on(&s->lfb, FIRST, address);
    } else if (extent.kind == LFB_EXTENT_HELD) {
        status = lfb_release_range_on(&s->lfb, FIRST, address, 1);
    } else {
        status = lfb_free_range_on(&s->lfb, FIRST, address, 1);
    }
    if (status != LFB_OK) {
        scene_complain(s, "a stopped thread's page can't be released", page, 1);
    }
    return own ? pages : 1;
}

/* The others can allocate all pages but those of the call that stopped; and what that call
 * withholds can be released for it. */
static void judge_stop(scene *s, const disturbance *d)
{
    uint64_t others = s->books.owned;
    if (s->script.isolating) {
        others |= scene_look(s).held;
    }
    for (uintptr_t address; (address = lfb_alloc_on(&s->lfb, FIRST, 0)) != LFB_NONE;) {
        uint64_t page = page_bits((unsigned)(address - s->config.base), 1);
        if (others & page) {
            scene_complain(s, "overlap after a stop", (unsigned)(address - s->config.base), 1);
            return;
        }
        others |= page;
    }
    unsigned missing = 0;
    for (unsigned page = 0; page < s->config.page_count; page++) {
        if (!(others >> page & 1)) {
            unsigned pages = release_for(s, page, others, d->kind == DISTURB_STOP_RUNS);
            missing += pages;
            page += pages - 1;
        }
    }
    if (missing > s->books.doing[d->thread].withheld) {
        scene_complain(s, "a stopped thread withholds more than its run", 0, missing);
    }
}

static void stop(scene *s, const disturbance *d)
{
    for (unsigned other = 0; other < s->script.threads; other++) {
        if (other != d->thread) {
            schedule_run(other, SCHEDULE_STEPS);
        }
    }
    if (schedule_now() == SCHEDULE_STEPS) {
        scene_complain(s, "a thread waits for a stopped one", 0, 0);
    }
    judge_stop(s, d);
    judge_whole(s);
}

/* After the heir nothing is withheld. Returns whether the other thread made all its steps. */
static bool heir(scene *s, const disturbance *d)
{
    uint64_t estate = scene_estate(s, d->thread);
    bool made = schedule_run(d->other, d->more_steps) == d->more_steps;
    scene_inherit(s, d->thread, FIRST, estate);
    moment *now = &s->moments[schedule_now()];
    now->free = scene_look(s).free;
    now->owned = s->books.owned;
    now->claims[d->thread] = 0;
    schedule_run(d->other, SCHEDULE_STEPS);
    stop(s, d);
    return made;
}

static void interrupt(scene *s, const disturbance *d)
{
    for (unsigned order = 0; order <= 1; order++) {
        uintptr_t address = lfb_alloc_on(&s->lfb, d->thread, order);
        if (address != LFB_NONE && lfb_free_on(&s->lfb, d->thread, address) != LFB_OK) {
            scene_complain(s, "a handler's release was refused", 0, 0);
        }
    }
    for (unsigned i = 0; i < s->script.threads; i++) {
        schedule_run((d->thread + i) % s->script.threads, SCHEDULE_STEPS);
    }
    judge_execution(s);
}

bool disturb(scene *s, const schedule_task *task, disturbance d)
{
    schedule_begin(task);
    bool made = schedule_run(d.thread, d.steps) == d.steps;
    if (d.kind == DISTURB_INTERRUPT) {
        interrupt(s, &d);
    } else if (d.kind == DISTURB_HEIR) {
        made = heir(s, &d) && made;
    } else {
        stop(s, &d);
    }
    return made;
}

static unsigned long inherit_everywhere(scene *s, const schedule_task *task, disturbance *d)
{
    unsigned long done = 0;
    for (d->thread = 0; d->thread < s->script.threads; d->thread++) {
        for (d->other = 0; d->other < s->script.threads; d->other++) {
            d->more_steps = 0;
            for (d->steps = 0; d->other != d->thread && disturb(s, task, *d); d->steps++) {
                for (d->more_steps = 0; disturb(s, task, *d); d->more_steps++) {
                    done++;
                    if (s->books.wrong[0]) {
                        return done;
                    }
                }
                d->more_steps = 0;
            }
        }
    }
    return done;
}

unsigned long disturb_everywhere(scene *s, const schedule_task *task, disturbance *d)
{
    unsigned long done = 0;
    if (d->kind == DISTURB_HEIR) {
        return inherit_everywhere(s, task, d);
    }
    for (d->thread = 0; d->thread < s->script.threads; d->thread++) {
        for (d->steps = 0; disturb(s, task, *d); d->steps++) {
            done++;
            if (s->books.wrong[0]) {
                return done;
            }
        }
    }
    return done;
}
