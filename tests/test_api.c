/* SPDX-License-Identifier: MIT */
/*
 * Every public function and every status that it documents. The scene of most tests is a range
 * with runs of all shapes, a hole and free pages between them; whatever is refused there must leave
 * the metadata as it was, bit for bit.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "header.h"
#include "random.h"
#include "world.h"

enum {
    PAGE = 4096,
    LEAF = 1 << LFB_LEAF_ORDER,
    LINE = 128,
};

/* ---------------------------------------------------------------------------------- the scene ----
 */

enum { SCENE_PAGES = 2000, SCENE_MAX_ORDER = 11, HOLE_PAGE = 600, HOLE_PAGES = 100 };

typedef struct place {
    size_t page;
    size_t pages;
} place;

/* Runs of one page, in a leaf, of a slot, of several; and such as go on in one and two children. */
static const place runs[] = {
    {1, 1},
    {2, 3},
    {LEAF, LEAF},
    {4 * LEAF, LEAF + 8},
    {8 * LEAF, 2 * LEAF},
    {1024, 512 + 3 * LEAF + 5},
};
enum { RUNS = sizeof(runs) / sizeof(*runs), FREE_PAGE = 6, LONG_RUN = RUNS - 1 };

static lfb_config scene_config(void)
{
    return world_config((uintptr_t)PAGE << 16, PAGE, SCENE_PAGES, SCENE_MAX_ORDER);
}

static int scene_start(void **state)
{
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    *state = w;
    lfb_config config = scene_config();
    world_start(w, &config);
    for (size_t i = 0; i < RUNS; i++) {
        uintptr_t address = world_page(w, runs[i].page);
        assert_int_equal(lfb_alloc_at(&w->lfb, address, runs[i].pages), LFB_OK);
    }
    uintptr_t hole = world_page(w, HOLE_PAGE);
    assert_int_equal(lfb_hold_range(&w->lfb, hole, HOLE_PAGES), LFB_OK);
    world_assert_sound(w);
    return 0;
}

/* The same range with nothing in it. */
static int range_start(void **state)
{
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    *state = w;
    lfb_config config = scene_config();
    world_start(w, &config);
    return 0;
}

static int held_range_start(void **state)
{
    world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    *state = w;
    lfb_config config = scene_config();
    config.start_held = true;
    world_start(w, &config);
    return 0;
}

static int any_end(void **state)
{
    world *w = *state;
    world_assert_sound(w);
    world_end(w);
    free(w);
    return 0;
}

/* The call returns `expected` and leaves the metadata as it was. */
#define assert_refused(w, call, expected)                                                          \
    do {                                                                                           \
        world_remember(w);                                                                         \
        assert_int_equal(call, expected);                                                          \
        world_assert_unchanged(w);                                                                 \
    } while (0)

#define assert_none(w, call) assert_refused(w, call, LFB_NONE)

static lfb_stats stats_of(const world *w)
{
    lfb_stats stats;
    lfb_get_stats(&w->lfb, &stats);
    return stats;
}

/* ------------------------------------------------------------------------------ configurations
 * ---- */

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

/* -------------------------------------------------------------------------------------- init ----
 */

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

/* Takes every page one by one, and gives all back. */
static void use_all(lfb_t *lfb, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        uintptr_t address = lfb_alloc(lfb, 0);
        assert_true(address != LFB_NONE);
        assert_int_equal(lfb_size_of(lfb, address), 1);
    }
    assert_true(lfb_alloc(lfb, 0) == LFB_NONE);
    lfb_stats stats;
    lfb_get_stats(lfb, &stats);
    assert_int_equal(stats.runs, pages);
    assert_int_equal(stats.allocated_pages, pages);
    assert_int_equal(lfb_check(lfb, NULL), LFB_OK);
    for (size_t i = 0; i < pages; i++) {
        uintptr_t address = (lfb->first_page + i) << lfb->page_shift;
        assert_int_equal(lfb_free(lfb, address), LFB_OK);
    }
    lfb_drain(lfb);
    lfb_report report;
    assert_int_equal(lfb_check(lfb, &report), LFB_OK);
    assert_int_equal(report.stats.free_pages, pages);
    assert_int_equal(report.warm_nodes, 0);
    assert_int_equal(report.low_hints, 0);
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

/* -------------------------------------------------------------------------------------- attach
 * ---- */

typedef struct shown {
    lfb_extent extents[SCENE_PAGES];
    size_t count;
    size_t most; /* the visitor stops then */
} shown;

static bool show(void *context, const lfb_extent *extent)
{
    shown *s = context;
    s->extents[s->count++] = *extent;
    return s->count < s->most;
}

/* Field by field: extents have padding. */
static void assert_same_extent(const lfb_extent *a, const lfb_extent *b)
{
    assert_int_equal(a->address, b->address);
    assert_int_equal(a->pages, b->pages);
    assert_int_equal(a->kind, b->kind);
}

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

/* -------------------------------------------------------------------------- create and destroy
 * ---- */

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

/* -------------------------------------------------------------------------------- bad releases
 * ---- */

/* Every call that expects the start of a live run, at an address where none is. */
static void assert_no_run_at(world *w, uintptr_t address, lfb_status expected)
{
    assert_refused(w, lfb_free(&w->lfb, address), expected);
    assert_refused(w, lfb_free_on(&w->lfb, 3, address), expected);
    assert_refused(w, lfb_free_sized(&w->lfb, address, 1), expected);
    assert_refused(w, lfb_free_sized_on(&w->lfb, 2, address, LEAF), expected);
    assert_refused(w, lfb_free_sized(&w->lfb, address, 0), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_free_bulk(&w->lfb, 1, &address), 0);
    assert_refused(w, lfb_resize(&w->lfb, address, 1), expected);
    assert_refused(w, lfb_resize_on(&w->lfb, 1, address, 5), expected);
    assert_refused(w, lfb_size_of(&w->lfb, address), 0);
}

static void test_free_inside_run(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        for (size_t page = 1; page < runs[i].pages; page++) {
            assert_no_run_at(w, world_page(w, runs[i].page + page), LFB_NOT_START);
        }
    }
}

/* The pages where a run goes on in another node. */
static void test_free_continuation(void **state)
{
    world *w = *state;
    uintptr_t long_run = world_page(w, runs[LONG_RUN].page);
    assert_int_equal(lfb_size_of(&w->lfb, long_run), runs[LONG_RUN].pages);
    assert_no_run_at(w, world_page(w, 4 * LEAF + LEAF), LFB_NOT_START);
    assert_no_run_at(w, world_page(w, 1024 + 512), LFB_NOT_START);
    assert_no_run_at(w, world_page(w, 1024 + 512 + 3 * LEAF), LFB_NOT_START);
    assert_int_equal(lfb_free_sized(&w->lfb, long_run, runs[LONG_RUN].pages), LFB_OK);
}

static void test_free_inside_page(void **state)
{
    world *w = *state;
    static const uintptr_t inside[] = {1, 8, PAGE / 2, PAGE - 1};
    for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
        assert_no_run_at(w, world_page(w, runs[1].page) + inside[i], LFB_INVALID_ARGUMENT);
        assert_no_run_at(w, world_page(w, FREE_PAGE) + inside[i], LFB_INVALID_ARGUMENT);
        assert_no_run_at(w, world_page(w, SCENE_PAGES - 1) + inside[i], LFB_INVALID_ARGUMENT);
    }
}

static void test_free_out_of_range(void **state)
{
    world *w = *state;
    uintptr_t base = world_page(w, 0);
    uintptr_t end = world_page(w, SCENE_PAGES);
    const uintptr_t wrong[] = {0,       1,          base - PAGE,           base - 1, end,
                               end + 1, end + PAGE, LFB_NONE - (PAGE - 1), LFB_NONE};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_no_run_at(w, wrong[i], LFB_OUT_OF_RANGE);
    }
}

static void test_free_what_is_free(void **state)
{
    world *w = *state;
    static const size_t pages[] = {0,
                                   FREE_PAGE,
                                   5,
                                   LEAF - 1,
                                   2 * LEAF,
                                   HOLE_PAGE - 1,
                                   HOLE_PAGE + HOLE_PAGES,
                                   SCENE_PAGES - 1};
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        assert_no_run_at(w, world_page(w, pages[i]), LFB_NOT_ALLOCATED);
    }
}

