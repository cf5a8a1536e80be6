/* SPDX-License-Identifier: MIT */
/* See pools.h. */
#include "pools.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];
static pid_t directory_owner;

lfb_pool *pools_create(const lfb_pool_config *config)
{
    lfb_pool_error error;
    lfb_pool *pool = lfb_pool_create(config, &error);
    if (!pool) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(error.status, LFB_POOL_OK);
    return pool;
}

lfb_pool *pools_again(const lfb_pool *pool)
{
    lfb_pool_error error;
    lfb_pool *again = lfb_pool_open_fd(lfb_pool_fd(pool), NULL, &error);
    if (!again) {
        fail_msg("%s", error.text);
    }
    return again;
}

static void remove_directory(void)
{
    char command[96];
    if (directory_owner == getpid()) {
        snprintf(command, sizeof(command), "rm -rf '%s'", directory);
        if (system(command) != 0) {
            fprintf(stderr, "left behind: %s\n", directory);
        }
    }
}

const char *pools_path(const char *name)
{
    static char path[128];
    if (!*directory) {
        strcpy(directory, "/tmp/lfbuddy-pool-XXXXXX");
        assert_non_null(mkdtemp(directory));
        directory_owner = getpid();
        atexit(remove_directory);
    }
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

size_t pools_allocated(const lfb_pool *pool)
{
    lfb_stats stats;
    lfb_get_stats(lfb_pool_core(pool), &stats);
    assert_int_equal(stats.held_pages, 0);
    return stats.allocated_pages;
}

void pools_assert_sound(const lfb_pool *pool)
{
    lfb_pool_report report;
    if (lfb_pool_check(pool, &report) != LFB_OK) {
        fail_msg("%s at %#jx", report.core.first_fault, (uintmax_t)report.core.fault_address);
    }
    assert_int_equal(report.unowned, 0);
}

static size_t words_of_page(const lfb_pool *pool)
{
    lfb_pool_info info;
    lfb_pool_get_info(pool, &info);
    return info.page_size / sizeof(uint64_t);
}

void pools_mark(const lfb_pool *pool, void *run, size_t pages, uint64_t mark)
{
    size_t words = words_of_page(pool);
    for (size_t i = 0; i < pages; i++) {
        uint64_t *page = (uint64_t *)run + i * words;
        page[0] = mark + i;
        page[words - 1] = mark + i;
    }
}

bool pools_is_marked(const lfb_pool *pool, const void *run, size_t pages, uint64_t mark)
{
    size_t words = words_of_page(pool);
    bool same = true;
    for (size_t i = 0; i < pages; i++) {
        const uint64_t *page = (const uint64_t *)run + i * words;
        same = same && page[0] == mark + i && page[words - 1] == mark + i;
    }
    return same;
}

bool pools_is_zero(const lfb_pool *pool, const void *run, size_t pages)
{
    const uint64_t *word = run;
    size_t words = pages * words_of_page(pool);
    while (words > 0 && *word == 0) {
        word++;
        words--;
    }
    return words == 0;
}

pid_t pools_start(const lfb_pool *pool, void (*life)(lfb_pool *own))
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        lfb_pool *own = lfb_pool_open_fd(lfb_pool_fd(pool), NULL, NULL);
        if (own) {
            life(own);
        }
        _exit(1);
    }
    return child;
}

void pools_reap(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status)) {
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

struct timespec pools_in(long milliseconds)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += milliseconds / 1000;
    at.tv_nsec += milliseconds % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}
