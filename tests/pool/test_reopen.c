/* SPDX-License-Identifier: MIT */
/*
 * A pool file whose only user is killed at a random instant, again and again, opens with every
 * allocation that had been completed, its contents, and nothing else but what the last call was at.
 * The next process goes on with those runs.
 *
 * LFB_SEED repeats the choices (not the instants), LFB_KILLS says how many deaths.
 */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pools.h"
#include "random.h"

enum { PAGES = 2048, RUNS = 40, RUN_MOST = 70, KILLS_USUAL = 200, LIFE_MOST = 500 };

/* What the process under test has, as far as it is sure. */
typedef struct entry {
    uintptr_t offset;
    size_t pages;
    uint64_t mark;
    atomic_bool sure; /* from after the run's marks were written to before its release */
} entry;

typedef struct notes {
    entry runs[RUNS];
    atomic_ulong calls;
} notes;

static void act(lfb_pool *pool, notes *n, random_source *random)
{
    entry *e = &n->runs[random_below(random, RUNS)];
    if (atomic_load(&e->sure)) {
        atomic_store(&e->sure, false);
        if (lfb_pool_free(pool, lfb_pool_pointer(pool, e->offset)) != LFB_OK) {
            _exit(2);
        }
    } else {
        size_t pages = 1 + random_skewed(random, RUN_MOST);
        void *run = lfb_pool_alloc_run(pool, pages);
        if (run) {
            e->offset = lfb_pool_offset(pool, run);
            e->pages = pages;
            e->mark = random_next(random);
            pools_mark(pool, run, pages, e->mark);
            atomic_store(&e->sure, true);
        }
    }
    atomic_fetch_add(&n->calls, 1);
}

static _Noreturn void live(const lfb_pool_config *config, notes *n, uint64_t seed)
{
    random_source random = {.state = seed};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    lfb_pool *pool = lfb_pool_open(config, NULL);
    if (!pool) {
        _exit(1);
    }
    for (;;) {
        act(pool, n, &random);
    }
}

static void kill_one(const lfb_pool_config *config, notes *n, random_source *random)
{
    int status;
    fflush(NULL);
    atomic_store(&n->calls, 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        live(config, n, random_next(random));
    }
    while (atomic_load(&n->calls) == 0 && waitpid(child, &status, WNOHANG) == 0) {
        sched_yield();
    }
    usleep((useconds_t)random_below(random, LIFE_MOST));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

/* What is allocated beyond the sure runs is what the call under way was taking or releasing, of
 * this process and those before. Returns those pages. */
static size_t judge(const lfb_pool_config *config, const notes *n)
{
    size_t sure = 0;
    lfb_pool *pool = lfb_pool_open(config, NULL);
    assert_non_null(pool);
    pools_assert_sound(pool);
    for (size_t i = 0; i < RUNS; i++) {
        const entry *e = &n->runs[i];
        if (atomic_load(&e->sure)) {
            void *run = lfb_pool_pointer(pool, e->offset);
            assert_int_equal(lfb_pool_size_of(pool, run), e->pages);
            assert_true(pools_is_marked(pool, run, e->pages, e->mark));
            sure += e->pages;
        }
    }
    size_t more = pools_allocated(pool) - sure;
    lfb_pool_close(pool);
    return more;
}

static void test_reopen(void **state)
{
    (void)state;
    const char *given = getenv("LFB_KILLS");
    unsigned long kills = given ? strtoul(given, NULL, 0) : KILLS_USUAL;
    unsigned long calls = 0;
    size_t unsure = 0;
    random_source random = {.state = random_seed()};
    print_message("LFB_SEED=%#jx\n", (uintmax_t)random.state);
    lfb_pool_config config = {.kind = LFB_POOL_FILE,
                              .name = pools_path("reopened"),
                              .size = PAGES * 4096,
                              .page_size = 4096};
    notes *n = mmap(NULL, sizeof(*n), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(n, MAP_FAILED);
    lfb_pool_close(pools_create(&config));
    for (unsigned long i = 0; i < kills; i++) {
        kill_one(&config, n, &random);
        calls += atomic_load(&n->calls);
        size_t now = judge(&config, n);
        assert_true(now <= unsure + RUN_MOST);
        unsure = now;
    }
    print_message("%lu kills, %lu calls; %zu pages of calls under way\n", kills, calls, unsure);
    munmap(n, sizeof(*n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reopen)};
    return cmocka_run_group_tests_name("reopen", tests, NULL, NULL);
}