static void test_free_what_never_was(void **state)
{
    world *w = *state;
    for (size_t page = 0; page < SCENE_PAGES; page++) {
        assert_no_run_at(w, world_page(w, page), LFB_NOT_ALLOCATED);
    }
}

static void test_free_held(void **state)
{
    world *w = *state;
    for (size_t page = HOLE_PAGE; page < HOLE_PAGE + HOLE_PAGES; page++) {
        assert_no_run_at(w, world_page(w, page), LFB_NOT_ALLOCATED);
    }
}

static void test_free_twice(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        uintptr_t address = world_page(w, runs[i].page);
        assert_int_equal(lfb_free(&w->lfb, address), LFB_OK);
        assert_no_run_at(w, address, LFB_NOT_ALLOCATED);
        lfb_drain(&w->lfb);
        assert_no_run_at(w, address, LFB_NOT_ALLOCATED);
    }
}

/* A node that was emptied looks, slot by slot, like runs or managed pages, whatever its tag is. */
static void test_free_twice_under_any_tag(void **state)
{
    (void)state;
    world w;
    lfb_config config = scene_config();
    config.lanes = 1; /* tags are 1, 2, 3, ... */
    world_start(&w, &config);
    for (unsigned i = 0; i < 300; i++) {
        uintptr_t address = world_page(&w, LEAF << LFB_NODE_ORDER | 2 * LEAF);
        assert_int_equal(lfb_alloc_at(&w.lfb, address, LEAF), LFB_OK);
        assert_int_equal(lfb_free(&w.lfb, address), LFB_OK);
        assert_no_run_at(&w, address, LFB_NOT_ALLOCATED);
    }
    world_end(&w);
}

typedef struct thief {
    lfb_t *lfb;
    uintptr_t address;
    lfb_status status;
} thief;

static void *steal(void *context)
{
    thief *t = context;
    t->status = lfb_free_on(t->lfb, 2, t->address);
    return NULL;
}

static lfb_status free_elsewhere(lfb_t *lfb, uintptr_t address)
{
    thief t = {lfb, address, LFB_OK};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, steal, &t), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return t.status;
}

static void test_free_twice_in_two_threads(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        uintptr_t address = world_page(w, runs[i].page);
        assert_int_equal(free_elsewhere(&w->lfb, address), LFB_OK);
        assert_no_run_at(w, address, LFB_NOT_ALLOCATED);
        assert_refused(w, free_elsewhere(&w->lfb, address), LFB_NOT_ALLOCATED);
    }
}

static void test_free_wrong_size(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        uintptr_t address = world_page(w, runs[i].page);
        for (size_t pages = 1; pages <= runs[i].pages + LEAF; pages++) {
            if (pages != runs[i].pages) {
                assert_refused(w, lfb_free_sized(&w->lfb, address, pages), LFB_SIZE_MISMATCH);
            }
        }
        assert_refused(w, lfb_free_sized(&w->lfb, address, 0), LFB_INVALID_ARGUMENT);
        assert_refused(w, lfb_free_sized(&w->lfb, address, SIZE_MAX), LFB_SIZE_MISMATCH);
        assert_int_equal(lfb_free_sized(&w->lfb, address, runs[i].pages), LFB_OK);
    }
}

/* Two good ones, a bad one, a good one. */
static void assert_bulk_stops(world *w, uintptr_t bad)
{
    size_t live = stats_of(w).runs;
    uintptr_t in[4];
    for (size_t i = 0; i < 4; i++) {
        in[i] = lfb_alloc(&w->lfb, 0);
        assert_true(in[i] != LFB_NONE);
    }
    uintptr_t good = in[2];
    in[2] = bad;
    assert_int_equal(lfb_free_bulk(&w->lfb, 4, in), 2);
    assert_int_equal(stats_of(w).runs, live + 2);
    assert_int_equal(lfb_size_of(&w->lfb, in[3]), 1);
    assert_refused(w, lfb_free_bulk(&w->lfb, 2, in + 2), 0);
    in[2] = good;
    assert_int_equal(lfb_free_bulk_on(&w->lfb, 1, 2, in + 2), 2);
    assert_int_equal(stats_of(w).runs, live);
}

static void test_free_bulk_with_a_bad_one(void **state)
{
    world *w = *state;
    assert_bulk_stops(w, world_page(w, SCENE_PAGES - 1));
    assert_bulk_stops(w, world_page(w, runs[1].page + 1));
    assert_bulk_stops(w, world_page(w, runs[LONG_RUN].page + 512));
    assert_bulk_stops(w, world_page(w, HOLE_PAGE));
    assert_bulk_stops(w, world_page(w, runs[0].page) + 1);
    assert_bulk_stops(w, world_page(w, SCENE_PAGES));
    assert_bulk_stops(w, 0);
    assert_bulk_stops(w, LFB_NONE);
    assert_refused(w, lfb_free_bulk(&w->lfb, 0, NULL), 0);
}

/* The second mention of a run is a double release. */
static void test_free_bulk_twice_the_same(void **state)
{
    world *w = *state;
    uintptr_t in[3] = {world_page(w, 1), world_page(w, 2), world_page(w, 1)};
    assert_int_equal(lfb_free_bulk(&w->lfb, 3, in), 2);
    assert_refused(w, lfb_free_bulk(&w->lfb, 1, in + 2), 0);
    uintptr_t long_run[2] = {world_page(w, 1024), world_page(w, 1024)};
    assert_int_equal(lfb_free_bulk(&w->lfb, 2, long_run), 1);
    assert_refused(w, lfb_free_bulk(&w->lfb, 1, long_run), 0);
}

/* What lies in a node before the first of two runs may belong to one that began before the node. */
static void test_free_bulk_the_end_before(void **state)
{
    world *w = *state;
    static const struct {
        place behind;
        size_t end;
    } nodes[] = {
        {{5 * LEAF + 8, 3}, 5 * LEAF},
        {{1536 + 4 * LEAF, LEAF}, 1536},
    };
    for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
        uintptr_t in[2] = {world_page(w, nodes[i].behind.page), world_page(w, nodes[i].end)};
        assert_int_equal(lfb_alloc_at(&w->lfb, in[0], nodes[i].behind.pages), LFB_OK);
        assert_int_equal(lfb_free_bulk(&w->lfb, 2, in), 1);
        assert_refused(w, lfb_free_bulk(&w->lfb, 1, in + 1), 0);
    }
    assert_int_equal(lfb_size_of(&w->lfb, world_page(w, 4 * LEAF)), LEAF + 8);
    assert_int_equal(lfb_size_of(&w->lfb, world_page(w, 1024)), runs[LONG_RUN].pages);
}

/* Allocates the pages of a leaf one by one, and notes their addresses. */
static void alloc_leaf_at(world *w, size_t page, uintptr_t out[])
{
    for (size_t i = 0; i < LEAF; i++) {
        out[i] = world_page(w, page + i);
        assert_int_equal(lfb_alloc_at(&w->lfb, out[i], 1), LFB_OK);
    }
}

/* First and last are those of a whole leaf, but one in the middle is there twice. */
static void test_free_bulk_twice_in_a_leaf(void **state)
{
    world *w = *state;
    uintptr_t in[LEAF];
    alloc_leaf_at(w, 512, in);
    uintptr_t other = in[5];
    in[5] = in[4];
    assert_int_equal(lfb_free_bulk(&w->lfb, LEAF, in), 5);
    assert_int_equal(lfb_size_of(&w->lfb, other), 1);
    in[5] = other;
    assert_int_equal(lfb_free_bulk(&w->lfb, LEAF - 5, in + 5), LEAF - 5);
    world_assert_all_free(w);
}

/* The node above two leaves changes between their releases; and yet nothing is left to a drain. One
 * page stays in use, so that no node is all FREE that its lane might keep. */
