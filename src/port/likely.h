/* SPDX-License-Identifier: MIT */
/*
 * Which way a program goes mostly, for the compiler. What is SELDOM called stays out of the code
 * around the call, which needs fewer registers then.
 */
#ifndef LFB_PORT_LIKELY_H
#define LFB_PORT_LIKELY_H

#define LFB_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define LFB_SELDOM            __attribute__((noinline, cold))

#endif
