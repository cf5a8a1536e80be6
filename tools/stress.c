/* SPDX-License-Identifier: MIT */
/*
 * The parent of the processes: starts, kills, recovers, judges. See stress.h.
 */
#include "stress_worker.h"

#include "terminal.h"
#include "ticks.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TTY_INTERVAL_MS = 200, PLAIN_INTERVAL_MS = 1000, STUCK_AFTER_S = 60, RECOVERY_S = 10 };

typedef struct stress {
    lfb_pool *pool;
    const stress_plan *plan;
    stress_result *result;
    verdict *found;
    stress_shared *shared;
    pid_t pids[STRESS_PROCESSES_MOST]; /* 0: none */
    uint64_t random;
    uint64_t start_ns;
} stress;

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static double seconds_passed(const stress *s)
{
    return (double)(ticks_monotonic_ns() - s->start_ns) / 1e9;
}

static size_t allocated_pages(const stress *s)
{
    lfb_stats stats;
    lfb_get_stats(lfb_pool_core(s->pool), &stats);
    return stats.allocated_pages;
}

/* ------------------------------------------------------------------------------- processes ---- */

static tool_status start_worker(stress *s, unsigned number)
{
    uint64_t seed = stress_random(&s->random, UINT32_MAX) + 1;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        stress_work(s->pool, s->shared, &s->shared->records[number], seed);
    }
    if (pid < 0) {
        return tool_fail(TOOL_FAILED, "can't start a process: %s", strerror(errno));
    }
    s->pids[number] = pid;
    return TOOL_OK;
}