static void test_free_bulk_merges(void **state)
{
    world *w = *state;
    uintptr_t in[2 * LEAF + 1];
    alloc_leaf_at(w, 512, in);
    in[LEAF] = world_page(w, 512 + LEAF);
    assert_int_equal(lfb_alloc_at(&w->lfb, in[LEAF], LEAF), LFB_OK);
    alloc_leaf_at(w, 512 + 2 * LEAF, in + LEAF + 1);
    assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, 512 + 3 * LEAF), 1), LFB_OK);
    assert_int_equal(lfb_free_bulk(&w->lfb, 2 * LEAF + 1, in), 2 * LEAF + 1);
    world_remember(w);
    lfb_drain(&w->lfb);
    assert_memory_equal(w->metadata, w->before, w->size);
}

/* Every run, and then every page. */
static void test_free_bulk_pairs(void **state)
{
    world *w = *state;
    world_remember(w);
    size_t free_before = stats_of(w).free_pages;
    for (size_t i = 0; i < RUNS; i++) {
        for (size_t page = 0; page < SCENE_PAGES; page++) {
            uintptr_t in[2] = {world_page(w, runs[i].page), world_page(w, page)};
            size_t second = page == runs[i].page ? 0 : lfb_size_of(&w->lfb, in[1]);
            assert_int_equal(lfb_free_bulk(&w->lfb, 2, in), second ? 2 : 1);
            assert_int_equal(stats_of(w).free_pages, free_before + runs[i].pages + second);
            world_assert_sound(w);
            memcpy(w->metadata, w->before, w->size);
        }
    }
}

static void test_free_bulk_of_all(void **state)
{
    world *w = *state;
    uintptr_t in[RUNS];
    for (size_t i = 0; i < RUNS; i++) {
        in[i] = world_page(w, runs[i].page);
    }
    assert_int_equal(lfb_free_bulk(&w->lfb, RUNS, in), RUNS);
    assert_int_equal(stats_of(w).allocated_pages, 0);
}

/* -------------------------------------------------------------------------------- bad ranges ----
 */

typedef lfb_status range_function(lfb_t *lfb, uintptr_t address, size_t pages);

/* What every function that takes a range refuses alike. `page` can be the first of a good one. */
static void assert_ranges_judged(world *w, range_function *f, size_t page)
{
    uintptr_t address = world_page(w, page);
    uintptr_t last = world_page(w, SCENE_PAGES - 1);
    assert_refused(w, f(&w->lfb, address, 0), LFB_INVALID_ARGUMENT);
    assert_refused(w, f(&w->lfb, address + 1, 1), LFB_INVALID_ARGUMENT);
    assert_refused(w, f(&w->lfb, address + PAGE - 1, 1), LFB_INVALID_ARGUMENT);
    assert_refused(w, f(&w->lfb, address, SCENE_PAGES - page + 1), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, address, SIZE_MAX), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, address, SIZE_MAX / PAGE), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, last, 2), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, last + PAGE, 1), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, w->config.base - PAGE, 2), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, w->config.base - 1, 1), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, 0, 1), LFB_OUT_OF_RANGE);
    assert_refused(w, f(&w->lfb, LFB_NONE, 1), LFB_OUT_OF_RANGE);
}

static void test_ranges_judged(void **state)
{
    world *w = *state;
    assert_ranges_judged(w, lfb_free_range, runs[1].page);
    assert_ranges_judged(w, lfb_alloc_at, FREE_PAGE);
    assert_ranges_judged(w, lfb_hold_range, FREE_PAGE);
    assert_ranges_judged(w, lfb_release_range, HOLE_PAGE);
}

static void assert_range_refused(world *w, range_function *f, size_t page, size_t pages,
                                 lfb_status expected)
{
    assert_refused(w, f(&w->lfb, world_page(w, page), pages), expected);
}

static void test_free_range_refused(void **state)
{
    world *w = *state;
    static const place wrong[] = {
        {FREE_PAGE, 1},
        {0, 2},                     /* a free page, then a run */
        {2, 4},                     /* a run, then a free page */
        {1, 2 * LEAF - 1},          /* free pages between runs */
        {1024, 512 + 3 * LEAF + 6}, /* one page too long */
        {1024 + 512, 3 * LEAF + 6}, /* the same from within the run */
        {HOLE_PAGE, 1},
        {HOLE_PAGE + 1, HOLE_PAGES - 2},
        {HOLE_PAGE - 1, HOLE_PAGES + 2},
        {0, SCENE_PAGES},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        assert_range_refused(w, lfb_free_range, wrong[i].page, wrong[i].pages, LFB_NOT_ALLOCATED);
    }
    assert_range_refused(w, lfb_free_range, SCENE_PAGES - 1, 1, LFB_NOT_ALLOCATED);
}

static void test_hold_range_refused(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        size_t end = runs[i].page + runs[i].pages;
        assert_range_refused(w, lfb_hold_range, runs[i].page, 1, LFB_BUSY);
        assert_range_refused(w, lfb_hold_range, runs[i].page, runs[i].pages, LFB_BUSY);
        assert_range_refused(w, lfb_hold_range, end - 1, 2, LFB_BUSY);
        assert_range_refused(w, lfb_hold_range, 0, end, LFB_BUSY);
    }
    assert_range_refused(w, lfb_hold_range, HOLE_PAGE + HOLE_PAGES - 1, 3, LFB_BUSY);
    assert_range_refused(w, lfb_hold_range, HOLE_PAGE - 20, 21, LFB_BUSY);
    assert_range_refused(w, lfb_hold_range, HOLE_PAGE, HOLE_PAGES, LFB_BUSY);
    /* Nodes that were never touched, then a run. */
    assert_range_refused(w, lfb_hold_range, 801, 1024 - 801 + 1, LFB_BUSY);
}

static void test_release_range_refused(void **state)
{
    world *w = *state;
    assert_range_refused(w, lfb_release_range, FREE_PAGE, 1, LFB_NOT_ALLOCATED);
    assert_range_refused(w, lfb_release_range, HOLE_PAGE, HOLE_PAGES + 1, LFB_NOT_ALLOCATED);
    assert_range_refused(w, lfb_release_range, HOLE_PAGE - 1, 2, LFB_NOT_ALLOCATED);
    assert_range_refused(w, lfb_release_range, HOLE_PAGE - 1, HOLE_PAGES, LFB_NOT_ALLOCATED);
    for (size_t i = 0; i < RUNS; i++) {
        assert_range_refused(w, lfb_release_range, runs[i].page, 1, LFB_BUSY);
        assert_range_refused(w, lfb_release_range, runs[i].page, runs[i].pages, LFB_BUSY);
        assert_range_refused(w, lfb_release_range, runs[i].page + runs[i].pages - 1, 1, LFB_BUSY);
    }
}

static void test_alloc_at_refused(void **state)
{
    world *w = *state;
    assert_range_refused(w, lfb_alloc_at, 1, 1, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, 0, 2, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, 0, LEAF, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, LEAF + 1, 2, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, 0, SCENE_PAGES, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, HOLE_PAGE, 1, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, 1024 + 512 + 3 * LEAF + 4, 1, LFB_BUSY);
    /* Places where no run can be, free or not. */
    assert_range_refused(w, lfb_alloc_at, 2 * LEAF + 1, LEAF, LFB_INVALID_ARGUMENT);
    assert_range_refused(w, lfb_alloc_at, 3 * LEAF - 1, 2, LFB_INVALID_ARGUMENT);
    assert_range_refused(w, lfb_alloc_at, 1, SCENE_PAGES - 1, LFB_INVALID_ARGUMENT);
    assert_range_refused(w, lfb_alloc_at, LEAF - 1, LEAF + 2, LFB_INVALID_ARGUMENT);
}

/* With small orders the tree is low, and no node covers a long range. */
static void test_alloc_at_above_the_tree(void **state)
{
    (void)state;
    world w;
    lfb_config config = world_config(0, PAGE, 10 * LEAF, 1);
    world_start(&w, &config);
    assert_range_refused(&w, lfb_alloc_at, 0, 10 * LEAF, LFB_INVALID_ARGUMENT);
    assert_range_refused(&w, lfb_alloc_at, 0, LEAF + 1, LFB_INVALID_ARGUMENT);
    assert_int_equal(lfb_alloc_at(&w.lfb, 0, LEAF), LFB_OK);
    world_end(&w);
}

