/* SPDX-License-Identifier: MIT */
/*
 * A name stands for a finished pool or for nothing: processes create the same one at once, and one
 * is killed before and after each of its system calls; with files that have no name till then, and
 * (in the program built with NO_UNNAMED_FILES) with temporary names.
 */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pools.h"

enum { CREATORS = 4, RACES = 30, NO_TRACE = 77 };

static lfb_pool_config wanted(const char *name)
{
    return (lfb_pool_config){
        .kind = LFB_POOL_FILE, .name = name, .size = 1 << 22, .owner_tags = true};
}

static pid_t start_creator(const lfb_pool_config *config)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        lfb_pool_error error;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        lfb_pool *pool = lfb_pool_create(config, &error);
        bool fine = pool ? lfb_pool_alloc(pool, 0) != NULL : error.status == LFB_POOL_EXISTS;
        _exit(!fine ? 2 : pool ? 0 : 1);
    }
    return child;
}

/* Exactly one succeeds; with or_open all do, in one and the same pool. */
static void race(const char *name, bool or_open)
{
    pid_t child[CREATORS];
    size_t successes = 0;
    lfb_pool_config config = wanted(name);
    config.or_open = or_open;
    for (size_t i = 0; i < CREATORS; i++) {
        child[i] = start_creator(&config);
    }
    for (size_t i = 0; i < CREATORS; i++) {
        int status;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        successes += WEXITSTATUS(status) == 0;
    }
    assert_int_equal(successes, or_open ? CREATORS : 1);
    lfb_pool *pool = lfb_pool_open(&config, NULL);
    assert_non_null(pool);
    assert_int_equal(pools_allocated(pool), successes);
    lfb_pool_close(pool);
    assert_true(lfb_pool_remove(LFB_POOL_FILE, name, NULL));
}

static void test_race(void **state)
{
    (void)state;
    for (int i = 0; i < RACES; i++) {
        race(pools_path("race"), i % 2);
    }
}

/* Files beside the pool's; then they are gone. */
static size_t count_others(const char *name)
{
    size_t others = 0;
    char path[512];
    DIR *directory = opendir(pools_path(""));
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, name) != 0) {
            others++;
            snprintf(path, sizeof(path), "%s", pools_path(entry->d_name));
            unlink(path);
        }
    }
    closedir(directory);
    return others;
}

/* At a stop of the creator: whether the name is there by now. *call: the call that it is in. */
static bool is_linked(pid_t child, uint64_t *call)
{
    struct __ptrace_syscall_info info;
    assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) > 0);
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        *call = info.entry.nr;
    }
    return info.op == PTRACE_SYSCALL_INFO_EXIT && *call == SYS_linkat && info.exit.rval == 0;
}

/* A creator that is killed before, or after, its n-th system call (which isn't the same one each
 * time: sanitizers make some of their own). Returns whether it was; then *linked: whether it had
 * given the pool its name. */
static bool kill_creator(const lfb_pool_config *config, long n, bool *linked)
{
    int status;
    uint64_t call = 0;
    *linked = false;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
            _exit(NO_TRACE);
        }
        raise(SIGSTOP);
        _exit(lfb_pool_create(config, NULL) ? 0 : 2);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD); /* for PTRACE_GET_SYSCALL_INFO */
    for (; n > 0 && WIFSTOPPED(status); n--) {
        assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        *linked |= WIFSTOPPED(status) && is_linked(child, &call);
    }
    if (WIFEXITED(status)) {
        if (WEXITSTATUS(status) == NO_TRACE) {
            print_message("skipped: ptrace is forbidden here (seccomp, or kernel.yama.ptrace_scope "
                          "3): allow it\n");
            skip();
        }
        assert_int_equal(WEXITSTATUS(status), 0);
        return false;
    }
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return true;
}

/* Whether the name is there; then it stands for a whole pool. */
static bool is_created(const lfb_pool_config *config)
{
    lfb_pool_error error;
    lfb_pool *pool = lfb_pool_open(config, &error);
    if (!pool) {
        assert_int_equal(error.status, LFB_POOL_NOT_FOUND);
        return false;
    }
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(pools_allocated(pool), 0);
    pools_assert_sound(pool);
    void *run = lfb_pool_alloc_zeroed(pool, 100);
    assert_true(run && pools_is_zero(pool, run, 100));
    lfb_pool_close(pool);
    assert_true(lfb_pool_remove(LFB_POOL_FILE, config->name, NULL));
    return true;
}

static void test_kill(void **state)
{
    (void)state;
    size_t left = 0;
    long created = 0; /* times that the name was there */
    char path[128];
    snprintf(path, sizeof(path), "%s", pools_path("killed"));
    lfb_pool_config config = wanted(path);
    long n = 0;
    for (bool killed = true; killed; n++) {
        bool linked;
        killed = kill_creator(&config, n, &linked);
        bool there = is_created(&config);
        assert_true(there == linked || !killed);
        created += there;
        left += count_others("killed");
    }
    print_message("killed at %ld places, %ld after it had its name; other files left: %zu\n", n - 1,
                  created - 1, left);
    assert_true(created > 1 && created < n - 10);
#ifdef NO_UNNAMED_FILES
    assert_true(left > 0); /* else this isn't that program */
#else
    assert_int_equal(left, 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_race),
        cmocka_unit_test(test_kill),
    };
    return cmocka_run_group_tests_name("create", tests, NULL, NULL);
}
