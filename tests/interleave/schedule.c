/* SPDX-License-Identifier: MIT */
/*
 * A fiber is made once, by makecontext; from then on it is entered and left by _setjmp and
 * _longjmp, which leave the signal mask alone and so cost no system call. Each execution starts it
 * again at the frame at the bottom of its stack, whatever lies above.
 */
#undef _FORTIFY_SOURCE /* its longjmp knows one stack only */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "../support/random.h"
#include "hooks.h"
#include "port/atomic.h"
#include "schedule.h"

enum { STACK_SIZE = 64 * 1024, NO_STEP = -1 };

typedef struct access {
    const void *address;
    bool writes; /* before it is made: may write */
} access;

typedef struct fiber {
    jmp_buf bottom, context;
    access next;
    bool made, finished, hidden;
    jmp_buf *death; /* where it goes on when no steps are left to it; NULL: as ever */
    unsigned left;
    unsigned opened;                  /* the first step since schedule_open */
    unsigned clock[SCHEDULE_THREADS]; /* steps of each thread that happen before its next one */
    char stack[STACK_SIZE];
} fiber;

/* One point on the current path: what was pending there, and what is left to try. */
typedef struct point {
    access next[SCHEDULE_THREADS];
    unsigned enabled, backtrack, done, sleep; /* sets of threads */
    unsigned chosen;
    access made;
    unsigned clock[SCHEDULE_THREADS];
} point;

static struct {
    const schedule_task *task;
    jmp_buf main;
    fiber fibers[SCHEDULE_THREADS];
    int running; /* -1: the scheduler; accesses pass freely */
    bool wrote;
    unsigned now;
    point path[SCHEDULE_STEPS];
    unsigned depth;
} S = {.running = -1};

unsigned schedule_now(void)
{
    return S.now;
}

void schedule_open(void)
{
    if (S.running >= 0) {
        S.fibers[S.running].opened = (unsigned)NO_STEP;
    }
}

unsigned schedule_opened(void)
{
    unsigned opened = S.running < 0 ? (unsigned)NO_STEP : S.fibers[S.running].opened;
    return opened == (unsigned)NO_STEP ? S.now : opened;
}

void schedule_doom(unsigned steps, jmp_buf *death)
{
    if (S.running >= 0) {
        S.fibers[S.running].left = steps;
        S.fibers[S.running].death = death;
    }
}

void schedule_show(bool steps)
{
    if (S.running >= 0) {
        S.fibers[S.running].hidden = !steps;
    }
}

unsigned schedule_running(void)
{
    return S.path[S.depth - 1].chosen;
}

static void leave(fiber *self)
{
    if (!_setjmp(self->context)) {
        _longjmp(S.main, 1);
    }
}

void schedule_before(int op, const void *address)
{
    if (S.running < 0) {
        return;
    }
    fiber *self = &S.fibers[S.running];
    if (self->hidden) {
        return;
    }
    if (self->death && self->left-- == 0) {
        jmp_buf *death = self->death;
        self->death = NULL;
        _longjmp(*death, 1);
    }
    self->next = (access){address, op != LFB_OP_LOAD};
    leave(self);
    self->opened = self->opened == (unsigned)NO_STEP ? S.now : self->opened;
}

void schedule_after(int done)
{
    S.wrote = done;
}

static void run_fiber(unsigned number)
{
    S.running = (int)number;
    S.wrote = false;
    if (!_setjmp(S.main)) {
        _longjmp(S.fibers[number].context, 1);
    }
    S.running = -1;
}

static void fiber_main(int number)
{
    fiber *self = &S.fibers[number];
    if (!_setjmp(self->bottom)) {
        _longjmp(S.main, 1);
    }
    S.task->thread(S.task->context, (unsigned)S.running);
    self = &S.fibers[S.running];
    self->finished = true;
    leave(self);
}

static void make_fiber(unsigned number)
{
    static ucontext_t context; /* used up by the time that the next one is made */
    fiber *f = &S.fibers[number];
    getcontext(&context);
    context.uc_stack.ss_sp = f->stack;
    context.uc_stack.ss_size = STACK_SIZE;
    makecontext(&context, (void (*)(void))fiber_main, 1, (int)number);
    if (!_setjmp(S.main)) {
        setcontext(&context);
    }
    f->made = true;
}

