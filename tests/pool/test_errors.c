/* SPDX-License-Identifier: MIT */
/* Bad input: each gets a status, and a message that says what is wrong and what to do. Nothing is
 * changed by it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pools.h"

#define MIB ((size_t)1 << 20)

static lfb_pool_error last;

/* The last error is of this status, and its text says all of these; NULL ends them. */
static void assert_error(lfb_pool_status status, const char *first, ...)
{
    va_list list;
    if (last.status != status) {
        fail_msg("%s, not %s: %s", lfb_pool_status_name(last.status), lfb_pool_status_name(status),
                 last.text);
    }
    va_start(list, first);
    for (const char *part = first; part; part = va_arg(list, const char *)) {
        if (!strstr(last.text, part)) {
            fail_msg("\"%s\" isn't in: %s", part, last.text);
        }
    }
    va_end(list);
    assert_true(strlen(last.text) < sizeof(last.text) - 1); /* not cut off */
    print_message("    %s\n", last.text);
}

static void assert_not_created(lfb_pool_config config)
{
    assert_null(lfb_pool_create(&config, &last));
    assert_null(lfb_pool_create(&config, NULL));
}

static void assert_not_opened(lfb_pool_config config)
{
    assert_null(lfb_pool_open(&config, &last));
    assert_null(lfb_pool_open(&config, NULL));
}

static void test_arguments(void **state)
{
    (void)state;
    const lfb_pool_config fine = {.size = MIB};
    lfb_pool_config bad = fine;
    assert_null(lfb_pool_create(NULL, &last));
    assert_error(LFB_POOL_INVALID, "no configuration", NULL);
    bad.size = 0;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "size is 0", "say how many bytes", NULL);
    bad = fine;
    bad.page_size = 12288;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "page_size 12288", "power of two", NULL);
    bad.page_size = 64;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "page_size 64", "at least the system's page", NULL);
    bad = fine;
    bad.size = SIZE_MAX;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "too many pages", "larger page_size", NULL);
    bad.page_size = (size_t)1 << 40;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "beyond the address space", NULL);
    bad = fine;
    bad.kind = (lfb_pool_kind)7;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "kind", NULL);
    bad = fine;
    bad.max_order = LFB_MAX_ORDER + 1;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "max_order", NULL);
    bad = fine;
    bad.lanes = LFB_MAX_LANES + 1;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "lanes", "use 0", NULL);
    bad = fine;
    bad.processes = LFB_POOL_PROCESSES_MAX + 1;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "processes", NULL);
    bad = fine;
    bad.owner_tags = true;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "owner_tags", "use a shared or a file pool", NULL);
    bad = fine;
    bad.huge = LFB_POOL_HUGE_2M;
    bad.huge_required = true;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "size 1048576 is no multiple", "2048 kB", "round it up", NULL);
    bad = fine;
    bad.read_only = true;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "read_only", "open one", NULL);
    bad = fine;
    bad.kind = LFB_POOL_FILE;
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "name", "path", NULL);
    bad.kind = LFB_POOL_SHARED;
    bad.name = "a/b";
    assert_not_created(bad);
    assert_error(LFB_POOL_INVALID, "name a/b", "without '/'", NULL);
    assert_not_opened(fine);
    assert_error(LFB_POOL_INVALID, "private", "create one", NULL);
    bad.name = NULL;
    assert_not_opened(bad);
    assert_error(LFB_POOL_INVALID, "needs one", NULL);
    assert_null(lfb_pool_open_fd(-1, NULL, &last));
    assert_error(LFB_POOL_SYSTEM, "descriptor -1", NULL);
    assert_int_equal(last.system_error, EBADF);
}

