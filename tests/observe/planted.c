/* SPDX-License-Identifier: MIT */
/*
 * A program that uses a pool rightly, and then, if an argument says so, makes one mistake: it reads
 * a byte that isn't its own, whose address it prints first. With "clean" it makes none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lfbuddy/pool.h>

enum { PAGE = 4096 };

static unsigned sum; /* of what was read: so that no read is left out */

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition);                        \
            exit(3);                                                                               \
        }                                                                                          \
    } while (0)

static void read_byte(const unsigned char *at)
{
    printf("%p\n", (const void *)at);
    fflush(stdout);
    sum += *(const volatile unsigned char *)at;
}

static unsigned char *fill(unsigned char *run, size_t pages)
{
    MUST(run != NULL);
    memset(run, 0x5a, pages * PAGE);
    return run;
}

static bool is_filled(const unsigned char *run, size_t pages)
{
    bool same = true;
    for (size_t i = 0; i < pages * PAGE; i++) {
        same = same && run[i] == 0x5a;
    }
    return same;
}

/* In each of these `mistake` says whether to make it. */

static void free_it(lfb_pool *pool, bool mistake)
{
    unsigned char *run = fill(lfb_pool_alloc_run(pool, 3), 3);
    MUST(lfb_pool_free(pool, run) == LFB_OK);
    MUST(lfb_pool_free(pool, run) == LFB_NOT_ALLOCATED);
    if (mistake) {
        read_byte(run + 2 * PAGE);
    }
    run = fill(lfb_pool_alloc(pool, 2), 4); /* most likely there */
    MUST(is_filled(run, 4));
    MUST(lfb_pool_free(pool, run) == LFB_OK);
}

static void run_past_the_end(lfb_pool *pool, bool mistake)
{
    unsigned char *run = fill(lfb_pool_alloc_run(pool, 5), 5);
    if (mistake) {
        read_byte(run + 5 * PAGE);
    }
    MUST(lfb_pool_free(pool, run) == LFB_OK);
}

static void shrink(lfb_pool *pool, bool mistake)
{
    unsigned char *run = fill(lfb_pool_alloc_run(pool, 6), 6);
    MUST(lfb_pool_resize(pool, run, 2) == LFB_OK && is_filled(run, 2));
    if (mistake) {
        read_byte(run + 2 * PAGE);
    }
    MUST(lfb_pool_resize(pool, run, 4) == LFB_OK && is_filled(run, 2));
    fill(run, 4);
    MUST(lfb_pool_resize(pool, run, 0) == LFB_INVALID_ARGUMENT && is_filled(run, 4));
    MUST(lfb_pool_free(pool, run) == LFB_OK);
}

static void cut(lfb_pool *pool, bool mistake)
{
    unsigned char *run = fill(lfb_pool_alloc_run(pool, 8), 8);
    MUST(lfb_pool_free_range(pool, run + 2 * PAGE, 3) == LFB_OK);
    MUST(is_filled(run, 2) && is_filled(run + 5 * PAGE, 3));
    if (mistake) {
        read_byte(run + 3 * PAGE);
    }
    MUST(lfb_pool_free_range(pool, run, 3) == LFB_NOT_ALLOCATED && is_filled(run, 2));
    MUST(lfb_pool_free_range(pool, run, 1) == LFB_OK && is_filled(run + PAGE, 1));
    MUST(lfb_pool_free(pool, run + PAGE) == LFB_OK);
    MUST(lfb_pool_free(pool, run + 5 * PAGE) == LFB_OK);
}

static void trim(lfb_pool *pool, bool mistake)
{
    unsigned char *run = fill(lfb_pool_alloc_run(pool, 512), 512);
    unsigned char *kept = fill(lfb_pool_alloc(pool, 0), 1);
    MUST(lfb_pool_free(pool, run) == LFB_OK);
    MUST(lfb_pool_trim(pool, 5, NULL) > 0 && is_filled(kept, 1));
    if (mistake) {
        read_byte(run + 100 * PAGE);
    }
    run = lfb_pool_alloc_zeroed(pool, 512);
    MUST(run && run[0] == 0 && run[511 * PAGE] == 0);
    MUST(lfb_pool_free(pool, run) == LFB_OK && lfb_pool_free(pool, kept) == LFB_OK);
}

