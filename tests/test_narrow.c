/* SPDX-License-Identifier: MIT */
/*
 * Addresses of 32 bits: what a machine with wider ones can't reach. The range that ends with the
 * address space has orders up to the number of address bits, and a header may have numbers that
 * don't fit. Compiled and run by test_narrow.sh. TAP on standard output.
 */
#include <stdio.h>
#include <sys/mman.h>

#include "header.h"
#include "lfbuddy.h"

_Static_assert(UINTPTR_MAX == UINT32_MAX, "for 32-bit addresses");

/* The largest order that is ever served: lfbuddy.h, LFB_MAX_ORDER. */
enum { LARGEST = LFB_WORD_BITS == 64 ? 29 : 31 };

static unsigned failures;

#define EXPECT(what)                                                                               \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            printf("# line %d: not so: %s\n", __LINE__, #what);                                    \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* Pages of one byte, up to the one at LFB_NONE, which can't be one. */
static const lfb_config whole = {
    .struct_size = sizeof(whole),
    .page_size = 1,
    .page_count = LFB_NONE,
    .max_order = LFB_MAX_ORDER,
    .lanes = 2,
    .metadata_zeroed = true,
};

static void *zeroes(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static bool add_up(void *context, const lfb_extent *extent)
{
    uintptr_t *next = context;
    EXPECT(extent->address == *next && extent->kind == LFB_EXTENT_FREE);
    *next += extent->pages;
    return true;
}

static void expect_all_free(lfb_t *lfb)
{
    lfb_extent extent;
    EXPECT(lfb_find(lfb, 0, &extent) == LFB_OK);
    EXPECT(extent.address == 0 && extent.pages == UINT32_C(1) << 31);
    EXPECT(lfb_find(lfb, LFB_NONE - 1, &extent) == LFB_OK);
    EXPECT(extent.address == LFB_NONE - 1 && extent.pages == 1);
    lfb_stats stats;
    lfb_get_stats(lfb, &stats);
    EXPECT(stats.free_pages == LFB_NONE && stats.largest_free_order == 31);
    uintptr_t next = 0;
    EXPECT(lfb_walk(lfb, add_up, &next) == LFB_OK && next == LFB_NONE);
}

static void use_orders(lfb_t *lfb)
{
    for (unsigned order = 0; order <= LFB_MAX_ORDER; order++) {
        uintptr_t address = lfb_alloc_on(lfb, order % 2, order);
        EXPECT((address == LFB_NONE) == (order > LARGEST));
        if (address != LFB_NONE) {
            EXPECT((address & ((UINT32_C(1) << order) - 1)) == 0);
            EXPECT(lfb_free_sized(lfb, address, (size_t)1 << order) == LFB_OK);
        }
    }
}

/* Runs at both ends, and one over most of the range. */
static void use_ends(lfb_t *lfb)
{
    EXPECT(lfb_alloc_at(lfb, LFB_NONE - 1, 1) == LFB_OK);
    EXPECT(lfb_free(lfb, LFB_NONE - 1) == LFB_OK);
    EXPECT(lfb_hold_range(lfb, 1, LFB_NONE - 2) == LFB_OK);
    EXPECT(lfb_alloc(lfb, 0) == 0);
    EXPECT(lfb_alloc(lfb, 0) == LFB_NONE - 1);
    EXPECT(lfb_alloc(lfb, 0) == LFB_NONE);
    EXPECT(lfb_free(lfb, 0) == LFB_OK && lfb_free(lfb, LFB_NONE - 1) == LFB_OK);
    EXPECT(lfb_release_range(lfb, 1, LFB_NONE - 2) == LFB_OK);
}

static void test_whole_address_space(lfb_t *lfb)
{
    expect_all_free(lfb);
    use_orders(lfb);
    use_ends(lfb);
    lfb_drain(lfb);
    expect_all_free(lfb);
}

/* Numbers of which the low half is right. */
static void test_wide_header(void)
{
    static const size_t fields[] = {AT_BASE, AT_PAGE_SIZE, AT_PAGE_COUNT};
    static _Alignas(8) unsigned char metadata[1 << 12];
    lfb_config config = whole;
    config.base = config.page_size = 4096;
    config.page_count = 50;
    lfb_t lfb, other;
    EXPECT(lfb_init(&lfb, &config, metadata, sizeof(metadata)) == LFB_OK);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        uint64_t number;
        memcpy(&number, metadata + fields[i], sizeof(number));
        header_forge(metadata, fields[i], number + (UINT64_C(1) << 32));
        memset(&other, 0xff, sizeof(other));
        EXPECT(lfb_attach(&other, metadata, sizeof(metadata), NULL, NULL) == LFB_DAMAGED);
        EXPECT(!other.metadata);
        header_forge(metadata, fields[i], number);
        EXPECT(lfb_attach(&other, metadata, sizeof(metadata), NULL, NULL) == LFB_OK);
    }
}

static void report(unsigned number, const char *what)
{
    printf("%s %u - %s\n", failures ? "not ok" : "ok", number, what);
}

int main(void)
{
    printf("1..2\n");
    size_t size = lfb_metadata_size(&whole);
    void *metadata = zeroes(size);
    lfb_t lfb;
    if (metadata) {
        EXPECT(lfb_init(&lfb, &whole, metadata, size) == LFB_OK);
        test_whole_address_space(&lfb);
        report(1, "pages of a byte, over all addresses");
    } else {
        printf("ok 1 # SKIP no %zu bytes of addresses for the metadata\n", size);
    }
    unsigned before = failures;
    failures = 0;
    test_wide_header();
    report(2, "a header with numbers of more than 32 bits is refused");
    return before || failures;
}
