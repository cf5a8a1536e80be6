/* SPDX-License-Identifier: MIT */
/*
 * Whose runs are: what a dead process held, what it passed on, what it left on purpose; and who may
 * recover. tests/pool/test_steps.c kills at every step; here are whole calls.
 */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pools.h"

enum { PAGES = 4096, PLACES = 8 };

static const lfb_pool_config tagged = {.kind = LFB_POOL_SHARED,
                                       .size = PAGES * 4096,
                                       .page_size = 4096,
                                       .processes = 4,
                                       .owner_tags = true};

/* Offsets that processes tell each other, and a sign between them. */
typedef struct notes {
    uintptr_t place[PLACES];
    atomic_int stage;
} notes;

static notes *shared;
static lfb_pool *pool;

static int setup(void **state)
{
    (void)state;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    pool = pools_create(&tagged);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    munmap(shared, sizeof(*shared));
    lfb_pool_close(pool);
    return 0;
}

static pid_t start(void (*life)(lfb_pool *own))
{
    return pools_start(pool, life);
}

static void *at(size_t place)
{
    return lfb_pool_pointer(pool, shared->place[place]);
}

static size_t live_processes(void)
{
    lfb_pool_process process[8];
    size_t count = lfb_pool_processes(pool, process, 8);
    size_t live = 0;
    for (size_t i = 0; i < count; i++) {
        live += !process[i].dead;
    }
    return live;
}

/* ---------------------------------------------------------------------------------- lives ---- */

static void take_and_exit(lfb_pool *own)
{
    for (size_t i = 0; i < PLACES; i++) {
        shared->place[i] = lfb_pool_offset(own, lfb_pool_alloc_run(own, i + 1));
    }
    _exit(0);
}

static void take_and_close(lfb_pool *own)
{
    shared->place[0] = lfb_pool_offset(own, lfb_pool_alloc_run(own, 9));
    lfb_pool_close(own);
    _exit(0);
}

/* Keeps one, cuts pieces out of one, releases one. */
static void take_and_change(lfb_pool *own)
{
    unsigned char *kept = lfb_pool_alloc_run(own, 20);
    unsigned char *cut = lfb_pool_alloc_run(own, 64);
    shared->place[0] = lfb_pool_offset(own, kept);
    bool fine = lfb_pool_keep(own, kept) == LFB_OK &&
                lfb_pool_free_range(own, cut + 3 * 4096, 5) == LFB_OK &&
                lfb_pool_free_range(own, kept + 4 * 4096, 1) == LFB_OK &&
                lfb_pool_free(own, lfb_pool_alloc(own, 2)) == LFB_OK;
    _exit(!fine);
}

static void fork_and_take(lfb_pool *own)
{
    bool fine = lfb_pool_alloc_run(own, 3);
    pid_t child = fork();
    if (child == 0) {
        fine = fine && lfb_pool_alloc_run(own, 5);
        atomic_store(&shared->stage, fine ? 2 : -1);
        alarm(60); /* should the test fail */
        pause();
    }
    while (atomic_load(&shared->stage) == 0) {
        sched_yield();
    }
    _exit(0); /* without its child */
}

/* ---------------------------------------------------------------------------------- tests ---- */

static void test_dead(void **state)
{
    (void)state;
    lfb_pool_recovery done;
    void *own = lfb_pool_alloc_run(pool, 11);
    pools_reap(start(take_and_exit));
    assert_int_equal(pools_allocated(pool), 11 + 36);
    assert_int_equal(live_processes(), 1);
    assert_int_equal(lfb_pool_recover(pool, NULL, &done), LFB_OK);
    assert_int_equal(done.processes, 1);
    assert_int_equal(done.runs, PLACES);
    assert_int_equal(done.pages, 36);
    assert_int_equal(pools_allocated(pool), 11);
    assert_int_equal(lfb_pool_size_of(pool, own), 11);
    assert_int_equal(lfb_pool_recover(pool, NULL, &done), LFB_OK);
    assert_int_equal(done.processes + done.runs, 0);
    pools_assert_sound(pool);
}

