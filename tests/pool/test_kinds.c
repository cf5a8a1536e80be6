/* SPDX-License-Identifier: MIT */
/* Each kind of pool, and each function on it, by one thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pools.h"

#define MIB  ((size_t)1 << 20)
#define MARK UINT64_C(0x5150000000000000)

static const lfb_pool_config memfd = {.kind = LFB_POOL_SHARED, .size = 64 * 1048576};

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Allocates, marks, resizes, cuts and releases; all as the core would. */
static void use(lfb_pool *pool)
{
    size_t page = page_size();
    unsigned char *block = lfb_pool_alloc(pool, 3);
    unsigned char *run = lfb_pool_alloc_run(pool, 100);
    assert_non_null(block);
    assert_non_null(run);
    assert_int_equal((uintptr_t)block % (8 * page), 0);
    assert_int_equal((uintptr_t)run % (128 * page), 0);
    pools_mark(pool, block, 8, MARK);
    pools_mark(pool, run, 100, MARK * 2);
    assert_int_equal(lfb_pool_size_of(pool, run), 100);
    assert_int_equal(lfb_pool_offset(pool, run), run - (unsigned char *)lfb_pool_pointer(pool, 0));
    assert_ptr_equal(lfb_pool_pointer(pool, lfb_pool_offset(pool, run)), run);
    assert_int_equal(lfb_pool_free(pool, block + page), LFB_NOT_START);
    assert_int_equal(lfb_pool_free(pool, block + 1), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_pool_free(pool, &page), LFB_OUT_OF_RANGE);
    assert_int_equal(lfb_pool_resize(pool, run, 128), LFB_OK);
    assert_int_equal(lfb_pool_resize(pool, run, 90), LFB_OK);
    assert_int_equal(lfb_pool_alloc_at(pool, run + 90 * page, 2), LFB_OK);
    assert_int_equal(lfb_pool_resize(pool, run, 91), LFB_BUSY);
    assert_int_equal(lfb_pool_alloc_at(pool, run, 2), LFB_BUSY);
    assert_int_equal(lfb_pool_free(pool, run + 90 * page), LFB_OK);
    assert_int_equal(lfb_pool_free(pool, run + 90 * page), LFB_NOT_ALLOCATED);
    assert_int_equal(lfb_pool_free_range(pool, run + 10 * page, 20), LFB_OK);
    assert_int_equal(lfb_pool_free_range(pool, run + 10 * page, 20), LFB_NOT_ALLOCATED);
    assert_int_equal(lfb_pool_size_of(pool, run), 10);
    assert_true(pools_is_marked(pool, run, 10, MARK * 2));
    assert_true(pools_is_marked(pool, run + 30 * page, 60, MARK * 2 + 30));
    pools_assert_sound(pool);
    assert_int_equal(lfb_pool_free_range(pool, run + 30 * page, 60), LFB_OK);
    assert_int_equal(lfb_pool_free(pool, run), LFB_OK);
    assert_true(pools_is_marked(pool, block, 8, MARK));
    assert_int_equal(lfb_pool_free(pool, block), LFB_OK);
    assert_int_equal(pools_allocated(pool), 0);
    pools_assert_sound(pool);
}

static void test_private(void **state)
{
    (void)state;
    lfb_pool_config config = {.size = 10 * MIB + 1};
    lfb_pool_info info;
    lfb_pool *pool = pools_create(&config);
    lfb_pool_get_info(pool, &info);
    assert_int_equal(info.kind, LFB_POOL_PRIVATE);
    assert_int_equal(info.size, 10 * MIB + page_size());
    assert_int_equal((uintptr_t)info.address % (2 * MIB), 0);
    assert_int_equal(lfb_pool_fd(pool), -1);
    use(pool);
    assert_null(lfb_pool_alloc(pool, 40));
    assert_null(lfb_pool_alloc_run(pool, 0));
    assert_int_equal(lfb_pool_sync(pool), 0);
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    lfb_pool_close(pool);
    lfb_pool_close(NULL);
}

static void test_large_pages(void **state)
{
    (void)state;
    lfb_pool_config config = {.size = 8 * MIB, .page_size = 4 * MIB, .max_order = 1};
    lfb_pool *pool = pools_create(&config);
    unsigned char *both = lfb_pool_alloc(pool, 1);
    assert_non_null(both);
    assert_null(lfb_pool_alloc(pool, 0));
    both[8 * MIB - 1] = 1;
    assert_int_equal(lfb_pool_free(pool, both), LFB_OK);
    assert_int_equal(lfb_pool_trim(pool, 0, NULL), 8 * MIB);
    both = lfb_pool_alloc_zeroed(pool, 2);
    assert_true(pools_is_zero(pool, both, 2));
    lfb_pool_close(pool);
}

