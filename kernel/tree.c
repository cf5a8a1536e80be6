/* SPDX-License-Identifier: MIT */
#include "tree.h"

enum { SIZE_MOST = 2 << 20 }; /* the boot protocols allow no larger one */

static uint32_t size_of(const unsigned char *tree)
{
    return (uint32_t)tree[4] << 24 | (uint32_t)tree[5] << 16 | (uint32_t)tree[6] << 8 | tree[7];
}

lfb_boot_status tree_read_memory(lfb_boot_map *map, const void *tree)
{
    lfb_boot_status status = lfb_boot_read_fdt(map, tree, SIZE_MOST);
    return status == LFB_BOOT_OK
               ? lfb_boot_add(map, (uintptr_t)tree, size_of(tree), LFB_BOOT_RECLAIMABLE)
               : status;
}