/* Reaped or not: a zombie is dead. */
static void test_zombie(void **state)
{
    (void)state;
    siginfo_t info;
    pid_t child = start(take_and_exit);
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(pools_allocated(pool), 0);
    pools_reap(child);
}

static pid_t start_sleeper(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            pause();
        }
    }
    return child;
}

/* A live process that has the number of a dead one isn't taken for it. */
static void test_number_again(void **state)
{
    (void)state;
    FILE *next = fopen("/proc/sys/kernel/ns_last_pid", "w");
    if (!next) {
        print_message("skipped: needs root, to choose a process number "
                      "(/proc/sys/kernel/ns_last_pid)\n");
        skip();
    }
    pid_t dead = start(take_and_exit);
    pools_reap(dead);
    usleep(50000); /* start times are in ticks of 10 ms */
    pid_t heir = 0;
    /* Perhaps somebody else on this machine gets the number first: as good. */
    for (int tries = 0; tries < 1000 && kill(dead, 0) != 0; tries++) {
        if (heir) {
            kill(heir, SIGKILL);
            pools_reap(heir);
        }
        rewind(next);
        fprintf(next, "%ld", (long)dead - 1);
        fflush(next);
        heir = start_sleeper();
    }
    fclose(next);
    assert_int_equal(kill(dead, 0), 0);
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(pools_allocated(pool), 0);
    assert_int_equal(live_processes(), 1);
    if (heir) {
        kill(heir, SIGKILL);
        pools_reap(heir);
    }
}

/* In a namespace of its own, where /proc is at first still that of the other. */
static void take_elsewhere(lfb_pool *own)
{
    lfb_pool_error error;
    int fd = lfb_pool_fd(pool);
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) {
        atomic_store(&shared->stage, -1);
        _exit(0);
    }
    lfb_pool_close(own);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        own = lfb_pool_open_fd(fd, NULL, &error);
        bool fine = !own && error.status == LFB_POOL_SYSTEM && strstr(error.text, "mount it");
        fine = fine && mount("none", "/proc", NULL, MS_PRIVATE, NULL) == 0 &&
               mount("proc", "/proc", "proc", 0, NULL) == 0;
        own = fine ? lfb_pool_open_fd(fd, NULL, &error) : NULL;
        atomic_store(&shared->stage, own && lfb_pool_alloc_run(own, 13) ? 1 : 2);
    }
    for (;;) {
        pause();
    }
}

/* A process whose number means nothing here isn't taken for a dead one. */
static void test_foreign(void **state)
{
    (void)state;
    lfb_pool_recovery done;
    lfb_pool_process process[4];
    pid_t child = start(take_elsewhere);
    while (atomic_load(&shared->stage) == 0) {
        sched_yield();
    }
    if (atomic_load(&shared->stage) < 0) {
        pools_reap(child);
        print_message("skipped: needs root, to make a PID namespace\n");
        skip();
    }
    assert_int_equal(atomic_load(&shared->stage), 1);
    assert_int_equal(lfb_pool_recover(pool, NULL, &done), LFB_OK);
    assert_int_equal(done.foreign, 1);
    assert_int_equal(done.processes, 0);
    assert_int_equal(pools_allocated(pool), 13);
    assert_int_equal(lfb_pool_processes(pool, process, 4), 2);
    assert_true(process[1].foreign && !process[1].dead);
    kill(child, SIGKILL);
    pools_reap(child);
}

static void test_closed(void **state)
{
    (void)state;
    pools_reap(start(take_and_close));
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(pools_allocated(pool), 9);
    void *kept = at(0);
    /* The slot's next process is another owner. */
    pools_reap(start(take_and_exit));
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(pools_allocated(pool), 9);
    assert_int_equal(lfb_pool_free_range(pool, kept, 1), LFB_OK);
    assert_int_equal(pools_allocated(pool), 8);
}

