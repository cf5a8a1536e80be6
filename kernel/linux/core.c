/* SPDX-License-Identifier: MIT */
/*
 * The core as one object of a module: the compiler's freestanding headers, the kernel's flags. None
 * of the kernel's headers is here but what kbuild includes before everything, and of that only one
 * name is in the way: a macro for the attribute that the core writes out.
 */
#undef noinline
#include "lfbuddy.c"
