/* SPDX-License-Identifier: MIT */
/*
 * A fiber is entered by makecontext; from then on _setjmp and _longjmp switch, which make no system
 * call. CPUs that can run are a heap of keys: clock and number in one word.
 */
#undef _FORTIFY_SOURCE /* its longjmp knows one stack only */
#include "cpu.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum {
    STACK_SIZE = 64 * 1024,
    SPINS = 8,   /* reads of the same word in a row that make a spinning CPU */
    TENURES = 4, /* that a CPU remembers */
    SLICE = 16,  /* calls of cpu_pass before it is another CPU's turn, while time stands still */
    KEY_SHIFT = 8,
};

_Static_assert(MODEL_CPUS <= 1 << KEY_SHIFT, "a CPU's number is the low part of a key");

/* A line that is on its way to another CPU, and when it leaves this one. */
typedef struct tenure {
    const model_line *line;
    model_time until;
} tenure;

typedef struct fiber {
    jmp_buf context;
    model_time clock;
    uintptr_t last; /* what it read last, if nothing else came since */
    unsigned repeats;
    int16_t next_waiter; /* for the same line */
    bool meets;          /* waits in cpu_meet */
    tenure tenures[TENURES];
    unsigned newest; /* of these */
} fiber;

static struct {
    fiber fibers[MODEL_CPUS];
    uint64_t heap[MODEL_CPUS]; /* all that can run but the one that does */
    unsigned ready;
    unsigned alive; /* CPUs that haven't ended */
    unsigned met;   /* ... and wait in cpu_meet */
    bool charging;
    int running; /* MODEL_NOBODY: main */
    cpu_outcome outcome;
    char *stacks;
    cpu_work work;
    void *context;
    jmp_buf main;
} S = {.running = MODEL_NOBODY};

/* ---------------------------------------------------------------------------------- heap ---- */

static uint64_t key_of(unsigned cpu)
{
    return S.fibers[cpu].clock << KEY_SHIFT | cpu;
}

static void sift_down(unsigned at, uint64_t key)
{
    for (unsigned child; (child = 2 * at + 1) < S.ready; at = child) {
        child += child + 1 < S.ready && S.heap[child + 1] < S.heap[child];
        if (S.heap[child] >= key) {
            break;
        }
        S.heap[at] = S.heap[child];
    }
    S.heap[at] = key;
}

static void make_ready(unsigned cpu)
{
    uint64_t key = key_of(cpu);
    unsigned at = S.ready++;
    for (; at > 0 && S.heap[(at - 1) / 2] > key; at = (at - 1) / 2) {
        S.heap[at] = S.heap[(at - 1) / 2];
    }
    S.heap[at] = key;
}

static unsigned take_first(void)
{
    unsigned cpu = (unsigned)(S.heap[0] & (MODEL_CPUS - 1));
    S.ready--;
    if (S.ready > 0) {
        sift_down(0, S.heap[S.ready]);
    }
    return cpu;
}

/* The lowest clock of the others that can run. */
static model_time others_clock(void)
{
    return S.ready > 0 ? S.heap[0] >> KEY_SHIFT : UINT64_MAX >> KEY_SHIFT;
}

/* ------------------------------------------------------------------------------- switching -- */

/* Goes on with the first that can run; with main if none can. */
static void go_on(void)
{
    if (S.ready == 0) {
        S.running = MODEL_NOBODY;
        _longjmp(S.main, 1);
    }
    S.running = (int)take_first();
    _longjmp(S.fibers[S.running].context, 1);
}

/* Until somebody makes this CPU ready. */
static void sleep_now(void)
{
    if (!_setjmp(S.fibers[S.running].context)) {
        go_on();
    }
}

static void let_others(void)
{
    make_ready((unsigned)S.running);
    sleep_now();
}

static void leave_for_good(cpu_outcome outcome)
{
    S.outcome = outcome;
    S.ready = 0;
    go_on();
}

/* -------------------------------------------------------------------------------- accesses -- */

static void wait_for_write(fiber *self, model_line *line)
{
    self->next_waiter = line->waiters;
    line->waiters = (int16_t)S.running;
    self->repeats = 0;
    sleep_now();
}

static void wake_waiters(model_line *line, model_time now)
{
    while (line->waiters != MODEL_NOBODY) {
        fiber *f = &S.fibers[line->waiters];
        f->clock = f->clock > now ? f->clock : now;
        make_ready((unsigned)line->waiters);
        line->waiters = f->next_waiter;
    }
}

static bool has_still(const fiber *self, const model_line *line)
{
    for (unsigned i = 0; i < TENURES; i++) {
        if (self->tenures[i].line == line && self->clock < self->tenures[i].until) {
            return true;
        }
    }
    return false;
}

/* An access that takes no time. */
static void touch_free(model_op op, model_line *line)
{
    unsigned cpu = (unsigned)S.running;
    if (model_is_hit(line, cpu, op)) {
        model_hit(line, op);
    } else {
        model_move(line, cpu, op, 0);
        line->busy = 0;
    }
}

