/* SPDX-License-Identifier: MIT */
/*
 * The benchmark alone, built into a Linux that runs as a program (User-Mode Linux), which it ends.
 * There no range can be taken from the kernel (alloc_contig_range), nor is any needed: nobody
 * touches the pages, so the core has numbers of pages that stand for none.
 */
#include "module.h"

#include <linux/reboot.h>
#include <linux/vmalloc.h>

static unsigned long pages = 131072;
module_param(pages, ulong, 0444);

static unsigned int rounds = 7;
module_param(rounds, uint, 0444);

static unsigned int milliseconds = 50;
module_param(milliseconds, uint, 0444);

memory kernel_memory;

static int __init measure(void)
{
    lfb_config *config = &kernel_memory.zone.config;
    *config = (lfb_config){.struct_size = sizeof(lfb_config),
                           .base = (uintptr_t)PAGE_SIZE << MAX_ORDER,
                           .page_size = PAGE_SIZE,
                           .page_count = pages,
                           .max_order = MAX_ORDER - 1,
                           .lanes = 1,
                           .metadata_zeroed = true};
    size_t size = lfb_metadata_size(config);
    void *metadata = size ? vzalloc(size) : NULL;
    int error = metadata ? 0 : -ENOMEM;
    if (!error && lfb_init(&kernel_memory.lfb, config, metadata, size) != LFB_OK) {
        error = -EINVAL;
    }
    error = error ? error : bench_run(rounds, milliseconds);
    pr_info("== end: %d\n", error);
    kernel_power_off();
    return 0;
}

late_initcall(measure);
