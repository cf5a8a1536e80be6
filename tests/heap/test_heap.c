/* SPDX-License-Identifier: MIT */
/* Heaps, one call at a time: each function, what is refused, exhaustion, growth, forks, deaths. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heaps.h"

enum { KIB = 1024, MIB = 1 << 20 };

/* --------------------------------------------------------------------------- objects ---- */

static void test_calls(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(64);
    lfb_heap *heap = heaps_create(pool, 0);
    assert_int_equal(heaps_taken(pool), 0); /* a heap costs nothing of the pool */
    for (size_t size = 0; size <= 4 * MIB; size = size * 3 / 2 + 1) {
        char *a = lfb_heap_malloc(heap, size);
        char *b = lfb_heap_realloc(heap, NULL, size);
        assert_true(heaps_in_pool(pool, a, size) && heaps_in_pool(pool, b, size));
        assert_ptr_not_equal(a, b);
        assert_int_equal((uintptr_t)a % (size < 16 ? 8 : 16), 0);
        assert_true(lfb_heap_usable_size(heap, a) >= size);
        memset(a, 0xa5, lfb_heap_usable_size(heap, a));
        lfb_heap_free(heap, a);
        char *zeros = lfb_heap_calloc(heap, size, 1);
        assert_true(heaps_in_pool(pool, zeros, size));
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(zeros[i], 0);
        }
        lfb_heap_free(heap, zeros);
        lfb_heap_free(heap, b);
    }
    lfb_heap_free(heap, NULL);
    assert_int_equal(lfb_heap_usable_size(heap, NULL), 0);
    lfb_heap_destroy(heap);
    heaps_close_empty(pool);
}

/* The library's jemalloc is its own business. */
static void test_malloc_stays(void **state)
{
    (void)state;
    assert_null(dlsym(RTLD_DEFAULT, "mallocx"));
}

static void test_aligned(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(64);
    lfb_heap *heap = heaps_create(pool, 1);
    for (size_t alignment = 1; alignment <= 2 * MIB; alignment *= 2) {
        for (size_t size = 1; size <= 3 * MIB; size = size * 5 + 3) {
            void *object = lfb_heap_aligned_alloc(heap, alignment, size);
            assert_true(heaps_in_pool(pool, object, size));
            assert_int_equal((uintptr_t)object % alignment, 0);
            lfb_heap_free(heap, object);
        }
        heaps_assert_exact(pool, heap);
    }
    assert_null(lfb_heap_aligned_alloc(heap, 0, 8));
    assert_null(lfb_heap_aligned_alloc(heap, 24, 8));
    assert_null(lfb_heap_aligned_alloc(heap, (size_t)1 << 62, 8));
    lfb_heap_destroy(heap);
    heaps_close_empty(pool);
}

static void test_too_large(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(8);
    lfb_heap *heap = heaps_create(pool, 1);
    char *object = lfb_heap_malloc(heap, 10);
    strcpy(object, "unharmed");
    assert_null(lfb_heap_malloc(heap, SIZE_MAX));
    assert_null(lfb_heap_malloc(heap, 9 * MIB));
    assert_null(lfb_heap_calloc(heap, SIZE_MAX / 2, 3));
    assert_null(lfb_heap_calloc(heap, SIZE_MAX / 2 + 9, 2)); /* 16, if it overflowed */
    assert_null(lfb_heap_realloc(heap, object, 9 * MIB));
    assert_string_equal(object, "unharmed");
    object = lfb_heap_realloc(heap, object, 0);
    assert_non_null(object); /* size 0 frees nothing */
    lfb_heap_free(heap, object);
    lfb_heap_destroy(heap);
    heaps_close_empty(pool);
}