/* In a range that starts out of use nothing is free and nothing is allocated. */
static void test_start_held(void **state)
{
    world *w = *state;
    assert_int_equal(stats_of(w).held_pages, SCENE_PAGES);
    for (size_t page = 0; page < SCENE_PAGES; page += 7) {
        assert_no_run_at(w, world_page(w, page), LFB_NOT_ALLOCATED);
    }
    assert_range_refused(w, lfb_free_range, 0, SCENE_PAGES, LFB_NOT_ALLOCATED);
    assert_range_refused(w, lfb_hold_range, 0, SCENE_PAGES, LFB_BUSY);
    assert_range_refused(w, lfb_alloc_at, 0, 1, LFB_BUSY);
    assert_true(lfb_alloc(&w->lfb, 0) == LFB_NONE);
    assert_int_equal(lfb_release_range(&w->lfb, world_page(w, 77), 1), LFB_OK);
    assert_int_equal(lfb_alloc(&w->lfb, 0), world_page(w, 77));
    assert_int_equal(lfb_free(&w->lfb, world_page(w, 77)), LFB_OK);
    assert_int_equal(lfb_release_range(&w->lfb, world_page(w, 0), 77), LFB_OK);
    assert_int_equal(lfb_release_range(&w->lfb, world_page(w, 78), SCENE_PAGES - 78), LFB_OK);
    world_assert_all_free(w);
}

/* ---------------------------------------------------------------------------------- resizing ----
 */

static void test_resize_refused(void **state)
{
    world *w = *state;
    uintptr_t first = world_page(w, runs[0].page);
    uintptr_t second = world_page(w, runs[1].page);
    uintptr_t whole_leaf = world_page(w, runs[2].page);
    uintptr_t long_run = world_page(w, runs[LONG_RUN].page);
    assert_refused(w, lfb_resize(&w->lfb, first, 0), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_resize(&w->lfb, first, 2), LFB_BUSY);
    assert_refused(w, lfb_resize(&w->lfb, second, LEAF), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_resize(&w->lfb, second, SCENE_PAGES - 2), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_resize(&w->lfb, second, SCENE_PAGES), LFB_BUSY);
    assert_refused(w, lfb_resize(&w->lfb, second, SIZE_MAX), LFB_BUSY);
    assert_refused(w, lfb_resize(&w->lfb, whole_leaf, 4 * LEAF), LFB_BUSY);
    assert_refused(w, lfb_resize(&w->lfb, long_run, SCENE_PAGES - 1024 + 1), LFB_BUSY);
    assert_refused(w, lfb_resize(&w->lfb, long_run, runs[LONG_RUN].pages), LFB_OK);
}

static void test_resize(void **state)
{
    world *w = *state;
    uintptr_t long_run = world_page(w, runs[LONG_RUN].page);
    static const size_t lengths[] = {700, 640, 513, 512, 511, LEAF + 1, LEAF, 3, 1, 976, 1, 700};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        assert_int_equal(lfb_resize(&w->lfb, long_run, lengths[i]), LFB_OK);
        assert_int_equal(lfb_size_of(&w->lfb, long_run), lengths[i]);
        assert_int_equal(stats_of(w).runs, RUNS);
        world_assert_sound(w);
    }
    assert_int_equal(lfb_free_sized(&w->lfb, long_run, 700), LFB_OK);
}

/* ---------------------------------------------------------------------------------- allocating
 * ---- */

static void test_alloc_refused(void **state)
{
    world *w = *state;
    static const unsigned orders[] = {SCENE_MAX_ORDER + 1, 36, 37, 63, 64, UINT32_MAX};
    uintptr_t out[2] = {7, 8};
    for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
        assert_none(w, lfb_alloc(&w->lfb, orders[i]));
        assert_none(w, lfb_alloc_on(&w->lfb, 3, orders[i]));
        assert_refused(w, lfb_alloc_bulk(&w->lfb, orders[i], 2, out), 0);
    }
    assert_refused(w, lfb_alloc_bulk(&w->lfb, 0, 0, NULL), 0);
    assert_true(out[0] == 7 && out[1] == 8);
    static const size_t lengths[] = {0, ((size_t)1 << SCENE_MAX_ORDER) + 1, SIZE_MAX / 2 + 1,
                                     SIZE_MAX / 2 + 2, SIZE_MAX};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        assert_none(w, lfb_alloc_run(&w->lfb, lengths[i]));
        assert_none(w, lfb_alloc_run_on(&w->lfb, 1, lengths[i]));
        assert_none(w, lfb_alloc_within(&w->lfb, lengths[i], 0, LFB_NONE));
    }
}

/* The range is smaller than a block of its largest order, but one run can have all of it. */
static void test_alloc_more_than_there_is(void **state)
{
    world *w = *state;
    uintptr_t out[1];
    assert_true(lfb_alloc(&w->lfb, SCENE_MAX_ORDER) == LFB_NONE);
    assert_true(lfb_alloc_run(&w->lfb, SCENE_PAGES + 1) == LFB_NONE);
    assert_int_equal(lfb_alloc_run(&w->lfb, SCENE_PAGES), world_page(w, 0));
    assert_int_equal(lfb_size_of(&w->lfb, world_page(w, 0)), SCENE_PAGES);
    assert_true(lfb_alloc(&w->lfb, 0) == LFB_NONE);
    assert_int_equal(lfb_alloc_bulk(&w->lfb, 0, 1, out), 0);
    assert_true(lfb_alloc_within(&w->lfb, 1, 0, LFB_NONE) == LFB_NONE);
    assert_int_equal(lfb_free(&w->lfb, world_page(w, 0)), LFB_OK);
    world_assert_all_free(w);
}

static void test_alloc_every_order(void **state)
{
    world *w = *state;
    for (unsigned order = 0; order < SCENE_MAX_ORDER; order++) {
        uintptr_t address = lfb_alloc(&w->lfb, order);
        assert_true(address != LFB_NONE);
        assert_int_equal(address % ((uintptr_t)PAGE << order), 0);
        assert_int_equal(lfb_size_of(&w->lfb, address), (size_t)1 << order);
        assert_int_equal(lfb_free_sized(&w->lfb, address, (size_t)1 << order), LFB_OK);
    }
    world_assert_all_free(w);
}

/* A run is aligned to its ceiling order, and what its block has beyond it is free. */
static void test_alloc_every_length(void **state)
{
    world *w = *state;
    for (size_t pages = 1; pages <= 1024; pages++) {
        unsigned order = 0;
        while ((size_t)1 << order < pages) {
            order++;
        }
        uintptr_t address = lfb_alloc_run(&w->lfb, pages);
        assert_true(address != LFB_NONE);
        assert_int_equal(address % ((uintptr_t)PAGE << order), 0);
        assert_int_equal(lfb_size_of(&w->lfb, address), pages);
        assert_int_equal(stats_of(w).free_pages, SCENE_PAGES - pages);
        assert_int_equal(lfb_free_sized(&w->lfb, address, pages), LFB_OK);
    }
    world_assert_all_free(w);
}

static void test_alloc_bulk(void **state)
{
    world *w = *state;
    static uintptr_t out[SCENE_PAGES + 1];
    assert_int_equal(lfb_alloc_bulk(&w->lfb, 3, 10, out), 10);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(lfb_size_of(&w->lfb, out[i]), 8);
    }
    assert_int_equal(lfb_free_bulk(&w->lfb, 10, out), 10);
    assert_int_equal(lfb_alloc_bulk_on(&w->lfb, 9, 0, SCENE_PAGES + 1, out), SCENE_PAGES);
    assert_int_equal(stats_of(w).runs, SCENE_PAGES);
    assert_int_equal(lfb_free_bulk(&w->lfb, SCENE_PAGES, out), SCENE_PAGES);
    world_assert_all_free(w);
}