/* More memory, or pages, than any machine has. */
static void test_too_much(void **state)
{
    (void)state;
    lfb_pool_config config = {.size = (size_t)1 << 44, .huge_required = true};
    config.huge = LFB_POOL_HUGE_2M;
    assert_not_created(config);
    assert_error(LFB_POOL_NO_HUGE_PAGES, "needs 8388608 huge pages of 2048 kB", "are free",
                 "nr_hugepages", "huge_required", NULL);
    config.huge = LFB_POOL_HUGE_1G;
    assert_not_created(config);
    assert_error(LFB_POOL_NO_HUGE_PAGES, "needs 16384 huge pages of 1048576 kB",
                 "hugepages-1048576kB/nr_hugepages", NULL);
    config.kind = LFB_POOL_SHARED;
    assert_not_created(config);
    assert_error(LFB_POOL_INVALID, "1 GiB", "private", NULL);
    config.huge = LFB_POOL_HUGE_2M;
    assert_not_created(config);
    assert_error(LFB_POOL_NO_HUGE_PAGES, "huge pages of 2048 kB", NULL);
    config.kind = LFB_POOL_FILE;
    config.name = pools_path("huge");
    config.size = MIB;
    assert_not_created(config);
    assert_error(LFB_POOL_NO_HUGE_PAGES, "hugetlbfs", NULL);
    config = (lfb_pool_config){.size = (size_t)1 << 50, .page_size = (size_t)1 << 30};
    assert_not_created(config);
    assert_error(LFB_POOL_NO_MEMORY, "memory or address space ran out", "ask for less", NULL);
    config = (lfb_pool_config){.size = MIB, .numa_nodes = UINT64_C(1) << 63};
    assert_not_created(config);
    assert_error(LFB_POOL_INVALID, "numa_nodes 0x8000000000000000", "are online", NULL);
}

/* ------------------------------------------------------------------------------- the file ---- */

static lfb_pool_config sound(const char *name)
{
    lfb_pool_config config = {.kind = LFB_POOL_FILE, .name = pools_path(name), .size = 4 * MIB};
    lfb_pool_close(pools_create(&config));
    return config;
}

/* Writes bytes into the file, as if it were another one's. */
static void patch(const char *path, off_t at, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, at), size);
    close(fd);
}

/* The header as the file has it: its words, and how many bytes before the checksum. */
enum { FORMAT_AT = 8, WORD_BITS_AT = 12, DATA_AT = 112, LENGTH_AT = 120, CHECKSUM_AT = 132 };

static void correct_checksum(const char *path)
{
    unsigned char header[CHECKSUM_AT];
    uint32_t sum = UINT32_C(2166136261);
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
    close(fd);
    for (size_t i = 0; i < sizeof(header); i++) {
        sum = (sum ^ header[i]) * UINT32_C(16777619);
    }
    patch(path, CHECKSUM_AT, &sum, sizeof(sum));
}

static void test_names(void **state)
{
    (void)state;
    lfb_pool_config config = {
        .kind = LFB_POOL_FILE, .name = pools_path("nothing"), .size = 4 * MIB};
    assert_not_opened(config);
    assert_error(LFB_POOL_NOT_FOUND, "nothing: can't open it", "create the pool first", NULL);
    assert_int_equal(last.system_error, ENOENT);
    assert_false(lfb_pool_remove(LFB_POOL_FILE, config.name, &last));
    assert_error(LFB_POOL_NOT_FOUND, "can't remove it", NULL);
    config.name = pools_path("no/directory");
    assert_not_created(config);
    assert_error(LFB_POOL_NOT_FOUND, "its directory must exist", NULL);
    config = sound("taken");
    assert_not_created(config);
    assert_error(LFB_POOL_EXISTS, "taken", "the name is taken", "lfb_pool_open", "lfb_pool_remove",
                 NULL);
    config.name = pools_path(".");
    assert_not_opened(config);
    assert_error(LFB_POOL_NOT_A_POOL, "a directory", "name the pool's file", NULL);
    assert_not_created(config);
    assert_error(LFB_POOL_EXISTS, "the name is taken", NULL);
}