/* A child that opens the pool for itself, at another address, finds a run by its offset, answers
 * in it, and passes on a run of its own. */
static void answer(int fd, uintptr_t offset, void *elsewhere)
{
    lfb_pool *pool = lfb_pool_open_fd(fd, NULL, NULL);
    uint64_t *run = pool ? lfb_pool_pointer(pool, offset) : NULL;
    uint64_t *mine = pool ? lfb_pool_alloc_run(pool, 7) : NULL;
    if (!mine || run == elsewhere || !pools_is_marked(pool, run, 5, MARK)) {
        _exit(1);
    }
    pools_mark(pool, mine, 7, MARK + 99);
    run[1] = lfb_pool_offset(pool, mine);
    lfb_pool_close(pool);
    _exit(0);
}

static void pass_on(lfb_pool *pool)
{
    int status;
    uint64_t *run = lfb_pool_alloc_run(pool, 5);
    pools_mark(pool, run, 5, MARK);
    pid_t child = fork();
    if (child == 0) {
        answer(lfb_pool_fd(pool), lfb_pool_offset(pool, run), run);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    void *theirs = lfb_pool_pointer(pool, (uintptr_t)run[1]);
    assert_int_equal(lfb_pool_size_of(pool, theirs), 7);
    assert_true(pools_is_marked(pool, theirs, 7, MARK + 99));
    assert_int_equal(lfb_pool_free(pool, theirs), LFB_OK);
    assert_int_equal(lfb_pool_free(pool, run), LFB_OK);
    assert_int_equal(pools_allocated(pool), 0);
}

static void test_memfd(void **state)
{
    (void)state;
    for (int tags = 0; tags < 2; tags++) {
        lfb_pool_config config = memfd;
        config.owner_tags = tags;
        lfb_pool *pool = pools_create(&config);
        lfb_pool *again = pools_again(pool);
        assert_ptr_not_equal(lfb_pool_pointer(pool, 0), lfb_pool_pointer(again, 0));
        use(pool);
        use(again);
        pass_on(pool);
        lfb_pool_close(again);
        lfb_pool_close(pool);
    }
}

static void test_shared_name(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof(name), "lfbuddy-test-%ld", (long)getpid());
    lfb_pool_config config = {.kind = LFB_POOL_SHARED, .name = name, .size = MIB};
    lfb_pool_error error;
    lfb_pool *pool = pools_create(&config);
    lfb_pool *again = lfb_pool_open(&config, &error);
    assert_non_null(again);
    assert_int_equal(error.status, LFB_POOL_OK);
    uint64_t *run = lfb_pool_alloc_run(pool, 3);
    pools_mark(pool, run, 3, MARK);
    assert_true(
        pools_is_marked(again, lfb_pool_pointer(again, lfb_pool_offset(pool, run)), 3, MARK));
    assert_true(lfb_pool_remove(LFB_POOL_SHARED, name, &error));
    assert_null(lfb_pool_open(&config, &error));
    assert_int_equal(error.status, LFB_POOL_NOT_FOUND);
    assert_int_equal(lfb_pool_free(again, lfb_pool_pointer(again, lfb_pool_offset(pool, run))),
                     LFB_OK);
    use(pool);
    lfb_pool_close(again);
    lfb_pool_close(pool);
}

