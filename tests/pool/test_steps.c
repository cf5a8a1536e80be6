/* SPDX-License-Identifier: MIT */
/*
 * Death at every step: a process is killed before the first, second, third ... atomic access of a
 * call, be it the pool's or the core's, until the call survives. Each time another process, which
 * holds runs of its own, must find
 *
 *   - the core sound;
 *   - opened anew, every run that the dead one had before the call, with its contents, unless the
 *     call itself releases it;
 *   - after lfb_pool_recover, at once and with nothing undecided, exactly its own runs, with their
 *     contents, all with owners, and no slot taken but its own.
 *
 * The same for lfb_pool_recover itself, killed at each step while it gives back what another one
 * left; and with a third process that stopped for a while inside a call: then the recovery must say
 * that it is undecided, take nothing of the stopped one's, and neither it nor allocations may wait.
 *
 * The pool and the core are compiled with a hook before each access (support/each_access.h).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pools.h"

enum { PAGES = 1024, OWN = 6, THEIRS = 6, GIFT = 5, STEPS_MOST = 100000 };
#define MARK UINT64_C(0x1234567800000000)

void (*each_access)(void);
static long steps_left;
static int last_signal;

static void step(void)
{
    if (--steps_left == 0) {
        raise(last_signal);
    }
}

/* From now on the n-th access raises the signal. */
static void arm(long n, int signal_number)
{
    steps_left = n;
    last_signal = signal_number;
    each_access = step;
}

/* ------------------------------------------------------------------------------ the scene ---- */

/* Lengths that take one word and several, at places where runs are cut and joined. */
static const size_t lengths[OWN] = {1, 8, 3, 37, 64, 5};

typedef struct scene {
    lfb_pool *pool; /* the survivor's */
    void *own[OWN];
    void *gift; /* a run that it would let another one adopt */
    size_t allocated;
} scene;

/* What the mortal says of itself: the offsets of its runs. */
typedef struct handles {
    uintptr_t run[THEIRS];
} handles;

/* What the mortal has when its call begins. */
typedef struct mortal {
    lfb_pool *pool;
    void *run[THEIRS];
    uintptr_t gift;
} mortal;

static void scene_start(scene *s)
{
    lfb_pool_config config = {.kind = LFB_POOL_SHARED,
                              .size = PAGES * 4096,
                              .page_size = 4096,
                              .lanes = 2,
                              .processes = 8,
                              .owner_tags = true};
    s->pool = pools_create(&config);
    for (size_t i = 0; i < OWN; i++) {
        s->own[i] = lfb_pool_alloc_run(s->pool, lengths[i]);
        assert_non_null(s->own[i]);
        pools_mark(s->pool, s->own[i], lengths[i], MARK + (i << 16));
    }
    s->gift = lfb_pool_alloc_run(s->pool, GIFT);
    assert_non_null(s->gift);
    s->allocated = pools_allocated(s->pool);
}

static void scene_end(scene *s)
{
    for (size_t i = 0; i < OWN; i++) {
        assert_int_equal(lfb_pool_free(s->pool, s->own[i]), LFB_OK);
    }
    lfb_pool_free(s->pool, s->gift);
    lfb_drain((lfb_t *)(uintptr_t)lfb_pool_core(s->pool));
    pools_assert_sound(s->pool);
    assert_int_equal(pools_allocated(s->pool), 0);
    lfb_pool_close(s->pool);
}

/* A process of its own, mapped elsewhere, with runs in a pool that has holes. */
static void mortal_start(mortal *m, const scene *s)
{
    lfb_pool_error error;
    void *holes[THEIRS];
    m->gift = lfb_pool_offset(s->pool, s->gift);
    m->pool = lfb_pool_open_fd(lfb_pool_fd(s->pool), NULL, &error);
    if (!m->pool) {
        _exit(10);
    }
    for (size_t i = 0; i < THEIRS; i++) {
        m->run[i] = lfb_pool_alloc_run(m->pool, lengths[i]);
        holes[i] = lfb_pool_alloc_run(m->pool, lengths[i]);
        if (!m->run[i] || !holes[i]) {
            _exit(11);
        }
        pools_mark(m->pool, m->run[i], lengths[i], MARK + (i << 24));
    }
    for (size_t i = 0; i < THEIRS; i++) {
        lfb_pool_free(m->pool, holes[i]);
    }
}

