#!/bin/sh
# SPDX-License-Identifier: MIT
# The core alone: tests/support/builds.sh.
#
# usage: test_builds.sh SOURCE_ROOT
root=$1
folder=src/core
entry=lfb_alloc
allowed=nothing
# shellcheck source=tests/support/builds.sh
. "$root/tests/support/builds.sh"

compile_as_documented
compile_all
for level in -O0 -O2 -O3 -Os; do
    compile "gcc $level" gcc $level
    compile "clang $level" clang $level
done
compile "clang, 32-bit words" clang -O2 -DLFB_WORD_BITS=32
compile "gcc, 2-slot nodes" gcc -O2 -DLFB_LEAF_ORDER=1 -DLFB_NODE_ORDER=1
compile "aarch64, as in a kernel" aarch64-linux-gnu-gcc -O2 -ffreestanding -mgeneral-regs-only
compile "i686, 64-bit words" i686-linux-gnu-gcc -O2 -DLFB_WORD_BITS=64 -Wno-psabi
compile "arm-none-eabi, Armv7-A" arm-none-eabi-gcc -O2 -mcpu=cortex-a7 -ffreestanding

# shellcheck disable=SC2086
if gcc -std=c11 -O2 $warnings -I"$root/include" -c "$root/src/lfbuddy.c" -o "$work/unit.obj"; then
    result "ok" "the core as one unit"
else
    result "not ok" "the core as one unit"
fi

compile_header <<'CODE'
#include "lfbuddy.h"
int main() { lfb_t lfb; lfb_destroy(&lfb); }
CODE
finish
