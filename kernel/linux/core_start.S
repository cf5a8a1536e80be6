/* SPDX-License-Identifier: MIT */
/* Objects are linked in the order of Kbuild's list, so the core's code begins here. */
    .text
    .globl core_start
core_start:
