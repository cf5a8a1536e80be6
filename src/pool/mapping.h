/* SPDX-License-Identifier: MIT */
/* Memory from the system, and back to it: mappings, huge pages, NUMA nodes, resident pages. */
#ifndef LFB_POOL_MAPPING_H
#define LFB_POOL_MAPPING_H

#include "state.h"

/* Maps the metadata and the pages of a private pool; fills in what pool->plan doesn't say. */
bool pool_map_private(lfb_pool *pool, const lfb_pool_config *config, lfb_pool_error *error);

/* The same for pool->fd. */
bool pool_map_file(lfb_pool *pool, const lfb_pool_config *config, const char *name,
                   lfb_pool_error *error);

/* Takes all memory at once: `reserve`. */
bool pool_reserve(const lfb_pool *pool, const char *name, lfb_pool_error *error);

void pool_unmap(lfb_pool *pool);

/* Bytes of a huge page. */
size_t pool_huge_size(lfb_pool_huge wanted);

/* Fills *error for huge pages that can't be had. Returns false. */
bool pool_fail_huge(const char *name, size_t bytes, lfb_pool_huge wanted, lfb_pool_error *error);

/* Gives memory back; reading it then finds zero. The range is in multiples of pool->granule, and
 * nobody else may use it. Returns 0, or errno. */
int pool_punch(const lfb_pool *pool, uintptr_t offset, size_t bytes);

#endif
