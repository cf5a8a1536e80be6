/* SPDX-License-Identifier: MIT */
/*
 * Which way a program goes mostly, for the compiler. What stands APART stays out of the code around
 * the call, which needs fewer registers then; what is SELDOM called is also made small, not fast.
 */
#ifndef LFB_PORT_LIKELY_H
#define LFB_PORT_LIKELY_H

#define LFB_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define LFB_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define LFB_SELDOM              __attribute__((noinline, cold))
#define LFB_APART               __attribute__((noinline))

/* Tests that count branches define these two as inline, so that each function is there once. */

/* What takes less space inlined than called: -Os doesn't always see that. */
#ifndef LFB_TINY
#define LFB_TINY inline __attribute__((always_inline))
#endif

/* What is faster inlined; where small code is wanted (-Os), the compiler decides. */
#ifndef LFB_INLINE
#ifdef __OPTIMIZE_SIZE__
#define LFB_INLINE inline
#else
#define LFB_INLINE inline __attribute__((always_inline))
#endif
#endif

#endif