static void start_execution(void)
{
    S.now = S.depth = 0;
    S.task->reset(S.task->context);
    for (unsigned i = 0; i < S.task->threads; i++) {
        fiber *f = &S.fibers[i];
        if (!f->made) {
            make_fiber(i);
        }
        f->finished = f->hidden = false;
        f->death = NULL;
        f->opened = (unsigned)NO_STEP;
        memset(f->clock, 0, sizeof(f->clock));
        memcpy(f->context, f->bottom, sizeof(f->context));
        run_fiber(i); /* up to its first access */
    }
}

static bool dependent(access a, access b)
{
    return a.address == b.address && (a.writes || b.writes);
}

static unsigned enabled_now(void)
{
    unsigned enabled = 0;
    for (unsigned i = 0; i < S.task->threads; i++) {
        enabled |= S.fibers[i].finished ? 0U : 1U << i;
    }
    return enabled;
}

/* For the pending access of each thread: where on the path it might have come earlier. */
static void add_backtracks(void)
{
    for (unsigned t = 0; t < S.task->threads; t++) {
        if (S.fibers[t].finished) {
            continue;
        }
        for (unsigned i = S.depth; i-- > 0;) {
            point *p = &S.path[i];
            if (p->chosen != t && dependent(p->made, S.fibers[t].next) &&
                i + 1 > S.fibers[t].clock[p->chosen]) {
                p->backtrack |= 1U << t;
                break;
            }
        }
    }
}

/* Makes the step chosen at the end of the path, and carries the clocks on. */
static void make_step(void)
{
    point *p = &S.path[S.depth];
    fiber *f = &S.fibers[p->chosen];
    p->made = f->next;
    run_fiber(p->chosen);
    p->made.writes = S.wrote;
    for (unsigned i = 0; i < S.depth; i++) {
        if (dependent(S.path[i].made, p->made)) {
            for (unsigned t = 0; t < S.task->threads; t++) {
                unsigned known = S.path[i].clock[t];
                f->clock[t] = known > f->clock[t] ? known : f->clock[t];
            }
        }
    }
    S.depth++;
    S.now++;
    f->clock[p->chosen] = S.depth;
    memcpy(p->clock, f->clock, sizeof(p->clock));
}

/* A new point at the end of the path; false: everything that could follow was run elsewhere. */
static bool open_point(void)
{
    point *p = &S.path[S.depth];
    *p = (point){.enabled = enabled_now()};
    for (unsigned t = 0; t < S.task->threads; t++) {
        p->next[t] = S.fibers[t].next;
    }
    if (S.depth > 0) {
        const point *before = &S.path[S.depth - 1];
        unsigned asleep = (before->sleep | before->done) & ~(1U << before->chosen);
        for (unsigned t = 0; t < S.task->threads; t++) {
            if (asleep >> t & 1 && !dependent(before->next[t], before->made)) {
                p->sleep |= 1U << t;
            }
        }
    }
    unsigned awake = p->enabled & ~p->sleep;
    if (!awake) {
        return false;
    }
    /* Going on with the thread that ran last keeps the first executions readable. */
    unsigned last = S.depth > 0 ? S.path[S.depth - 1].chosen : 0;
    p->chosen = awake >> last & 1 ? last : (unsigned)__builtin_ctz(awake);
    p->backtrack = p->done = 1U << p->chosen;
    return true;
}

/* The deepest point where something is left to try; false: all done. */
static bool next_branch(unsigned length, unsigned *prefix)
{
    for (unsigned i = length; i-- > 0;) {
        point *p = &S.path[i];
        unsigned left = p->backtrack & p->enabled & ~p->done & ~p->sleep;
        if (left) {
            p->chosen = (unsigned)__builtin_ctz(left);
            p->done |= 1U << p->chosen;
            *prefix = i + 1;
            return true;
        }
    }
    return false;
}

static void keep_order(schedule_result *result)
{
    result->violated = true;
    result->length = S.depth;
    for (unsigned i = 0; i < S.depth; i++) {
        result->order[i] = (unsigned char)S.path[i].chosen;
    }
}

