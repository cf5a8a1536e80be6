/* SPDX-License-Identifier: MIT */
/*
 * Allocation and release: the core's, with what a pool adds. In this order:
 *
 *   allocate   enter; core; own; exit; note that the memory may not be zero any more (clean.h)
 *   release    give memory back (trim_order); enter; disown; core; exit; wake
 */
#include "alloc.h"

#include <string.h>

#include "../port/bits.h"
#include "clean.h"
#include "owner.h"
#include "record.h"
#include "wait.h"
#include "watch.h"

/* ------------------------------------------------------------------------------ addresses ---- */

uintptr_t lfb_pool_offset(const lfb_pool *pool, const void *address)
{
    uintptr_t offset = (uintptr_t)address - (uintptr_t)pool->data;
    return offset < pool->bytes ? offset : LFB_NONE;
}

void *lfb_pool_pointer(const lfb_pool *pool, uintptr_t offset)
{
    if (offset >= pool->bytes) {
        return NULL;
    }
    pool_watch_look(pool, offset, 1);
    return pool->data + offset;
}

/* Where a page begins. */
static lfb_status page_offset(const lfb_pool *pool, const void *address, uintptr_t *offset)
{
    *offset = lfb_pool_offset(pool, address);
    if (*offset == LFB_NONE) {
        return LFB_OUT_OF_RANGE;
    }
    return *offset & (pool->plan.page_size - 1) ? LFB_INVALID_ARGUMENT : LFB_OK;
}

/* The same for pages that must all lie in the pool. */
static lfb_status range_offset(const lfb_pool *pool, const void *address, size_t pages,
                               uintptr_t *offset)
{
    lfb_status status = page_offset(pool, address, offset);
    if (status == LFB_OK && pages == 0) {
        return LFB_INVALID_ARGUMENT;
    }
    if (status == LFB_OK && pages > (pool->bytes - *offset) >> pool->page_shift) {
        return LFB_OUT_OF_RANGE;
    }
    return status;
}

/* ------------------------------------------------------------------------------- allocate ---- */

/* The end of an allocation. */
static inline uintptr_t finish(const lfb_pool *pool, const pool_call *call, uintptr_t offset)
{
    if (offset != LFB_NONE) {
        pool_own(pool, call, offset);
    }
    pool_exit(call);
    return offset;
}

static void *hand_out(const lfb_pool *pool, uintptr_t offset, size_t pages)
{
    if (offset == LFB_NONE) {
        return NULL;
    }
    pool_watch_taken(pool, offset, pages);
    pool_record_alloc(pool, offset, pages);
    pool_note_dirty(pool, offset, pages << pool->page_shift);
    return pool->data + offset;
}

void *lfb_pool_alloc(lfb_pool *pool, unsigned order)
{
    pool_call call;
    if (!pool_enter(pool, &call)) {
        return NULL;
    }
    uintptr_t offset = finish(pool, &call, lfb_alloc_on(&pool->core, call.lane, order));
    return hand_out(pool, offset, (size_t)1 << order);
}

static uintptr_t take_run(lfb_pool *pool, size_t pages)
{
    pool_call call;
    return pool_enter(pool, &call)
               ? finish(pool, &call, lfb_alloc_run_on(&pool->core, call.lane, pages))
               : LFB_NONE;
}

void *lfb_pool_alloc_run(lfb_pool *pool, size_t pages)
{
    return hand_out(pool, take_run(pool, pages), pages);
}

void *lfb_pool_alloc_zeroed(lfb_pool *pool, size_t pages)
{
    uintptr_t offset = take_run(pool, pages);
    if (offset == LFB_NONE) {
        return NULL;
    }
    pool_watch_zeroed(pool, offset, pages);
    pool_record_alloc(pool, offset, pages);
    size_t bytes = pages << pool->page_shift;
    uintptr_t end = offset + bytes;
    uintptr_t at = offset;
    for (size_t chunk = pool_first_chunk(pool, offset); at < end; chunk++) {
        uintptr_t next = (uintptr_t)(chunk + 1) << pool->plan.chunk_shift;
        next = next < end ? next : end;
        if (pool_load8_relaxed(&pool->dirty[chunk])) { /* relaxed: E1 */
            memset(pool->data + at, 0, next - at);
        }
        at = next;
    }
    pool_note_dirty(pool, offset, bytes);
    return pool->data + offset;
}

