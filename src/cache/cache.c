/* SPDX-License-Identifier: MIT */
/*
 * The public functions: the loaded magazine serves most calls; what it can't serve takes the slow
 * way, through magazine.c or straight to the core.
 */
#include "../port/likely.h"
#include "../port/memory.h"
#include "magazine.h"
#include "marks.h"

/* ------------------------------------------------------------------------- life of a cache ---- */

static unsigned cache_capacity(const lfb_cache_config *config, unsigned order)
{
    return config->magazine_pages >> order;
}

static bool cache_is_valid(const lfb_t *lfb, const lfb_cache_config *config)
{
    return lfb && lfb->metadata && config && config->struct_size == sizeof(*config) &&
           config->slots >= 1 && config->slots <= LFB_MAX_LANES && config->orders >= 1 &&
           config->orders <= LFB_CACHE_MAX_ORDERS &&
           config->magazine_pages <= LFB_CACHE_MAX_PAGES &&
           cache_capacity(config, config->orders - 1) >= 1;
}

/* Bytes of the arrays of one slot, on lines of their own. */
static size_t cache_arrays_size(const lfb_cache_config *config)
{
    size_t blocks = 0;
    for (unsigned order = 0; order < config->orders; order++) {
        blocks += (size_t)2 * cache_capacity(config, order);
    }
    return (blocks * sizeof(uintptr_t) + SLOT_LINE - 1) / SLOT_LINE * SLOT_LINE;
}

size_t lfb_cache_size(const lfb_t *lfb, const lfb_cache_config *config)
{
    if (!cache_is_valid(lfb, config)) {
        return 0;
    }
    return SLOT_LINE - 1 + config->slots * (sizeof(lfb_slot) + cache_arrays_size(config)) +
           (config->checked ? lfb_marks_size(lfb) : 0);
}

static void cache_start_order(lfb_cache_t *cache, const lfb_cache_config *config, unsigned order)
{
    const lfb_t *lfb = cache->lfb;
    uintptr_t below = ((uintptr_t)1 << order) - 1;
    uintptr_t first = (lfb->first_page >> order) + ((lfb->first_page & below) != 0);
    uintptr_t end = lfb->end_page >> order;
    cache->orders[order].shift = lfb->page_shift + order;
    cache->orders[order].capacity = cache_capacity(config, order);
    cache->orders[order].first = first;
    cache->orders[order].count = end > first ? end - first : 0;
}

static void cache_start_slot(lfb_cache_t *cache, unsigned number, uintptr_t *arrays)
{
    lfb_slot *slot = lfb_slot_at(cache, number);
    for (unsigned order = 0; order < cache->order_count; order++) {
        unsigned capacity = cache->orders[order].capacity;
        slot->loaded[order].blocks = arrays;
        slot->spare[order] = arrays + capacity;
        arrays += (size_t)2 * capacity;
    }
    lfb_slot_drain(cache, number); /* of nothing: sets the limits */
}

lfb_status lfb_cache_init(lfb_cache_t *cache, lfb_t *lfb, const lfb_cache_config *config,
                          void *memory, size_t size)
{
    size_t needed = lfb_cache_size(lfb, config);
    if (!cache || !needed || !memory || size < needed) {
        return LFB_INVALID_ARGUMENT;
    }
    lfb_fill(memory, 0, needed);
    unsigned served = lfb->largest_order + 1;
    uintptr_t line = ((uintptr_t)memory + SLOT_LINE - 1) & ~(uintptr_t)(SLOT_LINE - 1);
    *cache = (lfb_cache_t){
        .lfb = lfb,
        .slots = (char *)memory + (line - (uintptr_t)memory),
        .slot_count = config->slots,
        .order_count = config->orders < served ? config->orders : served,
        .refused = config->refused,
        .context = config->context,
    };
    cache->quick_orders = config->checked ? 0 : cache->order_count;
    for (unsigned order = 0; order < cache->order_count; order++) {
        cache_start_order(cache, config, order);
    }
    char *arrays = (char *)cache->slots + config->slots * sizeof(lfb_slot);
    size_t stride = cache_arrays_size(config);
    for (unsigned slot = 0; slot < config->slots; slot++) {
        cache_start_slot(cache, slot, (uintptr_t *)(void *)(arrays + slot * stride));
    }
    cache->marks = config->checked ? arrays + config->slots * stride : NULL;
    return LFB_OK;
}

