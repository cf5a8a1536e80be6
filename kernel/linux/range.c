/* SPDX-License-Identifier: MIT */
/*
 * Pages for the core: contiguous, from the kernel. alloc_contig_pages would find them, but modules
 * can't call it; they can call alloc_contig_range, which takes a given place if it can move away
 * whatever is there. So this looks for a place, from the top of each node down.
 */
#include "module.h"

#include <linux/hugetlb.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

static unsigned long first_frame; /* 0: no range */
static size_t frame_count;
static void *metadata;
static lfb_boot_region region;

static unsigned lane(void *context)
{
    /* A thread may move to another CPU right after: a lane is a hint. */
    return raw_smp_processor_id();
}

/* Whether the pages could be moved away: what alloc_contig_pages asks too. */
static bool is_promising(unsigned long frame, size_t pages)
{
    struct page *first = pfn_to_online_page(frame);
    for (size_t i = 0; i < pages; i++) {
        struct page *page = pfn_to_online_page(frame + i);
        if (!page || PageReserved(page) || PageHuge(page) || page_zone(page) != page_zone(first)) {
            return false;
        }
    }
    return true;
}

static unsigned long take(unsigned long frame, size_t pages)
{
    if (!is_promising(frame, pages) ||
        alloc_contig_range(frame, frame + pages, MIGRATE_MOVABLE, GFP_KERNEL | __GFP_NOWARN)) {
        return 0;
    }
    return frame;
}

static unsigned long take_anywhere(size_t pages)
{
    int node;
    for_each_online_node(node)
    {
        unsigned long low = ALIGN(node_start_pfn(node), MAX_ORDER_NR_PAGES);
        unsigned long frame = ALIGN_DOWN(node_end_pfn(node), MAX_ORDER_NR_PAGES);
        for (; frame >= low + pages; frame -= MAX_ORDER_NR_PAGES) {
            if (take(frame - pages, pages)) {
                return frame - pages;
            }
        }
    }
    return 0;
}

static int start_core(lfb_config *config)
{
    size_t size = lfb_metadata_size(config);
    metadata = size ? vzalloc(size) : NULL;
    if (!metadata) {
        return -ENOMEM;
    }
    lfb_status status = lfb_init(&kernel_memory.lfb, config, metadata, size);
    if (status != LFB_OK) {
        pr_err("lfb_init: %s\n", lfb_status_name(status));
        return -EINVAL;
    }
    pr_info("range: %zu pages at physical %llx by alloc_contig_range; metadata: %zu bytes by "
            "vzalloc; lanes: %u\n",
            config->page_count, (u64)first_frame << PAGE_SHIFT, size, config->lanes);
    return 0;
}

int range_start(size_t pages)
{
    pages = ALIGN(pages, MAX_ORDER_NR_PAGES);
    first_frame = take_anywhere(pages);
    if (!first_frame) {
        return -ENOMEM;
    }
    frame_count = pages;
    uintptr_t base = (uintptr_t)page_address(pfn_to_page(first_frame));
    region =
        (lfb_boot_region){.start = base, .end = base + pages * PAGE_SIZE, .kind = LFB_BOOT_USABLE};
    kernel_memory.map = (lfb_boot_map){.regions = &region, .count = 1, .room = 1};
    kernel_memory.zone.config = (lfb_config){.struct_size = sizeof(lfb_config),
                                             .base = base,
                                             .page_size = PAGE_SIZE,
                                             .page_count = pages,
                                             .max_order = MAX_ORDER - 1,
                                             .lanes = nr_cpu_ids,
                                             .current_lane = lane,
                                             .metadata_zeroed = true};
    return start_core(&kernel_memory.zone.config);
}

void range_end(void)
{
    if (planted != PLANT_METADATA) {
        vfree(metadata);
    }
    if (first_frame && planted != PLANT_RANGE) {
        free_contig_range(first_frame, frame_count);
    }
}