/* Whether it ended as it should: by SIGKILL, or by itself when told to. */
static void judge_end(stress *s, unsigned number, int status, bool killed)
{
    bool as_wanted = killed ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                            : WIFEXITED(status) && WEXITSTATUS(status) == TOOL_OK;
    if (!as_wanted) {
        verdict_add(s->found, "process %u ended by itself, %s %d", number,
                    WIFSIGNALED(status) ? "signal" : "status",
                    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    s->pids[number] = 0;
}

static bool recover(stress *s, const struct timespec *deadline)
{
    lfb_pool_recovery done;
    bool complete = lfb_pool_recover(s->pool, deadline, &done) == LFB_OK;
    s->result->recovered_runs += done.runs;
    s->result->recovered_pages += done.pages;
    s->result->undecided += done.undecided > 0;
    return complete;
}

static tool_status kill_one(stress *s)
{
    unsigned number = (unsigned)stress_random(&s->random, s->plan->processes);
    int status = 0;
    kill(s->pids[number], SIGKILL);
    waitpid(s->pids[number], &status, 0);
    judge_end(s, number, status, true);
    s->result->kills++;
    recover(s, NULL);
    return start_worker(s, number);
}

static void kill_all(stress *s)
{
    for (unsigned i = 0; i < s->plan->processes; i++) {
        if (s->pids[i] > 0) {
            kill(s->pids[i], SIGKILL);
            waitpid(s->pids[i], NULL, 0);
        }
    }
}

/* -------------------------------------------------------------------------------- the time ---- */

static void add_up(stress *s)
{
    s->result->operations = 0;
    s->result->exhausted = 0;
    for (unsigned i = 0; i < s->plan->processes; i++) {
        s->result->operations += atomic_load(&s->shared->records[i].operations);
        s->result->exhausted += atomic_load(&s->shared->records[i].exhausted);
    }
}

static void print_progress(stress *s, const terminal *t)
{
    char done[32];
    add_up(s);
    fprintf(stderr, "%s  %4.1f s  %s operations  %llu kills%s", t->tty ? "\r" : "",
            seconds_passed(s), tool_format_count(done, s->result->operations),
            (unsigned long long)s->result->kills, t->tty ? "  " : "\n");
    fflush(stderr);
}

/* At random, but so that the kills that are left fit into the time that is left. */
static double next_kill(stress *s)
{
    double now = seconds_passed(s);
    uint64_t left = s->plan->kills - s->result->kills;
    double mean = left == 0 ? s->plan->seconds : (s->plan->seconds - now) / (double)left;
    return now + mean * (double)stress_random(&s->random, 2000) / 1000;
}

static tool_status pass_time(stress *s)
{
    terminal t;
    tool_status status = TOOL_OK;
    terminal_look(&t, stderr, true);
    double interval = (t.tty ? TTY_INTERVAL_MS : PLAIN_INTERVAL_MS) / 1e3;
    double progress = interval;
    double due = next_kill(s);
    while (status == TOOL_OK && !interrupted && seconds_passed(s) < s->plan->seconds) {
        if (s->result->kills < s->plan->kills && seconds_passed(s) >= due) {
            status = kill_one(s);
            due = next_kill(s);
        } else {
            ticks_sleep_ms(1);
        }
        if (seconds_passed(s) >= progress) {
            print_progress(s, &t);
            progress += interval;
        }
    }
    fputs(t.tty ? "\n" : "", stderr);
    s->result->seconds = seconds_passed(s);
    return status;
}

/* ----------------------------------------------------------------------------------- judge ---- */

/* Waits until they have stopped, or ended. */
static void wait_for_stop(stress *s)
{
    double late = seconds_passed(s) + STUCK_AFTER_S;
    atomic_store(&s->shared->phase, STRESS_STOP);
    for (unsigned i = 0; i < s->plan->processes; i++) {
        int status;
        while (s->pids[i] > 0 && !atomic_load(&s->shared->records[i].stopped)) {
            if (waitpid(s->pids[i], &status, WNOHANG) == s->pids[i]) {
                judge_end(s, i, status, false);
            } else if (seconds_passed(s) > late) {
                verdict_add(s->found, "process %u doesn't return from its call", i);
                return;
            }
            ticks_sleep_ms(1);
        }
        s->result->survivors_pages += atomic_load(&s->shared->records[i].pages_held);
    }
}

static void expect_sound(stress *s, size_t pages, const char *when)
{
    lfb_pool_report report;
    size_t allocated = allocated_pages(s);
    if (lfb_pool_check(s->pool, &report) != LFB_OK) {
        verdict_add(s->found, "%s: damaged at offset %#jx: %s", when,
                    (uintmax_t)report.core.fault_address, report.core.first_fault);
    } else if (report.unowned > 0) {
        verdict_add(s->found, "%s: %zu runs without an owner", when, report.unowned);
    }
    if (allocated != pages) {
        verdict_add(s->found, "%s: %zu pages are allocated, not %zu", when, allocated, pages);
    }
}

static void judge(stress *s)
{
    struct timespec deadline = ticks_deadline(RECOVERY_S);
    wait_for_stop(s);
    if (!recover(s, &deadline)) {
        verdict_add(s->found, "nobody is in a call, yet the recovery is undecided");
    }
    s->result->pages_at_end = allocated_pages(s);
    expect_sound(s, s->result->pages_before + s->result->survivors_pages,
                 "with the survivors' runs");
    atomic_store(&s->shared->phase, STRESS_LEAVE);
    for (unsigned i = 0; i < s->plan->processes; i++) {
        int status;
        if (s->pids[i] > 0 && atomic_load(&s->shared->records[i].stopped)) {
            waitpid(s->pids[i], &status, 0);
            judge_end(s, i, status, false);
        }
    }
    kill_all(s); /* who didn't stop */
    expect_sound(s, s->result->pages_before, "after all were released");
}

static void collect_violations(stress *s)
{
    for (unsigned i = 0; i < s->plan->processes; i++) {
        const stress_record *record = &s->shared->records[i];
        size_t violations = atomic_load(&record->violations);
        for (size_t j = 0; j < violations; j++) {
            verdict_add(s->found, "%s%s", j > 0 ? "as before, or alike: " : "", record->text);
        }
    }
}

static tool_status run(stress *s)
{
    struct timespec deadline = ticks_deadline(RECOVERY_S);
    lfb_pool_recover(s->pool, &deadline, NULL);
    s->result->pages_before = allocated_pages(s);
    tool_status status = TOOL_OK;
    s->start_ns = ticks_monotonic_ns();
    for (unsigned i = 0; status == TOOL_OK && i < s->plan->processes; i++) {
        status = start_worker(s, i);
    }
    if (status == TOOL_OK) {
        status = pass_time(s);
    }
    if (status != TOOL_OK) {
        kill_all(s);
        lfb_pool_recover(s->pool, &deadline, NULL);
        return status;
    }
    judge(s);
    add_up(s);
    collect_violations(s);
    return TOOL_OK;
}

tool_status stress_run(lfb_pool *pool, const stress_plan *plan, stress_result *result,
                       verdict *found)
{
    stress s = {.pool = pool, .plan = plan, .result = result, .found = found};
    struct sigaction action = {.sa_handler = interrupt};
    struct sigaction before;
    *result = (stress_result){0};
    s.random = ticks_monotonic_ns() | 1;
    s.shared = mmap(NULL, sizeof(stress_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                    -1, 0);
    if (s.shared == MAP_FAILED) {
        return tool_fail(TOOL_FAILED, "no memory to share: %s", strerror(errno));
    }
    sigaction(SIGINT, &action, &before);
    s.shared->parent = getpid();
    tool_status status = run(&s);
    sigaction(SIGINT, &before, NULL);
    munmap(s.shared, sizeof(stress_shared));
    return status;
}
