/* SPDX-License-Identifier: MIT */
/*
 * Two zones behind one alloc: memory that old devices reach, and the rest. Ordinary requests begin
 * with the rest, and leave the last pages below 16 MiB to the drivers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <lfbuddy/zone.h>

enum { DMA, NORMAL, ZONES, PAGE = 4096 };

static void reached_low(void *context, unsigned zone)
{
    (void)context;
    printf("zone %s is low\n", zone == DMA ? "DMA" : "normal");
}

static bool add_zone(lfb_zones_t *set, lfb_t *lfb, uintptr_t base, size_t pages, size_t low,
                     size_t minimum)
{
    lfb_config config = {.struct_size = sizeof(config),
                         .base = base,
                         .page_size = PAGE,
                         .page_count = pages,
                         .max_order = 10,
                         .lanes = 1};
    size_t size = lfb_metadata_size(&config);
    void *metadata = malloc(size); /* a kernel takes it from its memory map: lfbuddy/boot.h */
    lfb_zone_config zone = {.struct_size = sizeof(zone),
                            .lfb = lfb,
                            .low = low,
                            .minimum = minimum,
                            .reached_low = reached_low};
    return metadata && lfb_init(lfb, &config, metadata, size) == LFB_OK &&
           lfb_zones_add(set, &zone) == LFB_OK;
}

int main(void)
{
    static lfb_t lfbs[ZONES];
    lfb_zones_config config = {
        .struct_size = sizeof(config), .zones = ZONES, .lanes = 1, .batch = 64};
    size_t size = lfb_zones_size(&config);
    void *memory = malloc(size);
    lfb_zones_t set;
    if (!memory || lfb_zones_init(&set, &config, memory, size) != LFB_OK ||
        !add_zone(&set, &lfbs[DMA], 0x100000, 3840, 1024, 512) ||
        !add_zone(&set, &lfbs[NORMAL], 0x1000000, 8192, 1024, 0)) {
        fprintf(stderr, "no zones\n");
        return 1;
    }
    /* The lists of both kinds of request are the ends of one. */
    static const unsigned short list[] = {NORMAL, DMA};
    lfb_zone_request request = {.pages = 16, .list = list, .count = 2};
    size_t blocks[ZONES] = {0};
    uintptr_t address;
    while ((address = lfb_zones_alloc(&set, &request)) != LFB_NONE) {
        blocks[lfb_zones_find(&set, address)]++;
    }
    printf("ordinary requests: %zu blocks of normal memory, then %zu below 16 MiB\n",
           blocks[NORMAL], blocks[DMA]);

    lfb_zone_request driver = {
        .pages = 16, .flags = LFB_ZONE_RESERVE, .list = list, .count = 2, .first = 1};
    address = lfb_zones_alloc(&set, &driver);
    printf("a driver's: %#" PRIxPTR "; %zu pages below 16 MiB are left\n", address,
           lfb_zones_free_pages(&set, DMA));
    bool right = blocks[NORMAL] == 512 && blocks[DMA] == 208 && address < 0x1000000 &&
                 lfb_zones_free(&set, 0, address) == LFB_OK &&
                 lfb_zones_free_pages(&set, DMA) == 512;
    free(memory);
    for (unsigned i = 0; i < ZONES; i++) {
        free(lfbs[i].metadata);
    }
    return !right;
}