static void test_within_empty_windows(void **state)
{
    world *w = *state;
    uintptr_t base = world_page(w, 0);
    uintptr_t end = world_page(w, SCENE_PAGES);
    const struct {
        uintptr_t low;
        uintptr_t high;
    } windows[] = {
        {0, 0},
        {0, base},
        {0, base + PAGE - 1},
        {base, base},
        {base + 1, base + (uintptr_t)2 * PAGE - 1}, /* no whole page */
        {base + (uintptr_t)5 * PAGE, base + (uintptr_t)4 * PAGE},
        {end, LFB_NONE},
        {end - PAGE + 1, LFB_NONE},
        {end, base},
        {LFB_NONE, 0},
        {LFB_NONE, LFB_NONE},
        {end, end},
    };
    for (size_t i = 0; i < sizeof(windows) / sizeof(*windows); i++) {
        assert_none(w, lfb_alloc_within(&w->lfb, 1, windows[i].low, windows[i].high));
        assert_none(w, lfb_alloc_within_on(&w->lfb, 1, LEAF, windows[i].low, windows[i].high));
    }
}

static void test_within(void **state)
{
    world *w = *state;
    for (size_t pages = 1; pages <= 512; pages *= 2) {
        uintptr_t low = world_page(w, 512);
        uintptr_t high = world_page(w, 512 + pages);
        assert_true(lfb_alloc_within(&w->lfb, pages, low, high - 1) == LFB_NONE);
        assert_true(lfb_alloc_within(&w->lfb, pages, low + 1, high) == LFB_NONE);
        assert_int_equal(lfb_alloc_within(&w->lfb, pages, low, high), low);
        assert_true(lfb_alloc_within(&w->lfb, pages, low, high) == LFB_NONE);
        assert_int_equal(lfb_free_sized(&w->lfb, low, pages), LFB_OK);
        assert_int_equal(lfb_alloc_within(&w->lfb, pages, low - PAGE + 1, high + PAGE - 1), low);
        assert_int_equal(lfb_free(&w->lfb, low), LFB_OK);
    }
    uintptr_t last = world_page(w, SCENE_PAGES - 1);
    assert_int_equal(lfb_alloc_within(&w->lfb, 1, last, LFB_NONE), last);
    assert_int_equal(lfb_alloc_within(&w->lfb, 1, 0, world_page(w, 1)), world_page(w, 0));
}

/* ------------------------------------------------------------------ ranges freed, held, released
 * ---- */

static void test_free_range_cuts(void **state)
{
    world *w = *state;
    uintptr_t long_run = world_page(w, 1024);
    size_t pages = runs[LONG_RUN].pages;
    size_t low = 10;
    size_t high = 512 + LEAF + 3;
    size_t before = stats_of(w).free_pages;
    assert_int_equal(lfb_free_range(&w->lfb, world_page(w, 1024 + low), high - low), LFB_OK);
    world_assert_sound(w);
    assert_int_equal(stats_of(w).free_pages, before + high - low);
    assert_int_equal(lfb_size_of(&w->lfb, long_run), low);
    assert_no_run_at(w, world_page(w, 1024 + low), LFB_NOT_ALLOCATED);
    assert_int_not_equal(lfb_size_of(&w->lfb, world_page(w, 1024 + high)), 0);
    uintptr_t rest = world_page(w, 1024 + high);
    assert_int_equal(lfb_free_range(&w->lfb, rest, pages - high), LFB_OK);
    assert_int_equal(lfb_free(&w->lfb, long_run), LFB_OK);
    assert_int_equal(stats_of(w).free_pages, before + pages);
}

/* Runs beside each other go in one call. */
static void test_free_range_over_runs(void **state)
{
    world *w = *state;
    assert_int_equal(lfb_free_range_on(&w->lfb, 2, world_page(w, 1), 3), LFB_OK);
    assert_int_equal(lfb_size_of(&w->lfb, world_page(w, 4)), 1);
    assert_int_equal(lfb_free_range(&w->lfb, world_page(w, 4), 1), LFB_OK);
    assert_no_run_at(w, world_page(w, 4), LFB_NOT_ALLOCATED);
}

static void test_hold_and_release(void **state)
{
    world *w = *state;
    static const place places[] = {
        {0, 1},    {1, LEAF},        {LEAF, LEAF}, {LEAF - 1, 2},
        {3, 1500}, {0, SCENE_PAGES}, {512, 512},   {SCENE_PAGES - 1, 1},
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        uintptr_t address = world_page(w, places[i].page);
        assert_int_equal(lfb_hold_range(&w->lfb, address, places[i].pages), LFB_OK);
        assert_int_equal(stats_of(w).held_pages, places[i].pages);
        assert_int_equal(stats_of(w).runs, 0);
        world_assert_sound(w);
        assert_no_run_at(w, address, LFB_NOT_ALLOCATED);
        assert_int_equal(lfb_release_range(&w->lfb, address, places[i].pages), LFB_OK);
        assert_int_equal(stats_of(w).free_pages, SCENE_PAGES);
        assert_refused(w, lfb_release_range(&w->lfb, address, places[i].pages), LFB_NOT_ALLOCATED);
    }
    world_assert_all_free(w);
}

/* ------------------------------------------------------------------------------------- looking
 * ---- */

static void assert_found(const world *w, uintptr_t address, size_t page, size_t pages,
                         lfb_extent_kind kind)
{
    lfb_extent extent;
    lfb_extent expected = {world_page(w, page), pages, kind};
    assert_int_equal(lfb_find(&w->lfb, address, &extent), LFB_OK);
    assert_same_extent(&extent, &expected);
}

static void test_find(void **state)
{
    world *w = *state;
    for (size_t i = 0; i < RUNS; i++) {
        for (size_t page = runs[i].page; page < runs[i].page + runs[i].pages; page++) {
            uintptr_t address = world_page(w, page);
            assert_found(w, address, runs[i].page, runs[i].pages, LFB_EXTENT_RUN);
            assert_found(w, address + PAGE - 1, runs[i].page, runs[i].pages, LFB_EXTENT_RUN);
        }
    }
    for (size_t page = HOLE_PAGE; page < HOLE_PAGE + HOLE_PAGES; page++) {
        assert_found(w, world_page(w, page) + 9, HOLE_PAGE, HOLE_PAGES, LFB_EXTENT_HELD);
    }
    assert_found(w, world_page(w, 0), 0, 1, LFB_EXTENT_FREE);
    assert_found(w, world_page(w, 5) + 5, 5, 1, LFB_EXTENT_FREE);
    assert_found(w, world_page(w, FREE_PAGE + 1), 6, 2, LFB_EXTENT_FREE);
    assert_found(w, world_page(w, 800), 768, 256, LFB_EXTENT_FREE);
}

static void test_find_refused(void **state)
{
    world *w = *state;
    lfb_extent extent;
    assert_refused(w, lfb_find(&w->lfb, world_page(w, 0), NULL), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_find(&w->lfb, world_page(w, 0) - 1, &extent), LFB_OUT_OF_RANGE);
    assert_refused(w, lfb_find(&w->lfb, world_page(w, SCENE_PAGES), &extent), LFB_OUT_OF_RANGE);
    assert_refused(w, lfb_find(&w->lfb, 0, &extent), LFB_OUT_OF_RANGE);
    assert_refused(w, lfb_find(&w->lfb, LFB_NONE, &extent), LFB_OUT_OF_RANGE);
    assert_int_equal(lfb_find(&w->lfb, world_page(w, SCENE_PAGES) - 1, &extent), LFB_OK);
}

static void test_walk(void **state)
{
    world *w = *state;
    static shown all;
    all = (shown){.most = SCENE_PAGES};
    assert_refused(w, lfb_walk(&w->lfb, NULL, NULL), LFB_INVALID_ARGUMENT);
    assert_refused(w, lfb_walk(&w->lfb, show, &all), LFB_OK);
    uintptr_t next = w->config.base;
    size_t of_kind[3] = {0};
    for (size_t i = 0; i < all.count; i++) {
        assert_int_equal(all.extents[i].address, next);
        next += all.extents[i].pages * PAGE;
        of_kind[all.extents[i].kind]++;
    }
    assert_int_equal(next, world_page(w, SCENE_PAGES));
    assert_int_equal(of_kind[LFB_EXTENT_RUN], RUNS);
    assert_int_equal(of_kind[LFB_EXTENT_HELD], 1);
    for (size_t most = 1; most <= all.count; most++) {
        static shown some;
        some = (shown){.most = most};
        assert_int_equal(lfb_walk(&w->lfb, show, &some), LFB_OK);
        assert_int_equal(some.count, most);
        assert_same_extent(&some.extents[most - 1], &all.extents[most - 1]);
    }
}

