/* SPDX-License-Identifier: MIT */
/* The random calls and the marks of the kernels without an operating system, as they are. */
#undef noinline
#include "../work.c"