/* Brings the line here, and returns when it is this CPU's turn after that. */
static void fetch(fiber *self, model_op op, model_line *line)
{
    model_time now = self->clock;
    model_moved moved = model_move(line, (unsigned)S.running, op, now);
    if (moved.loser != MODEL_NOBODY) {
        fiber *loser = &S.fibers[moved.loser];
        loser->newest = (loser->newest + 1) % TENURES;
        loser->tenures[loser->newest] = (tenure){line, moved.until};
    }
    if (op != MODEL_LOAD) {
        wake_waiters(line, now);
    }
    self->clock = moved.end;
    while (S.ready > 0 && key_of((unsigned)S.running) > S.heap[0]) {
        let_others();
    }
}

static void touch(model_op op, model_line *line, bool spins)
{
    unsigned cpu = (unsigned)S.running;
    fiber *self = &S.fibers[cpu];
    for (;;) {
        bool hit = model_is_hit(line, cpu, op);
        bool late = !hit && has_still(self, line);
        if ((hit || late) && self->clock <= others_clock() + model_lookahead()) {
            self->clock += hit ? model_hit(line, op) : model_late_hit(op);
            if (hit && spins) {
                wait_for_write(self, line);
            }
            return;
        }
        if (!hit && !late && (S.ready == 0 || key_of(cpu) < S.heap[0])) {
            fetch(self, op, line);
            return;
        }
        let_others();
    }
}

void cpu_access(model_op op, const volatile void *address, size_t bytes)
{
    uintptr_t at = (uintptr_t)address;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    bool free_of_charge = !S.charging && op == MODEL_LOAD;
    if (S.running == MODEL_NOBODY || at - here < STACK_SIZE || free_of_charge) {
        return;
    }
    fiber *self = &S.fibers[S.running];
    bool again = op == MODEL_LOAD && at == self->last;
    self->repeats = again ? self->repeats + 1 : 0;
    self->last = op == MODEL_LOAD ? at : 0;
    for (uintptr_t next = at & ~(uintptr_t)(MODEL_LINE - 1); next < at + bytes;
         next += MODEL_LINE) {
        model_line *line = model_find(next);
        if (line == NULL) {
            leave_for_good(CPU_NO_MEMORY);
        }
        if (S.charging) {
            touch(op, line, self->repeats >= SPINS);
        } else {
            touch_free(op, line);
        }
    }
}

void cpu_pass(model_time time)
{
    S.fibers[S.running].clock += time;
    uint64_t slice = S.charging ? 0 : (uint64_t)SLICE << KEY_SHIFT;
    if (S.ready > 0 && key_of((unsigned)S.running) > S.heap[0] + slice) {
        let_others();
    }
}

/* All that wait in cpu_meet go on at the time of the last. */
static void open_gate(void)
{
    model_time last = 0;
    S.met = 0;
    for (unsigned i = 0; i < MODEL_CPUS; i++) {
        if (S.fibers[i].meets && S.fibers[i].clock > last) {
            last = S.fibers[i].clock;
        }
    }
    for (unsigned i = 0; i < MODEL_CPUS; i++) {
        if (S.fibers[i].meets) {
            S.fibers[i].meets = false;
            S.fibers[i].clock = last;
            make_ready(i);
        }
    }
}

void cpu_meet(void)
{
    S.fibers[S.running].meets = true;
    S.met++;
    if (S.met == S.alive) {
        open_gate();
    }
    sleep_now();
}

model_time cpu_now(void)
{
    return S.fibers[S.running].clock;
}

void cpu_charge(bool on)
{
    S.charging = on;
}

/* ---------------------------------------------------------------------------------- a run ---- */

static void fiber_main(int cpu)
{
    if (!_setjmp(S.fibers[cpu].context)) {
        _longjmp(S.main, 1);
    }
    S.work(S.context, (unsigned)S.running);
    S.alive--;
    if (S.alive > 0 && S.met == S.alive) {
        open_gate();
    }
    go_on();
}

static void make_fiber(unsigned cpu)
{
    static ucontext_t context; /* used up by the time that the next one is made */
    getcontext(&context);
    context.uc_stack.ss_sp = S.stacks + (size_t)cpu * STACK_SIZE;
    context.uc_stack.ss_size = STACK_SIZE;
    makecontext(&context, (void (*)(void))fiber_main, 1, (int)cpu);
    if (!_setjmp(S.main)) {
        setcontext(&context);
    }
    make_ready(cpu);
}

cpu_outcome cpu_run(unsigned count, cpu_work work, void *context)
{
    size_t size = (size_t)(count + 1) * STACK_SIZE; /* nothing else within a stack's length */
    S.stacks = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    if (S.stacks == MAP_FAILED) {
        return CPU_NO_MEMORY;
    }
    S.work = work;
    S.context = context;
    S.ready = 0;
    S.met = 0;
    S.alive = count;
    S.charging = false;
    S.outcome = CPU_DONE;
    memset(S.fibers, 0, sizeof(S.fibers));
    for (unsigned i = 0; i < count; i++) {
        make_fiber(i);
    }
    if (!_setjmp(S.main)) {
        go_on();
    }
    munmap(S.stacks, size);
    return S.outcome == CPU_DONE && S.alive > 0 ? CPU_STUCK : S.outcome;
}