static void test_stats(void **state)
{
    world *w = *state;
    size_t allocated = 0;
    for (size_t i = 0; i < RUNS; i++) {
        allocated += runs[i].pages;
    }
    world_remember(w);
    lfb_stats stats = stats_of(w);
    assert_int_equal(stats.total_pages, SCENE_PAGES);
    assert_int_equal(stats.allocated_pages, allocated);
    assert_int_equal(stats.held_pages, HOLE_PAGES);
    assert_int_equal(stats.free_pages, SCENE_PAGES - allocated - HOLE_PAGES);
    assert_int_equal(stats.runs, RUNS);
    size_t in_blocks = 0;
    for (unsigned order = 0; order <= LFB_MAX_ORDER; order++) {
        in_blocks += stats.free_blocks[order] << (order <= SCENE_MAX_ORDER ? order : 0);
        assert_true(order <= SCENE_MAX_ORDER || stats.free_blocks[order] == 0);
    }
    assert_int_equal(in_blocks, stats.free_pages);
    assert_int_equal(stats.largest_free_order, 8);
    world_assert_unchanged(w);
}

static void test_stats_of_the_full(void **state)
{
    world *w = *state;
    assert_int_equal(stats_of(w).largest_free_order, 10);
    assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, 0), SCENE_PAGES), LFB_OK);
    lfb_stats stats = stats_of(w);
    assert_int_equal(stats.largest_free_order, -1);
    assert_int_equal(stats.free_pages, 0);
    assert_int_equal(stats.runs, 1);
}

static void test_check(void **state)
{
    world *w = *state;
    lfb_report report;
    memset(&report, 0xa5, sizeof(report));
    assert_refused(w, lfb_check(&w->lfb, NULL), LFB_OK);
    assert_refused(w, lfb_check(&w->lfb, &report), LFB_OK);
    lfb_stats stats = stats_of(w);
    assert_int_equal(report.faults, 0);
    assert_null(report.first_fault);
    assert_int_equal(report.low_hints, 0);
    assert_memory_equal(&report.stats, &stats, sizeof(stats));
    ((unsigned char *)w->metadata)[0] ^= 1;
    assert_int_equal(lfb_check(&w->lfb, NULL), LFB_DAMAGED);
    ((unsigned char *)w->metadata)[0] ^= 1;
}

static void test_drain(void **state)
{
    world *w = *state;
    uintptr_t address = lfb_alloc(&w->lfb, 0);
    assert_int_equal(lfb_free(&w->lfb, address), LFB_OK);
    lfb_report report;
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_int_not_equal(report.warm_nodes, 0); /* kept for the next one */
    static shown before;
    before = (shown){.most = SCENE_PAGES};
    assert_int_equal(lfb_walk(&w->lfb, show, &before), LFB_OK);
    world_assert_all_free(w);
    static shown after;
    after = (shown){.most = SCENE_PAGES};
    assert_int_equal(lfb_walk(&w->lfb, show, &after), LFB_OK);
    assert_int_equal(before.count, after.count);
    assert_refused(w, (lfb_drain(&w->lfb), 0), 0); /* nothing is left to merge */
}

/* A release merges at once, but where a lane keeps a node for the next allocation. */
static void test_merge_at_release(void **state)
{
    world *w = *state;
    for (size_t page = 0; page < SCENE_PAGES; page += 3 * LEAF) {
        assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, page), 1), LFB_OK);
        assert_int_equal(lfb_alloc_at(&w->lfb, world_page(w, page + 1), 1), LFB_OK);
    }
    for (size_t page = 0; page < SCENE_PAGES; page += 3 * LEAF) {
        assert_int_equal(lfb_free(&w->lfb, world_page(w, page)), LFB_OK);
        assert_int_equal(lfb_free(&w->lfb, world_page(w, page + 1)), LFB_OK);
    }
    lfb_report report;
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_in_range(report.warm_nodes, 0, 2); /* one a level, where the lane starts */
}

/* --------------------------------------------------------------------------------------- lanes
 * ---- */

typedef struct lane_log {
    unsigned lane;
    unsigned calls;
} lane_log;

static unsigned log_lane(void *context)
{
    lane_log *log = context;
    log->calls++;
    return log->lane;
}

/* Runs the call, which must ask for the lane. */
#define assert_asks(log, call, expected)                                                           \
    do {                                                                                           \
        (log)->calls = 0;                                                                          \
        assert_int_equal(call, expected);                                                          \
        assert_int_not_equal((log)->calls, 0);                                                     \
    } while (0)

static void use_each_function(lfb_t *lfb, lane_log *log)
{
    uintptr_t base = lfb->first_page << lfb->page_shift;
    uintptr_t out[2];
    assert_asks(log, lfb_alloc_at(lfb, base, 4), LFB_OK);
    assert_asks(log, lfb_resize(lfb, base, 2), LFB_OK);
    assert_asks(log, lfb_free_range(lfb, base + PAGE, 1), LFB_OK);
    assert_asks(log, lfb_free(lfb, base), LFB_OK);
    assert_asks(log, lfb_hold_range(lfb, base, 4), LFB_OK);
    assert_asks(log, lfb_release_range(lfb, base, 4), LFB_OK);
    assert_asks(log, lfb_alloc_within(lfb, 1, base, base + PAGE), base);
    assert_asks(log, lfb_free_sized(lfb, base, 1), LFB_OK);
    assert_asks(log, lfb_alloc_bulk(lfb, 0, 2, out), 2);
    assert_asks(log, lfb_free_bulk(lfb, 2, out), 2);
    assert_asks(log, (out[0] = lfb_alloc(lfb, 0)) == LFB_NONE, false);
    assert_asks(log, (out[1] = lfb_alloc_run(lfb, 3)) == LFB_NONE, false);
    assert_asks(log, (lfb_drain(lfb), 0), 0);
    assert_int_equal(lfb_free_bulk(lfb, 2, out), 2);
}

static void test_lane_callback(void **state)
{
    (void)state;
    static const unsigned lanes[] = {0, 1, 2, 3, 4, 7, 4096, UINT32_MAX};
    lane_log log = {0};
    world w;
    lfb_config config = scene_config();
    config.lanes = 3;
    config.current_lane = log_lane;
    config.lane_context = &log;
    world_start(&w, &config);
    for (size_t i = 0; i < sizeof(lanes) / sizeof(*lanes); i++) {
        log.lane = lanes[i];
        use_each_function(&w.lfb, &log);
        world_assert_all_free(&w);
    }
    lane_log attached = {0};
    lfb_t other;
    assert_int_equal(lfb_attach(&other, w.metadata, w.size, log_lane, &attached), LFB_OK);
    use_each_function(&other, &attached);
    world_end(&w);
}

/* Whoever is told the lane doesn't ask for it, and one that doesn't exist will do. */
static void test_lane_told(void **state)
{
    (void)state;
    lane_log log = {0};
    world w;
    lfb_config config = scene_config();
    config.current_lane = log_lane;
    config.lane_context = &log;
    world_start(&w, &config);
    uintptr_t base = world_page(&w, 0);
    for (unsigned lane = 0; lane < 100; lane++) {
        unsigned far = lane * 43046721U;
        uintptr_t out[2];
        assert_int_equal(lfb_alloc_at_on(&w.lfb, far, base, 4), LFB_OK);
        assert_int_equal(lfb_resize_on(&w.lfb, far, base, 2), LFB_OK);
        assert_int_equal(lfb_free_range_on(&w.lfb, far, base + PAGE, 1), LFB_OK);
        assert_int_equal(lfb_free_on(&w.lfb, far, base), LFB_OK);
        assert_int_equal(lfb_hold_range_on(&w.lfb, far, base, 4), LFB_OK);
        assert_int_equal(lfb_release_range_on(&w.lfb, far, base, 4), LFB_OK);
        assert_int_equal(lfb_alloc_within_on(&w.lfb, far, 1, base, base + PAGE), base);
        assert_int_equal(lfb_free_sized_on(&w.lfb, far, base, 1), LFB_OK);
        assert_int_equal(lfb_alloc_bulk_on(&w.lfb, far, 0, 2, out), 2);
        assert_int_equal(lfb_free_bulk_on(&w.lfb, far, 2, out), 2);
        assert_int_equal(lfb_free_on(&w.lfb, far, lfb_alloc_on(&w.lfb, far, 5)), LFB_OK);
        assert_int_equal(lfb_free_on(&w.lfb, far, lfb_alloc_run_on(&w.lfb, far, 5)), LFB_OK);
    }
    assert_int_equal(log.calls, 0);
    world_assert_all_free(&w);
    world_end(&w);
}