static void test_file(void **state)
{
    (void)state;
    lfb_pool_config config = {.kind = LFB_POOL_FILE,
                              .name = pools_path("file"),
                              .size = 40 * MIB,
                              .or_open = true,
                              .mode = 0640};
    struct stat about;
    lfb_pool *pool = pools_create(&config);
    assert_int_equal(stat(config.name, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0640);
    use(pool);
    uint64_t *run = lfb_pool_alloc_run(pool, 300);
    pools_mark(pool, run, 300, MARK);
    uintptr_t offset = lfb_pool_offset(pool, run);
    assert_int_equal(lfb_pool_sync(pool), 0);
    lfb_pool_close(pool);
    pool = pools_create(&config); /* or_open */
    run = lfb_pool_pointer(pool, offset);
    assert_int_equal(lfb_pool_size_of(pool, run), 300);
    assert_true(pools_is_marked(pool, run, 300, MARK));
    lfb_pool_close(pool);
    config.read_only = true;
    config.or_open = false;
    pool = lfb_pool_open(&config, NULL);
    assert_non_null(pool);
    run = lfb_pool_pointer(pool, offset);
    assert_true(pools_is_marked(pool, run, 300, MARK));
    assert_null(lfb_pool_alloc(pool, 0));
    assert_int_equal(lfb_pool_free(pool, run), LFB_EXHAUSTED);
    assert_int_equal(lfb_pool_resize(pool, run, 10), LFB_EXHAUSTED);
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_EXHAUSTED);
    assert_int_equal(lfb_pool_trim(pool, 0, NULL), 0);
    assert_int_equal(pools_allocated(pool), 300);
    pools_assert_sound(pool);
    lfb_pool_close(pool);
}

/* Times are reported, not judged. */
static void test_1_tib(void **state)
{
    (void)state;
    lfb_pool_config config = {.kind = LFB_POOL_FILE,
                              .name = pools_path("big"),
                              .size = (size_t)1 << 40,
                              .page_size = 4096,
                              .owner_tags = true};
    struct timespec at[4];
    lfb_pool_usage usage;
    clock_gettime(CLOCK_MONOTONIC, &at[0]);
    lfb_pool *pool = pools_create(&config);
    clock_gettime(CLOCK_MONOTONIC, &at[1]);
    uint64_t *run = lfb_pool_alloc(pool, 20);
    run[7] = MARK;
    uintptr_t offset = lfb_pool_offset(pool, run);
    lfb_pool_close(pool);
    clock_gettime(CLOCK_MONOTONIC, &at[2]);
    pool = lfb_pool_open(&config, NULL);
    clock_gettime(CLOCK_MONOTONIC, &at[3]);
    assert_non_null(pool);
    run = lfb_pool_pointer(pool, offset);
    assert_int_equal(run[7], MARK);
    assert_int_equal(lfb_pool_free(pool, run), LFB_OK);
    assert_int_equal(lfb_pool_get_usage(pool, &usage), 0);
    print_message("1 TiB: created in %.2f ms, opened in %.2f ms; %zu kB on disk, %zu kB of pages "
                  "in memory\n",
                  (double)(at[1].tv_sec - at[0].tv_sec) * 1e3 +
                      (double)(at[1].tv_nsec - at[0].tv_nsec) * 1e-6,
                  (double)(at[3].tv_sec - at[2].tv_sec) * 1e3 +
                      (double)(at[3].tv_nsec - at[2].tv_nsec) * 1e-6,
                  usage.committed / 1024, usage.resident / 1024);
    assert_true(usage.committed < 16 * MIB);
    assert_true(usage.resident < MIB);
    assert_int_equal(usage.size, (size_t)1 << 40);
    lfb_pool_close(pool);
}

/* ----------------------------------------------------------------------------- huge pages ---- */

static void show_huge(const char *what, const lfb_pool *pool)
{
    static const char *const names[] = {"none", "transparent", "2 MiB", "1 GiB"};
    lfb_pool_info info;
    lfb_pool_get_info(pool, &info);
    print_message("%s: got %s\n", what, names[info.huge]);
}

/* Whether that many huge pages of a size are free: then a pool of them must get them. */
static bool are_free(size_t size, long pages)
{
    char path[96];
    long found = 0;
    snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%zukB/free_hugepages",
             size / 1024);
    FILE *file = fopen(path, "r");
    bool enough = file && fscanf(file, "%ld", &found) == 1 && found >= pages;
    if (file) {
        fclose(file);
    }
    if (!enough) {
        print_message("not tried: %ld huge pages of %zu kB (as root, write %ld to nr_hugepages "
                      "beside %s)\n",
                      pages, size / 1024, pages, path);
    }
    return enough;
}

