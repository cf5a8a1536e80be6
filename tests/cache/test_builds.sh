#!/bin/sh
# SPDX-License-Identifier: MIT
# The cache alone, as somebody would drop it into their own tree beside the core: compilers and
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

# Symbols that the cache needs, but for its own, the GOT and what it may need.
undefined() {
    nm "$work"/*.o | awk '$1 == "U" { print $2 } $2 == "T" { own[$3] = 1; print "=" $3 }' | sort -u |
        awk '/^=/ { own[substr($0, 2)] = 1; next } !own[$0] { print }' |
        grep -vxE 'memset|memcpy|_GLOBAL_OFFSET_TABLE_' | grep -vxFf "$work/public"
}

compile() { # description, compiler, flags...
    description=$1
    compiler=$2
    shift 2
    if ! command -v "$compiler" >/dev/null; then
        result "ok" "$description # SKIP $compiler is not installed (./dev test installs it)"
        return
    fi
    rm -f "$work"/*.o
    for source in "$root"/src/cache/*.c; do
        # shellcheck disable=SC2086
        if ! "$compiler" -std=c11 $warnings "$@" -I"$root/include" -c "$source" \
            -o "$work/$(basename "$source" .c).o" 2>"$work/log"; then
            result "not ok" "$description: $(basename "$source")"
            sed 's/^/# /' "$work/log"
            return
        fi
    done
    missing=$(undefined)
    if ! nm "$work/cache.o" | grep -q ' T lfb_cache_alloc$'; then
        result "not ok" "$description: nm can't read the objects"
    elif [ -n "$missing" ]; then
        result "not ok" "$description: undefined: $missing"
    else
        result "ok" "$description"
    fi
}

# What the core offers to programs.
sed -n 's/^ *\(lfb_[a-z_]*\);$/\1/p' "$root/src/lfbuddy.map" >"$work/public"

# As documented.
if (cd "$work" && cp -r "$root/src" "$root/include" . && cc -O2 -c src/cache/*.c -Iinclude); then
    result "ok" "cc -O2 -c src/cache/*.c -Iinclude"
else
    result "not ok" "cc -O2 -c src/cache/*.c -Iinclude"
fi

compile "gcc -O3, as in a kernel" gcc -O3 -ffreestanding -mno-red-zone -mgeneral-regs-only \
    -fno-stack-protector
compile "gcc, 32-bit words" gcc -O2 -DLFB_WORD_BITS=32
compile "gcc, assertions" gcc -O2 -DLFB_ASSERTIONS
compile "clang -O2" clang -O2
compile "aarch64" aarch64-linux-gnu-gcc -O2
compile "riscv64" riscv64-linux-gnu-gcc -O2
compile "i686" i686-linux-gnu-gcc -O2
compile "arm-none-eabi, Armv7-M" arm-none-eabi-gcc -O2 -mcpu=cortex-m3 -mthumb -ffreestanding

cat >"$work/header.cc" <<'CODE'
#include "lfbuddy/cache.h"
int main() { lfb_cache_t cache; return lfb_cache_size(nullptr, nullptr) + sizeof(cache) == 0; }
CODE
for compiler in g++ clang++; do
    if ! command -v "$compiler" >/dev/null; then
        result "ok" "the header as C++17 # SKIP $compiler is not installed (./dev test installs it)"
        continue
    fi
    # shellcheck disable=SC2086
    if "$compiler" -std=c++17 $warnings -I"$root/include" -c "$work/header.cc" -o "$work/cc.obj"; then
        result "ok" "the header as C++17, $compiler"
    else
        result "not ok" "the header as C++17, $compiler"
    fi
done
echo "1..$number"