static void test_adopted(void **state)
{
    (void)state;
    pools_reap(start(take_and_exit));
    assert_int_equal(lfb_pool_adopt(pool, at(3)), LFB_OK);
    assert_int_equal(lfb_pool_keep(pool, at(6)), LFB_OK);
    assert_int_equal(lfb_pool_free(pool, at(5)), LFB_OK); /* before anybody recovers */
    assert_int_equal(lfb_pool_adopt(pool, at(5)), LFB_NOT_ALLOCATED);
    assert_int_equal(lfb_pool_adopt(pool, (char *)at(6) + 4096), LFB_NOT_START);
    assert_int_equal(lfb_pool_adopt(pool, (char *)at(6) + 1), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_pool_adopt(pool, NULL), LFB_OUT_OF_RANGE);
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(pools_allocated(pool), 4 + 7);
    assert_int_equal(lfb_pool_adopt(pool, at(1)), LFB_NOT_ALLOCATED);
    assert_int_equal(lfb_pool_free(pool, at(3)), LFB_OK);
    assert_int_equal(lfb_pool_free(pool, at(3)), LFB_NOT_ALLOCATED);
    assert_int_equal(lfb_pool_free(pool, at(6)), LFB_OK);
    assert_int_equal(pools_allocated(pool), 0);
    pools_assert_sound(pool);
}

static void test_pieces(void **state)
{
    (void)state;
    pools_reap(start(take_and_change));
    assert_int_equal(pools_allocated(pool), 59 + 19);
    pools_assert_sound(pool);
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(pools_allocated(pool), 19); /* kept, both halves */
    assert_int_equal(lfb_pool_size_of(pool, at(0)), 4);
    pools_assert_sound(pool);
}

/* A child made by fork owns what it allocates, and lives on without its parent. */
static void test_forked(void **state)
{
    (void)state;
    pools_reap(start(fork_and_take));
    assert_int_equal(atomic_load(&shared->stage), 2);
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(pools_allocated(pool), 5);
    assert_int_equal(live_processes(), 2);
    lfb_pool_process process[4];
    size_t count = lfb_pool_processes(pool, process, 4);
    for (size_t i = 0; i < count; i++) {
        if (process[i].pid != getpid()) {
            kill(process[i].pid, SIGKILL); /* orphaned: reaped elsewhere */
        }
    }
    while (live_processes() > 1) {
        sched_yield();
    }
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(pools_allocated(pool), 0);
}

/* Slots of the dead are no good to others before a recovery; which opening can do first. */
static void test_slots(void **state)
{
    (void)state;
    lfb_pool_error error;
    lfb_pool_config config = {.kind = LFB_POOL_SHARED, .recover = true};
    for (int i = 0; i < 3; i++) {
        pools_reap(start(take_and_exit));
    }
    assert_null(lfb_pool_open_fd(lfb_pool_fd(pool), NULL, &error));
    assert_int_equal(error.status, LFB_POOL_NO_SLOT);
    lfb_pool *again = lfb_pool_open_fd(lfb_pool_fd(pool), &config, &error);
    assert_non_null(again);
    assert_int_equal(pools_allocated(pool), 0);
    lfb_pool_close(again);
    /* Without tags nothing has to be recovered. */
    config = (lfb_pool_config){.kind = LFB_POOL_SHARED, .size = PAGES * 4096, .processes = 2};
    lfb_pool *plain = pools_create(&config);
    lfb_pool *kept = pool;
    pool = plain;
    pools_reap(start(take_and_exit));
    pools_reap(start(take_and_exit));
    assert_int_equal(pools_allocated(pool), 72);
    pool = kept;
    lfb_pool_close(plain);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_dead),    TEST(test_zombie), TEST(test_number_again),
        TEST(test_foreign), TEST(test_closed), TEST(test_adopted),
        TEST(test_pieces),  TEST(test_forked), TEST(test_slots),
    };
    return cmocka_run_group_tests_name("owners", tests, NULL, NULL);
}
