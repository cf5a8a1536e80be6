/* SPDX-License-Identifier: MIT */
/* See layout.h. Arithmetic on plans; nothing here maps or writes memory that others see. */
#include "layout.h"

#include <string.h>
#include <unistd.h>

#include "../port/bits.h"
#include "error.h"

#define POOL_MAGIC UINT64_C(0x6c6f6f702d62666c) /* "lfb-pool", little-endian */

static uint32_t checksum_of(const pool_plan *plan)
{
    /* FNV-1a (Fowler, Noll, Vo), as the core's header. */
    const unsigned char *bytes = (const unsigned char *)plan;
    uint32_t sum = UINT32_C(2166136261);
    for (size_t i = 0; i < offsetof(pool_plan, checksum); i++) {
        sum = (sum ^ bytes[i]) * UINT32_C(16777619);
    }
    return sum;
}

static uint64_t align_up(uint64_t value, uint64_t to)
{
    return (value + to - 1) / to * to;
}

lfb_config pool_core_config(const pool_plan *plan)
{
    return (lfb_config){
        .struct_size = sizeof(lfb_config),
        .page_size = (size_t)plan->page_size,
        .page_count = (size_t)plan->page_count,
        .max_order = plan->max_order,
        .lanes = plan->lanes,
        .metadata_zeroed = true,
    };
}

/* Gives the parts their places. False: the core can't have such a geometry. */
static bool place_parts(pool_plan *plan)
{
    lfb_config core = pool_core_config(plan);
    unsigned page_shift = lfb_ceiling_order((uintptr_t)plan->page_size);
    plan->core_size = lfb_metadata_size(&core);
    plan->chunk_shift = page_shift > POOL_DATA_SHIFT ? page_shift : POOL_DATA_SHIFT;
    uint64_t bytes = plan->page_count << page_shift;
    if (plan->core_size == 0 || bytes >> page_shift != plan->page_count || bytes >> 62) {
        return false;
    }
    uint64_t chunks = ((bytes - 1) >> plan->chunk_shift) + 1;
    plan->slots_at = align_up(sizeof(pool_header), POOL_LINE);
    plan->calls_at = align_up(plan->slots_at + plan->slots * sizeof(pool_slot), POOL_LINE);
    plan->dirty_at =
        plan->calls_at + plan->lanes * align_up(plan->slots * sizeof(pool_u64), POOL_LINE);
    plan->owners_at = align_up(plan->dirty_at + chunks, POOL_LINE);
    uint64_t tags = plan->owner_tags ? plan->page_count * sizeof(pool_u32) : 0;
    plan->core_at = align_up(plan->owners_at + tags, POOL_LINE);
    plan->data_at = align_up(plan->core_at + plan->core_size, (uint64_t)1 << POOL_DATA_SHIFT);
    plan->length = align_up(plan->data_at + bytes, (uint64_t)1 << POOL_DATA_SHIFT);
    return true;
}

/* All that doesn't depend on the configuration, and the checksum. False: see place_parts. */
static bool complete(pool_plan *plan)
{
    plan->magic = POOL_MAGIC;
    plan->format = POOL_FORMAT;
    plan->word_bits = LFB_WORD_BITS;
    plan->leaf_order = LFB_LEAF_ORDER;
    plan->node_order = LFB_NODE_ORDER;
    plan->unused = 0;
    bool possible = place_parts(plan);
    plan->checksum = checksum_of(plan);
    return possible;
}

/* ------------------------------------------------------------------------------- planning ---- */

static uint32_t lanes_wanted(const lfb_pool_config *config)
{
    long cpus = config->lanes ? (long)config->lanes : sysconf(_SC_NPROCESSORS_CONF);
    cpus = cpus > 0 ? cpus : 1;
    return (uint32_t)(config->lanes || cpus < LFB_MAX_LANES ? cpus : LFB_MAX_LANES);
}

static bool judge_config(const lfb_pool_config *c, size_t page_size, lfb_pool_error *error)
{
    size_t system_page = (size_t)sysconf(_SC_PAGESIZE);
    const char *wrong = NULL;
    if (c->size == 0) {
        wrong = "size is 0: say how many bytes the pool is to hand out";
    } else if (page_size & (page_size - 1) || page_size < system_page) {
        return pool_fail(error, LFB_POOL_INVALID, 0,
                         "page_size %zu: must be a power of two, at least the system's page (%zu)",
                         page_size, system_page);
    } else if ((c->size - 1) / page_size >= LFB_MAX_PAGES) {
        wrong = "size: too many pages: use a larger page_size";
    } else if (c->max_order > LFB_MAX_ORDER) {
        wrong = "max_order is above LFB_MAX_ORDER";
    } else if (c->lanes > LFB_MAX_LANES) {
        wrong = "lanes is above LFB_MAX_LANES: use 0";
    } else if (c->processes > LFB_POOL_PROCESSES_MAX) {
        wrong = "processes is above LFB_POOL_PROCESSES_MAX";
    } else if (c->owner_tags && c->kind == LFB_POOL_PRIVATE) {
        wrong = "owner_tags: a private pool has one owner: use a shared or a file pool";
    }
    return wrong ? pool_fail(error, LFB_POOL_INVALID, 0, "%s", wrong) : true;
}