/* ------------------------------------------------------------------------------ the calls ---- */

typedef struct call {
    const char *name;
    void (*make)(mortal *m);
    unsigned releases; /* bit i: it may release run i, or a part of it */
    bool leaves;       /* afterwards its runs may be the pool's */
    bool adopts;       /* afterwards the gift may be the dead one's */
} call;

static void alloc_page(mortal *m)
{
    lfb_pool_alloc(m->pool, 0);
}

static void alloc_block(mortal *m)
{
    lfb_pool_alloc(m->pool, 6);
}

static void alloc_run(mortal *m)
{
    lfb_pool_alloc_run(m->pool, 45);
}

static void alloc_zeroed(mortal *m)
{
    lfb_pool_alloc_zeroed(m->pool, 3);
}

static void alloc_at(mortal *m)
{
    lfb_pool_alloc_at(m->pool, lfb_pool_pointer(m->pool, (PAGES - 64) * 4096), 33);
}

static void alloc_too_much(mortal *m)
{
    lfb_pool_alloc(m->pool, 10);
}

static void alloc_wait(mortal *m)
{
    struct timespec at = pools_in(0);
    lfb_pool_alloc_wait(m->pool, PAGES, &at);
}

static void free_page(mortal *m)
{
    lfb_pool_free(m->pool, m->run[0]);
}

static void free_run(mortal *m)
{
    lfb_pool_free(m->pool, m->run[3]);
}

static void free_middle(mortal *m)
{
    lfb_pool_free_range(m->pool, (char *)m->run[3] + 3 * 4096, 20);
}

static void shrink(mortal *m)
{
    lfb_pool_resize(m->pool, m->run[3], 30);
}

static void grow(mortal *m)
{
    for (size_t i = 0; i < THEIRS; i++) {
        lfb_pool_resize(m->pool, m->run[i], lengths[i] + lengths[i] / 2);
    }
}

static void adopt(mortal *m)
{
    lfb_pool_adopt(m->pool, lfb_pool_pointer(m->pool, m->gift));
}

static void trim(mortal *m)
{
    lfb_pool_trim(m->pool, 2, NULL);
}

static void open_and_close(mortal *m)
{
    lfb_pool_close(lfb_pool_open_fd(lfb_pool_fd(m->pool), NULL, NULL));
}

static void close_pool(mortal *m)
{
    lfb_pool_close(m->pool);
}

static void recover(mortal *m)
{
    lfb_pool_recover(m->pool, NULL, NULL);
}

static void fork_in_between(mortal *m)
{
    pid_t child = fork();
    if (child == 0) {
        lfb_pool_alloc(m->pool, 1); /* joins; the steps go on in the child */
        _exit(0);
    }
    each_access = NULL;
    int status;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) {
        raise(SIGKILL);
    }
}

static const call calls[] = {
    {"alloc: a page", alloc_page, 0, false, false},
    {"alloc: 64 pages", alloc_block, 0, false, false},
    {"alloc_run: 45 pages", alloc_run, 0, false, false},
    {"alloc_zeroed", alloc_zeroed, 0, false, false},
    {"alloc_at", alloc_at, 0, false, false},
    {"alloc that fails", alloc_too_much, 0, false, false},
    {"alloc_wait that fails", alloc_wait, 0, false, false},
    {"free: a page", free_page, 1 << 0, false, false},
    {"free: 37 pages", free_run, 1 << 3, false, false},
    {"free_range: the middle of a run", free_middle, 1 << 3, false, false},
    {"resize: shorter", shrink, 1 << 3, false, false},
    {"resize: longer", grow, 0, false, false},
    {"adopt", adopt, 0, false, true},
    {"trim", trim, 0, false, false},
    {"open, close", open_and_close, 0, false, false},
    {"close", close_pool, 0, true, false},
    {"recover", recover, 0, false, false},
    {"a child's first call", fork_in_between, 0, false, false},
};