/* -------------------------------------------------------------------------------- allocate ---- */

static bool cache_serves(const lfb_cache_t *cache, unsigned slot, unsigned order)
{
    return slot < cache->slot_count && order < cache->order_count;
}

/* The core has just had no such block. */
static uintptr_t cache_alloc_again(lfb_cache_t *cache, unsigned slot, unsigned order)
{
    bool served = order <= cache->lfb->largest_order;
    return served && lfb_cache_reclaim(cache, slot) ? lfb_alloc_on(cache->lfb, slot, order)
                                                    : LFB_NONE;
}

/* Takes the last block of the loaded magazine, which has `left` others. */
static uintptr_t cache_pop(lfb_slot *own, unsigned order, lfb_word left)
{
    uintptr_t address = own->loaded[order].blocks[left];
    lfb_slot_set_count(own, order, left);
    return address;
}

LFB_SELDOM static uintptr_t cache_alloc_slowly(lfb_cache_t *cache, unsigned slot, unsigned order)
{
    if (!cache_serves(cache, slot, order)) {
        uintptr_t address = lfb_alloc_on(cache->lfb, slot, order);
        return address != LFB_NONE ? address : cache_alloc_again(cache, slot, order);
    }
    lfb_slot *own = lfb_slot_at(cache, slot);
    if (lfb_slot_limit(own, order) == 0) {
        lfb_slot_drain(cache, slot);
    }
    if (lfb_slot_count(own, order) == 0) {
        lfb_slot_fill(cache, slot, order);
    }
    lfb_word count = lfb_slot_count(own, order);
    if (count == 0) {
        return cache_alloc_again(cache, slot, order);
    }
    uintptr_t address = cache_pop(own, order, count - 1);
    if (cache->marks) {
        lfb_marks_clear(cache, address);
    }
    return address;
}

uintptr_t lfb_cache_alloc(lfb_cache_t *cache, unsigned slot, unsigned order)
{
    if (LFB_LIKELY(slot < cache->slot_count && order < cache->quick_orders)) {
        lfb_slot *own = lfb_slot_at(cache, slot);
        /* An empty magazine has the largest number left, which no limit exceeds. */
        lfb_word left = lfb_slot_count(own, order) - 1;
        if (LFB_LIKELY(left < lfb_slot_limit(own, order))) {
            return cache_pop(own, order, left);
        }
    }
    return cache_alloc_slowly(cache, slot, order);
}

/* --------------------------------------------------------------------------------- release ---- */

/* Whether a block of this cached order, in the range, begins at the address. The bits below a block
 * come out on top, so one comparison is for range and alignment. */
static bool cache_is_block(const lfb_cache_t *cache, uintptr_t address, unsigned order)
{
    unsigned shift = cache->orders[order].shift;
    unsigned bits = (unsigned)sizeof(address) * 8;
    uintptr_t number = address >> shift | address << ((bits - shift) & (bits - 1));
    return number - cache->orders[order].first < cache->orders[order].count;
}

static lfb_status cache_free_to_core(const lfb_cache_t *cache, unsigned slot, uintptr_t address,
                                     unsigned order)
{
    if (order > cache->lfb->largest_order) {
        return LFB_INVALID_ARGUMENT;
    }
    if (!cache->marks) {
        return lfb_free_on(cache->lfb, slot, address); /* it knows the size */
    }
    if (cache_is_block(cache, address, 0) && lfb_marks_has(cache, address)) {
        return LFB_NOT_ALLOCATED;
    }
    return lfb_free_sized_on(cache->lfb, slot, address, (size_t)1 << order);
}