/* What is freed serves the next request of its size class, and of no other; trimmed, it is gone. */
static void test_reuse(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(64);
    lfb_heap *heap = heaps_create(pool, 1);
    enum { MOST = 5000, EACH = 40 };
    static char *objects[EACH];
    for (size_t size = 1; size <= MOST; size++) {
        for (unsigned i = 0; i < EACH; i++) {
            objects[i] = lfb_heap_malloc(heap, size);
            size_t usable = lfb_heap_usable_size(heap, objects[i]);
            assert_true(usable >= size && usable <= size + size / 4 + 15);
            memset(objects[i], (int)i, usable);
        }
        for (unsigned i = 0; i < EACH; i++) {
            assert_int_equal(objects[i][0], (char)i); /* each has its own */
            assert_int_equal(objects[i][size - 1], (char)i);
            lfb_heap_free(heap, objects[i]);
        }
    }
    char *object = lfb_heap_malloc(heap, 100);
    lfb_heap_free(heap, object);
    assert_ptr_equal(lfb_heap_malloc(heap, 112), object); /* still warm */
    lfb_heap_free(heap, object);
    lfb_heap_trim(heap);
    heaps_assert_exact(pool, heap);
    assert_int_equal(heaps_taken(pool), 0);
    lfb_heap_destroy(heap);
    heaps_close_empty(pool);
}

/* A large object with free pages behind it stays where it is. */
static void test_growth_in_place(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(64);
    lfb_heap *heap = heaps_create(pool, 1);
    size_t size = 260 * KIB;
    unsigned char *object = lfb_heap_malloc(heap, size);
    memset(object, 7, size);
    unsigned moved = 0;
    for (; size < 500 * KIB; size += 16 * KIB) {
        unsigned char *other = lfb_heap_realloc(heap, object, size);
        moved += other != object;
        object = other;
        heaps_assert_exact(pool, heap);
    }
    assert_int_equal(moved, 0);
    for (size_t i = 0; i < 260 * KIB; i++) {
        assert_int_equal(object[i], 7);
    }
    /* And back: the end is given away. */
    assert_ptr_equal(lfb_heap_realloc(heap, object, 64 * KIB), object);
    lfb_heap_trim(heap);
    heaps_assert_exact(pool, heap);
    assert_true(heaps_taken(pool) < 100 * KIB);
    lfb_heap_destroy(heap);
    heaps_close_empty(pool);
}

/* ------------------------------------------------------------------------ exhaustion ---- */

typedef struct node {
    struct node *next;
    uintptr_t check;
} node;

static size_t fill(lfb_heap *heap, size_t size, node **list)
{
    size_t count = 0;
    node *object;
    while ((object = lfb_heap_malloc(heap, size))) {
        *object = (node){.next = *list, .check = ~(uintptr_t)object};
        *list = object;
        count++;
    }
    return count;
}

static size_t release(lfb_heap *heap, node *list)
{
    size_t count = 0;
    for (node *next; list; list = next, count++) {
        next = list->next;
        assert_int_equal(list->check, ~(uintptr_t)list);
        lfb_heap_free(heap, list);
    }
    return count;
}

static void test_exhaustion(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(8);
    lfb_heap *heap = heaps_create(pool, 3);
    for (size_t size = 16; size <= MIB; size *= 4) {
        node *list = NULL;
        size_t count = fill(heap, size, &list);
        assert_null(lfb_heap_malloc(heap, size));
        heaps_assert_exact(pool, heap);
        assert_int_equal(release(heap, list), count);
        /* What it keeps is given back when somebody needs it. */
        void *large = lfb_heap_malloc(heap, 4 * MIB - 64 * KIB);
        assert_non_null(large);
        lfb_heap_free(heap, large);
    }
    lfb_heap_destroy(heap);
    heaps_close_empty(pool);
}

/* Objects of a page fill the pool to the last page, again and again. */
static void test_no_waste(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(8);
    lfb_heap *heap = heaps_create(pool, 1);
    for (unsigned round = 0; round < 3; round++) {
        node *list = NULL;
        assert_int_equal(fill(heap, 4 * KIB, &list), 8 * MIB / (4 * KIB));
        assert_int_equal(heaps_taken(pool), 8 * MIB);
        release(heap, list);
    }
    lfb_heap_destroy(heap);
    heaps_close_empty(pool);
}

