/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "hooks.h"
#include "port/atomic.h"
#include "schedule.h"

enum { STACK_SIZE = 64 * 1024 };

typedef struct access {
    const void *address;
    bool writes; /* before it is made: may write */
} access;

typedef struct fiber {
    ucontext_t context;
    access next;
    bool finished;
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
    ucontext_t main;
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

unsigned schedule_running(void)
{
    return S.path[S.depth - 1].chosen;
}

void schedule_before(int op, const void *address)
{
    if (S.running < 0) {
        return;
    }
    fiber *self = &S.fibers[S.running];
    self->next = (access){address, op != LFB_OP_LOAD};
    swapcontext(&self->context, &S.main);
}

void schedule_after(int done)
{
    S.wrote = done;
}

static void run_fiber(unsigned number)
{
    S.running = (int)number;
    S.wrote = false;
    swapcontext(&S.main, &S.fibers[number].context);
    S.running = -1;
}

static void fiber_main(int number)
{
    S.task->thread(S.task->context, (unsigned)number);
    S.fibers[number].finished = true;
}

static void start_execution(void)
{
    S.now = 0;
    S.task->reset(S.task->context);
    for (unsigned i = 0; i < S.task->threads; i++) {
        fiber *f = &S.fibers[i];
        f->finished = false;
        memset(f->clock, 0, sizeof(f->clock));
        getcontext(&f->context);
        f->context.uc_stack.ss_sp = f->stack;
        f->context.uc_stack.ss_size = STACK_SIZE;
        f->context.uc_link = &S.main;
        makecontext(&f->context, (void (*)(void))fiber_main, 1, (int)i);
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
    S.depth = 0;
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

void schedule_begin(const schedule_task *task)
{
    S.task = task;
    start_execution();
}

unsigned schedule_run(unsigned thread, unsigned most)
{
    unsigned made = 0;
    for (; made < most && !S.fibers[thread].finished; made++) {
        run_fiber(thread);
        S.now++;
    }
    return made;
}
