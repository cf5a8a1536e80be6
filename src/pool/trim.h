/* SPDX-License-Identifier: MIT */
/* Memory given back, and what alloc.c has for that. */
#ifndef LFB_POOL_TRIM_H
#define LFB_POOL_TRIM_H

#include "state.h"

/* Gives the memory of pages that the caller owns back to the system, what was never used aside.
 * Returns the bytes; *code, unless NULL, is errno if the system refused. */
size_t pool_give_back(const lfb_pool *pool, uintptr_t offset, size_t bytes, int *code);

/* lfb_pool_alloc_at, for pages that nobody will write to. */
lfb_status pool_take_at(lfb_pool *pool, uintptr_t offset, size_t pages);

#endif
