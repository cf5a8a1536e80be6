/* SPDX-License-Identifier: MIT */
/*
 * What the core holds to be impossible. LFB_ASSERT is nothing in a normal build, a trap with
 * -DLFB_ASSERTIONS. The expression has no side effects, and no check of a caller's arguments is
 * ever left to it. LFB_ASSUME is for what the function's caller has just looked at, and tells the
 * compiler too; never for what metadata say.
 */
#ifndef LFB_PORT_ASSERT_H
#define LFB_PORT_ASSERT_H

#ifdef LFB_ASSERTIONS
#define LFB_ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())
#else
#define LFB_ASSERT(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

#if defined __OPTIMIZE__ && !defined LFB_ASSERTIONS
#define LFB_ASSUME(condition) ((condition) ? (void)0 : __builtin_unreachable())
#else
#define LFB_ASSUME(condition) LFB_ASSERT(condition)
#endif

#endif
