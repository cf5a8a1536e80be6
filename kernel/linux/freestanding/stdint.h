/* SPDX-License-Identifier: MIT */
/* The kernel's own integers, for lfbuddy.h beside the kernel's headers, and what those lack. The
 * compiler's stdint.h calls some of them by other types, so that the two can't be in one file. */
#ifndef FREESTANDING_STDINT_H
#define FREESTANDING_STDINT_H

#include <linux/limits.h>
#include <linux/types.h>

#ifndef UINTPTR_MAX
#define UINTPTR_MAX ULONG_MAX
#endif
#define UINT64_C(number) number##ULL
typedef uint64_t uintmax_t;

#endif