static void test_foreign(void **state)
{
    (void)state;
    static const char text[] = "#!/bin/sh\necho this is no pool, but it has more than enough "
                               "bytes for one's header, or at least for its magic number\n";
    lfb_pool_config config = {.kind = LFB_POOL_FILE, .name = pools_path("foreign")};
    FILE *file = fopen(config.name, "w");
    assert_non_null(file);
    assert_not_opened(config);
    assert_error(LFB_POOL_NOT_A_POOL, "foreign: not a pool", "correct the name", NULL);
    fputs(text, file);
    fclose(file);
    assert_not_opened(config);
    assert_error(LFB_POOL_NOT_A_POOL, "foreign: not a pool", "nothing was changed", NULL);
    config.size = MIB;
    config.or_open = true;
    assert_not_created(config);
    assert_error(LFB_POOL_NOT_A_POOL, "foreign: not a pool", NULL);
    config.name = pools_path("fifo");
    assert_int_equal(mkfifo(config.name, 0600), 0);
    assert_not_opened(config);
    assert_error(LFB_POOL_NOT_A_POOL, "not even a regular file", NULL);
}

static void test_truncated(void **state)
{
    (void)state;
    lfb_pool_config config = sound("truncated");
    assert_int_equal(truncate(config.name, 3 * (off_t)MIB), 0);
    assert_not_opened(config);
    assert_error(LFB_POOL_TRUNCATED, "3145728 bytes, should be", "restore it from a copy", NULL);
    assert_int_equal(truncate(config.name, 40), 0);
    assert_not_opened(config);
    assert_error(LFB_POOL_TRUNCATED, "40 bytes, less than a header", NULL);
}

static void test_version(void **state)
{
    (void)state;
    lfb_pool_config config = sound("version");
    uint32_t format = 99;
    patch(config.name, FORMAT_AT, &format, sizeof(format));
    assert_not_opened(config);
    assert_error(LFB_POOL_VERSION, "a pool of format 99, this library knows format 1",
                 "use the version of lfbuddy that made it", NULL);
    config = sound("build");
    uint32_t bits = 96 - LFB_WORD_BITS;
    patch(config.name, WORD_BITS_AT, &bits, sizeof(bits));
    assert_not_opened(config);
    assert_error(LFB_POOL_VERSION, "-bit words", "use a build like the one that made it", NULL);
    config = sound("layout");
    uint64_t elsewhere = 64 * MIB;
    patch(config.name, DATA_AT, &elsewhere, sizeof(elsewhere));
    correct_checksum(config.name);
    assert_not_opened(config);
    assert_error(LFB_POOL_VERSION, "lay the pool out in another way", NULL);
}

/* Every byte of the header that a bit of which is turned. */
static void test_damaged(void **state)
{
    (void)state;
    lfb_pool_config config = sound("damaged");
    lfb_pool_config any = {.kind = LFB_POOL_FILE, .name = config.name};
    unsigned char header[CHECKSUM_AT + 4];
    int fd = open(config.name, O_RDONLY);
    assert_int_equal(pread(fd, header, sizeof(header), 0), sizeof(header));
    close(fd);
    for (off_t at = 0; at < (off_t)sizeof(header); at++) {
        unsigned char turned = header[at] ^ (unsigned char)(1U << at % 8);
        patch(config.name, at, &turned, 1);
        assert_null(lfb_pool_open(&any, &last));
        assert_true(last.status == LFB_POOL_NOT_A_POOL || last.status == LFB_POOL_VERSION ||
                    last.status == LFB_POOL_DAMAGED);
        patch(config.name, at, &header[at], 1);
    }
    assert_int_equal(last.status, LFB_POOL_DAMAGED);
    assert_error(LFB_POOL_DAMAGED, "its checksum is", "should be", "restore the file", NULL);
    /* The core's own header: where it lies is in the pool's, a word before that of the pages. */
    uint64_t core_at;
    memcpy(&core_at, header + DATA_AT - 2 * sizeof(core_at), sizeof(core_at));
    uint64_t garbage = 77;
    patch(config.name, (off_t)core_at, &garbage, sizeof(garbage));
    assert_not_opened(any);
    assert_error(LFB_POOL_DAMAGED, "allocator's own header", "restore the file", NULL);
}

