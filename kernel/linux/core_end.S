/* SPDX-License-Identifier: MIT */
/* And it ends here: all but what the compiler moved away as seldom called. */
    .text
    .globl core_end
core_end:
