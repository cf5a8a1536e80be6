/* SPDX-License-Identifier: MIT */
/* What allocation has for other parts of the pool. */
#ifndef LFB_POOL_ALLOC_H
#define LFB_POOL_ALLOC_H

#include "state.h"

/* lfb_pool_alloc_at, for pages that nobody will write to. */
lfb_status pool_take_at(lfb_pool *pool, uintptr_t offset, size_t pages);

#endif
