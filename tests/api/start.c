/* SPDX-License-Identifier: MIT */
/*
 * What an allocator is started with: configurations, metadata, attaching, backends.
 */
#include <stdlib.h>
#include <string.h>

#include "header.h"
#include "scene.h"

/* -------------------------------------------------------------------------- configurations ---- */

static void assert_config_refused(lfb_config config)
{
    static _Alignas(LINE) unsigned char metadata[1 << 16];
    static unsigned char before[sizeof(metadata)];
    lfb_t lfb;
    memset(metadata, 0xa5, sizeof(metadata));
    memset(before, 0xa5, sizeof(before));
    assert_int_equal(lfb_metadata_size(&config), 0);
    assert_int_equal(lfb_init(&lfb, &config, metadata, sizeof(metadata)), LFB_INVALID_ARGUMENT);
    config.metadata_zeroed = true;
    assert_int_equal(lfb_init(&lfb, &config, metadata, sizeof(metadata)), LFB_INVALID_ARGUMENT);
    assert_memory_equal(metadata, before, sizeof(before));
    lfb_destroy(&lfb);
}

static void test_config_struct_size(void **state)
{
    (void)state;
    static const size_t wrong[] = {0, 1, sizeof(lfb_config) - 1, sizeof(lfb_config) + 1, SIZE_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        lfb_config config = scene_config();
        config.struct_size = wrong[i];
        assert_config_refused(config);
    }
}

static void test_config_pages(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 3, 4095, 4097, 6144, SIZE_MAX};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        assert_config_refused(world_config(0, sizes[i], 10, 3));
    }
    assert_config_refused(world_config(0, 0, 0, 3));
    assert_config_refused(world_config(0, PAGE, 0, 3));
    if (sizeof(size_t) == 8) {
        assert_config_refused(world_config(0, 1, (size_t)(LFB_MAX_PAGES + 1), 3));
    }
    assert_config_refused(world_config(0, 1, SIZE_MAX, 3));
}

static void test_config_base(void **state)
{
    (void)state;
    static const uintptr_t wrong[] = {1, PAGE / 2, PAGE - 1, PAGE + 1, UINTPTR_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_config_refused(world_config(wrong[i], PAGE, 10, 3));
    }
}

static void test_config_range_wraps(void **state)
{
    (void)state;
    uintptr_t last_page = UINTPTR_MAX - (PAGE - 1);
    assert_config_refused(world_config(last_page, PAGE, 2, 3));
    assert_config_refused(world_config(last_page - 9 * (uintptr_t)PAGE, PAGE, 11, 3));
    assert_config_refused(world_config(PAGE, (size_t)1 << (sizeof(size_t) * 8 - 1), 1, 3));
    assert_config_refused(world_config(0, (size_t)1 << (sizeof(size_t) * 8 - 1), 3, 3));
    lfb_config fits = world_config(last_page - 9 * (uintptr_t)PAGE, PAGE, 10, 3);
    assert_int_not_equal(lfb_metadata_size(&fits), 0);
}

/* A page at LFB_NONE couldn't be told from "no address". */
static void test_config_page_at_none(void **state)
{
    (void)state;
    assert_config_refused(world_config(LFB_NONE, 1, 1, 3));
    assert_config_refused(world_config(LFB_NONE - 9, 1, 10, 3));
    assert_config_refused(world_config(LFB_NONE - 9, 1, 11, 3));
    lfb_config fits = world_config(LFB_NONE - 9, 1, 9, 3);
    assert_int_not_equal(lfb_metadata_size(&fits), 0);
}

static void test_config_numbers(void **state)
{
    (void)state;
    lfb_config config = scene_config();
    config.max_order = LFB_MAX_ORDER + 1;
    assert_config_refused(config);
    config.max_order = UINT32_MAX;
    assert_config_refused(config);
    config = scene_config();
    config.lanes = 0;
    assert_config_refused(config);
    config.lanes = LFB_MAX_LANES + 1;
    assert_config_refused(config);
    config.lanes = UINT32_MAX;
    assert_config_refused(config);
}

/* ------------------------------------------------------------------------------------ init ---- */

