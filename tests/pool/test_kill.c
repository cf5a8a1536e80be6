/* SPDX-License-Identifier: MIT */
/*
 * Two processes with one pool, mapped at different addresses. Both allocate, write, check, cut,
 * resize and release runs, and hand runs to each other by offset. One of them is killed with
 * SIGKILL at a random instant, a thousand times; the other one works on meanwhile, and must find
 * after each death
 *
 *   - the core sound, and its own runs as it left them;
 *   - after lfb_pool_recover exactly its own runs allocated, all with owners.
 *
 * Now and then it opens the pool anew before that, as after its own death, and finds the same runs.
 *
 * LFB_SEED repeats the choices (not the instants), LFB_KILLS says how many deaths.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pools.h"
#include "random.h"

enum {
    PAGES = 4096,
    OWN_MOST = 24,
    RUN_MOST = 90,
    BOX = 4,          /* runs on their way to the other process */
    LIFE_MOST = 300,  /* µs from the first call on */
    STUCK_AFTER = 60, /* s */
    KILLS_USUAL = 1000,
};

/* A run of one process, as it remembers it. */
typedef struct run {
    void *address; /* NULL: none */
    size_t pages;
    uint64_t mark;
} run;

/* A message: a run that the receiver shall adopt. */
typedef struct message {
    atomic_uintptr_t offset; /* plus 1; 0: none */
    size_t pages;
    uint64_t mark;
} message;

typedef struct exchange {
    message to_survivor[BOX];
    message to_mortal[BOX];
    atomic_ulong mortal_calls;
    atomic_ulong complaints;
    char complaint[64];
} exchange;

/* One of the two processes. */
typedef struct actor {
    lfb_pool *pool;
    exchange *shared;
    message *in;
    message *out;
    random_source random;
    run runs[OWN_MOST];
    unsigned long calls;
    unsigned long adopted;
} actor;

static void complain(actor *a, const char *what)
{
    if (atomic_fetch_add(&a->shared->complaints, 1) == 0) {
        snprintf(a->shared->complaint, sizeof(a->shared->complaint), "%s", what);
    }
}

static void expect(actor *a, bool so, const char *what)
{
    if (!so) {
        complain(a, what);
    }
}

/* --------------------------------------------------------------------------------- acting ---- */

static void take(actor *a, run *r)
{
    r->pages = 1 + random_skewed(&a->random, RUN_MOST);
    bool zeroed = random_below(&a->random, 4) == 0;
    bool block = random_below(&a->random, 4) == 0;
    if (block) {
        unsigned order = (unsigned)random_below(&a->random, 7);
        r->pages = (size_t)1 << order;
        r->address = lfb_pool_alloc(a->pool, order);
    } else {
        r->address = zeroed ? lfb_pool_alloc_zeroed(a->pool, r->pages)
                            : lfb_pool_alloc_run(a->pool, r->pages);
    }
    if (r->address) {
        expect(a, block || !zeroed || pools_is_zero(a->pool, r->address, r->pages), "not zero");
        r->mark = random_next(&a->random);
        pools_mark(a->pool, r->address, r->pages, r->mark);
    }
}

static void release(actor *a, run *r)
{
    expect(a, pools_is_marked(a->pool, r->address, r->pages, r->mark), "contents changed");
    expect(a, lfb_pool_free(a->pool, r->address) == LFB_OK, "a release refused");
    r->address = NULL;
}

/* Gives away what lies behind some page of the run. */
static void cut(actor *a, run *r)
{
    if (r->pages < 2) {
        return;
    }
    size_t keep = 1 + random_below(&a->random, r->pages - 1);
    lfb_pool_info info;
    lfb_pool_get_info(a->pool, &info);
    lfb_status status =
        random_below(&a->random, 2)
            ? lfb_pool_resize(a->pool, r->address, keep)
            : lfb_pool_free_range(a->pool, (char *)r->address + keep * info.page_size,
                                  r->pages - keep);
    expect(a, status == LFB_OK, "a cut refused");
    r->pages = keep;
}

