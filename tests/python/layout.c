/* SPDX-License-Identifier: MIT */
/*
 * Where the compiler puts the fields of the structures that lfbuddy.py declares again: a line for
 * each field, "structure field offset size", and one for each structure and constant.
 */
#include <lfbuddy/pool.h>
#include <stdio.h>

#define FIELD(type, field)                                                                         \
    printf("%s %s %zu %zu\n", #type, #field, offsetof(type, field), sizeof(((type *)0)->field))
#define TYPE(type)   printf("%s %zu\n", #type, sizeof(type))
#define NUMBER(name) printf("%s %lld\n", #name, (long long)(name))

static void core_types(void)
{
    TYPE(lfb_extent);
    FIELD(lfb_extent, address);
    FIELD(lfb_extent, pages);
    FIELD(lfb_extent, kind);
    TYPE(lfb_stats);
    FIELD(lfb_stats, total_pages);
    FIELD(lfb_stats, free_pages);
    FIELD(lfb_stats, allocated_pages);
    FIELD(lfb_stats, held_pages);
    FIELD(lfb_stats, runs);
    FIELD(lfb_stats, free_blocks);
    FIELD(lfb_stats, largest_free_order);
    TYPE(lfb_report);
    FIELD(lfb_report, faults);
    FIELD(lfb_report, first_fault);
    FIELD(lfb_report, fault_level);
    FIELD(lfb_report, fault_address);
    FIELD(lfb_report, warm_nodes);
    FIELD(lfb_report, low_hints);
    FIELD(lfb_report, stats);
}

static void pool_types(void)
{
    TYPE(lfb_pool_error);
    FIELD(lfb_pool_error, status);
    FIELD(lfb_pool_error, system_error);
    FIELD(lfb_pool_error, text);
    TYPE(lfb_pool_config);
    FIELD(lfb_pool_config, kind);
    FIELD(lfb_pool_config, name);
    FIELD(lfb_pool_config, size);
    FIELD(lfb_pool_config, page_size);
    FIELD(lfb_pool_config, max_order);
    FIELD(lfb_pool_config, lanes);
    FIELD(lfb_pool_config, processes);
    FIELD(lfb_pool_config, trim_order);
    FIELD(lfb_pool_config, huge);
    FIELD(lfb_pool_config, huge_required);
    FIELD(lfb_pool_config, owner_tags);
    FIELD(lfb_pool_config, reserve);
    FIELD(lfb_pool_config, or_open);
    FIELD(lfb_pool_config, recover);
    FIELD(lfb_pool_config, read_only);
    FIELD(lfb_pool_config, numa_nodes);
    FIELD(lfb_pool_config, mode);
}

static void looks_types(void)
{
    TYPE(lfb_pool_usage);
    FIELD(lfb_pool_usage, size);
    FIELD(lfb_pool_usage, metadata);
    FIELD(lfb_pool_usage, resident);
    FIELD(lfb_pool_usage, committed);
    TYPE(lfb_pool_process);
    FIELD(lfb_pool_process, slot);
    FIELD(lfb_pool_process, pid);
    FIELD(lfb_pool_process, dead);
    FIELD(lfb_pool_process, foreign);
    TYPE(lfb_pool_info);
    FIELD(lfb_pool_info, kind);
    FIELD(lfb_pool_info, size);
    FIELD(lfb_pool_info, page_size);
    FIELD(lfb_pool_info, page_count);
    FIELD(lfb_pool_info, max_order);
    FIELD(lfb_pool_info, lanes);
    FIELD(lfb_pool_info, processes);
    FIELD(lfb_pool_info, owner_tags);
    FIELD(lfb_pool_info, read_only);
    FIELD(lfb_pool_info, huge);
    FIELD(lfb_pool_info, address);
    FIELD(lfb_pool_info, metadata);
    FIELD(lfb_pool_info, length);
    TYPE(lfb_pool_report);
    FIELD(lfb_pool_report, core);
    FIELD(lfb_pool_report, unowned);
}

int main(void)
{
    core_types();
    pool_types();
    looks_types();
    NUMBER(LFB_MAX_ORDER);
    NUMBER(LFB_POOL_PROCESSES_MAX);
    NUMBER(LFB_OK);
    NUMBER(LFB_POOL_SHARED);
    NUMBER(LFB_POOL_FILE);
    return 0;
}