lfb_status pool_take_at(lfb_pool *pool, uintptr_t offset, size_t pages)
{
    pool_call call;
    if (!pool_enter(pool, &call)) {
        return LFB_EXHAUSTED;
    }
    lfb_status status = lfb_alloc_at_on(&pool->core, call.lane, offset, pages);
    finish(pool, &call, status == LFB_OK ? offset : LFB_NONE);
    if (status == LFB_OK) {
        pool_record_alloc(pool, offset, pages);
    }
    return status;
}

lfb_status lfb_pool_alloc_at(lfb_pool *pool, void *address, size_t pages)
{
    uintptr_t offset;
    lfb_status status = range_offset(pool, address, pages, &offset);
    status = status == LFB_OK ? pool_take_at(pool, offset, pages) : status;
    if (status == LFB_OK) {
        pool_watch_taken(pool, offset, pages);
        pool_note_dirty(pool, offset, pages << pool->page_shift);
    }
    return status;
}

static bool can_succeed(const lfb_pool *pool, size_t pages)
{
    bool can_change = !pool->read_only && (!pool->tagged || pool_load32_relaxed(pool->self));
    return can_change && pages > 0 && pages <= pool->plan.page_count &&
           lfb_ceiling_order(pages) <= pool->plan.max_order;
}

void *lfb_pool_alloc_wait(lfb_pool *pool, size_t pages, const struct timespec *deadline)
{
    void *run = lfb_pool_alloc_run(pool, pages);
    while (!run && can_succeed(pool, pages)) {
        uint32_t value = pool_wait_announce(pool);
        run = lfb_pool_alloc_run(pool, pages);
        if (run || !pool_wait_sleep(pool, value, deadline)) {
            break;
        }
    }
    return run;
}

/* -------------------------------------------------------------------------------- release ---- */

/* Releases the run at an offset, in a call. */
static lfb_status release(lfb_pool *pool, const pool_call *call, uintptr_t offset)
{
    if (!pool->tagged) {
        return lfb_free_on(&pool->core, call->lane, offset);
    }
    uint32_t owner;
    lfb_status status = pool_disown(pool, offset, &owner, 0);
    if (status == LFB_OK) {
        status = lfb_free_on(&pool->core, call->lane, offset);
        if (status != LFB_OK) { /* only if somebody broke the contract */
            pool_store32_release(pool_owner_word(pool, offset), owner);
        }
    }
    return status;
}

/* `trim_order`: the memory of pages that the caller owns and is about to release. */
static void give_back(const lfb_pool *pool, uintptr_t offset, size_t pages)
{
    if (pool->trim_order && pages >> pool->trim_order) {
        pool_give_back(pool, offset, pages << pool->page_shift, NULL);
    }
}

lfb_status lfb_pool_free(lfb_pool *pool, void *address)
{
    uintptr_t offset;
    pool_call call;
    lfb_status status = page_offset(pool, address, &offset);
    if (status != LFB_OK) {
        return status;
    }
    if (pool->trim_order) {
        give_back(pool, offset, lfb_size_of(&pool->core, offset));
    }
    if (!pool_enter(pool, &call)) {
        return LFB_EXHAUSTED;
    }
    pool_watch_released(pool, offset, 0);
    record_event *event = pool_record_free(pool, offset, 0);
    status = release(pool, &call, offset);
    if (status != LFB_OK) {
        pool_record_refused(event);
        pool_watch_look(pool, offset, 1);
    }
    pool_exit(&call);
    pool_wake(pool);
    return status;
}

static bool find_run(const lfb_pool *pool, uintptr_t at, lfb_extent *run)
{
    return lfb_find(&pool->core, at, run) == LFB_OK && run->kind == LFB_EXTENT_RUN;
}

static uintptr_t run_end(const lfb_pool *pool, const lfb_extent *run)
{
    return run->address + (run->pages << pool->page_shift);
}

/* Whether all pages are in runs; *last is the one that the last page is in. */
static bool all_allocated(const lfb_pool *pool, uintptr_t offset, uintptr_t end, lfb_extent *last)
{
    for (uintptr_t at = offset; at < end; at = run_end(pool, last)) {
        if (!find_run(pool, at, last)) {
            return false;
        }
    }
    return true;
}

/* The runs that start in the range lose their owner, those that start behind it, cut off from
 * `last`, get the one that they had. */