/* Whatever there is, the pool works, and says what it got; required, it is that or nothing. */
static void test_huge(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 16 * 1048576, 16 * 1048576, (size_t)1 << 30};
    bool free_2m = are_free(2 * MIB, 12);
    bool free_1g = are_free(1024 * MIB, 1);
    for (int shared = 0; shared < 2; shared++) {
        for (lfb_pool_huge huge = LFB_POOL_HUGE_TRANSPARENT; huge <= LFB_POOL_HUGE_1G; huge++) {
            lfb_pool_config config = {.kind = shared ? LFB_POOL_SHARED : LFB_POOL_PRIVATE,
                                      .size = sizes[huge],
                                      .huge = huge};
            char what[64];
            lfb_pool_error error;
            lfb_pool_info info;
            snprintf(what, sizeof(what), "%s, huge %d wanted", shared ? "memfd" : "private",
                     (int)huge);
            lfb_pool *pool = pools_create(&config);
            lfb_pool_get_info(pool, &info);
            assert_true(info.huge <= huge);
            if ((huge == LFB_POOL_HUGE_2M && free_2m) ||
                (huge == LFB_POOL_HUGE_1G && free_1g && !shared)) {
                assert_int_equal(info.huge, huge);
            }
            show_huge(what, pool);
            use(pool);
            lfb_pool_close(pool);
            config.huge_required = true;
            pool = lfb_pool_create(&config, &error);
            assert_int_equal(pool != NULL, info.huge == huge);
            assert_true(pool || error.status == LFB_POOL_NO_HUGE_PAGES ||
                        (shared && huge == LFB_POOL_HUGE_1G));
            lfb_pool_close(pool);
        }
    }
}

/* The nodes that are there can be had; one of them is node 0 or another of the first 64. */
static void test_numa(void **state)
{
    (void)state;
    uint64_t nodes = 0;
    for (int node = 0; node < 64; node++) {
        char path[64];
        snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", node);
        nodes |= (uint64_t)(access(path, F_OK) == 0) << node;
    }
    if (!nodes) {
        print_message("skipped: this kernel has no /sys/devices/system/node (CONFIG_NUMA)\n");
        skip();
    }
    lfb_pool_config config = {.size = MIB, .numa_nodes = nodes & -nodes};
    lfb_pool *pool = pools_create(&config);
    use(pool);
    lfb_pool_close(pool);
    config.kind = LFB_POOL_SHARED;
    pool = pools_create(&config);
    use(pool);
    lfb_pool_close(pool);
}

/* ---------------------------------------------------------------------- memory and zeroes ---- */

static size_t resident(const lfb_pool *pool)
{
    lfb_pool_usage usage;
    assert_int_equal(lfb_pool_get_usage(pool, &usage), 0);
    return usage.resident;
}

/* Of files the kernel keeps more in memory than was touched: it reads ahead. */
static void assert_resident(const lfb_pool *pool, size_t bytes)
{
    lfb_pool_info info;
    lfb_pool_get_info(pool, &info);
    if (info.kind == LFB_POOL_FILE) {
        assert_true(resident(pool) >= bytes);
    } else {
        assert_int_equal(resident(pool), bytes);
    }
}

static void check_memory(lfb_pool *pool)
{
    size_t page = page_size();
    size_t pages = 32 * MIB / page;
    assert_resident(pool, 0);
    void *fresh = lfb_pool_alloc_zeroed(pool, pages);
    assert_resident(pool, 0); /* known to be zero: not written */
    pools_mark(pool, fresh, pages, MARK);
    assert_resident(pool, 32 * MIB);
    assert_int_equal(lfb_pool_trim(pool, 0, NULL), 0);
    assert_true(pools_is_marked(pool, fresh, pages, MARK));
    /* Pages beside, of a chunk that is in use. */
    void *small = lfb_pool_alloc_run(pool, 3);
    pools_mark(pool, small, 3, MARK);
    lfb_pool_free(pool, small);
    small = lfb_pool_alloc_zeroed(pool, 3);
    assert_true(pools_is_zero(pool, small, 3));
    pools_mark(pool, small, 3, MARK);
    assert_int_equal(lfb_pool_free(pool, fresh), LFB_OK);
    assert_int_equal(lfb_pool_trim(pool, 9, NULL), 32 * MIB);
    assert_resident(pool, 3 * page);
    assert_true(pools_is_marked(pool, small, 3, MARK));
    assert_int_equal(lfb_pool_trim(pool, 9, NULL), 0);
    /* Smaller pieces: all but the run's own, in the chunk that it lies in. */
    lfb_pool_trim(pool, 0, NULL);
    assert_resident(pool, 3 * page);
    assert_true(pools_is_marked(pool, small, 3, MARK));
    fresh = lfb_pool_alloc_zeroed(pool, pages);
    assert_true(pools_is_zero(pool, fresh, pages));
    assert_int_equal(lfb_pool_free(pool, small), LFB_OK);
    assert_int_equal(lfb_pool_free(pool, fresh), LFB_OK);
}

