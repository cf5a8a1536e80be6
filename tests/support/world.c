/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

lfb_config world_config(uintptr_t base, size_t page_size, size_t page_count, unsigned max_order)
{
    return (lfb_config){
        .struct_size = sizeof(lfb_config),
        .base = base,
        .page_size = page_size,
        .page_count = page_count,
        .max_order = max_order,
        .lanes = 4,
    };
}

void world_start(world *w, const lfb_config *config)
{
    memset(w, 0, sizeof(*w));
    w->config = *config;
    w->size = lfb_metadata_size(config);
    assert_int_not_equal(w->size, 0);
    w->metadata = config->metadata_zeroed ? calloc(1, w->size) : malloc(w->size);
    assert_non_null(w->metadata);
    if (!config->metadata_zeroed) {
        memset(w->metadata, 0xa5, w->size);
    }
    assert_int_equal(lfb_init(&w->lfb, config, w->metadata, w->size), LFB_OK);
}

void world_end(world *w)
{
    lfb_destroy(&w->lfb);
    free(w->metadata);
    free(w->before);
}

void world_remember(world *w)
{
    if (!w->before) {
        w->before = malloc(w->size);
        assert_non_null(w->before);
    }
    memcpy(w->before, w->metadata, w->size);
}

void world_assert_unchanged(world *w)
{
    assert_memory_equal(w->before, w->metadata, w->size);
}

void world_assert_sound(const world *w)
{
    lfb_report report;
    lfb_status status = lfb_check(&w->lfb, &report);
    if (status != LFB_OK || report.low_hints) {
        print_error("check: %s: %s, level %u, address %#jx; %zu faults, %zu low hints\n",
                    lfb_status_name(status), report.first_fault ? report.first_fault : "",
                    report.fault_level, (uintmax_t)report.fault_address, report.faults,
                    report.low_hints);
        fail();
    }
}

void world_assert_all_free(world *w)
{
    lfb_drain(&w->lfb);
    world_assert_sound(w);
    lfb_report report;
    assert_int_equal(lfb_check(&w->lfb, &report), LFB_OK);
    assert_int_equal(report.warm_nodes, 0);
    assert_int_equal(report.stats.free_pages, w->config.page_count);
    assert_int_equal(report.stats.runs, 0);
}

uintptr_t world_page(const world *w, size_t index)
{
    return w->config.base + index * w->config.page_size;
}