static void test_init_null(void **state)
{
    (void)state;
    lfb_config config = scene_config();
    size_t size = lfb_metadata_size(&config);
    void *metadata = malloc(size);
    lfb_t lfb;
    assert_int_equal(lfb_metadata_size(NULL), 0);
    assert_int_equal(lfb_init(NULL, &config, metadata, size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_init(&lfb, NULL, metadata, size), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_init(&lfb, &config, NULL, size), LFB_INVALID_ARGUMENT);
    free(metadata);
}

static void assert_init_refused(unsigned char *metadata, size_t size, size_t whole)
{
    lfb_config config = scene_config();
    unsigned char *before = malloc(whole);
    assert_non_null(before);
    memcpy(before, metadata, whole);
    for (unsigned zeroed = 0; zeroed < 2; zeroed++) {
        lfb_t lfb;
        config.metadata_zeroed = zeroed;
        assert_int_equal(lfb_init(&lfb, &config, metadata, size), LFB_INVALID_ARGUMENT);
        assert_memory_equal(metadata, before, whole);
    }
    free(before);
}

static void test_init_bad_metadata(void **state)
{
    (void)state;
    lfb_config config = scene_config();
    size_t size = lfb_metadata_size(&config);
    unsigned char *metadata = calloc(1, size + LINE);
    assert_non_null(metadata);
    for (size_t off = 1; off < LFB_WORD_BITS / 8; off++) {
        assert_init_refused(metadata + off, size, size);
    }
    assert_init_refused(metadata, size - 1, size);
    assert_init_refused(metadata, HEADER_BYTES, size);
    assert_init_refused(metadata, 0, size);
    free(metadata);
}

/* Metadata of exactly the size asked for, at any alignment to a word, and not a byte beside it. */
static void test_init_any_alignment(void **state)
{
    (void)state;
    lfb_config config = world_config(7 * PAGE, PAGE, 300, 9);
    size_t size = lfb_metadata_size(&config);
    unsigned char *room = aligned_alloc(LINE, (size / LINE + 4) * LINE);
    assert_non_null(room);
    for (size_t off = LINE; off < (size_t)2 * LINE; off += LFB_WORD_BITS / 8) {
        memset(room, 0xa5, (size / LINE + 4) * LINE);
        lfb_t lfb;
        assert_int_equal(lfb_init(&lfb, &config, room + off, size), LFB_OK);
        use_all(&lfb, 300);
        for (size_t i = 0; i < LINE; i++) {
            assert_int_equal(room[off - 1 - i], 0xa5);
            assert_int_equal(room[off + size + i], 0xa5);
        }
    }
    free(room);
}

/* ---------------------------------------------------------------------------------- attach ---- */

static void assert_same_walk(const lfb_t *a, const lfb_t *b)
{
    static shown of_a;
    static shown of_b;
    of_a.count = of_b.count = 0;
    of_a.most = of_b.most = SCENE_PAGES;
    assert_int_equal(lfb_walk(a, show, &of_a), LFB_OK);
    assert_int_equal(lfb_walk(b, show, &of_b), LFB_OK);
    assert_int_equal(of_a.count, of_b.count);
    for (size_t i = 0; i < of_a.count; i++) {
        assert_same_extent(&of_a.extents[i], &of_b.extents[i]);
    }
}

static void test_attach_same_memory(void **state)
{
    world *w = *state;
    lfb_t other;
    world_remember(w);
    assert_int_equal(lfb_attach(&other, w->metadata, w->size, NULL, NULL), LFB_OK);
    world_assert_unchanged(w);
    assert_same_walk(&w->lfb, &other);
    assert_int_equal(lfb_free(&other, world_page(w, runs[0].page)), LFB_OK);
    assert_int_equal(lfb_size_of(&w->lfb, world_page(w, runs[0].page)), 0);
    uintptr_t address = lfb_alloc(&w->lfb, 2);
    assert_int_equal(lfb_free_sized(&other, address, 4), LFB_OK);
    world_remember(w);
    lfb_destroy(&other); /* ends the handle, not the allocator */
    world_assert_unchanged(w);
}

static void test_attach_another_address(void **state)
{
    world *w = *state;
    unsigned char *room = aligned_alloc(LINE, (w->size / LINE + 3) * LINE);
    assert_non_null(room);
    for (size_t off = 0; off <= LINE; off += LFB_WORD_BITS / 8) {
        lfb_t copy;
        memcpy(room + off, w->metadata, w->size);
        assert_int_equal(lfb_attach(&copy, room + off, w->size, NULL, NULL), LFB_OK);
        assert_same_walk(&w->lfb, &copy);
        assert_int_equal(lfb_check(&copy, NULL), LFB_OK);
        for (size_t i = 0; i < RUNS; i++) {
            assert_int_equal(lfb_free(&copy, world_page(w, runs[i].page)), LFB_OK);
        }
        assert_int_equal(lfb_check(&copy, NULL), LFB_OK);
        lfb_destroy(&copy);
    }
    free(room);
}

static void test_attach_bad_pointers(void **state)
{
    world *w = *state;
    lfb_t other;
    char *metadata = w->metadata;
    assert_int_equal(lfb_attach(NULL, metadata, w->size, NULL, NULL), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_attach(&other, NULL, w->size, NULL, NULL), LFB_INVALID_ARGUMENT);
    for (size_t off = 1; off < LFB_WORD_BITS / 8; off++) {
        assert_int_equal(lfb_attach(&other, metadata + off, w->size - off, NULL, NULL),
                         LFB_INVALID_ARGUMENT);
    }
}

/* What lfb_metadata_size asks for includes up to 127 bytes that alignment may not need. */
static void test_attach_truncated(void **state)
{
    world *w = *state;
    lfb_t other;
    for (size_t size = 0; size + LINE - 1 < w->size; size++) {
        unsigned char *copy = malloc(size + !size);
        assert_non_null(copy);
        memcpy(copy, w->metadata, size);
        assert_int_equal(lfb_attach(&other, copy, size, NULL, NULL), LFB_DAMAGED);
        free(copy);
    }
    bool enough = false;
    for (size_t size = w->size - LINE; size <= w->size; size++) {
        lfb_status status = lfb_attach(&other, w->metadata, size, NULL, NULL);
        assert_int_equal(status, enough || status == LFB_OK ? LFB_OK : LFB_DAMAGED);
        enough |= status == LFB_OK;
    }
    assert_true(enough);
}

static void test_attach_changed_header(void **state)
{
    world *w = *state;
    unsigned char *bytes = w->metadata;
    lfb_t other;
    lfb_report report;
    for (size_t i = 0; i < HEADER_BYTES; i++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            bytes[i] ^= (unsigned char)flip;
            assert_int_equal(lfb_attach(&other, bytes, w->size, NULL, NULL), LFB_DAMAGED);
            assert_int_equal(lfb_check(&w->lfb, &report), LFB_DAMAGED);
            assert_int_equal(report.faults, 1);
            bytes[i] ^= (unsigned char)flip;
        }
    }
    assert_int_equal(lfb_attach(&other, bytes, w->size, NULL, NULL), LFB_OK);
}

