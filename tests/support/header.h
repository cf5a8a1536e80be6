/* SPDX-License-Identifier: MIT */
/* The header of the metadata (src/core/setup.c), for forgers: where its numbers are, and the
 * checksum over them. */
#ifndef TESTS_HEADER_H
#define TESTS_HEADER_H

#include <stdint.h>
#include <string.h>

enum {
    AT_FORMAT = 8,
    AT_WORD_BITS = 12,
    AT_LEAF_ORDER = 16,
    AT_NODE_ORDER = 20,
    AT_BASE = 24,
    AT_PAGE_SIZE = 32,
    AT_PAGE_COUNT = 40,
    AT_MAX_ORDER = 48,
    AT_LANES = 52,
    AT_START = 56,
    AT_CHECKSUM = 60,
    HEADER_BYTES = 64,
};

/* Writes the checksum that belongs there: FNV-1a. */
static inline void header_mend(unsigned char *metadata)
{
    uint32_t sum = UINT32_C(2166136261);
    for (size_t i = 0; i < AT_CHECKSUM; i++) {
        sum = (sum ^ metadata[i]) * UINT32_C(16777619);
    }
    memcpy(metadata + AT_CHECKSUM, &sum, sizeof(sum));
}

/* Writes a number into the header, and the checksum. */
static inline void header_forge(unsigned char *metadata, size_t at, uint64_t value)
{
    memcpy(metadata + at, &value, at >= AT_BASE && at < AT_MAX_ORDER ? 8 : 4);
    header_mend(metadata);
}

#endif
