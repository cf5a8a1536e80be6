/* SPDX-License-Identifier: MIT */
/*
 * For caches that are checked: a bit for each page of the range, set while a block that begins
 * there lies in a magazine. The core holds such a block to be allocated, so it can't tell a second
 * release from the first one; the bit can.
 */
#ifndef LFB_CACHE_MARKS_H
#define LFB_CACHE_MARKS_H

#include "../port/atomic.h"
#include "lfbuddy/cache.h"

/* Bytes of marks for all pages. */
size_t lfb_marks_size(const lfb_t *lfb);

/* Whether an address (any) is that of a page in the range which is marked. */
bool lfb_marks_has(const lfb_cache_t *cache, uintptr_t address);

/* Set and clear the mark of a page in the range. Return whether it was there before. */
bool lfb_marks_set(const lfb_cache_t *cache, uintptr_t address);
bool lfb_marks_clear(const lfb_cache_t *cache, uintptr_t address);

/* Judges the release of a block in the range, aligned to its order, to a magazine. LFB_OK: it is
 * marked now. */
lfb_status lfb_marks_admit(const lfb_cache_t *cache, uintptr_t address, unsigned order);

#endif
