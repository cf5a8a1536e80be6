/* SPDX-License-Identifier: MIT */
/*
 * SQLite in a bounded region, unmodified: all its memory comes from a heap on a pool of 96 MiB, by
 * SQLITE_CONFIG_MALLOC. The load is shaped like SQLite's own speedtest1: tables with and without
 * indexes, many rows, ranges, joins, updates, deletions, vacuum, in two databases in memory by two
 * threads. Then, in half of that, it gets more rows than the pool can hold.
 *
 * usage: sqlite [ROUNDS]: instead, how fast the load is beside one on malloc, of whatever library
 * is preloaded: LD_PRELOAD=libjemalloc.so.2 sqlite 51
 */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sqlite3.h>

#include "heaps.h"

enum { THREADS = 2, ROWS = 12000, POOL_MIB = 96 };

static lfb_pool *pool;
static lfb_heap *heap;
static atomic_ulong served, outside;

/* ------------------------------------------------------------------- SQLite's memory ---- */

static void *admit(void *object, int size)
{
    atomic_fetch_add_explicit(&served, 1, memory_order_relaxed);
    if (object && !heaps_in_pool(pool, object, (size_t)size)) {
        atomic_fetch_add(&outside, 1);
    }
    return object;
}

static void *sqlite_malloc(int size)
{
    return admit(lfb_heap_malloc(heap, (size_t)size), size);
}

static void sqlite_free(void *object)
{
    lfb_heap_free(heap, object);
}

static void *sqlite_realloc(void *object, int size)
{
    return admit(lfb_heap_realloc(heap, object, (size_t)size), size);
}

static int sqlite_size(void *object)
{
    return (int)lfb_heap_usable_size(heap, object);
}

static int sqlite_roundup(int size)
{
    return (size + 7) & ~7;
}

static int sqlite_start(void *context)
{
    (void)context;
    return SQLITE_OK;
}

static void sqlite_end(void *context)
{
    (void)context;
}

static const sqlite3_mem_methods methods = {
    sqlite_malloc,  sqlite_free,  sqlite_realloc, sqlite_size,
    sqlite_roundup, sqlite_start, sqlite_end,     NULL,
};

/* -------------------------------------------------------------------------- the load ---- */

static const char *const load[] = {
    "PRAGMA temp_store = MEMORY",
    "CREATE TABLE plain(a INTEGER, b INTEGER, c TEXT)",
    "CREATE TABLE keyed(a INTEGER PRIMARY KEY, b INTEGER, c TEXT, d BLOB)",
    "BEGIN",
    ("INSERT INTO plain"
     " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
     " SELECT i, i * 7919 % 10007, printf('row %d of %d, %.*c', i, ?1, i % 100, 'x') FROM n"),
    "INSERT INTO keyed SELECT a, b, c, zeroblob(a % 300) FROM plain ORDER BY b",
    "COMMIT",
    "SELECT count(*), avg(length(c)) FROM plain WHERE c LIKE '%99%'",
    "CREATE INDEX plain_b ON plain(b)",
    "CREATE INDEX keyed_bc ON keyed(b, c)",
    "SELECT count(*) FROM plain JOIN keyed ON plain.b = keyed.b AND plain.a <> keyed.a",
    "SELECT b % 100, count(*), group_concat(a) FROM keyed GROUP BY b % 100 ORDER BY 2 DESC, 1",
    "UPDATE plain SET c = c || ' changed', b = b + 1 WHERE a % 3 = 0",
    "UPDATE keyed SET d = randomblob(2000) WHERE a % 50 = 0",
    "DELETE FROM plain WHERE b BETWEEN 2000 AND 5000",
    "DELETE FROM keyed WHERE a IN (SELECT a FROM plain WHERE a % 2 = 0)",
    "INSERT INTO keyed SELECT a + 1000000, b, c, NULL FROM plain",
    "SELECT c FROM keyed ORDER BY c DESC LIMIT 100",
    "VACUUM",
};