static void assert_forged(world *w, size_t at, uint64_t value, lfb_status expected)
{
    unsigned char header[HEADER_BYTES];
    lfb_t other;
    memcpy(header, w->metadata, sizeof(header));
    header_forge(w->metadata, at, value);
    assert_int_equal(lfb_attach(&other, w->metadata, w->size, NULL, NULL), expected);
    memcpy(w->metadata, header, sizeof(header));
}

/* A right checksum over wrong contents. */
static void test_attach_forged_header(void **state)
{
    world *w = *state;
    assert_forged(w, AT_MAX_ORDER, SCENE_MAX_ORDER, LFB_OK); /* the forger knows the checksum */
    assert_forged(w, AT_FORMAT, 2, LFB_DAMAGED);             /* of earlier */
    assert_forged(w, AT_FORMAT, 4, LFB_DAMAGED);
    assert_forged(w, AT_WORD_BITS, 96 - LFB_WORD_BITS, LFB_DAMAGED);
    assert_forged(w, AT_LEAF_ORDER, LFB_LEAF_ORDER - 1, LFB_DAMAGED);
    assert_forged(w, AT_NODE_ORDER, LFB_NODE_ORDER - 1, LFB_DAMAGED);
    assert_forged(w, AT_BASE, 1, LFB_DAMAGED);
    assert_forged(w, AT_PAGE_SIZE, 0, LFB_DAMAGED);
    assert_forged(w, AT_PAGE_COUNT, 0, LFB_DAMAGED);
    assert_forged(w, AT_PAGE_COUNT, SCENE_PAGES * 4, LFB_DAMAGED);
    assert_forged(w, AT_PAGE_COUNT, UINT64_MAX, LFB_DAMAGED);
    assert_forged(w, AT_MAX_ORDER, LFB_MAX_ORDER + 1, LFB_DAMAGED);
    assert_forged(w, AT_LANES, 0, LFB_DAMAGED);
    assert_forged(w, AT_LANES, LFB_MAX_LANES, LFB_DAMAGED);
    static const uint32_t starts[] = {0, HEADER_BYTES - 8, LINE + 1, 192, UINT32_MAX};
    for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
        assert_forged(w, AT_START, starts[i], LFB_DAMAGED);
    }
}

