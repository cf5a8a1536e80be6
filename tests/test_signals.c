/* SPDX-License-Identifier: MIT */
/*
 * Signal handlers that allocate, release and change runs over threads that do the same: the handler
 * calls into the allocator while the call that it interrupted waits for it, on the same lane. A
 * core in which a call waits for another one would never come back from there.
 *
 * Two signals, so that one handler is interrupted by the other: SIGALRM by the interval timer, for
 * whichever worker the kernel picks, and SIGUSR1 by a thread that sends it to all of them as fast
 * as it can. Each worker is three actors (actor.h): the thread and its two handlers.
 *
 * LFB_SEED repeats the choices (not the instants); LFB_THREADS is how many workers, LFB_SECONDS how
 * long all takes.
 *
 * ThreadSanitizer keeps a signal back until the thread comes to a place where it can handle it, so
 * with it interrupted calls are counted but not required.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "actor.h"
#include "world.h"

#if defined __SANITIZE_THREAD__
#define SIGNALS_DELAYED 1
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define SIGNALS_DELAYED 1
#endif
#endif
#ifndef SIGNALS_DELAYED
#define SIGNALS_DELAYED 0
#endif

enum {
    TESTS = 3,
    MAX_THREADS = 32,
    ORDER_MOST = 9,
    RUN_MOST = 300,
    ALARM_EVERY = 50, /* us */
    STUCK_AFTER = 30, /* s */
};

enum context { THREAD, ON_ALARM, ON_USER, CONTEXTS };

typedef struct crowd crowd;

typedef struct worker {
    crowd *crowd;
    pthread_t thread;
    actor actors[CONTEXTS];
    atomic_ulong delivered[CONTEXTS];
    atomic_ulong inside[CONTEXTS]; /* of these, how many interrupted a call to the allocator */
    atomic_ulong nested;           /* how many interrupted the other handler inside a call */
    atomic_bool finished;
} worker;

struct crowd {
    world w;
    unsigned char *marks;
    actor_complaints complaints;
    worker workers[MAX_THREADS];
    unsigned threads;
    atomic_bool sending_ends;
    atomic_bool work_ends;
};

static _Thread_local worker *self;

/* ---------------------------------------------------------------------------- handlers ---- */

static void count_one(atomic_ulong *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void handle(int number)
{
    worker *k = self;
    if (!k) {
        return;
    }
    enum context context = number == SIGALRM ? ON_ALARM : ON_USER;
    enum context other = number == SIGALRM ? ON_USER : ON_ALARM;
    bool nested = actor_stage_of(&k->actors[other]) == STAGE_INSIDE;
    count_one(&k->delivered[context]);
    if (nested) {
        count_one(&k->nested);
    }
    if (nested || actor_stage_of(&k->actors[THREAD]) == STAGE_INSIDE) {
        count_one(&k->inside[context]);
    }
    actor_step(&k->actors[context]);
}

/* Empty masks: each handler may interrupt the other. */
static void install_handlers(void)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
}