bool pool_plan_new(pool_plan *plan, const lfb_pool_config *config, lfb_pool_error *error)
{
    size_t page_size = config->page_size ? config->page_size : (size_t)sysconf(_SC_PAGESIZE);
    if (!judge_config(config, page_size, error)) {
        return false;
    }
    memset(plan, 0, sizeof(*plan));
    plan->kind = (uint32_t)config->kind;
    plan->owner_tags = config->owner_tags;
    plan->lanes = lanes_wanted(config);
    plan->slots = config->processes ? config->processes + 1 : POOL_SLOTS_USUAL;
    plan->page_size = page_size;
    plan->page_count = (config->size - 1) / page_size + 1;
    unsigned whole = lfb_ceiling_order((uintptr_t)plan->page_count);
    plan->max_order = config->max_order ? config->max_order : whole;
    plan->max_order = plan->max_order < LFB_MAX_ORDER ? plan->max_order : LFB_MAX_ORDER;
    return complete(plan) || pool_fail(error, LFB_POOL_INVALID, 0,
                                       "size %zu: beyond the address space", config->size);
}

/* -------------------------------------------------------------------------------- judging ---- */

static bool is_of_this_build(const pool_plan *plan, const char *name, lfb_pool_error *error)
{
    if (plan->format != POOL_FORMAT) {
        return pool_fail(error, LFB_POOL_VERSION, 0,
                         "%s: a pool of format %u, this library knows format %u: use the version "
                         "of lfbuddy that made it, or create it anew",
                         name, plan->format, (unsigned)POOL_FORMAT);
    }
    if (plan->word_bits != LFB_WORD_BITS || plan->leaf_order != LFB_LEAF_ORDER ||
        plan->node_order != LFB_NODE_ORDER) {
        return pool_fail(error, LFB_POOL_VERSION, 0,
                         "%s: made by a build with %u-bit words and nodes of order %u and %u, this "
                         "one has %u, %u, %u: use a build like the one that made it",
                         name, plan->word_bits, plan->leaf_order, plan->node_order,
                         (unsigned)LFB_WORD_BITS, (unsigned)LFB_LEAF_ORDER,
                         (unsigned)LFB_NODE_ORDER);
    }
    return true;
}

/* Whether planning anew what the header says leads to the same header. */
static bool is_planned_so(const pool_plan *plan)
{
    if (plan->lanes < 1 || plan->lanes > LFB_MAX_LANES || plan->slots < 2 ||
        plan->slots > LFB_POOL_PROCESSES_MAX + 1 || plan->page_size == 0 ||
        plan->page_size & (plan->page_size - 1) || plan->page_count == 0 ||
        plan->page_count > LFB_MAX_PAGES || plan->kind > LFB_POOL_FILE || plan->owner_tags > 1) {
        return false;
    }
    pool_plan again = *plan;
    return complete(&again) && memcmp(&again, plan, sizeof(again)) == 0;
}

bool pool_plan_check(const pool_plan *plan, size_t size, uint64_t length, const char *name,
                     lfb_pool_error *error)
{
    if (size < sizeof(plan->magic) || plan->magic != POOL_MAGIC) {
        return pool_fail(error, LFB_POOL_NOT_A_POOL, 0,
                         "%s: not a pool: it doesn't begin as one; correct the name (nothing was "
                         "changed)",
                         name);
    }
    if (size < sizeof(*plan)) {
        return pool_fail(error, LFB_POOL_TRUNCATED, 0,
                         "%s: %ju bytes, less than a header: the file was cut; restore it from a "
                         "copy, or remove it and create it anew",
                         name, (uintmax_t)length);
    }
    if (!is_of_this_build(plan, name, error)) {
        return false;
    }
    if (plan->checksum != checksum_of(plan)) {
        return pool_fail(error, LFB_POOL_DAMAGED, 0,
                         "%s: the header is damaged: its checksum is %08x, should be %08x; restore "
                         "the file from a copy, or remove it and create it anew",
                         name, plan->checksum, checksum_of(plan));
    }
    if (!is_planned_so(plan)) {
        return pool_fail(error, LFB_POOL_VERSION, 0,
                         "%s: this library would lay the pool out in another way: use the version "
                         "of lfbuddy that made it, or create it anew",
                         name);
    }
    if (length < plan->length) {
        return pool_fail(error, LFB_POOL_TRUNCATED, 0,
                         "%s: %ju bytes, should be %ju: the file was cut; restore it from a copy, "
                         "or remove it and create it anew",
                         name, (uintmax_t)length, (uintmax_t)plan->length);
    }
    return true;
}

static bool mismatch(const char *name, const char *what, uint64_t has, uint64_t wanted,
                     lfb_pool_error *error)
{
    return pool_fail(error, LFB_POOL_GEOMETRY, 0,
                     "%s: the pool has %s %ju, not %ju: ask for what it has (or 0: anything), or "
                     "use another name",
                     name, what, (uintmax_t)has, (uintmax_t)wanted);
}

bool pool_plan_fits(const pool_plan *plan, const lfb_pool_config *config, const char *name,
                    lfb_pool_error *error)
{
    uint64_t bytes = plan->page_count * plan->page_size;
    if (config->page_size && config->page_size != plan->page_size) {
        return mismatch(name, "page_size", plan->page_size, config->page_size, error);
    }
    if (config->size && align_up(config->size, plan->page_size) != bytes) {
        return mismatch(name, "size", bytes, config->size, error);
    }
    if (config->max_order && config->max_order != plan->max_order) {
        return mismatch(name, "max_order", plan->max_order, config->max_order, error);
    }
    if (config->lanes && config->lanes != plan->lanes) {
        return mismatch(name, "lanes", plan->lanes, config->lanes, error);
    }
    if (config->processes && config->processes != plan->slots - 1) {
        return mismatch(name, "processes", plan->slots - 1, config->processes, error);
    }
    if (config->owner_tags && !plan->owner_tags) {
        return mismatch(name, "owner_tags", 0, 1, error);
    }
    return true;
}