/* Puts a block on top of the loaded magazine, which has `count`. */
static void cache_push(lfb_slot *own, unsigned order, lfb_word count, uintptr_t address)
{
    own->loaded[order].blocks[count] = address;
    lfb_slot_set_count(own, order, count + 1);
}

LFB_SELDOM static lfb_status cache_free_slowly(lfb_cache_t *cache, unsigned slot, uintptr_t address,
                                               unsigned order)
{
    if (!cache_serves(cache, slot, order) || !cache_is_block(cache, address, order)) {
        return cache_free_to_core(cache, slot, address, order);
    }
    lfb_slot *own = lfb_slot_at(cache, slot);
    if (lfb_slot_limit(own, order) == 0) {
        lfb_slot_drain(cache, slot);
        return cache_free_to_core(cache, slot, address, order);
    }
    lfb_status status = cache->marks ? lfb_marks_admit(cache, address, order) : LFB_OK;
    if (status != LFB_OK) {
        return status;
    }
    if (lfb_slot_count(own, order) == cache->orders[order].capacity) {
        lfb_slot_make_room(cache, slot, order);
    }
    cache_push(own, order, lfb_slot_count(own, order), address);
    return LFB_OK;
}

lfb_status lfb_cache_free(lfb_cache_t *cache, unsigned slot, uintptr_t address, unsigned order)
{
    if (LFB_LIKELY(slot < cache->slot_count && order < cache->quick_orders &&
                   cache_is_block(cache, address, order))) {
        lfb_slot *own = lfb_slot_at(cache, slot);
        lfb_word count = lfb_slot_count(own, order);
        if (LFB_LIKELY(count < lfb_slot_limit(own, order))) {
            cache_push(own, order, count, address);
            return LFB_OK;
        }
    }
    return cache_free_slowly(cache, slot, address, order);
}

/* -------------------------------------------------------------------------------- maintain ---- */

lfb_status lfb_cache_drain_slot(lfb_cache_t *cache, unsigned slot)
{
    if (slot >= cache->slot_count) {
        return LFB_INVALID_ARGUMENT;
    }
    lfb_slot_drain(cache, slot);
    return LFB_OK;
}

void lfb_cache_drain(lfb_cache_t *cache)
{
    for (unsigned slot = 0; slot < cache->slot_count; slot++) {
        lfb_slot_drain(cache, slot);
    }
}

size_t lfb_cache_reclaim(lfb_cache_t *cache, unsigned slot)
{
    size_t pages = 0;
    for (unsigned i = 0; i < cache->slot_count; i++) {
        pages += i == slot ? lfb_slot_drain(cache, i) : lfb_slot_reclaim(cache, i, slot);
    }
    return pages;
}

void lfb_cache_get_stats(const lfb_cache_t *cache, lfb_cache_stats *stats)
{
    lfb_fill(stats, 0, sizeof(*stats));
    for (unsigned i = 0; i < cache->slot_count; i++) {
        const lfb_slot *slot = lfb_slot_at(cache, i);
        for (unsigned order = 0; order < cache->order_count; order++) {
            lfb_word shelved = lfb_load_relaxed(&slot->shelf[order]);
            lfb_word blocks = lfb_slot_count(slot, order) + (shelved == SHELF_TAKEN ? 0 : shelved);
            stats->cached_blocks[order] += (size_t)blocks;
            stats->cached_pages += (size_t)blocks << order;
        }
        /* relaxed, here and above: numbers to look at */
        stats->refills += (size_t)lfb_load_relaxed(&slot->refills);
        stats->flushes += (size_t)lfb_load_relaxed(&slot->flushes);
        stats->stolen += (size_t)lfb_load_relaxed(&slot->stolen);
        stats->refused += (size_t)lfb_load_relaxed(&slot->refused);
    }
}
