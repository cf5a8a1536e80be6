/* SPDX-License-Identifier: MIT */
/* For machines whose firmware hands over a device tree. */
#ifndef KERNEL_TREE_H
#define KERNEL_TREE_H

#include "arch.h"

/* Reads the tree into the map; the tree itself can be reclaimed. */
lfb_boot_status tree_read_memory(lfb_boot_map *map, const void *tree);

#endif
