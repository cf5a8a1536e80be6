/* SPDX-License-Identifier: MIT */
/*
 * The simulation's own promises: what an access costs, in what order CPUs run, that the same run
 * gives the same figures, and that a block handed out twice is noticed. TAP on standard output.
 */
#include <stdio.h>
#include <string.h>

#include "drive.h"

extern const allocator allocator_nbbs, allocator_nbbs_bunch, allocator_spinlock;

static unsigned number;
static bool all_fine = true;

static void check(bool fine, const char *what)
{
    number++;
    all_fine = all_fine && fine;
    printf("%s %u - %s\n", fine ? "ok" : "not ok", number, what);
}

static _Alignas(MODEL_LINE) char memory[4 * MODEL_LINE];

/* --------------------------------------------------------------------------------- model ---- */

/* An access of a CPU that begins at `now`. Returns how long it takes. */
static model_time cost(unsigned cpu, model_op op, const char *address, model_time now)
{
    model_line *line = model_find((uintptr_t)address);
    return model_is_hit(line, cpu, op) ? model_hit(line, op)
                                       : model_move(line, cpu, op, now).end - now;
}

/* The time of an update of a line that the other CPU has just updated. */
static model_time ping_pong(unsigned cpus, unsigned sockets, unsigned one, unsigned other)
{
    model_open(cpus);
    model_place(sockets, 100);
    model_count(true);
    model_time time = 0;
    cost(one, MODEL_UPDATE, memory, 0);
    for (unsigned i = 0; i < 10; i++) {
        time += cost(i % 2 ? one : other, MODEL_UPDATE, memory, 1000000 * (model_time)(i + 1));
    }
    bool each = model_counted()->transfers == 10 && model_counted()->updates == 11;
    model_close();
    return each ? time / 10 : 0;
}

static void test_private_line(void)
{
    model_open(4);
    model_count(true);
    model_time first = cost(0, MODEL_LOAD, memory, 0);
    model_time load = cost(0, MODEL_LOAD, memory + 8, first);
    model_time update = cost(0, MODEL_UPDATE, memory, first);
    check(first > 100 * load && load < update && update < first / 10 &&
              model_counted()->fetches == 1 && model_counted()->transfers == 0,
          "a private line comes from memory once; then a CPU has it");
    model_close();
}

static void test_shared_line(void)
{
    model_open(4);
    model_count(true);
    for (unsigned cpu = 0; cpu < 4; cpu++) {
        cost(cpu, MODEL_LOAD, memory, 1000000 * (model_time)cpu);
    }
    bool copies = model_counted()->transfers == 3;
    for (unsigned cpu = 0; cpu < 4; cpu++) {
        cost(cpu, MODEL_LOAD, memory, 5000000);
    }
    copies = copies && model_counted()->transfers == 3;
    cost(2, MODEL_STORE, memory, 6000000);
    bool dropped = model_counted()->transfers == 4;
    cost(2, MODEL_UPDATE, memory, 7000000);
    cost(3, MODEL_LOAD, memory + MODEL_LINE, 7000000); /* another line */
    cost(1, MODEL_LOAD, memory, 7000000);
    check(copies && dropped && model_counted()->transfers == 5,
          "a line is read side by side until one CPU writes it");
    model_close();
}

static void test_distances(void)
{
    model_time same = ping_pong(16, 1, 0, 15);
    model_time near = ping_pong(16, 8, 0, 2);
    model_time far = ping_pong(16, 8, 0, 4);
    check(same > 0 && near > 2 * same && far > near && ping_pong(16, 8, 0, 1) == same,
          "ping-pong costs a transfer each time, by distance");
    unsigned links = 0;
    bool symmetric = true;
    for (unsigned i = 0; i < MODEL_SOCKETS * MODEL_SOCKETS; i++) {
        unsigned a = i / MODEL_SOCKETS, b = i % MODEL_SOCKETS;
        symmetric = symmetric && model_hops(a, b) == model_hops(b, a) && model_hops(a, a) == 0;
        links += model_hops(a, b) == 1;
    }
    check(symmetric && links == 3 * MODEL_SOCKETS, "each socket has three links");
}