/* --------------------------------------------------------------------------- threads ---- */

typedef struct visitor {
    lfb_heap *heap;
    pthread_key_t key; /* its destructor frees, after the heap's own has run */
    node *last;
} visitor;

static void free_late(void *context)
{
    visitor *v = context;
    lfb_heap_free(v->heap, v->last);
}

static void *visit(void *context)
{
    visitor *v = context;
    node *list = NULL;
    for (size_t i = 0; i < 5000; i++) {
        node *object = lfb_heap_malloc(v->heap, 16 + i % 2000);
        *object = (node){.next = list, .check = ~(uintptr_t)object};
        list = object;
    }
    release(v->heap, list);
    v->last = lfb_heap_malloc(v->heap, 48);
    pthread_setspecific(v->key, v);
    return NULL;
}

/* A thread that has ended keeps nothing, also if it called after its cache was emptied. */
static void test_thread_ends(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(64);
    visitor v = {.heap = heaps_create(pool, 2)};
    pthread_key_create(&v.key, free_late);
    for (unsigned i = 0; i < 20; i++) {
        pthread_t thread;
        lfb_heap_stats stats;
        pthread_create(&thread, NULL, visit, &v);
        pthread_join(thread, NULL);
        lfb_heap_get_stats(v.heap, &stats);
        assert_int_equal(stats.allocated, 0);
    }
    pthread_key_delete(v.key);
    lfb_heap_destroy(v.heap);
    heaps_close_empty(pool);
}

/* A heap takes its objects with it, and leaves others alone. */
static void test_two_heaps(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(64);
    lfb_heap *stays = heaps_create(pool, 1);
    node *list = NULL;
    size_t count = 0;
    for (unsigned i = 0; i < 50; i++) {
        lfb_heap *goes = heaps_create(pool, 2);
        for (unsigned k = 0; k < 200; k++) {
            lfb_heap *heap = k % 2 ? stays : goes;
            node *object = lfb_heap_malloc(heap, 100);
            assert_non_null(object);
            lfb_heap_free(heap, lfb_heap_malloc(heap, 100)); /* into a cache */
            memset(object, 0xff, 100);
            if (heap == stays) {
                *object = (node){.next = list, .check = ~(uintptr_t)object};
                list = object;
                count++;
            }
        }
        lfb_heap_destroy(goes);
        heaps_assert_exact(pool, stays);
    }
    assert_int_equal(release(stays, list), count);
    lfb_heap_destroy(stays);
    heaps_close_empty(pool);
}

/* jemalloc has some 4000 arenas and caches at a time: those of former heaps serve again. */
static void test_many_heaps(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(8);
    for (unsigned i = 0; i < 5000; i++) {
        lfb_heap_stats stats;
        lfb_heap *heap = heaps_create(pool, 1);
        lfb_heap_free(heap, lfb_heap_malloc(heap, 10));
        if (i % 1000 == 999) {
            lfb_heap_get_stats(heap, &stats);
            assert_true(stats.allocated > 0); /* in the thread's cache: it has one */
        }
        lfb_heap_destroy(heap);
    }
    heaps_close_empty(pool);
}

/* ------------------------------------------------------------------------- processes ---- */

static int run_child(lfb_pool *pool, lfb_heap *heap, node *list)
{
    heap = heap ? heap : lfb_heap_create(pool, 2, NULL);
    for (size_t i = 0; heap && i < 1000; i++) {
        node *object = lfb_heap_malloc(heap, 10 * i + 16);
        if (!object || !heaps_in_pool(pool, object, 10 * i + 16)) {
            return 1;
        }
        *object = (node){.next = list, .check = ~(uintptr_t)object};
        list = object;
    }
    for (; list; list = list->next) {
        if (list->check != ~(uintptr_t)list) {
            return 2;
        }
    }
    return heap ? 0 : 3;
}

