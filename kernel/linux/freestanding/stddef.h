/* SPDX-License-Identifier: MIT */
/* The kernel's own size_t and NULL, for lfbuddy.h beside the kernel's headers. */
#include <linux/stddef.h>
#include <linux/types.h>