/* Pages that came to a run by growing, or by their address, are dirty like others. */
static void check_dirt(lfb_pool *pool)
{
    size_t pages = 2 * MIB / page_size();
    unsigned char *run = lfb_pool_alloc_run(pool, pages);
    assert_int_equal(lfb_pool_resize(pool, run, 2 * pages), LFB_OK);
    pools_mark(pool, run, 2 * pages, MARK);
    assert_int_equal(lfb_pool_alloc_at(pool, run + 8 * MIB, pages), LFB_OK);
    pools_mark(pool, run + 8 * MIB, pages, MARK);
    assert_int_equal(lfb_pool_free(pool, run), LFB_OK);
    assert_int_equal(lfb_pool_free(pool, run + 8 * MIB), LFB_OK);
    run = lfb_pool_alloc_zeroed(pool, 32 * pages);
    assert_true(pools_is_zero(pool, run, 32 * pages));
    assert_int_equal(lfb_pool_free(pool, run), LFB_OK);
}

static void test_dirt(void **state)
{
    (void)state;
    lfb_pool *pool = pools_create(&memfd);
    check_dirt(pool);
    lfb_pool_close(pool);
}

static void test_memory(void **state)
{
    (void)state;
    lfb_pool_config config = {.size = 64 * MIB};
    lfb_pool *pool = pools_create(&config);
    check_memory(pool);
    lfb_pool_close(pool);
    pool = pools_create(&memfd);
    check_memory(pool);
    lfb_pool_close(pool);
    config = (lfb_pool_config){
        .kind = LFB_POOL_FILE, .name = pools_path("memory"), .size = 64 * MIB, .owner_tags = true};
    pool = pools_create(&config);
    check_memory(pool);
    lfb_pool_close(pool);
}

static void test_trim_on_release(void **state)
{
    (void)state;
    size_t page = page_size();
    lfb_pool_config config = memfd;
    config.trim_order = 4;
    lfb_pool *pool = pools_create(&config);
    unsigned char *run = lfb_pool_alloc_run(pool, 64);
    void *small = lfb_pool_alloc_run(pool, 15);
    pools_mark(pool, run, 64, MARK);
    pools_mark(pool, small, 15, MARK);
    assert_resident(pool, 79 * page);
    assert_int_equal(lfb_pool_free(pool, small), LFB_OK);
    assert_resident(pool, 79 * page);
    assert_int_equal(lfb_pool_resize(pool, run, 48), LFB_OK);
    assert_resident(pool, 63 * page);
    assert_int_equal(lfb_pool_free_range(pool, run + 8 * page, 16), LFB_OK);
    assert_resident(pool, 47 * page);
    assert_true(pools_is_marked(pool, run, 8, MARK));
    assert_true(pools_is_marked(pool, run + 24 * page, 24, MARK + 24));
    assert_int_equal(lfb_pool_free_range(pool, run + 24 * page, 24), LFB_OK);
    assert_int_equal(lfb_pool_free(pool, run + 24 * page), LFB_NOT_ALLOCATED);
    assert_resident(pool, 23 * page);
    lfb_pool_close(pool);
}

static void test_reserve(void **state)
{
    (void)state;
    lfb_pool_config config = {.size = 4 * MIB, .reserve = true};
    lfb_pool_usage usage;
    lfb_pool *pool = pools_create(&config);
    assert_int_equal(lfb_pool_get_usage(pool, &usage), 0);
    assert_int_equal(usage.resident, 4 * MIB);
    lfb_pool_close(pool);
    config.kind = LFB_POOL_FILE;
    config.name = pools_path("reserved");
    pool = pools_create(&config);
    assert_int_equal(lfb_pool_get_usage(pool, &usage), 0);
    assert_true(usage.committed >= 4 * MIB);
    lfb_pool_close(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private), cmocka_unit_test(test_large_pages),
        cmocka_unit_test(test_memfd),   cmocka_unit_test(test_shared_name),
        cmocka_unit_test(test_file),    cmocka_unit_test(test_1_tib),
        cmocka_unit_test(test_huge),    cmocka_unit_test(test_numa),
        cmocka_unit_test(test_memory),  cmocka_unit_test(test_trim_on_release),
        cmocka_unit_test(test_reserve), cmocka_unit_test(test_dirt),
    };
    return cmocka_run_group_tests_name("kinds", tests, NULL, NULL);
}