/* What the statement's first row begins with, if it has one. */
static int execute(sqlite3 *db, const char *text, int rows, char first[64])
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(db, text, -1, &statement, NULL);
    if (code != SQLITE_OK) {
        return code;
    }
    if (sqlite3_bind_parameter_count(statement)) {
        sqlite3_bind_int(statement, 1, rows);
    }
    for (int row = 0; (code = sqlite3_step(statement)) == SQLITE_ROW; row++) {
        if (first && row == 0) {
            snprintf(first, 64, "%s", (const char *)sqlite3_column_text(statement, 0));
        }
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* NULL, or what failed. */
static const char *run_load(void)
{
    sqlite3 *db;
    char sound[64] = "", sum[64] = "";
    const char *failed = sqlite3_open(":memory:", &db) == SQLITE_OK ? NULL : "open";
    for (size_t i = 0; i < sizeof(load) / sizeof(*load) && !failed; i++) {
        failed = execute(db, load[i], ROWS, NULL) == SQLITE_OK ? NULL : load[i];
    }
    if (!failed && (execute(db, "PRAGMA integrity_check", 0, sound) || strcmp(sound, "ok") != 0)) {
        failed = "integrity_check";
    }
    /* Rows that the deletions spared: counted by arithmetic instead of by tables. */
    const char *count = "SELECT count(*) = (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                        " FROM n WHERE i < ?1) SELECT count(*) FROM n WHERE i * 7919 % 10007 +"
                        " (i % 3 = 0) NOT BETWEEN 2000 AND 5000) FROM plain";
    if (!failed && (execute(db, count, ROWS, sum) || strcmp(sum, "1") != 0)) {
        failed = count;
    }
    sqlite3_close(db);
    return failed;
}

static void *work(void *context)
{
    (void)context;
    return (void *)run_load();
}

static void run_threads(void)
{
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        if (failed) {
            fail_msg("%s", (const char *)failed);
        }
    }
}

/* ----------------------------------------------------------------------------- tests ---- */

static void start(size_t mib)
{
    pool = heaps_private(mib);
    heap = heaps_create(pool, 0);
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
}

static void end(void)
{
    lfb_heap_stats stats;
    assert_int_equal(sqlite3_shutdown(), SQLITE_OK);
    lfb_heap_trim(heap);
    heaps_assert_exact(pool, heap);
    lfb_heap_get_stats(heap, &stats);
    assert_int_equal(stats.allocated, 0); /* SQLite freed all, and no thread keeps any */
    lfb_heap_destroy(heap);
    heaps_close_empty(pool);
}

static void test_load(void **state)
{
    (void)state;
    start(POOL_MIB);
    run_threads();
    assert_true(served > 100000);
    assert_int_equal(outside, 0);
    end();
}

static void test_full(void **state)
{
    (void)state;
    sqlite3 *db;
    char sound[64] = "";
    start(POOL_MIB / 2);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(execute(db, load[1], 0, NULL), SQLITE_OK);
    assert_int_equal(execute(db, load[4], ROWS, NULL), SQLITE_OK);
    int code;
    unsigned doublings = 0;
    while ((code = execute(db, "INSERT INTO plain SELECT * FROM plain", 0, NULL)) == SQLITE_OK) {
        assert_true(doublings++ < 10);
    }
    assert_int_equal(code, SQLITE_NOMEM);
    assert_int_equal(execute(db, "DELETE FROM plain WHERE a % 2", 0, NULL), SQLITE_OK);
    assert_int_equal(execute(db, "PRAGMA integrity_check", 0, sound), SQLITE_OK);
    assert_string_equal(sound, "ok");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(outside, 0);
    end();
}

/* -------------------------------------------------------------------------- how long ---- */

static int plain_size(void *object)
{
    return (int)malloc_usable_size(object);
}

static void *plain_malloc(int size)
{
    return malloc((size_t)size);
}

static void *plain_realloc(void *object, int size)
{
    return realloc(object, (size_t)size);
}

static const sqlite3_mem_methods plain_methods = {
    plain_malloc, free, plain_realloc, plain_size, sqlite_roundup, sqlite_start, sqlite_end, NULL,
};

/* CPU time: others may use the machine too. */
static double seconds(const sqlite3_mem_methods *memory)
{
    struct timespec a, b;
    sqlite3_config(SQLITE_CONFIG_MALLOC, memory);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    const char *failed = run_load();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    if (failed) {
        fail_msg("%s", failed);
    }
    sqlite3_shutdown();
    return (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void time_rounds(unsigned rounds)
{
    double *ratios = calloc(rounds, sizeof(*ratios));
    pool = heaps_private(POOL_MIB);
    heap = heaps_create(pool, 0);
    for (unsigned i = 0; i < rounds; i++) {
        double first = seconds(i % 2 ? &methods : &plain_methods);
        double second = seconds(i % 2 ? &plain_methods : &methods);
        ratios[i] = i % 2 ? second / first : first / second;
    }
    qsort(ratios, rounds, sizeof(*ratios), compare);
    printf("speed of the heap / speed of malloc: %.3f, median of %u rounds (middle half %.3f to "
           "%.3f)\n",
           ratios[rounds / 2], rounds, ratios[rounds / 4], ratios[rounds - 1 - rounds / 4]);
    free(ratios);
    lfb_heap_destroy(heap);
    heaps_close_empty(pool);
}

int main(int argc, char **argv)
{
    unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    if (rounds) {
        time_rounds((unsigned)rounds);
        return 0;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_load), cmocka_unit_test(test_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
