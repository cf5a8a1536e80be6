/* SPDX-License-Identifier: MIT */
/* The two library functions that the core may call, without a header that bare metal may lack. */
#ifndef LFB_PORT_MEMORY_H
#define LFB_PORT_MEMORY_H

#define lfb_fill(at, byte, size) ((void)__builtin_memset(at, byte, size))
#define lfb_copy(to, from, size) ((void)__builtin_memcpy(to, from, size))

#endif