/* -------------------------------------------------------------------------------- judging ---- */

static void assert_own(const scene *s)
{
    for (size_t i = 0; i < OWN; i++) {
        assert_int_equal(lfb_pool_size_of(s->pool, s->own[i]), lengths[i]);
        assert_true(pools_is_marked(s->pool, s->own[i], lengths[i], MARK + (i << 16)));
    }
}

/* Opened anew: what the dead one had, apart from what its call releases. */
static void assert_intact(const scene *s, const handles *theirs, const call *c)
{
    lfb_pool *again = pools_again(s->pool);
    for (size_t i = 0; i < THEIRS; i++) {
        void *run = lfb_pool_pointer(again, theirs->run[i]);
        if (!(c->releases >> i & 1)) {
            assert_true(lfb_pool_size_of(again, run) >= lengths[i]);
            assert_true(pools_is_marked(again, run, lengths[i], MARK + (i << 24)));
        }
    }
    lfb_pool_close(again);
}

static void assert_recovered(const scene *s, const call *c, size_t dead)
{
    lfb_pool_recovery done;
    lfb_pool_process process[8];
    assert_int_equal(lfb_pool_recover(s->pool, NULL, &done), LFB_OK);
    assert_int_equal(done.undecided, 0);
    assert_int_equal(done.foreign, 0);
    assert_true(done.processes <= dead);
    assert_int_equal(lfb_pool_processes(s->pool, process, 8), 1);
    assert_int_equal(process[0].pid, getpid());
    pools_assert_sound(s->pool);
    assert_own(s);
    size_t allocated = pools_allocated(s->pool);
    size_t theirs = 0;
    for (size_t i = 0; i < THEIRS; i++) {
        theirs += lengths[i];
    }
    bool as_before = allocated == s->allocated;
    bool adopted = c->adopts && allocated + GIFT == s->allocated;
    bool left = c->leaves && allocated == s->allocated + theirs;
    if (!as_before && !adopted && !left) {
        fail_msg("%zu pages allocated, not %zu", allocated, s->allocated);
    }
}

/* The runs that became the pool's. */
static void release_left(const scene *s, const handles *theirs)
{
    if (pools_allocated(s->pool) > s->allocated) {
        for (size_t i = 0; i < THEIRS; i++) {
            void *run = lfb_pool_pointer(s->pool, theirs->run[i]);
            assert_int_equal(lfb_pool_free(s->pool, run), LFB_OK);
        }
    }
}

/* ---------------------------------------------------------------------------------- dying ---- */

/* A mortal whose call meets the signal at the n-th access. */
static pid_t start_mortal(const scene *s, const call *c, long n, int signal_number, handles *theirs)
{
    int report[2];
    assert_int_equal(pipe(report), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        mortal m;
        handles told;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        mortal_start(&m, s);
        for (size_t i = 0; i < THEIRS; i++) {
            told.run[i] = lfb_pool_offset(m.pool, m.run[i]);
        }
        if (write(report[1], &told, sizeof(told)) != sizeof(told)) {
            _exit(12);
        }
        arm(n, signal_number);
        c->make(&m);
        each_access = NULL;
        _exit(0);
    }
    close(report[1]);
    assert_int_equal(read(report[0], theirs, sizeof(*theirs)), sizeof(*theirs));
    close(report[0]);
    return child;
}

/* True: it was killed; false: it got to the end. */
static bool wait_for_death(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return true;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

static void die_at_each_step(const call *c)
{
    bool killed = true;
    long n = 1;
    for (; killed && n < STEPS_MOST; n++) {
        scene s;
        handles theirs;
        scene_start(&s);
        killed = wait_for_death(start_mortal(&s, c, n, SIGKILL, &theirs));
        lfb_report report;
        assert_int_equal(lfb_check(lfb_pool_core(s.pool), &report), LFB_OK);
        assert_intact(&s, &theirs, c);
        assert_recovered(&s, c, 2);
        release_left(&s, &theirs);
        scene_end(&s);
    }
    assert_false(killed);
    print_message("%s: killed at %ld steps\n", c->name, n - 2);
}

static void test_death(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        die_at_each_step(&calls[i]);
    }
}

