/* SPDX-License-Identifier: MIT */
/*
 * Workloads, and the processes that they run in: see drive.h.
 */
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "verify.h"
#include "xorshift.h"

enum {
    WARM_UP = 4,          /* a part of the operations */
    LOOP = 2000,          /* picoseconds: what a call's caller does takes less, at random */
    STAGGER = 10000000,   /* picoseconds: CPUs begin within this time */
    TRANSFER_COSTS = 200, /* as much of the host's time as so many hits */
    NONE = -1
};

const char *const drive_names[DRIVE_WORKLOADS] = {"repeat", "bulk", "rand", "remote"};

typedef struct vcpu {
    int64_t *held;
    size_t count; /* entries in use */
    xorshift random;
    uint64_t calls; /* while it counts */
    uint64_t failures;
    bool counts;
    bool done;          /* it has made its calls */
    bool waits;         /* for other CPUs, which isn't counted */
    model_time resumed; /* when it went on */
    model_time busy;    /* before that, since it began to count; when it is done, all of it */
} vcpu;

static struct {
    const drive_plan *plan;
    const allocator *allocator;
    vcpu *vcpus;
    uint64_t goal;  /* calls of each CPU */
    uint64_t calls; /* of all, since the model began to count */
    unsigned unfinished;
    bool counting;
    bool over;
    model_time end;        /* when it was */
    drive_result *results; /* shared with the processes that make the runs */
    size_t count;
    drive_result *result; /* this process's; NULL: the preparation's */
} D;

/* ---------------------------------------------------------------------------------- calls ---- */

static void stop_clock(vcpu *v, model_time now)
{
    if (!v->done && !v->waits) {
        v->busy += now > v->resumed ? now - v->resumed : 0;
    }
}

static void end_all(void)
{
    D.over = true;
    D.end = cpu_now();
    model_count(false);
}

static void called(vcpu *v)
{
    cpu_pass(D.result != NULL ? xorshift_below(&v->random, LOOP) : 1);
    D.calls += D.counting && !D.over;
    if (!v->counts || D.over) {
        return;
    }
    v->calls++;
    if (v->calls == D.goal) {
        stop_clock(v, cpu_now());
        v->done = true;
        D.unfinished--;
    }
    const model_counts *counts = model_counted();
    if (D.unfinished == 0 || counts->accesses + TRANSFER_COSTS * counts->transfers > D.plan->work) {
        end_all();
    }
}

static int64_t get(vcpu *v)
{
    int64_t page = D.allocator->get((unsigned)(v - D.vcpus), D.plan->order);
    v->failures += page < 0;
    called(v);
    return page;
}

static void put(vcpu *v, int64_t *entry)
{
    int64_t page = *entry;
    *entry = NONE;
    if (page >= 0) {
        D.allocator->put((unsigned)(v - D.vcpus), page, D.plan->order);
    }
    called(v);
}

static void meet(vcpu *v)
{
    if (D.over) {
        return;
    }
    stop_clock(v, cpu_now());
    v->waits = true;
    cpu_meet();
    v->waits = D.over;
    v->resumed = cpu_now();
}

static void fill(vcpu *v)
{
    for (size_t i = 0; i < v->count && !D.over; i++) {
        v->held[i] = get(v);
    }
}

static void empty(vcpu *v, const vcpu *owner)
{
    for (size_t i = 0; i < owner->count && !D.over; i++) {
        put(v, &owner->held[i]);
    }
}

/* -------------------------------------------------------------------------------- workloads -- */

static void repeat(vcpu *v, size_t times)
{
    for (size_t i = 0; i < times && !D.over; i++) {
        int64_t page = get(v);
        put(v, &page);
    }
}

static void replace(vcpu *v, size_t times)
{
    for (size_t i = 0; i < times && !D.over; i++) {
        int64_t *at = &v->held[xorshift_below(&v->random, v->count)];
        put(v, at);
        *at = get(v);
    }
}

