/* SPDX-License-Identifier: MIT */
/*
 * See marks.h.
 */
#include "marks.h"

typedef struct mark {
    lfb_atomic *word;
    lfb_word bit;
} mark;

static uintptr_t marks_index(const lfb_t *lfb, uintptr_t address)
{
    return (address >> lfb->page_shift) - lfb->first_page;
}

static mark marks_at(const lfb_cache_t *cache, uintptr_t address)
{
    uintptr_t index = marks_index(cache->lfb, address);
    return (mark){(lfb_atomic *)cache->marks + index / LFB_WORD_BITS,
                  (lfb_word)1 << index % LFB_WORD_BITS};
}

/* Makes the bit 1 or 0. Returns whether it was 1. acq_rel: the one who finds it changed knows what
 * the other one did before. */
static bool marks_change(mark m, bool on)
{
    lfb_word seen = lfb_load_relaxed(m.word); /* relaxed: the next line acquires */
    while (!lfb_cas_acq_rel(m.word, &seen, on ? seen | m.bit : seen & ~m.bit)) {
    }
    return seen & m.bit;
}

size_t lfb_marks_size(const lfb_t *lfb)
{
    return (lfb->end_page - lfb->first_page + LFB_WORD_BITS - 1) / LFB_WORD_BITS *
           sizeof(lfb_atomic);
}

bool lfb_marks_has(const lfb_cache_t *cache, uintptr_t address)
{
    const lfb_t *lfb = cache->lfb;
    if (marks_index(lfb, address) >= lfb->end_page - lfb->first_page) {
        return false;
    }
    mark m = marks_at(cache, address);
    return lfb_load_acquire(m.word) & m.bit; /* acquire: with marks_change */
}

bool lfb_marks_set(const lfb_cache_t *cache, uintptr_t address)
{
    return marks_change(marks_at(cache, address), true);
}

bool lfb_marks_clear(const lfb_cache_t *cache, uintptr_t address)
{
    return marks_change(marks_at(cache, address), false);
}

lfb_status lfb_marks_admit(const lfb_cache_t *cache, uintptr_t address, unsigned order)
{
    if (lfb_marks_set(cache, address)) {
        return LFB_NOT_ALLOCATED;
    }
    size_t pages = lfb_size_of(cache->lfb, address);
    if (pages == (size_t)1 << order) {
        return LFB_OK;
    }
    lfb_marks_clear(cache, address);
    if (pages) {
        return LFB_SIZE_MISMATCH;
    }
    lfb_extent there;
    return lfb_find(cache->lfb, address, &there) == LFB_OK && there.kind == LFB_EXTENT_RUN
               ? LFB_NOT_START
               : LFB_NOT_ALLOCATED;
}