/* One dies inside a call, at a step where much is undone; then the recoverer, at each step. */
static void test_death_of_recoverer(void **state)
{
    (void)state;
    static const call victims[] = {
        {"alloc_run", alloc_run, 0, false, false},
        {"free_range", free_middle, 1 << 3, false, false},
    };
    const call *recoverer = &(const call){"recover", recover, 0, false, false};
    for (size_t i = 0; i < sizeof(victims) / sizeof(*victims); i++) {
        bool killed = true;
        long n = 1;
        for (; killed && n < STEPS_MOST; n++) {
            scene s;
            handles theirs;
            scene_start(&s);
            bool inside = wait_for_death(start_mortal(&s, &victims[i], 8, SIGKILL, &theirs));
            assert_true(inside);
            killed = wait_for_death(start_mortal(&s, recoverer, n, SIGKILL, &theirs));
            assert_recovered(&s, recoverer, 2);
            scene_end(&s);
        }
        assert_false(killed);
        print_message("recovery after %s: killed at %ld steps\n", victims[i].name, n - 2);
    }
}

/* -------------------------------------------------------------------------------- stopped ---- */

static void assert_works_on(const scene *s)
{
    for (size_t i = 0; i < 100; i++) {
        void *run = lfb_pool_alloc_run(s->pool, 1 + i % 3);
        assert_non_null(run);
        assert_int_equal(lfb_pool_free(s->pool, run), LFB_OK);
    }
}

/* One stopped at the n-th access, and one that was killed in the middle of an allocation. Returns
 * whether the first did stop; *undecided: the recovery said so. */
static bool recover_beside_stopped(const call *c, long n, bool *undecided)
{
    scene s;
    handles theirs;
    int status;
    const call *victim = &(const call){"alloc_run", alloc_run, 0, false, false};
    scene_start(&s);
    pid_t stopped = start_mortal(&s, c, n, SIGSTOP, &theirs);
    assert_int_equal(waitpid(stopped, &status, WUNTRACED), stopped);
    bool stops = WIFSTOPPED(status);
    handles dead;
    assert_true(wait_for_death(start_mortal(&s, victim, 8, SIGKILL, &dead)));
    assert_works_on(&s);
    lfb_pool_recovery done;
    struct timespec soon = pools_in(1);
    lfb_status answer = lfb_pool_recover(s.pool, &soon, &done);
    assert_int_equal(answer, done.undecided ? LFB_BUSY : LFB_OK);
    *undecided = done.undecided > 0;
    assert_own(&s);
    assert_works_on(&s);
    if (stops) {
        assert_intact(&s, &theirs, c);
        kill(stopped, SIGCONT);
        assert_int_equal(waitpid(stopped, &status, 0), stopped);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_recovered(&s, c, 3);
    scene_end(&s);
    return stops;
}

static void test_stopped(void **state)
{
    (void)state;
    static const call kinds[] = {
        {"alloc: a page", alloc_page, 0, false, false},
        {"alloc_run: 45 pages", alloc_run, 0, false, false},
        {"free: 37 pages", free_run, 1 << 3, false, false},
        {"free_range: the middle of a run", free_middle, 1 << 3, false, false},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        bool stops = true;
        long n = 1;
        long undecided = 0;
        for (; stops && n < STEPS_MOST; n++) {
            bool so;
            stops = recover_beside_stopped(&kinds[i], n, &so);
            undecided += so;
            assert_true(stops || !so); /* nobody inside: nothing to wait for */
        }
        assert_true(undecided > 0);
        print_message("%s: stopped at %ld steps, the recovery undecided at %ld\n", kinds[i].name,
                      n - 2, undecided);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_death),
        cmocka_unit_test(test_death_of_recoverer),
        cmocka_unit_test(test_stopped),
    };
    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