static lfb_status release_range(lfb_pool *pool, const pool_call *call, uintptr_t offset,
                                size_t pages, const lfb_extent *last)
{
    uintptr_t end = offset + (pages << pool->page_shift);
    uint32_t owner = pool_load32_acquire(pool_owner_word(pool, last->address));
    lfb_extent run;
    for (uintptr_t at = offset; at < end && find_run(pool, at, &run); at = run_end(pool, &run)) {
        uint32_t was;
        lfb_status status = LFB_OK;
        if (run.address >= offset) {
            status = pool_disown(pool, run.address, &was, 0);
        }
        if (status != LFB_OK) {
            return status; /* only if somebody broke the contract */
        }
    }
    lfb_status status = lfb_free_range_on(&pool->core, call->lane, offset, pages);
    size_t length = 1;
    for (uintptr_t at = end; status == LFB_OK && length && at < run_end(pool, last);
         at += length << pool->page_shift) {
        length = lfb_size_of(&pool->core, at);
        if (length) {
            pool_store32_release(pool_owner_word(pool, at), owner); /* N1 */
        }
    }
    return status;
}

lfb_status lfb_pool_free_range(lfb_pool *pool, void *address, size_t pages)
{
    uintptr_t offset;
    pool_call call;
    lfb_extent last;
    lfb_status status = range_offset(pool, address, pages, &offset);
    if (status != LFB_OK) {
        return status;
    }
    if ((pool->tagged || pool->trim_order) &&
        !all_allocated(pool, offset, offset + (pages << pool->page_shift), &last)) {
        return LFB_NOT_ALLOCATED;
    }
    give_back(pool, offset, pages);
    if (!pool_enter(pool, &call)) {
        return LFB_EXHAUSTED;
    }
    pool_watch_released(pool, offset, pages);
    record_event *event = pool_record_free(pool, offset, pages);
    status = pool->tagged ? release_range(pool, &call, offset, pages, &last)
                          : lfb_free_range_on(&pool->core, call.lane, offset, pages);
    if (status != LFB_OK) {
        pool_record_refused(event);
        pool_watch_look(pool, offset, pages);
    }
    pool_exit(&call);
    pool_wake(pool);
    return status;
}

/* --------------------------------------------------------------------------------- change ---- */

lfb_status lfb_pool_resize(lfb_pool *pool, void *address, size_t pages)
{
    uintptr_t offset;
    pool_call call;
    lfb_status status = page_offset(pool, address, &offset);
    if (status != LFB_OK) {
        return status;
    }
    size_t before = lfb_size_of(&pool->core, offset);
    if (pages && before > pages) {
        give_back(pool, offset + (pages << pool->page_shift), before - pages);
    }
    if (!pool_enter(pool, &call)) {
        return LFB_EXHAUSTED;
    }
    record_event *event = NULL;
    if (pages && before > pages) {
        pool_watch_released(pool, offset + (pages << pool->page_shift), before - pages);
        event = pool_record_free(pool, offset + (pages << pool->page_shift), before - pages);
    }
    /* The start stays, and with it the owner. */
    if (pool->tagged && !pool_load32_acquire(pool_owner_word(pool, offset))) {
        status = pool_no_run(pool, offset);
    } else {
        status = lfb_resize_on(&pool->core, call.lane, offset, pages);
    }
    if (status != LFB_OK) {
        pool_record_refused(event);
        pool_watch_look(pool, offset, before);
    }
    pool_exit(&call);
    if (status == LFB_OK && pages > before) {
        pool_watch_grown(pool, offset, before, pages);
        pool_record_alloc(pool, offset + (before << pool->page_shift), pages - before);
        pool_note_dirty(pool, offset, pages << pool->page_shift);
    }
    pool_wake(pool);
    return status;
}

/* The run at the address gets another owner: the caller, or the pool. */
static lfb_status change_owner(lfb_pool *pool, void *address, bool keep)
{
    uintptr_t offset;
    uint32_t was;
    pool_call call;
    lfb_status status = page_offset(pool, address, &offset);
    if (status != LFB_OK) {
        return status;
    }
    if (!pool_enter(pool, &call)) {
        return LFB_EXHAUSTED;
    }
    if (pool->tagged) {
        status = pool_disown(pool, offset, &was, keep ? POOL_OWNER_KEPT : call.owner);
    }
    pool_watch_look(pool, offset, 1);
    pool_exit(&call);
    return status;
}

lfb_status lfb_pool_adopt(lfb_pool *pool, void *address)
{
    return change_owner(pool, address, false);
}

lfb_status lfb_pool_keep(lfb_pool *pool, void *address)
{
    return change_owner(pool, address, true);
}
