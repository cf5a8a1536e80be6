/* SPDX-License-Identifier: MIT */
/* The kernel's own bool, true and false, for lfbuddy.h beside the kernel's headers. */
#include <linux/stddef.h>
#include <linux/types.h>