/* One execution: the first `prefix` choices are given. Returns false at a violation. */
static bool execute(unsigned prefix, bool replaying, schedule_result *result)
{
    bool good = true;
    start_execution();
    result->executions++;
    while (enabled_now()) {
        if (S.depth >= prefix) {
            add_backtracks();
            if (S.depth == SCHEDULE_STEPS - 1) {
                fprintf(stderr, "an execution doesn't end\n");
                good = false;
                break;
            }
            if (!open_point()) {
                return true;
            }
        }
        make_step();
        result->steps++;
        if ((S.depth >= prefix || replaying) && !S.task->step(S.task->context)) {
            good = false;
            break;
        }
    }
    good = good && S.task->finish(S.task->context);
    if (!good) {
        keep_order(result);
    }
    return good;
}

schedule_result schedule_explore(const schedule_task *task, unsigned long most)
{
    schedule_result result = {0};
    unsigned prefix = 0;
    S.task = task;
    while (result.executions < most) {
        if (!execute(prefix, false, &result)) {
            return result;
        }
        if (!next_branch(S.depth, &prefix)) {
            result.complete = true;
            return result;
        }
    }
    return result;
}

schedule_result schedule_replay(const schedule_task *task, const unsigned char *order,
                                unsigned length)
{
    schedule_result result = {0};
    S.task = task;
    for (unsigned i = 0; i < length; i++) {
        S.path[i] = (point){.chosen = order[i]};
    }
    execute(length, true, &result);
    return result;
}

/* ------------------------------------------------------------------------------- by hand ---- */

/* A step of this thread, without the books of the reduction; false: it was wrong. */
static bool plain_step(unsigned thread)
{
    S.path[S.depth++].chosen = thread;
    run_fiber(thread);
    S.now++;
    return S.task->step(S.task->context);
}

void schedule_begin(const schedule_task *task)
{
    S.task = task;
    start_execution();
}

unsigned schedule_run(unsigned thread, unsigned most)
{
    unsigned made = 0;
    while (made < most && !S.fibers[thread].finished && S.depth < SCHEDULE_STEPS) {
        made++;
        if (!plain_step(thread)) {
            break;
        }
    }
    return made;
}

/* ---------------------------------------------------------------------- random priorities ---- */

enum { DEPTH_MOST = 16 };

typedef struct priorities {
    unsigned of_thread[SCHEDULE_THREADS]; /* the highest runs */
    unsigned change[DEPTH_MOST];          /* at change[i] the runner's priority becomes i */
    unsigned changes;
} priorities;

static priorities draw_priorities(random_source *random, unsigned depth, unsigned length)
{
    priorities p = {.changes = depth - 1};
    for (unsigned i = 0; i < SCHEDULE_THREADS; i++) {
        unsigned other = (unsigned)random_below(random, i + 1);
        p.of_thread[i] = p.of_thread[other];
        p.of_thread[other] = depth + i;
    }
    for (unsigned i = 0; i < p.changes; i++) {
        p.change[i] = (unsigned)random_below(random, length) + 1;
    }
    return p;
}

static unsigned highest(const priorities *p, unsigned enabled)
{
    unsigned best = (unsigned)__builtin_ctz(enabled);
    for (unsigned t = best + 1; t < SCHEDULE_THREADS; t++) {
        best = enabled >> t & 1 && p->of_thread[t] > p->of_thread[best] ? t : best;
    }
    return best;
}

static bool execute_by_priority(priorities *p, schedule_result *result)
{
    bool good = true;
    start_execution();
    result->executions++;
    for (unsigned enabled; good && (enabled = enabled_now());) {
        if (S.depth == SCHEDULE_STEPS - 1) {
            fprintf(stderr, "an execution doesn't end\n");
            good = false;
            break;
        }
        unsigned thread = highest(p, enabled);
        good = plain_step(thread);
        result->steps++;
        for (unsigned i = 0; i < p->changes; i++) {
            if (p->change[i] == S.depth) {
                p->of_thread[thread] = i;
            }
        }
    }
    good = good && S.task->finish(S.task->context);
    if (!good) {
        keep_order(result);
    }
    return good;
}

schedule_result schedule_random(const schedule_task *task, uint64_t seed, unsigned depth,
                                unsigned long rounds)
{
    schedule_result result = {0};
    random_source random = {seed};
    unsigned longest = 1;
    depth = depth < 1 ? 1 : depth < DEPTH_MOST ? depth : DEPTH_MOST;
    S.task = task;
    for (unsigned long i = 0; i < rounds; i++) {
        priorities p = draw_priorities(&random, depth, longest);
        if (!execute_by_priority(&p, &result)) {
            break;
        }
        longest = S.depth > longest ? S.depth : longest;
    }
    return result;
}