static void test_queue(void)
{
    model_open(4);
    cost(0, MODEL_UPDATE, memory, 0);
    model_time alone = cost(1, MODEL_UPDATE, memory, 1000000);
    cost(2, MODEL_UPDATE, memory, 2000000);
    model_time queued = cost(3, MODEL_UPDATE, memory, 2000000);
    check(queued == 2 * alone, "of two requests for a line, one waits for the other");
    model_close();
}

/* ---------------------------------------------------------------------------------- CPUs ---- */

typedef struct diary {
    model_time last; /* when the CPU before this one ran */
    unsigned last_cpu;
    unsigned steps;
    bool ordered, met;
} diary;

static void note_work(void *context, unsigned cpu)
{
    diary *d = context;
    cpu_charge(true);
    for (unsigned i = 0; i < 50; i++) {
        model_time now = cpu_now();
        d->ordered = d->ordered && (now > d->last || (now == d->last && cpu >= d->last_cpu));
        d->last = now;
        d->last_cpu = cpu;
        d->steps++;
        cpu_pass((cpu * 7919 + i * 104729) % 1000);
    }
    cpu_meet();
    d->met = d->met && cpu_now() >= d->last && (cpu == 0 || cpu_now() == d->last);
    d->last = cpu_now();
}

static void test_order(void)
{
    diary d = {.ordered = true, .met = true};
    model_open(20);
    cpu_outcome outcome = cpu_run(20, note_work, &d);
    model_close();
    check(outcome == CPU_DONE && d.ordered && d.steps == 1000,
          "the CPU that is behind runs, of several the first");
    check(d.met, "all meet at the time of the last");
}

static void update_work(void *context, unsigned cpu)
{
    (void)context;
    (void)cpu;
    cpu_charge(true);
    model_count(true);
    for (unsigned i = 0; i < 1000; i++) {
        cpu_access(MODEL_UPDATE, memory, 1);
    }
}

/* Measured contention is like that: docs/scaling.md. */
static void test_tenure(void)
{
    model_open(2);
    bool fine = cpu_run(2, update_work, NULL) == CPU_DONE;
    uint64_t transfers = model_counted()->transfers;
    check(fine && model_counted()->updates == 2000 && transfers > 50 && transfers < 500,
          "a CPU keeps a line while another one's request is on its way");
    model_close();
}

static unsigned lock_word, inside, most_inside, entered;

/* A spin lock; without its release, unless there is a context. */
static void lock_work(void *context, unsigned cpu)
{
    (void)cpu;
    cpu_charge(true);
    for (unsigned i = 0; i < 10; i++) {
        for (bool locked = true; locked;) {
            cpu_access(MODEL_UPDATE, &lock_word, sizeof(lock_word));
            locked = lock_word != 0;
            lock_word = 1;
            for (bool seen = locked; seen; seen = lock_word != 0) {
                cpu_access(MODEL_LOAD, &lock_word, sizeof(lock_word));
            }
        }
        entered++;
        inside++;
        most_inside = inside > most_inside ? inside : most_inside;
        cpu_pass(5000 * MODEL_NS);
        inside--;
        if (context != NULL) {
            cpu_access(MODEL_STORE, &lock_word, sizeof(lock_word));
            lock_word = 0;
        }
    }
}

static void test_spinning(void)
{
    model_open(8);
    bool fine = cpu_run(8, lock_work, memory) == CPU_DONE;
    check(fine && entered == 80 && most_inside == 1, "CPUs that spin are woken by a write");
    model_close();
    model_open(8);
    lock_word = 0;
    check(cpu_run(8, lock_work, NULL) == CPU_STUCK, "a lock that is never released is noticed");
    model_close();
}

/* ---------------------------------------------------------------------------------- runs ---- */

static const drive_plan tiny = {
    .candidate = &candidate_lfbuddy,
    .workload = DRIVE_RAND,
    .cpus = 6,
    .share = 16384,
    .held = 512,
    .operations = 200,
    .work = 10000000,
    .percent = 100,
    .seed = 7,
};

static bool is_sound(const drive_result *r)
{
    return r->trouble[0] == '\0' && r->faults == 0 && r->failures == 0 && r->rate > 0 &&
           r->accesses > 0;
}