/* -------------------------------------------------------------------------------------- ranges
 * ---- */

/* Every order there is; what the range can't have is refused. */
static void use_orders(world *w)
{
    for (unsigned order = 0; order <= LFB_MAX_ORDER + 1; order++) {
        uintptr_t address = lfb_alloc(&w->lfb, order);
        if (address != LFB_NONE) {
            assert_true(order <= w->config.max_order);
            assert_int_equal(address / w->config.page_size % ((uintptr_t)1 << order), 0);
            assert_int_equal(lfb_free_sized(&w->lfb, address, (size_t)1 << order), LFB_OK);
        }
    }
}

static void assert_byte_is(const world *w, uintptr_t address, lfb_extent_kind kind)
{
    lfb_extent extent;
    assert_int_equal(lfb_find(&w->lfb, address, &extent), LFB_OK);
    assert_int_equal(extent.kind, kind);
    assert_true(address - extent.address <= extent.pages * w->config.page_size - 1);
}

/* Takes the first page, then half of the range, then its last page out of use. */
static void use_holes(world *w)
{
    size_t pages = w->config.page_count;
    const place places[] = {{0, 1}, {0, pages / 2 + 1}, {pages - 1, 1}, {0, pages}};
    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        uintptr_t address = world_page(w, places[i].page);
        uintptr_t last_byte = address + (places[i].pages * w->config.page_size - 1);
        assert_int_equal(lfb_hold_range(&w->lfb, address, places[i].pages), LFB_OK);
        assert_int_equal(stats_of(w).held_pages, places[i].pages);
        assert_byte_is(w, address, LFB_EXTENT_HELD);
        assert_byte_is(w, last_byte, LFB_EXTENT_HELD);
        world_assert_sound(w);
        assert_int_equal(lfb_release_range(&w->lfb, address, places[i].pages), LFB_OK);
        assert_byte_is(w, last_byte, LFB_EXTENT_FREE);
    }
}

static void use_range(const lfb_config *config)
{
    world w;
    world_start(&w, config);
    world_assert_sound(&w);
    assert_int_equal(stats_of(&w).free_pages, config->page_count);
    use_all(&w.lfb, config->page_count);
    use_orders(&w);
    use_holes(&w);
    world_assert_all_free(&w);
    world_end(&w);
}

static void use_range_of(uintptr_t base, size_t page_size, size_t page_count)
{
    static const unsigned orders[] = {0, 1, 9, LFB_MAX_ORDER};
    for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
        lfb_config config = world_config(base, page_size, page_count, orders[i]);
        use_range(&config);
        config.lanes = i % 2 ? 1 : 64;
        config.metadata_zeroed = true;
        use_range(&config);
    }
}

static void test_base_zero(void **state)
{
    (void)state;
    use_range_of(0, PAGE, 1);
    use_range_of(0, PAGE, 1000);
    use_range_of(0, PAGE, 1024);
    lfb_config config = world_config(0, PAGE, 8, 3);
    world w;
    world_start(&w, &config);
    assert_int_equal(lfb_alloc(&w.lfb, 3), 0); /* an address like any other */
    assert_int_equal(lfb_free(&w.lfb, 0), LFB_OK);
    world_end(&w);
}

static void test_last_address(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, LEAF, LEAF + 1, 1000};
    for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
        use_range_of(UINTPTR_MAX - counts[i] * PAGE + 1, PAGE, counts[i]);
        use_range_of(UINTPTR_MAX - counts[i], 1, counts[i]);
        use_range_of(UINTPTR_MAX - counts[i] * 2 + 1, 2, counts[i]);
    }
}

/* The block that ends with the address space. */
static void test_last_block(void **state)
{
    (void)state;
    lfb_config config = world_config(UINTPTR_MAX - 1024 * (uintptr_t)PAGE + 1, PAGE, 1024, 10);
    world w;
    world_start(&w, &config);
    assert_int_equal(lfb_alloc(&w.lfb, 10), config.base);
    assert_int_equal(lfb_resize(&w.lfb, config.base, 1000), LFB_OK);
    assert_int_equal(lfb_resize(&w.lfb, config.base, 1024), LFB_OK);
    assert_refused(&w, lfb_resize(&w.lfb, config.base, 1025), LFB_BUSY);
    assert_int_equal(lfb_free_range(&w.lfb, world_page(&w, 1000), 24), LFB_OK);
    uintptr_t last = world_page(&w, 1023);
    assert_int_equal(lfb_alloc_within(&w.lfb, 1, last, LFB_NONE), last);
    assert_int_equal(lfb_free(&w.lfb, last), LFB_OK);
    assert_int_equal(lfb_free(&w.lfb, config.base), LFB_OK);
    world_assert_all_free(&w);
    world_end(&w);
}

/* Windows at the end of the address space, where rounding up would wrap. */
static void test_within_at_last_address(void **state)
{
    (void)state;
    world w;
    lfb_config config = world_config(LFB_NONE - 100, 1, 100, 9);
    world_start(&w, &config);
    for (size_t pages = 1; pages <= 9; pages++) {
        uintptr_t size = 1;
        while (size < pages) {
            size *= 2;
        }
        for (uintptr_t before_none = 1; before_none <= 40; before_none++) {
            uintptr_t low = LFB_NONE - before_none;
            uintptr_t skipped = (size - low % size) % size;
            uintptr_t expected = skipped + pages <= before_none ? low + skipped : LFB_NONE;
            assert_int_equal(lfb_alloc_within(&w.lfb, pages, low, LFB_NONE), expected);
            assert_int_equal(lfb_free(&w.lfb, expected),
                             expected == LFB_NONE ? LFB_OUT_OF_RANGE : LFB_OK);
        }
    }
    world_assert_all_free(&w);
    world_end(&w);
}

static void test_page_sizes(void **state)
{
    (void)state;
    use_range_of(12345, 1, 777);
    use_range_of(0, 1, 777);
    if (sizeof(uintptr_t) == 8) {
        size_t gigabyte = (size_t)1 << 30;
        use_range_of(0, gigabyte, 500);
        use_range_of(gigabyte * 33, gigabyte, 500);
    }
    size_t half = (size_t)1 << (sizeof(size_t) * 8 - 1); /* half the address space a page */
    use_range_of(0, half, 1);
    use_range_of(half, half, 1);
}

static void test_one_page(void **state)
{
    (void)state;
    for (uintptr_t page = 0; page < 70; page++) {
        use_range_of(page * PAGE, PAGE, 1);
    }
}

static void test_lane_counts(void **state)
{
    (void)state;
    static const unsigned lanes[] = {1, 2, 3, 127, 128, 4095, LFB_MAX_LANES};
    for (size_t i = 0; i < sizeof(lanes) / sizeof(*lanes); i++) {
        lfb_config config = world_config(3 * PAGE, PAGE, 900, 9);
        config.lanes = lanes[i];
        use_range(&config);
    }
}

/* A range whose pages each lane takes in turns. */
static void test_all_lanes_share(void **state)
{
    (void)state;
    world w;
    lfb_config config = world_config(0, PAGE, 900, 9);
    config.lanes = LFB_MAX_LANES;
    world_start(&w, &config);
    for (unsigned i = 0; i < 900; i++) {
        assert_true(lfb_alloc_on(&w.lfb, i * 5, 0) != LFB_NONE);
    }
    assert_true(lfb_alloc_on(&w.lfb, 4095, 0) == LFB_NONE);
    for (unsigned i = 0; i < 900; i++) {
        assert_int_equal(lfb_free_on(&w.lfb, i * 7, world_page(&w, i)), LFB_OK);
    }
    world_assert_all_free(&w);
    world_end(&w);
}