/* More memory than is needed doesn't make room for parts that start later. */
static void test_attach_forged_start(void **state)
{
    world *w = *state;
    lfb_t other;
    unsigned char *room = aligned_alloc(LINE, (w->size / LINE + 9) * LINE);
    assert_non_null(room);
    memcpy(room, w->metadata, w->size);
    assert_int_equal(lfb_attach(&other, room, w->size + 8 * LINE, NULL, NULL), LFB_OK);
    for (uint32_t start = HEADER_BYTES + LINE; start < 6 * LINE; start += 8) {
        header_forge(room, AT_START, start);
        assert_int_equal(lfb_attach(&other, room, w->size + 8 * LINE, NULL, NULL), LFB_DAMAGED);
    }
    free(room);
}

/* ---------------------------------------------------------------------- create and destroy ---- */

typedef struct backend_log {
    _Alignas(LINE) unsigned char memory[1 << 16];
    unsigned char *give; /* NULL: none left */
    size_t size;
    size_t align;
    unsigned allocated;
    unsigned released;
    void *released_memory;
    size_t released_size;
} backend_log;

static void *log_allocate(void *ctx, size_t size, size_t align)
{
    backend_log *log = ctx;
    log->size = size;
    log->align = align;
    log->allocated++;
    return log->give;
}

static void log_release(void *ctx, void *p, size_t size)
{
    backend_log *log = ctx;
    log->released_memory = p;
    log->released_size = size;
    log->released++;
}

static lfb_backend backend_of(backend_log *log)
{
    return (lfb_backend){log_allocate, log_release, log};
}

static void test_create(void **state)
{
    (void)state;
    static backend_log log;
    log = (backend_log){.give = log.memory};
    lfb_config config = world_config(0, PAGE, 300, 9);
    config.metadata_zeroed = true;
    lfb_backend backend = backend_of(&log);
    lfb_t lfb;
    assert_int_equal(lfb_create(&lfb, &config, &backend), LFB_OK);
    assert_int_equal(log.size, lfb_metadata_size(&config));
    assert_int_equal(log.align, LINE);
    use_all(&lfb, 300);
    assert_int_equal(log.released, 0);
    lfb_destroy(&lfb);
    assert_int_equal(log.allocated, 1);
    assert_int_equal(log.released, 1);
    assert_ptr_equal(log.released_memory, log.memory);
    assert_int_equal(log.released_size, log.size);
    lfb_destroy(&lfb); /* is zero-filled now */
    assert_int_equal(log.released, 1);
}