/* As in work_steady.c: twice as much is allocated, and half of it, at random, released. */
static void mix(vcpu *v)
{
    fill(v);
    xorshift_shuffle(&v->random, v->held, v->count);
    meet(v);
    for (size_t i = v->count / 2; i < v->count; i++) {
        put(v, &v->held[i]);
    }
    v->count /= 2;
    meet(v);
    replace(v, v->count);
}

static void remote(vcpu *v)
{
    unsigned next = (unsigned)(v - D.vcpus + 1) % D.plan->cpus;
    fill(v);
    meet(v);
    empty(v, &D.vcpus[next]);
    meet(v);
}

static void turn(vcpu *v)
{
    switch (D.plan->workload) {
    case DRIVE_REPEAT:
        repeat(v, D.plan->operations);
        break;
    case DRIVE_RAND:
        replace(v, D.plan->operations);
        break;
    case DRIVE_BULK:
        fill(v);
        empty(v, v);
        break;
    default:
        remote(v);
    }
}

static void prepare(vcpu *v)
{
    switch (D.plan->workload) {
    case DRIVE_REPEAT:
        fill(v);
        repeat(v, D.plan->operations / WARM_UP);
        break;
    case DRIVE_RAND:
        mix(v);
        break;
    default:
        turn(v);
        turn(v); /* NBBS goes on where it was: now it has been everywhere */
    }
}

static void warm_up(vcpu *v)
{
    if (D.plan->workload == DRIVE_REPEAT) {
        repeat(v, D.plan->operations / WARM_UP);
    } else if (D.plan->workload == DRIVE_RAND) {
        replace(v, D.plan->operations / WARM_UP);
    }
}

/* The first CPU that comes here has this process prepare for each run another one, which alone
 * goes on. */
static void split(void)
{
    if (D.result != NULL || D.over) {
        return;
    }
    fflush(stdout);
    for (size_t i = 0; i < D.count; i++) {
        pid_t child = fork();
        if (child == 0) {
            D.result = &D.results[i];
            model_place(D.result->sockets, D.plan->percent);
            cpu_charge(true);
            return;
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
            snprintf(D.results[i].trouble, sizeof(D.results[i].trouble), "the run came to no end");
        }
    }
    D.over = true;
}

static void work(void *context, unsigned cpu)
{
    (void)context;
    vcpu *v = &D.vcpus[cpu];
    prepare(v);
    meet(v);
    split();
    cpu_pass(D.over ? 0 : xorshift_below(&v->random, STAGGER));
    warm_up(v);
    if (!D.over) {
        model_count(true);
        D.counting = true;
    }
    v->failures = 0;
    v->busy = 0;
    v->resumed = cpu_now();
    v->counts = true;
    while (!D.over) {
        turn(v);
    }
}

/* ---------------------------------------------------------------------------------- a run ---- */

static void sum_up(drive_result *out)
{
    double calls = 0;
    double busy = 0;
    const model_counts *counts = model_counted();
    for (unsigned i = 0; i < D.plan->cpus; i++) {
        vcpu *v = &D.vcpus[i];
        uint64_t made = v->done ? D.goal : v->calls;
        stop_clock(v, D.end);
        out->rate += v->busy > 0 ? (double)made / 2 * 1e12 / (double)v->busy : 0;
        busy += (double)v->busy / (double)MODEL_NS;
        calls += (double)made;
        out->failures += v->failures;
    }
    out->operations = D.calls / 2;
    double operations = out->operations > 0 ? (double)out->operations : 1;
    out->ns = calls > 0 ? busy / (calls / 2) : 0;
    out->accesses = (double)counts->accesses / operations;
    out->updates = (double)counts->updates / operations;
    out->transfers = (double)counts->transfers / operations;
    out->fetches = (double)counts->fetches / operations;
    out->queued = (double)counts->queued / (double)MODEL_NS / operations;
    out->cut = D.unfinished > 0;
}

/* Outside of the simulation. */
static void give_back(const allocator *a)
{
    for (unsigned i = 0; i < D.plan->cpus; i++) {
        const vcpu *v = &D.vcpus[i];
        for (size_t j = 0; j < v->count; j++) {
            if (v->held[j] >= 0) {
                a->put(i, v->held[j], D.plan->order);
            }
        }
    }
}

