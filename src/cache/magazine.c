/* SPDX-License-Identifier: MIT */
/*
 * See magazine.h.
 */
#include "magazine.h"

#include "../port/assert.h"
#include "marks.h"

/* ------------------------------------------------------------------- to and from the core ---- */

/* Counters: numbers to look at, so relaxed. */
static void magazine_tally(lfb_atomic *counter)
{
    lfb_add_relaxed(counter, 1);
}

/* Gives back a block that the bulk function didn't take: that one doesn't say why. */
static bool magazine_give_one(const lfb_cache_t *cache, lfb_slot *of, unsigned lane,
                              uintptr_t address)
{
    lfb_status status = lfb_free_on(cache->lfb, lane, address);
    if (status != LFB_OK) {
        magazine_tally(&of->refused);
        if (cache->refused) {
            cache->refused(cache->context, address, status);
        }
    }
    return status == LFB_OK;
}

/* Gives back blocks that lay in a magazine of slot `of`. Returns how many the core took. */
static size_t magazine_give_back(const lfb_cache_t *cache, lfb_slot *of, unsigned lane,
                                 const uintptr_t blocks[], size_t count)
{
    /* Before they are free: the next owner may release one to another slot at once. */
    for (size_t i = 0; cache->marks && i < count; i++) {
        lfb_marks_clear(cache, blocks[i]);
    }
    size_t refused = 0;
    for (size_t done = 0; done < count;) {
        done += lfb_free_bulk_on(cache->lfb, lane, count - done, blocks + done);
        if (done < count) {
            refused += !magazine_give_one(cache, of, lane, blocks[done]);
            done++;
        }
    }
    magazine_tally(&of->flushes);
    return count - refused;
}

/* Asks for one block at first, then for twice as many each time: so a slot that needs few doesn't
 * hold many, nor does one that has just been asked to give back. */
static void magazine_refill(const lfb_cache_t *cache, unsigned slot, unsigned order)
{
    lfb_slot *own = lfb_slot_at(cache, slot);
    uintptr_t *blocks = own->loaded[order].blocks;
    unsigned wanted = own->next_refill[order];
    size_t got = lfb_alloc_bulk_on(cache->lfb, slot, order, wanted, blocks);
    for (size_t i = 0; cache->marks && i < got; i++) {
        lfb_marks_set(cache, blocks[i]);
    }
    unsigned capacity = cache->orders[order].capacity;
    own->next_refill[order] = (uint16_t)(2 * wanted < capacity ? 2 * wanted : capacity);
    lfb_slot_set_count(own, order, (lfb_word)got);
    magazine_tally(&own->refills);
}

/* -------------------------------------------------------------------------------- the shelf --- */

/* Loads the spare array, with so many blocks in it. */
static void magazine_swap(lfb_slot *own, unsigned order, lfb_word count)
{
    uintptr_t *spare = own->spare[order];
    own->spare[order] = own->loaded[order].blocks;
    own->loaded[order].blocks = spare;
    lfb_slot_set_count(own, order, count);
}

/* Puts the loaded magazine on the shelf, if there is room. */
static bool magazine_publish(lfb_slot *own, unsigned order)
{
    lfb_word empty = lfb_load_acquire(&own->shelf[order]); /* S2 */
    if (empty != 0) {
        return false;
    }
    lfb_word count = lfb_slot_count(own, order);
    magazine_swap(own, order, 0);
    /* S1. Nobody else changes 0. */
    bool done = lfb_cas_acq_rel(&own->shelf[order], &empty, count);
    LFB_ASSERT(done);
    (void)done;
    return true;
}

/* Loads the magazine from the shelf; the loaded one is empty. */
static bool magazine_take_back(lfb_slot *own, unsigned order)
{
    lfb_word count = lfb_load_relaxed(&own->shelf[order]); /* relaxed: the next line acquires */
    if (count == 0 || count == SHELF_TAKEN || !lfb_cas_acq_rel(&own->shelf[order], &count, 0)) {
        return false;
    }
    magazine_swap(own, order, count);
    return true;
}

/* Gives back what is on the shelf. Returns how many blocks. */
static size_t magazine_steal(const lfb_cache_t *cache, lfb_slot *from, unsigned order,
                             unsigned lane)
{
    lfb_word count = lfb_load_relaxed(&from->shelf[order]); /* relaxed: the next line acquires */
    if (count == 0 || count == SHELF_TAKEN ||
        !lfb_cas_acq_rel(&from->shelf[order], &count, SHELF_TAKEN)) { /* S1 */
        return 0;
    }
    size_t given = magazine_give_back(cache, from, lane, from->spare[order], (size_t)count);
    lfb_word taken = SHELF_TAKEN;
    lfb_cas_acq_rel(&from->shelf[order], &taken, 0); /* S2. Nobody else changes TAKEN. */
    return given;
}

/* ----------------------------------------------------------------------------- for cache.c ---- */

void lfb_slot_fill(const lfb_cache_t *cache, unsigned slot, unsigned order)
{
    if (!magazine_take_back(lfb_slot_at(cache, slot), order)) {
        magazine_refill(cache, slot, order);
    }
}

/* Gives back the loaded magazine. */
static size_t magazine_flush(const lfb_cache_t *cache, unsigned slot, unsigned order)
{
    lfb_slot *own = lfb_slot_at(cache, slot);
    size_t count = (size_t)lfb_slot_count(own, order);
    lfb_slot_set_count(own, order, 0);
    return count ? magazine_give_back(cache, own, slot, own->loaded[order].blocks, count) : 0;
}

void lfb_slot_make_room(const lfb_cache_t *cache, unsigned slot, unsigned order)
{
    lfb_slot *own = lfb_slot_at(cache, slot);
    if (!magazine_publish(own, order)) {
        /* What is on the shelf was released longer ago: the CPU's caches have forgotten it. */
        magazine_steal(cache, own, order, slot);
        if (!magazine_publish(own, order)) {
            magazine_flush(cache, slot, order); /* another thread is emptying the shelf */
        }
    }
}

size_t lfb_slot_drain(const lfb_cache_t *cache, unsigned slot)
{
    lfb_slot *own = lfb_slot_at(cache, slot);
    size_t pages = 0;
    for (unsigned order = 0; order < cache->order_count; order++) {
        /* First: who asks after this, asks again. relaxed: see lfb_slot_limit */
        lfb_store_relaxed(&own->limit[order], cache->orders[order].capacity);
        own->next_refill[order] = 1;
        size_t blocks = magazine_steal(cache, own, order, slot);
        blocks += magazine_flush(cache, slot, order);
        pages += blocks << order;
    }
    return pages;
}

size_t lfb_slot_reclaim(const lfb_cache_t *cache, unsigned slot, unsigned lane)
{
    lfb_slot *of = lfb_slot_at(cache, slot);
    size_t pages = 0;
    for (unsigned order = 0; order < cache->order_count; order++) {
        size_t given = magazine_steal(cache, of, order, lane);
        if (given) {
            magazine_tally(&of->stolen);
        }
        pages += given << order;
        if (lfb_slot_limit(of, order) != 0) {
            lfb_store_relaxed(&of->limit[order], 0); /* relaxed: see lfb_slot_limit */
        }
    }
    return pages;
}
