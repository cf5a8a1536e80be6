/* SPDX-License-Identifier: MIT */
/* What the boot kit's files share. */
#ifndef LFB_BOOT_MAP_H
#define LFB_BOOT_MAP_H

#include "lfbuddy/boot.h"

/* Gives [start, end) this kind, whatever it was. Returns LFB_BOOT_OK or LFB_BOOT_TOO_MANY. */
lfb_boot_status lfb_boot_set(lfb_boot_map *map, uint64_t start, uint64_t end, lfb_boot_kind kind);

static inline bool lfb_boot_is_power(uint64_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

static inline uint64_t lfb_boot_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t lfb_boot_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
