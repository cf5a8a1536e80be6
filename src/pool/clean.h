/* SPDX-License-Identifier: MIT */
/*
 * Which memory is zero: a byte for each chunk (layout.h) says whether it may have been written to
 * since it was.
 *
 * The caller writes to a run after it was noted dirty, and the next owner learns of that through
 * the core's hand-over (E1). So where a run's note says clean, no former owner of its pages wrote
 * to them since they were zero. A chunk whose memory went back to the system as a whole is clean
 * again; that is noted after it went, so a process killed in between leaves a chunk that is taken
 * to be dirty, and is zero.
 */
#ifndef LFB_POOL_CLEAN_H
#define LFB_POOL_CLEAN_H

#include "state.h"

/* Pages of which the caller is the owner, who may write to them now. */
void pool_note_dirty(const lfb_pool *pool, uintptr_t offset, size_t bytes);

/* Whether no chunk of the range was noted dirty. */
bool pool_is_clean(const lfb_pool *pool, uintptr_t offset, size_t bytes);

/* Gives the memory of pages that the caller owns back to the system, what was never used aside.
 * Nobody else can read or write it, and who gets the pages next gets them through the core, after
 * that. Returns the bytes; *code, unless NULL, is errno if the system refused. */
size_t pool_give_back(const lfb_pool *pool, uintptr_t offset, size_t bytes, int *code);

#endif