/* -------------------------------------------------------------------------------- large ranges
 * ---- */

/* 2.5 bits a page, 128 bytes a lane and a constant; small nodes need more. */
static void test_metadata_size(void **state)
{
    (void)state;
    random_source random = {1};
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t most = sizeof(size_t) == 8 ? LFB_MAX_PAGES : (uint64_t)1 << 20;
        size_t pages = 1 + (size_t)random_skewed(&random, most);
        uintptr_t base = (uintptr_t)random_skewed(&random, (uint64_t)1 << 20) * PAGE;
        lfb_config config =
            world_config(base, PAGE, pages, (unsigned)random_below(&random, LFB_MAX_ORDER + 1));
        config.lanes = 1 + (unsigned)random_below(&random, LFB_MAX_LANES);
        size_t size = lfb_metadata_size(&config);
        assert_in_range(size, 1, pages / 16 * 5 + 5 + (size_t)128 * config.lanes + 4096);
    }
}

typedef struct large {
    lfb_t lfb;
    void *metadata;
    size_t size;
} large;

/* Zero-filled memory that is there only once it is written; false: the system has none. */
static bool large_start(large *l, const lfb_config *config)
{
    l->size = lfb_metadata_size(config);
    l->metadata = mmap(NULL, l->size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (l->metadata == MAP_FAILED) {
        print_message("skipped: no %zu bytes of address space\n", l->size);
        return false;
    }
    madvise(l->metadata, l->size, MADV_NOHUGEPAGE);
    assert_int_equal(lfb_init(&l->lfb, config, l->metadata, l->size), LFB_OK);
    return true;
}

static size_t large_resident(const large *l)
{
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = (l->size + page_size - 1) / page_size;
    unsigned char *is_there = malloc(pages);
    assert_non_null(is_there);
    assert_int_equal(mincore(l->metadata, l->size, is_there), 0);
    size_t resident = 0;
    for (size_t i = 0; i < pages; i++) {
        resident += is_there[i] & 1 ? page_size : 0;
    }
    free(is_there);
    return resident;
}

/* The largest block of each order, and pages at both ends. */
static void large_use(large *l, const lfb_config *config)
{
    for (unsigned order = 0; order <= config->max_order; order++) {
        if (config->base == 0 && (size_t)1 << order <= config->page_count) {
            uintptr_t address = lfb_alloc(&l->lfb, order);
            assert_true(address != LFB_NONE);
            assert_int_equal(lfb_free_sized(&l->lfb, address, (size_t)1 << order), LFB_OK);
        }
    }
    uintptr_t last = config->base + (config->page_count - 1) * config->page_size;
    assert_int_equal(lfb_alloc_at(&l->lfb, config->base, 1), LFB_OK);
    assert_int_equal(lfb_alloc_at(&l->lfb, last, 1), LFB_OK);
    assert_int_equal(lfb_alloc_at(&l->lfb, last, 1), LFB_BUSY);
    lfb_stats stats;
    lfb_get_stats(&l->lfb, &stats);
    assert_int_equal(stats.total_pages, config->page_count);
    assert_int_equal(stats.free_pages, config->page_count - 2);
    assert_int_equal(lfb_free(&l->lfb, last), LFB_OK);
    assert_int_equal(lfb_free(&l->lfb, config->base), LFB_OK);
}

static void use_large_range(lfb_config config)
{
    large l;
    config.metadata_zeroed = true;
    if (!large_start(&l, &config)) {
        return;
    }
    assert_in_range(large_resident(&l), 1, (size_t)1 << 20);
    large_use(&l, &config);
    assert_in_range(large_resident(&l), 1, (size_t)1 << 20);
    lfb_destroy(&l.lfb);
    munmap(l.metadata, l.size);
}

static void test_one_tebibyte(void **state)
{
    (void)state;
    if (sizeof(uintptr_t) < 8) {
        print_message("skipped: addresses are too short\n");
        return;
    }
    size_t pages = (size_t)1 << 28;
    lfb_config config = world_config(0, PAGE, pages, 18);
    config.lanes = 64;
    size_t size = lfb_metadata_size(&config);
    assert_in_range(size, pages / 4, pages / 16 * 5 + 128 * 64 + 4096);
    use_large_range(config);
    config.max_order = LFB_MAX_ORDER;
    use_large_range(config);
    config.base = 5 * PAGE;
    use_large_range(config);
}

static void test_most_pages(void **state)
{
    (void)state;
    if (sizeof(uintptr_t) < 8) {
        print_message("skipped: addresses are too short\n");
        return;
    }
    lfb_config config = world_config(0, PAGE, (size_t)LFB_MAX_PAGES, LFB_MAX_ORDER);
    use_large_range(config);
    config.base = PAGE;
    use_large_range(config);
    config.max_order = 0;
    use_large_range(config);
    config.base = UINTPTR_MAX - (config.page_count * PAGE - 1);
    use_large_range(config);
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, scene_start, any_end)
#define IN_RANGE(test) cmocka_unit_test_setup_teardown(test, range_start, any_end)
#define IN_HELD(test)  cmocka_unit_test_setup_teardown(test, held_range_start, any_end)

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
    IN_SCENE(test_free_inside_run),
    IN_SCENE(test_free_continuation),
    IN_SCENE(test_free_inside_page),
    IN_SCENE(test_free_out_of_range),
    IN_SCENE(test_free_what_is_free),
    IN_RANGE(test_free_what_never_was),
    IN_SCENE(test_free_held),
    IN_SCENE(test_free_twice),
    cmocka_unit_test(test_free_twice_under_any_tag),
    IN_SCENE(test_free_twice_in_two_threads),
    IN_SCENE(test_free_wrong_size),
    IN_SCENE(test_free_bulk_with_a_bad_one),
    IN_SCENE(test_free_bulk_twice_the_same),
    IN_SCENE(test_free_bulk_pairs),
    IN_SCENE(test_free_bulk_the_end_before),
    IN_RANGE(test_free_bulk_twice_in_a_leaf),
    IN_RANGE(test_free_bulk_merges),
    IN_SCENE(test_free_bulk_of_all),
    IN_SCENE(test_ranges_judged),
    IN_SCENE(test_free_range_refused),
    IN_SCENE(test_hold_range_refused),
    IN_SCENE(test_release_range_refused),
    IN_SCENE(test_alloc_at_refused),
    cmocka_unit_test(test_alloc_at_above_the_tree),
    IN_HELD(test_start_held),
    IN_SCENE(test_resize_refused),
    IN_SCENE(test_resize),
    IN_SCENE(test_alloc_refused),
    IN_RANGE(test_alloc_more_than_there_is),
    IN_RANGE(test_alloc_every_order),
    IN_RANGE(test_alloc_every_length),
    IN_RANGE(test_alloc_bulk),
    IN_SCENE(test_within_empty_windows),
    IN_RANGE(test_within),
    IN_SCENE(test_free_range_cuts),
    IN_SCENE(test_free_range_over_runs),
    IN_RANGE(test_hold_and_release),
    IN_SCENE(test_find),
    IN_SCENE(test_find_refused),
    IN_SCENE(test_walk),
    IN_SCENE(test_stats),
    IN_RANGE(test_stats_of_the_full),
    IN_SCENE(test_check),
    IN_RANGE(test_drain),
    IN_RANGE(test_merge_at_release),
    cmocka_unit_test(test_lane_callback),
    cmocka_unit_test(test_lane_told),
    cmocka_unit_test(test_base_zero),
    cmocka_unit_test(test_last_address),
    cmocka_unit_test(test_last_block),
    cmocka_unit_test(test_within_at_last_address),
    cmocka_unit_test(test_page_sizes),
    cmocka_unit_test(test_one_page),
    cmocka_unit_test(test_lane_counts),
    cmocka_unit_test(test_all_lanes_share),
    cmocka_unit_test(test_metadata_size),
    cmocka_unit_test(test_one_tebibyte),
    cmocka_unit_test(test_most_pages),
};

int main(void)
{
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