static void test_create_refused(void **state)
{
    (void)state;
    static backend_log log;
    log = (backend_log){.give = log.memory};
    lfb_config config = world_config(0, PAGE, 300, 9);
    lfb_backend backend = backend_of(&log);
    lfb_backend nothing = {NULL, log_release, &log};
    lfb_t lfb = {0};
    assert_int_equal(lfb_create(&lfb, &config, NULL), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_create(&lfb, &config, &nothing), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_create(&lfb, NULL, &backend), LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_create(NULL, &config, &backend), LFB_INVALID_ARGUMENT);
    config.lanes = 0;
    assert_int_equal(lfb_create(&lfb, &config, &backend), LFB_INVALID_ARGUMENT);
    assert_int_equal(log.allocated, 0);
    assert_int_equal(log.released, 0);
}

static void test_create_without_memory(void **state)
{
    (void)state;
    static backend_log log;
    log = (backend_log){.give = NULL};
    lfb_config config = world_config(0, PAGE, 300, 9);
    lfb_backend backend = backend_of(&log);
    lfb_t lfb = {0};
    assert_int_equal(lfb_create(&lfb, &config, &backend), LFB_NO_MEMORY);
    assert_int_equal(log.allocated, 1);
    assert_int_equal(log.released, 0);
    lfb_destroy(&lfb);
    assert_int_equal(log.released, 0);
}

static void test_create_in_misaligned_memory(void **state)
{
    (void)state;
    static backend_log log;
    log = (backend_log){.give = log.memory + 1};
    lfb_config config = world_config(0, PAGE, 300, 9);
    lfb_backend backend = backend_of(&log);
    lfb_t lfb = {0};
    assert_int_equal(lfb_create(&lfb, &config, &backend), LFB_INVALID_ARGUMENT);
    assert_int_equal(log.released, 1);
    assert_ptr_equal(log.released_memory, log.memory + 1);
    assert_int_equal(log.released_size, log.size);
    lfb_destroy(&lfb);
    assert_int_equal(log.released, 1);
    backend.release = NULL; /* nobody wants it back */
    assert_int_equal(lfb_create(&lfb, &config, &backend), LFB_INVALID_ARGUMENT);
    backend.release = NULL;
    log.give = log.memory;
    assert_int_equal(lfb_create(&lfb, &config, &backend), LFB_OK);
    lfb_destroy(&lfb);
    assert_int_equal(log.released, 1);
}

static void test_destroy_nothing(void **state)
{
    (void)state;
    lfb_t zero;
    memset(&zero, 0, sizeof(zero));
    lfb_destroy(NULL);
    lfb_destroy(&zero);
}

static void test_status_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "ok",
        "exhausted",
        "invalid argument",
        "out of range",
        "not allocated",
        "not the start of a run",
        "size mismatch",
        "busy",
        "damaged metadata",
        "no memory from the backend",
    };
    for (int i = LFB_OK; i <= LFB_NO_MEMORY; i++) {
        assert_string_equal(lfb_status_name((lfb_status)i), names[i]);
    }
    assert_string_equal(lfb_status_name((lfb_status)(LFB_NO_MEMORY + 1)), "unknown status");
    assert_string_equal(lfb_status_name((lfb_status)-1), "unknown status");
    assert_string_equal(lfb_status_name((lfb_status)12345), "unknown status");
}

int api_start(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_struct_size),
        cmocka_unit_test(test_config_pages),
        cmocka_unit_test(test_config_base),
        cmocka_unit_test(test_config_range_wraps),
        cmocka_unit_test(test_config_page_at_none),
        cmocka_unit_test(test_config_numbers),
        cmocka_unit_test(test_init_null),
        cmocka_unit_test(test_init_bad_metadata),
        cmocka_unit_test(test_init_any_alignment),
        IN_SCENE(test_attach_same_memory),
        IN_SCENE(test_attach_another_address),
        IN_SCENE(test_attach_bad_pointers),
        IN_SCENE(test_attach_truncated),
        IN_SCENE(test_attach_changed_header),
        IN_SCENE(test_attach_forged_header),
        IN_SCENE(test_attach_forged_start),
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_create_refused),
        cmocka_unit_test(test_create_without_memory),
        cmocka_unit_test(test_create_in_misaligned_memory),
        cmocka_unit_test(test_destroy_nothing),
        cmocka_unit_test(test_status_names),
    };
    return cmocka_run_group_tests_name("start", tests, NULL, NULL);
}