static void grow(actor *a, run *r)
{
    size_t pages = r->pages + 1 + random_below(&a->random, 8);
    if (lfb_pool_resize(a->pool, r->address, pages) == LFB_OK) {
        expect(a, pools_is_marked(a->pool, r->address, r->pages, r->mark), "lost by growing");
        r->pages = pages;
        pools_mark(a->pool, r->address, r->pages, r->mark);
    }
}

static void send(actor *a, run *r)
{
    message *m = &a->out[random_below(&a->random, BOX)];
    if (atomic_load(&m->offset) == 0) {
        m->pages = r->pages;
        m->mark = r->mark;
        atomic_store(&m->offset, lfb_pool_offset(a->pool, r->address) + 1);
        r->address = NULL;
    }
}

/* An adoption may come too late: the sender has died, and somebody has recovered its runs. */
static void receive(actor *a, run *r)
{
    message *m = &a->in[random_below(&a->random, BOX)];
    uintptr_t offset = atomic_load(&m->offset);
    if (offset) {
        *r = (run){lfb_pool_pointer(a->pool, offset - 1), m->pages, m->mark};
        expect(a, lfb_pool_adopt(a->pool, r->address) == LFB_OK, "an adoption refused");
        atomic_store(&m->offset, 0);
        expect(a, lfb_pool_size_of(a->pool, r->address) == r->pages, "another length arrived");
        expect(a, pools_is_marked(a->pool, r->address, r->pages, r->mark), "changed on the way");
        a->adopted++;
    }
}

static void act(actor *a)
{
    run *r = &a->runs[random_below(&a->random, OWN_MOST)];
    a->calls++;
    if (!r->address) {
        if (random_below(&a->random, 4) == 0) {
            receive(a, r);
        } else {
            take(a, r);
        }
        return;
    }
    switch (random_below(&a->random, 8)) {
    case 0:
        cut(a, r);
        break;
    case 1:
        grow(a, r);
        break;
    case 2:
        send(a, r);
        break;
    default:
        release(a, r);
        break;
    }
}

/* --------------------------------------------------------------------------------- judging ---- */

static actor survivor; /* its runs are what is left */
static unsigned long kills;

static _Noreturn void stuck(int number)
{
    (void)number;
    fprintf(stderr, "kill %lu: the survivor waits\n", kills);
    _exit(1);
}

static void check_complaints(void)
{
    if (atomic_load(&survivor.shared->complaints)) {
        fail_msg("kill %lu: %s", kills, survivor.shared->complaint);
    }
}

static size_t check_own(lfb_pool *view)
{
    size_t pages = 0;
    for (size_t i = 0; i < OWN_MOST; i++) {
        const run *r = &survivor.runs[i];
        if (r->address) {
            void *there = lfb_pool_pointer(view, lfb_pool_offset(survivor.pool, r->address));
            assert_true(lfb_pool_size_of(view, there) >= 1);
            assert_true(pools_is_marked(view, there, r->pages, r->mark));
            pages += r->pages;
        }
    }
    return pages;
}

/* What was on its way: the survivor adopts what it was sent, and takes back what it sent. */
static void empty_boxes(void)
{
    message *boxes[] = {survivor.shared->to_survivor, survivor.shared->to_mortal};
    for (size_t i = 0; i < 2 * (size_t)BOX; i++) {
        message *m = &boxes[i / BOX][i % BOX];
        uintptr_t offset = atomic_load(&m->offset);
        if (offset) {
            run r = {lfb_pool_pointer(survivor.pool, offset - 1), m->pages, m->mark};
            lfb_status status = lfb_pool_adopt(survivor.pool, r.address);
            assert_int_equal(status, LFB_OK);
            release(&survivor, &r);
            atomic_store(&m->offset, 0);
        }
    }
}