static void test_all(void)
{
    static const candidate others[] = {
        {&allocator_nbbs, NULL}, {&allocator_nbbs_bunch, NULL}, {&allocator_spinlock, NULL}};
    const candidate *all[] = {&candidate_lfbuddy, &candidate_llfree, &others[0], &others[1],
                              &others[2]};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        bool fine = true;
        for (unsigned j = 0; j < 2 * DRIVE_WORKLOADS; j++) {
            drive_plan plan = tiny;
            plan.candidate = all[i];
            plan.workload = (drive_workload)(j / 2);
            plan.order = j % 2 * 9;
            plan.held = j % 2 ? 2048 : tiny.held;
            drive_result results[2] = {{.sockets = 1}, {.sockets = 8}};
            drive(&plan, results, 2, NULL);
            fine = fine && is_sound(&results[0]) && is_sound(&results[1]);
        }
        char what[96];
        snprintf(what, sizeof(what), "%s: every workload, orders 0 and 9, nothing twice",
                 all[i]->allocator->name);
        check(fine, what);
    }
}

static drive_result run(const drive_plan *plan)
{
    drive_result r = {.sockets = 2};
    drive(plan, &r, 1, NULL);
    return r;
}

static void test_repeatable(void)
{
    drive_plan other = tiny;
    other.seed++;
    drive_result a = run(&tiny), b = run(&tiny), c = run(&other);
    check(is_sound(&a) && memcmp(&a, &b, sizeof(a)) == 0, "the same run gives the same figures");
    check(is_sound(&c) && a.rate != c.rate, "another seed gives others");
    drive_plan plan = tiny;
    plan.workload = DRIVE_REPEAT;
    plan.cpus = 1;
    a = run(&plan);
    check(is_sound(&a) && a.updates == 2,
          "the core's accesses are seen: an allocation and a release are two updates");
}

/* An allocator of numbers: from one counter, or one for each CPU; and one that errs. */
static struct {
    _Alignas(2 * MODEL_LINE) int64_t next;
} counters[MODEL_CPUS];
static bool one_counter, errs;
static size_t pages_each;

static int count_init(size_t pages, size_t page_size, unsigned cpus)
{
    (void)page_size;
    pages_each = pages / cpus;
    memset(counters, 0, sizeof(counters));
    return 0;
}

static int64_t count_get(unsigned cpu, unsigned order)
{
    (void)order;
    cpu_access(MODEL_UPDATE, &counters[one_counter ? 0 : cpu], sizeof(int64_t));
    int64_t page = counters[cpu].next++ % (int64_t)pages_each;
    return (int64_t)(errs && page % 100 == 99 ? 0 : cpu * pages_each) + page;
}

static void count_put(unsigned cpu, int64_t page, unsigned order)
{
    (void)page;
    (void)order;
    cpu_access(MODEL_UPDATE, &counters[one_counter ? 0 : cpu], sizeof(int64_t));
}

static void count_fini(void)
{
}

static const allocator counting = {
    .name = "counting",
    .kind = ALLOCATOR_RANGE,
    .init = count_init,
    .get = count_get,
    .put = count_put,
    .fini = count_fini,
};

static void test_counters(void)
{
    static const candidate counts = {&counting, NULL};
    drive_plan plan = tiny;
    plan.candidate = &counts;
    plan.workload = DRIVE_BULK;
    drive_result own = run(&plan);
    one_counter = true;
    drive_result shared = run(&plan);
    check(is_sound(&own) && own.transfers == 0 && is_sound(&shared) && shared.transfers > 0.1 &&
              shared.ns > 3 * own.ns && shared.queued > 0,
          "a counter of one's own is fast, one for all is slow");
    errs = true;
    drive_result wrong = run(&plan);
    check(wrong.faults > 0 && strstr(wrong.fault, "overlaps") != NULL,
          "a block that is handed out twice is noticed");
    plan.work = 1000;
    errs = false;
    drive_result cut = run(&plan);
    check(cut.cut && cut.trouble[0] == '\0' && cut.rate > 0, "a run that takes too long is cut");
}

int main(void)
{
    test_private_line();
    test_shared_line();
    test_distances();
    test_queue();
    test_order();
    test_tenure();
    test_spinning();
    test_all();
    test_repeatable();
    test_counters();
    printf("1..%u\n", number);
    return all_fine ? 0 : 1;
}
