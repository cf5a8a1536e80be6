/* SPDX-License-Identifier: MIT */
/*
 * Bit scans. The compiler's built-in is used only where it is an instruction: elsewhere it would
 * call a library (riscv64 without Zbb, Armv6-M, words wider than registers), which the core must
 * not. Tests define LFB_HAVE_BIT_SCAN as 0 to run the other way everywhere.
 */
#ifndef LFB_PORT_BITS_H
#define LFB_PORT_BITS_H

#include <stdint.h>

#include "atomic.h"

#ifndef LFB_HAVE_BIT_SCAN
#if LFB_WORD_BITS > 32 && UINTPTR_MAX <= 0xffffffffU
#define LFB_HAVE_BIT_SCAN 0
#elif defined __x86_64__ || defined __i386__ || defined __aarch64__ || defined __riscv_zbb ||      \
    (defined __arm__ && defined __ARM_FEATURE_CLZ)
#define LFB_HAVE_BIT_SCAN 1
#else
#define LFB_HAVE_BIT_SCAN 0
#endif
#endif

/* Number of the highest set bit of a word; `value` isn't 0. */
static inline unsigned lfb_high_bit(lfb_word value)
{
#if !LFB_HAVE_BIT_SCAN
    unsigned bit = 0;
    for (unsigned half = LFB_WORD_BITS / 2; half; half /= 2) {
        if (value >> half) {
            value >>= half;
            bit += half;
        }
    }
    return bit;
#elif LFB_WORD_BITS == 64
    return 63U - (unsigned)__builtin_clzll(value);
#else
    return 31U - (unsigned)__builtin_clz(value);
#endif
}

/* Number of the lowest set bit of a word; `value` isn't 0. */
static inline unsigned lfb_low_bit(lfb_word value)
{
#if !LFB_HAVE_BIT_SCAN
    return lfb_high_bit(value & (~value + 1));
#elif LFB_WORD_BITS == 64
    return (unsigned)__builtin_ctzll(value);
#else
    return (unsigned)__builtin_ctz(value);
#endif
}

/* Set bits of a word. */
static inline unsigned lfb_count_bits(lfb_word value)
{
#if defined __POPCNT__ && LFB_WORD_BITS == 64
    return (unsigned)__builtin_popcountll(value);
#else
    const lfb_word ones = ~(lfb_word)0;
    value -= value >> 1 & ones / 3;
    value = (value & ones / 15 * 3) + (value >> 2 & ones / 15 * 3);
    value = (value + (value >> 4)) & ones / 255 * 15;
    return (unsigned)((lfb_word)(value * (ones / 255)) >> (LFB_WORD_BITS - 8));
#endif
}

/* Zeros below the lowest set bit; `value` isn't 0. */
static inline unsigned lfb_trailing_zeros(uintptr_t value)
{
#if LFB_HAVE_BIT_SCAN
    return (unsigned)__builtin_ctzl(value);
#else
    unsigned zeros = 0;
    for (; (value & 1) == 0; value >>= 1) {
        zeros++;
    }
    return zeros;
#endif
}

/* log2 of the smallest power of two that isn't below `value`; `value` isn't 0. */
static inline unsigned lfb_ceiling_order(uintptr_t value)
{
    unsigned order = 0;
#if LFB_HAVE_BIT_SCAN
    _Static_assert(sizeof(unsigned long) == sizeof(uintptr_t), "the built-in takes a long");
    /* No branch: in a mix of lengths, 1 can't be foretold. */
    order = (unsigned)sizeof(value) * 8 - (unsigned)__builtin_clzl((value - 1) | 1) - (value == 1);
#else
    for (value--; value; value >>= 1) {
        order++;
    }
#endif
    return order;
}

#endif