static void assert_child(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* The child's copy of a private pool has a heap too, which goes on. */
static void test_fork(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(64);
    lfb_heap *heap = heaps_create(pool, 2);
    node *list = lfb_heap_malloc(heap, sizeof(*list));
    *list = (node){.check = ~(uintptr_t)list};
    size_t taken = heaps_taken(pool);
    pid_t child = fork();
    if (child == 0) {
        _exit(run_child(pool, heap, list));
    }
    assert_child(child);
    assert_int_equal(heaps_taken(pool), taken);
    assert_int_equal(release(heap, list), 1);
    lfb_heap_destroy(heap);
    heaps_close_empty(pool);
}

/* A process dies, and leaves a heap in a shared pool. */
static void test_death(void **state)
{
    (void)state;
    lfb_pool_config config = {.kind = LFB_POOL_SHARED, .size = 64 * MIB, .owner_tags = true};
    lfb_pool *pool = heaps_pool(&config);
    lfb_heap *heap = heaps_create(pool, 2);
    node *object = lfb_heap_malloc(heap, 100);
    size_t taken = heaps_taken(pool);
    pid_t child = fork();
    if (child == 0) {
        _exit(run_child(pool, NULL, NULL));
    }
    assert_child(child);
    assert_true(heaps_taken(pool) > taken);
    assert_int_equal(lfb_pool_recover(pool, NULL, NULL), LFB_OK);
    assert_int_equal(heaps_taken(pool), taken);
    lfb_heap_free(heap, object);
    lfb_heap_destroy(heap);
    heaps_close_empty(pool);
}

/* -------------------------------------------------------------------------- refusals ---- */

static void assert_refused(lfb_pool *pool, unsigned arenas, lfb_pool_status status,
                           const char *about)
{
    lfb_pool_error error;
    assert_null(lfb_heap_create(pool, arenas, &error));
    assert_int_equal(error.status, status);
    if (!strstr(error.text, about)) {
        fail_msg("\"%s\" doesn't speak of \"%s\"", error.text, about);
    }
    assert_null(lfb_heap_create(pool, arenas, NULL));
}

static void test_refusals(void **state)
{
    (void)state;
    lfb_pool *pool = heaps_private(8);
    assert_refused(NULL, 0, LFB_POOL_INVALID, "no pool");
    assert_refused(pool, LFB_HEAP_MAX_ARENAS + 1, LFB_POOL_INVALID, "arenas");
    lfb_heap_destroy(NULL);
    heaps_close_empty(pool);

    lfb_pool_config large = {.size = 8 * MIB, .page_size = 128 * KIB};
    pool = heaps_pool(&large);
    assert_refused(pool, 1, LFB_POOL_GEOMETRY, "page_size");
    heaps_close_empty(pool);

    lfb_pool_config shared = {.kind = LFB_POOL_SHARED, .size = 8 * MIB};
    lfb_pool_config look = {.kind = LFB_POOL_SHARED, .read_only = true};
    pool = heaps_pool(&shared);
    lfb_pool *read_only = lfb_pool_open_fd(lfb_pool_fd(pool), &look, NULL);
    assert_non_null(read_only);
    assert_refused(read_only, 1, LFB_POOL_INVALID, "read_only");
    lfb_pool_close(read_only);
    heaps_close_empty(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),       cmocka_unit_test(test_malloc_stays),
        cmocka_unit_test(test_aligned),     cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_reuse),       cmocka_unit_test(test_growth_in_place),
        cmocka_unit_test(test_exhaustion),  cmocka_unit_test(test_no_waste),
        cmocka_unit_test(test_thread_ends), cmocka_unit_test(test_two_heaps),
        cmocka_unit_test(test_many_heaps),  cmocka_unit_test(test_fork),
        cmocka_unit_test(test_death),       cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