static void judge(random_source *random, unsigned long *given_back)
{
    lfb_report report;
    lfb_pool_recovery done;
    struct timespec late = pools_in(60000);
    if (lfb_check(lfb_pool_core(survivor.pool), &report) != LFB_OK) {
        fail_msg("kill %lu: %s", kills, report.first_fault);
    }
    check_complaints();
    if (random_below(random, 8) == 0) {
        lfb_pool *again = pools_again(survivor.pool);
        check_own(again);
        lfb_pool_close(again);
    }
    empty_boxes();
    assert_int_equal(lfb_pool_recover(survivor.pool, &late, &done), LFB_OK);
    assert_int_equal(done.undecided, 0);
    *given_back += done.pages;
    size_t own = check_own(survivor.pool);
    if (pools_allocated(survivor.pool) != own) {
        fail_msg("kill %lu: %zu pages allocated, %zu are the survivor's", kills,
                 pools_allocated(survivor.pool), own);
    }
    pools_assert_sound(survivor.pool);
}

/* ---------------------------------------------------------------------------------- dying ---- */

static _Noreturn void live(int fd, exchange *shared, uint64_t seed)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int number = 1; number < 32; number++) {
        signal(number, SIG_DFL); /* cmocka's handlers would go on with the tests in here */
    }
    actor a = {.shared = shared, .in = shared->to_mortal, .out = shared->to_survivor};
    a.random.state = seed;
    a.pool = lfb_pool_open_fd(fd, NULL, NULL);
    if (!a.pool || lfb_pool_pointer(a.pool, 0) == lfb_pool_pointer(survivor.pool, 0)) {
        _exit(1);
    }
    for (;;) {
        act(&a);
        atomic_store(&shared->mortal_calls, a.calls);
    }
}

static void one_death(random_source *random)
{
    int status;
    atomic_store(&survivor.shared->mortal_calls, 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        live(lfb_pool_fd(survivor.pool), survivor.shared, random_next(random));
    }
    bool early = random_below(random, 16) == 0; /* while it opens the pool */
    while (!early && atomic_load(&survivor.shared->mortal_calls) == 0) {
        act(&survivor);
        sched_yield();
    }
    struct timespec now;
    struct timespec end = pools_in(0);
    end.tv_nsec += (long)random_below(random, LIFE_MOST) * 1000;
    do {
        act(&survivor);
        if (random_below(random, 4) == 0) {
            sched_yield();
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - end.tv_sec) * 1000000000L + now.tv_nsec - end.tv_nsec < 0);
    kill(child, SIGKILL);
    while (waitpid(child, &status, WNOHANG) == 0) {
        act(&survivor);
        sched_yield(); /* perhaps it waits for this CPU */
    }
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
        fail_msg("the mortal died of something else: %#x", (unsigned)status);
    }
}

static void test_kill(void **state)
{
    (void)state;
    const char *given = getenv("LFB_KILLS");
    unsigned long most = given ? strtoul(given, NULL, 0) : KILLS_USUAL;
    unsigned long given_back = 0;
    unsigned long theirs = 0;
    lfb_pool_config config = {.kind = LFB_POOL_SHARED,
                              .size = PAGES * 4096,
                              .page_size = 4096,
                              .lanes = 2,
                              .owner_tags = true};
    random_source random = {.state = random_seed()};
    print_message("LFB_SEED=%#jx\n", (uintmax_t)random.state);
    survivor.pool = pools_create(&config);
    survivor.shared =
        mmap(NULL, sizeof(exchange), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(survivor.shared, MAP_FAILED);
    survivor.in = survivor.shared->to_survivor;
    survivor.out = survivor.shared->to_mortal;
    survivor.random.state = random_next(&random);
    signal(SIGALRM, stuck);
    for (kills = 0; kills < most; kills++) {
        alarm(STUCK_AFTER);
        one_death(&random);
        theirs += atomic_load(&survivor.shared->mortal_calls);
        judge(&random, &given_back);
    }
    alarm(0);
    print_message("%lu kills; %lu calls of the survivor, %lu of the killed; %lu runs adopted by "
                  "the survivor; %lu pages given back for the dead\n",
                  kills, survivor.calls, theirs, survivor.adopted, given_back);
    assert_true(theirs > kills && survivor.adopted > 0 && given_back > kills);
    munmap(survivor.shared, sizeof(exchange));
    lfb_pool_close(survivor.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kill)};
    return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