static const char *outcome_text(cpu_outcome outcome)
{
    static const char *const texts[] = {
        [CPU_DONE] = "",
        [CPU_STUCK] = "all CPUs wait for each other",
        [CPU_NO_MEMORY] = "too much memory is touched: make --share smaller",
    };
    return texts[outcome];
}

/* In the process that made the run. */
static void judge(drive_result *out, cpu_outcome outcome, drive_look look)
{
    const allocator *inner = D.plan->candidate->allocator;
    const char *fault;
    sum_up(out);
    out->faults = verify_faults(&fault);
    snprintf(out->fault, sizeof(out->fault), "%s", out->faults > 0 ? fault : "");
    snprintf(out->trouble, sizeof(out->trouble), "%s", outcome_text(outcome));
    if (outcome != CPU_DONE) {
        return;
    }
    if (look != NULL) {
        look(D.plan, out);
        fflush(stdout);
    }
    give_back(inner);
    if (inner->check != NULL && !inner->check()) {
        snprintf(out->trouble, sizeof(out->trouble), "its own check fails when all is given back");
    }
}

static void simulate(drive_look look)
{
    cpu_outcome outcome = cpu_run(D.plan->cpus, work, NULL);
    if (D.result != NULL) {
        judge(D.result, outcome, look);
        _exit(0);
    }
    for (size_t i = 0; outcome != CPU_DONE && i < D.count; i++) {
        snprintf(D.results[i].trouble, sizeof(D.results[i].trouble), "%s", outcome_text(outcome));
    }
}

static bool start_all(void)
{
    const drive_plan *plan = D.plan;
    size_t blocks = plan->held >> plan->order;
    bool turns = plan->workload == DRIVE_BULK || plan->workload == DRIVE_REMOTE;
    D.vcpus = calloc(plan->cpus, sizeof(*D.vcpus));
    bool fine = D.vcpus != NULL;
    for (unsigned i = 0; fine && i < plan->cpus; i++) {
        vcpu *v = &D.vcpus[i];
        v->count = plan->workload == DRIVE_RAND ? 2 * blocks : blocks;
        v->held = malloc(v->count * sizeof(*v->held));
        xorshift_start(&v->random, plan->seed, i);
        fine = v->held != NULL;
        for (size_t j = 0; fine && j < v->count; j++) {
            v->held[j] = NONE;
        }
    }
    D.goal = 2 * (turns ? blocks : plan->operations);
    D.unfinished = plan->cpus;
    D.calls = 0;
    D.counting = false;
    D.over = false;
    D.result = NULL;
    return fine;
}

static void clear_all(void)
{
    for (unsigned i = 0; D.vcpus != NULL && i < D.plan->cpus; i++) {
        free(D.vcpus[i].held);
    }
    free(D.vcpus);
    D.vcpus = NULL;
}

/* With all memory that it takes, or false. */
static bool run_all(drive_look look)
{
    const allocator *inner = D.plan->candidate->allocator;
    size_t pages = D.plan->share * D.plan->cpus;
    bool fine = false;
    D.allocator = verify_wrap(inner, pages);
    if (D.allocator == NULL) {
        return false;
    }
    if (start_all() && model_open(D.plan->cpus)) {
        if (inner->init(pages, ALLOCATOR_PAGE_SIZE, D.plan->cpus) == 0) {
            simulate(look);
            inner->fini();
            fine = true;
        }
        model_close();
    }
    clear_all();
    verify_unwrap();
    return fine;
}

void drive(const drive_plan *plan, drive_result results[], size_t count, drive_look look)
{
    size_t size = count * sizeof(*results);
    D.plan = plan;
    D.count = count;
    D.results = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (D.results != MAP_FAILED) {
        memcpy(D.results, results, size);
        bool fine = run_all(look);
        memcpy(results, D.results, size);
        munmap(D.results, size);
        if (fine) {
            return;
        }
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(results[i].trouble, sizeof(results[i].trouble), "no memory");
    }
}
