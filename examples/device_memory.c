/* SPDX-License-Identifier: MIT */
/*
 * Memory that the CPU can't touch: 512 MiB on a graphics card, handed out by the core alone. The
 * addresses are the card's; nothing lies behind them here, and the core never looks. What it knows
 * of them is in ordinary memory, some 4 KiB.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <lfbuddy.h>

enum { PAGE = 65536, PAGES = 8192, FRAME_PAGES = 127 };
#define BASE         ((uintptr_t)0x40000000)
#define SCANOUT_SIZE ((uintptr_t)64 << 20) /* the display reads the first 64 MiB only */

static bool print_extent(void *context, const lfb_extent *extent)
{
    static const char *const kinds[] = {"free", "in use", "firmware's"};
    (void)context;
    printf("  %#" PRIxPTR "  %5zu pages  %s\n", extent->address, extent->pages,
           kinds[extent->kind]);
    return true;
}

static int fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    return 1;
}

int main(void)
{
    lfb_config config = {.struct_size = sizeof(config),
                         .base = BASE,
                         .page_size = PAGE,
                         .page_count = PAGES,
                         .max_order = 13,
                         .lanes = 1};
    size_t size = lfb_metadata_size(&config);
    void *metadata = aligned_alloc(128, (size + 127) / 128 * 128);
    lfb_t card;
    if (!metadata || lfb_init(&card, &config, metadata, size) != LFB_OK) {
        return fail("no allocator");
    }
    printf("%d pages of %d KiB, %zu bytes of metadata\n", PAGES, PAGE / 1024, size);

    /* The card's firmware lives in the first MiB. */
    if (lfb_hold_range(&card, BASE, 16) != LFB_OK) {
        return fail("the firmware's pages can't be held");
    }
    /* A texture: a block, aligned to its size. A frame: any length, where the display can see it.
     */
    uintptr_t texture = lfb_alloc(&card, 8);
    uintptr_t frame = lfb_alloc_within(&card, FRAME_PAGES, BASE, BASE + SCANOUT_SIZE);
    if (texture == LFB_NONE || texture % ((uintptr_t)PAGE << 8) != 0 || frame == LFB_NONE ||
        frame + FRAME_PAGES * (uintptr_t)PAGE > BASE + SCANOUT_SIZE) {
        return fail("no room, or not as asked for");
    }
    /* The display changes its mode: the frame gets smaller where it is. */
    if (lfb_resize(&card, frame, FRAME_PAGES / 2) != LFB_OK ||
        lfb_size_of(&card, frame) != FRAME_PAGES / 2) {
        return fail("the frame can't be cut");
    }
    lfb_walk(&card, print_extent, NULL);

    if (lfb_free(&card, texture) != LFB_OK || lfb_free(&card, frame) != LFB_OK) {
        return fail("a release was refused");
    }
    printf("releasing the frame again: %s\n", lfb_status_name(lfb_free(&card, frame)));
    lfb_stats stats;
    lfb_get_stats(&card, &stats);
    lfb_destroy(&card);
    free(metadata);
    return stats.free_pages == PAGES - 16 ? 0 : fail("pages were lost");
}
