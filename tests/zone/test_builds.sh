#!/bin/sh
# SPDX-License-Identifier: MIT
# Zones alone, as somebody would drop them into their own tree beside the core: compilers and
# targets, no warning, and no undefined symbol but memset, memcpy and the core's. TAP on standard
# output.
#
# usage: test_builds.sh SOURCE_ROOT
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -pedantic -Werror"
number=0

result() { # ok|not ok, description
    number=$((number + 1))
    echo "$1 $number - $2"
}

undefined() {
    nm -u "$work/zone.o" | awk '{ print $2 }' |
        grep -vxE 'memset|memcpy|_GLOBAL_OFFSET_TABLE_' | grep -vxFf "$work/public"
}

# Where the object is for another machine its own nm isn't needed: this one reads all ELF.
compile() { # compiler, flags...
    if ! command -v "$1" >/dev/null; then
        result "ok" "$* # SKIP $1 is not installed (./dev test installs it)"
        return
    fi
    # shellcheck disable=SC2086
    if ! "$@" -std=c11 $warnings -I"$root/include" -c "$root/src/zone/zone.c" \
        -o "$work/zone.o" 2>"$work/log"; then
        result "not ok" "$*"
        sed 's/^/# /' "$work/log"
    elif ! nm "$work/zone.o" | grep -q ' T lfb_zones_alloc$'; then
        result "not ok" "$*: nm can't read the object"
    elif [ -n "$(undefined)" ]; then
        result "not ok" "$*: undefined: $(undefined)"
    else
        result "ok" "$*"
    fi
}

# What the core offers to programs.
sed -n 's/^ *\(lfb_[a-z_]*\);$/\1/p' "$root/src/lfbuddy.map" >"$work/public"

compile gcc -O0
compile gcc -O3 -ffreestanding -mno-red-zone -mgeneral-regs-only -fno-stack-protector
compile gcc -O2 -DLFB_WORD_BITS=32
compile clang -O2
compile aarch64-linux-gnu-gcc -O2
compile riscv64-linux-gnu-gcc -O2
compile i686-linux-gnu-gcc -O2
compile arm-none-eabi-gcc -O2 -mcpu=cortex-m3 -mthumb -ffreestanding

cat >"$work/header.cc" <<'CODE'
#include "lfbuddy/zone.h"
int main() { lfb_zones_t set; return lfb_zones_size(nullptr) + sizeof(set) == 0; }
CODE
for compiler in g++ clang++; do
    if ! command -v "$compiler" >/dev/null; then
        result "ok" "the header, $compiler # SKIP $compiler is not installed (./dev test installs it)"
        continue
    fi
    # shellcheck disable=SC2086
    if "$compiler" -std=c++17 $warnings -I"$root/include" -c "$work/header.cc" \
        -o "$work/header.o" 2>"$work/log"; then
        result "ok" "the header, $compiler"
    else
        result "not ok" "the header, $compiler"
        sed 's/^/# /' "$work/log"
    fi
done
echo "1..$number"