static void remove_handlers(void)
{
    /* What is still pending for the process goes with it. */
    signal(SIGALRM, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
}

static void let_signals(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    sigaddset(&set, SIGUSR1);
    assert_int_equal(pthread_sigmask(how, &set, NULL), 0);
}

static void set_alarm(suseconds_t every)
{
    struct itimerval timer = {{0, every}, {0, every}};
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

/* ----------------------------------------------------------------------------- threads ---- */

static void *work(void *argument)
{
    worker *k = argument;
    self = k;
    let_signals(SIG_UNBLOCK);
    while (!atomic_load_explicit(&k->crowd->work_ends, memory_order_relaxed)) {
        actor_step(&k->actors[THREAD]);
    }
    let_signals(SIG_BLOCK);
    atomic_store(&k->finished, true);
    return NULL;
}

/* As fast as workers take them: another one for a worker that hasn't taken the last is lost. The
 * short pauses let a worker run something between two. */
static void *send_signals(void *argument)
{
    crowd *c = argument;
    random_source random = {random_seed() + 1};
    unsigned long taken[MAX_THREADS];
    memset(taken, 0xff, sizeof(taken));
    while (!atomic_load(&c->sending_ends)) {
        bool sent = false;
        for (unsigned i = 0; i < c->threads; i++) {
            unsigned long now = atomic_load(&c->workers[i].delivered[ON_USER]);
            if (now != taken[i]) {
                taken[i] = now;
                pthread_kill(c->workers[i].thread, SIGUSR1);
                sent = true;
            }
        }
        if (!sent) {
            sched_yield(); /* perhaps they wait for this CPU */
        }
        for (uint64_t pause = random_below(&random, 4000); pause > 0; pause--) {
            atomic_signal_fence(memory_order_seq_cst);
        }
    }
    return NULL;
}

/* -------------------------------------------------------------------- starting, ending ---- */

static void start_actor(crowd *c, worker *k, unsigned number, enum context context, uint64_t seed)
{
    const lfb_config *config = &c->w.config;
    k->actors[context] = (actor){
        .lfb = &c->w.lfb,
        .config = config,
        .marks = c->marks,
        .log = calloc(1, actor_log_size(config->page_count)),
        .complaints = &c->complaints,
        .number = (unsigned char)(number * CONTEXTS + context + 1),
        .lane = number % config->lanes,
        .order_most = ORDER_MOST,
        .run_most = RUN_MOST,
        .own_most = config->page_count / (2 * c->threads),
        .random = {seed + number * CONTEXTS + context},
    };
    assert_non_null(k->actors[context].log);
}

static unsigned long from_environment(const char *name, unsigned long usual)
{
    const char *given = getenv(name);
    return given ? strtoul(given, NULL, 0) : usual;
}

static void start(crowd *c, size_t pages, unsigned lanes)
{
    uint64_t seed = random_seed();
    memset(c, 0, sizeof(*c));
    c->threads = (unsigned)from_environment("LFB_THREADS", 2);
    c->threads = c->threads < 2 ? 2 : c->threads;
    c->threads = c->threads < MAX_THREADS ? c->threads : MAX_THREADS;
    print_message("LFB_SEED=%#jx, %u threads, %zu pages, %u lanes\n", (uintmax_t)seed, c->threads,
                  pages, lanes);
    lfb_config config = world_config((uintptr_t)4096 * 1237, 4096, pages, ORDER_MOST + 1);
    config.lanes = lanes;
    world_start(&c->w, &config);
    c->marks = calloc(pages, 1);
    assert_non_null(c->marks);
    for (unsigned i = 0; i < c->threads; i++) {
        c->workers[i].crowd = c;
        for (unsigned context = 0; context < CONTEXTS; context++) {
            start_actor(c, &c->workers[i], i, (enum context)context, seed);
        }
    }
}

static void end(crowd *c)
{
    for (unsigned i = 0; i < c->threads; i++) {
        for (unsigned context = 0; context < CONTEXTS; context++) {
            free(c->workers[i].actors[context].log);
        }
    }
    free(c->marks);
    world_end(&c->w);
}

/* ----------------------------------------------------------------------------- the run ---- */

static void start_threads(crowd *c, pthread_t *sender)
{
    let_signals(SIG_BLOCK); /* the threads inherit it; only workers let them in */
    install_handlers();
    for (unsigned i = 0; i < c->threads; i++) {
        worker *k = &c->workers[i];
        assert_int_equal(pthread_create(&k->thread, NULL, work, k), 0);
    }
    assert_int_equal(pthread_create(sender, NULL, send_signals, c), 0);
    set_alarm(ALARM_EVERY);
}

/* A worker that doesn't come to its end can't be joined, so that is the end of the test. */
static void await_workers(const crowd *c)
{
    enum { LOOKS_A_SECOND = 100 };
    for (unsigned i = 0; i < c->threads; i++) {
        unsigned looks = 0;
        while (!atomic_load(&c->workers[i].finished)) {
            usleep(1000000 / LOOKS_A_SECOND);
            if (++looks > STUCK_AFTER * LOOKS_A_SECOND) {
                print_error("thread %u is stuck\n", i);
                actor_print_complaints(&c->complaints);
                _exit(1);
            }
        }
    }
}

static void end_threads(crowd *c, pthread_t sender)
{
    set_alarm(0);
    atomic_store(&c->sending_ends, true);
    pthread_join(sender, NULL);
    atomic_store(&c->work_ends, true);
    await_workers(c);
    for (unsigned i = 0; i < c->threads; i++) {
        pthread_join(c->workers[i].thread, NULL);
    }
    remove_handlers();
    let_signals(SIG_UNBLOCK);
}

/* Returns how many calls were interrupted. */
static unsigned long print_counts(const crowd *c)
{
    unsigned long calls[CONTEXTS] = {0};
    unsigned long delivered[CONTEXTS] = {0};
    unsigned long inside[CONTEXTS] = {0};
    unsigned long nested = 0;
    for (unsigned i = 0; i < c->threads; i++) {
        const worker *k = &c->workers[i];
        nested += atomic_load(&k->nested);
        for (unsigned context = 0; context < CONTEXTS; context++) {
            calls[context] += atomic_load(&k->actors[context].log->calls);
            delivered[context] += atomic_load(&k->delivered[context]);
            inside[context] += atomic_load(&k->inside[context]);
        }
    }
    print_message("SIGALRM: %lu, %lu of them inside a call; SIGUSR1: %lu, %lu inside a call; "
                  "%lu over the other handler's call\n",
                  delivered[ON_ALARM], inside[ON_ALARM], delivered[ON_USER], inside[ON_USER],
                  nested);
    print_message("calls: %lu by threads, %lu by SIGALRM's handlers, %lu by SIGUSR1's; "
                  "%u complaints\n",
                  calls[THREAD], calls[ON_ALARM], calls[ON_USER],
                  atomic_load(&c->complaints.count));
    return inside[ON_ALARM] + inside[ON_USER];
}

static void interrupt(size_t pages, unsigned lanes)
{
    static crowd c; /* large, and one at a time */
    pthread_t sender;
    start(&c, pages, lanes);
    start_threads(&c, &sender);
    usleep((useconds_t)(from_environment("LFB_SECONDS", 10) * 1000000 / TESTS));
    end_threads(&c, sender);
    unsigned long interrupted = print_counts(&c);
    for (unsigned i = 0; i < c.threads; i++) {
        for (unsigned context = 0; context < CONTEXTS; context++) {
            actor_release_all(&c.workers[i].actors[context]);
        }
    }
    actor_print_complaints(&c.complaints);
    assert_int_equal(atomic_load(&c.complaints.count), 0);
    world_assert_all_free(&c.w);
    if (interrupted == 0) {
        print_message("no call was interrupted\n");
        assert_true(SIGNALS_DELAYED);
    }
    end(&c);
}

/* All on one lane, and too little for all. */
static void test_one_lane(void **state)
{
    (void)state;
    interrupt(600, 1);
}

/* A lane for each worker and its handlers. */
static void test_own_lanes(void **state)
{
    (void)state;
    interrupt(4096, 4);
}

/* Room for all, in a taller tree. */
static void test_roomy(void **state)
{
    (void)state;
    interrupt((1UL << 16) + 77, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_lane),
        cmocka_unit_test(test_own_lanes),
        cmocka_unit_test(test_roomy),
    };
    _Static_assert(sizeof(tests) / sizeof(*tests) == TESTS, "the time is shared out among them");
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
