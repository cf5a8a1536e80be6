/* SPDX-License-Identifier: MIT */
/*
 * Calls whose probes are known: prints each event that a tracer of this program has to see, in
 * order. Splits and merges are left to the tracer: what was split is merged by the end.
 */
#include <inttypes.h>
#include <stdio.h>

#include <lfbuddy.h>

enum { LANE = 1, PAGES = 4096, MAX_ORDER = 10 };

static _Alignas(128) unsigned char metadata[65536];

static uintptr_t show_alloc(uintptr_t address, size_t pages)
{
    printf("alloc %#" PRIxPTR " %zu %d\n", address, pages, LANE);
    return address;
}

static void show_free(lfb_status status, uintptr_t address, size_t pages)
{
    if (status == LFB_OK) {
        printf("free %#" PRIxPTR " %zu %d\n", address, pages, LANE);
    }
}

static void blocks(lfb_t *lfb)
{
    for (unsigned order = 0; order <= MAX_ORDER; order++) {
        uintptr_t block = show_alloc(lfb_alloc_on(lfb, LANE, order), (size_t)1 << order);
        uintptr_t other = show_alloc(lfb_alloc_on(lfb, LANE, order), (size_t)1 << order);
        show_free(lfb_free_on(lfb, LANE, block), block, 0);
        show_free(lfb_free_on(lfb, LANE, block), block, 0); /* refused: no event */
        show_free(lfb_free_sized_on(lfb, LANE, other, (size_t)1 << order), other,
                  (size_t)1 << order);
    }
}

static void runs(lfb_t *lfb)
{
    uintptr_t page = 4096;
    uintptr_t run = show_alloc(lfb_alloc_run_on(lfb, LANE, 37), 37);
    lfb_resize_on(lfb, LANE, run, 40);
    show_alloc(run + 37 * page, 3);
    lfb_resize_on(lfb, LANE, run, 30);
    show_free(LFB_OK, run + 30 * page, 10);
    show_free(lfb_free_range_on(lfb, LANE, run + 8 * page, 4), run + 8 * page, 4);
    show_free(lfb_free_on(lfb, LANE, run), run, 0);
    show_free(lfb_free_on(lfb, LANE, run + 12 * page), run + 12 * page, 0);
    run = show_alloc(lfb_alloc_within_on(lfb, LANE, 3, 0x41000000, LFB_NONE), 3);
    show_free(lfb_free_on(lfb, LANE, run), run, 0);
    if (lfb_alloc_at_on(lfb, LANE, 0x41000000, 2) == LFB_OK) {
        show_free(LFB_OK, show_alloc(0x41000000, 2), 2);
        lfb_free_sized_on(lfb, LANE, 0x41000000, 2);
    }
}

static void many(lfb_t *lfb)
{
    uintptr_t some[100];
    size_t got = lfb_alloc_bulk_on(lfb, LANE, 1, 100, some);
    for (size_t i = 0; i < got; i++) {
        show_alloc(some[i], 2);
    }
    lfb_free_bulk_on(lfb, LANE, got, some);
    for (size_t i = 0; i < got; i++) {
        show_free(LFB_OK, some[i], 0);
    }
}

static void exhaust(lfb_t *lfb)
{
    uintptr_t all[PAGES >> MAX_ORDER];
    size_t got = lfb_alloc_bulk_on(lfb, LANE, MAX_ORDER, PAGES >> MAX_ORDER, all);
    for (size_t i = 0; i < got; i++) {
        show_alloc(all[i], (size_t)1 << MAX_ORDER);
    }
    for (unsigned order = 0; order < 3; order++) { /* found out, then known */
        lfb_alloc_on(lfb, LANE, order);
        printf("exhausted %u %d\n", 1U << order, LANE);
    }
    lfb_alloc_within_on(lfb, LANE, 5, 0, LFB_NONE);
    printf("exhausted 5 %d\n", LANE);
    for (size_t i = 0; i < got; i++) {
        show_free(lfb_free_on(lfb, LANE, all[i]), all[i], 0);
    }
}

int main(void)
{
    lfb_t lfb;
    lfb_config config = {.struct_size = sizeof(config),
                         .base = 0x40800000,
                         .page_size = 4096,
                         .page_count = PAGES,
                         .max_order = MAX_ORDER,
                         .lanes = 2};
    if (lfb_init(&lfb, &config, metadata, sizeof(metadata)) != LFB_OK) {
        return 1;
    }
    blocks(&lfb);
    runs(&lfb);
    many(&lfb);
    exhaust(&lfb);
    lfb_drain(&lfb);
    lfb_destroy(&lfb);
    return 0;
}