static void test_geometry(void **state)
{
    (void)state;
    lfb_pool_config config = sound("geometry");
    lfb_pool *user = lfb_pool_open(&config, NULL); /* in use meanwhile */
    assert_non_null(user);
    lfb_pool_config other = config;
    other.size = 8 * MIB;
    assert_not_opened(other);
    assert_error(LFB_POOL_GEOMETRY, "the pool has size 4194304, not 8388608", "ask for what it has",
                 "another name", NULL);
    other.or_open = true;
    assert_not_created(other);
    assert_error(LFB_POOL_GEOMETRY, "size 4194304", NULL);
    other = config;
    other.page_size = 2 * MIB;
    assert_not_opened(other);
    assert_error(LFB_POOL_GEOMETRY, "page_size", "not 2097152", NULL);
    other = config;
    other.max_order = 3;
    assert_not_opened(other);
    assert_error(LFB_POOL_GEOMETRY, "max_order", "not 3", NULL);
    other = config;
    other.lanes = 4000;
    assert_not_opened(other);
    assert_error(LFB_POOL_GEOMETRY, "lanes", "not 4000", NULL);
    other = config;
    other.processes = 9;
    assert_not_opened(other);
    assert_error(LFB_POOL_GEOMETRY, "processes 63, not 9", NULL);
    other = config;
    other.owner_tags = true;
    assert_not_opened(other);
    assert_error(LFB_POOL_GEOMETRY, "owner_tags 0, not 1", NULL);
    lfb_pool_close(user);
}

static void test_no_slot(void **state)
{
    (void)state;
    lfb_pool_config config = {
        .kind = LFB_POOL_SHARED, .size = MIB, .processes = 1, .owner_tags = true};
    lfb_pool *pool = pools_create(&config);
    assert_null(lfb_pool_open_fd(lfb_pool_fd(pool), NULL, &last));
    assert_error(LFB_POOL_NO_SLOT, "all 1 process slots", "recover", NULL);
    lfb_pool_close(pool);
}

/* ------------------------------------------------------------------- what the system says ---- */

/* In a child that may not do what root may. */
static void as_nobody(void (*what)(const char *name), const char *name)
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(2);
        }
        what(name);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* cmocka's assertions would go on with the tests in the child. */
static void expect(lfb_pool_status status, const char *part)
{
    if (last.status != status || !strstr(last.text, part)) {
        fprintf(stderr, "%s: %s\n", lfb_pool_status_name(last.status), last.text);
        _exit(1);
    }
}

static void open_forbidden(const char *name)
{
    lfb_pool_config config = {.kind = LFB_POOL_FILE, .name = name};
    lfb_pool *pool = lfb_pool_open(&config, &last);
    expect(LFB_POOL_PERMISSION, "read and write permission");
    config.read_only = true;
    pool = pool ? pool : lfb_pool_open(&config, &last);
    expect(LFB_POOL_OK, "");
    lfb_pool_close(pool);
}

static void create_forbidden(const char *name)
{
    lfb_pool_config config = {.kind = LFB_POOL_FILE, .name = name, .size = MIB};
    lfb_pool_create(&config, &last);
    expect(LFB_POOL_PERMISSION, "on its directory");
}

static void create_beyond_limit(const char *name)
{
    struct rlimit limit = {MIB, MIB};
    lfb_pool_config config = {.kind = LFB_POOL_FILE, .name = name, .size = 64 * MIB};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    lfb_pool_create(&config, &last);
    expect(LFB_POOL_NO_MEMORY, "ulimit -f");
}

static void test_permissions(void **state)
{
    (void)state;
    lfb_pool_config config = sound("readable");
    char directory[128];
    snprintf(directory, sizeof(directory), "%s", pools_path(""));
    assert_int_equal(chmod(directory, 0555), 0);
    assert_int_equal(chmod(pools_path("readable"), 0444), 0);
    as_nobody(open_forbidden, config.name);
    as_nobody(create_forbidden, pools_path("new"));
    assert_int_equal(chmod(directory, 0777), 0);
    as_nobody(create_beyond_limit, pools_path("long"));
    assert_int_equal(access(pools_path("long"), F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments), cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_names),     cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_version),
        cmocka_unit_test(test_damaged),   cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_no_slot),   cmocka_unit_test(test_permissions),
    };
    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