static void place(lfb_pool *pool, bool mistake)
{
    unsigned char *at = lfb_pool_pointer(pool, 1024 * PAGE);
    if (mistake) {
        read_byte(at);
    }
    MUST(lfb_pool_alloc_at(pool, at, 4) == LFB_OK);
    MUST(lfb_pool_alloc_at(pool, at, 4) == LFB_BUSY);
    fill(at, 4);
    MUST(lfb_pool_free(pool, at) == LFB_OK);
}

/* Another handle, as another process would have it; what it allocates is unknown here till asked
 * for. */
static void share(lfb_pool *pool, bool mistake)
{
    lfb_pool *other = lfb_pool_open_fd(lfb_pool_fd(pool), NULL, NULL);
    unsigned char *run = fill(lfb_pool_alloc_run(other, 7), 7);
    uintptr_t offset = lfb_pool_offset(other, run);
    unsigned char *here = lfb_pool_pointer(pool, offset + PAGE);
    MUST(is_filled(here - PAGE, 7));
    if (mistake) {
        read_byte(lfb_pool_pointer(pool, offset + 7 * PAGE));
    }
    MUST(lfb_pool_free(pool, here - PAGE) == LFB_OK);
    lfb_pool_close(other);
}

/* What was allocated before a pool was opened is there; what wasn't isn't. */
static void reopen(lfb_pool *pool, bool mistake)
{
    unsigned char *run = fill(lfb_pool_alloc_run(pool, 9), 9);
    uintptr_t offset = lfb_pool_offset(pool, run);
    lfb_pool *other = lfb_pool_open_fd(lfb_pool_fd(pool), NULL, NULL);
    lfb_pool_info info;
    lfb_pool_get_info(other, &info);
    MUST(is_filled((unsigned char *)info.address + offset, 9));
    if (mistake) {
        read_byte((unsigned char *)info.address + offset + 9 * PAGE);
    }
    lfb_pool_close(other);
    MUST(lfb_pool_free(pool, run) == LFB_OK);
}

static void recover(lfb_pool *pool, bool mistake)
{
    int ends[2];
    uintptr_t offset = 0;
    MUST(pipe(ends) == 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        offset = lfb_pool_offset(pool, fill(lfb_pool_alloc_run(pool, 11), 11));
        _exit(write(ends[1], &offset, sizeof(offset)) != sizeof(offset));
    }
    MUST(read(ends[0], &offset, sizeof(offset)) == sizeof(offset));
    MUST(waitpid(child, NULL, 0) == child);
    unsigned char *run = lfb_pool_pointer(pool, offset);
    MUST(is_filled(run, 11));
    MUST(lfb_pool_recover(pool, NULL, NULL) == LFB_OK);
    if (mistake) {
        read_byte(run + 10 * PAGE);
    }
    close(ends[0]);
    close(ends[1]);
}

static const struct deed {
    const char *name;
    void (*deed)(lfb_pool *pool, bool mistake);
} deeds[] = {
    {"free", free_it},    {"end", run_past_the_end}, {"shrink", shrink}, {"cut", cut},
    {"trim", trim},       {"place", place},          {"share", share},   {"reopen", reopen},
    {"recover", recover},
};

int main(int count, char **arguments)
{
    const char *mistake = count > 1 ? arguments[1] : "clean";
    lfb_pool_config config = {
        .kind = LFB_POOL_SHARED, .size = (size_t)16 << 20, .owner_tags = true, .lanes = 2};
    lfb_pool *pool = lfb_pool_create(&config, NULL);
    MUST(pool != NULL);
    unsigned char *first = fill(lfb_pool_alloc(pool, 0), 1);
    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        deeds[i].deed(pool, strcmp(mistake, deeds[i].name) == 0);
    }
    MUST(is_filled(first, 1));
    lfb_pool_close(pool);
    pool = lfb_pool_create(&(lfb_pool_config){.size = (size_t)4 << 20}, NULL);
    free_it(pool, strcmp(mistake, "private") == 0);
    lfb_pool_close(pool);
    return sum == 1; /* as good as never */
}
