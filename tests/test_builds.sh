#!/bin/sh
# SPDX-License-Identifier: MIT
# The core alone, as somebody would drop it into their own tree: each compiler and target, no
# warning, and no undefined symbol but memset and memcpy. TAP on standard output.
#
# usage: test_builds.sh SOURCE_ROOT
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Wconversion -Wsign-conversion -pedantic -Werror"
number=0

result() { # ok|not ok, description
    number=$((number + 1))
    echo "$1 $number - $2"
}

# Symbols that the core needs from elsewhere. The GOT is the linker's.
undefined() {
    nm "$work"/*.o | awk '$1 == "U" { print $2 } $2 ~ /^[A-TV-Z]$/ { print "=" $3 }' | sort -u |
        awk '/^=/ { own[substr($0, 2)] = 1; next } !own[$0] { print }' |
        grep -vxE 'memset|memcpy|_GLOBAL_OFFSET_TABLE_'
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
    for source in "$root"/src/core/*.c; do
        # shellcheck disable=SC2086
        if ! "$compiler" -std=c11 $warnings "$@" -I"$root/include" -c "$source" \
            -o "$work/$(basename "$source" .c).o" 2>"$work/log"; then
            result "not ok" "$description: $(basename "$source")"
            sed 's/^/# /' "$work/log"
            return
        fi
    done
    missing=$(undefined)
    if ! nm "$work/alloc.o" | grep -q ' T lfb_alloc$'; then
        result "not ok" "$description: nm can't read the objects"
    elif [ -n "$missing" ]; then
        result "not ok" "$description: undefined: $missing"
    else
        result "ok" "$description"
    fi
}

# The line of the README, as it stands there.
if (cd "$work" && cp -r "$root/src" "$root/include" . && cc -O2 -c src/core/*.c -Iinclude); then
    result "ok" "cc -O2 -c src/core/*.c -Iinclude"
else
    result "not ok" "cc -O2 -c src/core/*.c -Iinclude"
fi

for level in -O0 -O2 -O3 -Os; do
    compile "gcc $level" gcc $level
    compile "clang $level" clang $level
done
compile "gcc, 32-bit words" gcc -O2 -DLFB_WORD_BITS=32
compile "clang, 32-bit words" clang -O2 -DLFB_WORD_BITS=32
compile "gcc, 2-slot nodes" gcc -O2 -DLFB_LEAF_ORDER=1 -DLFB_NODE_ORDER=1
compile "gcc, assertions" gcc -O2 -DLFB_ASSERTIONS
compile "gcc, as in a kernel" gcc -O2 -ffreestanding -mno-red-zone -mgeneral-regs-only \
    -fno-stack-protector
compile "aarch64" aarch64-linux-gnu-gcc -O2
compile "aarch64, as in a kernel" aarch64-linux-gnu-gcc -O2 -ffreestanding -mgeneral-regs-only
compile "riscv64" riscv64-linux-gnu-gcc -O2
compile "i686" i686-linux-gnu-gcc -O2
compile "i686, 64-bit words" i686-linux-gnu-gcc -O2 -DLFB_WORD_BITS=64 -Wno-psabi
compile "arm-none-eabi, Armv7-M" arm-none-eabi-gcc -O2 -mcpu=cortex-m3 -mthumb -ffreestanding
compile "arm-none-eabi, Armv7-A" arm-none-eabi-gcc -O2 -mcpu=cortex-a7 -ffreestanding

# shellcheck disable=SC2086
if gcc -std=c11 -O2 $warnings -I"$root/include" -c "$root/src/lfbuddy.c" -o "$work/unit.obj"; then
    result "ok" "the core as one unit"
else
    result "not ok" "the core as one unit"
fi

printf '#include "lfbuddy.h"\nint main() { lfb_t lfb; lfb_destroy(&lfb); }\n' >"$work/header.cc"
for compiler in g++ clang++; do
    # shellcheck disable=SC2086
    if "$compiler" -std=c++17 $warnings -I"$root/include" -c "$work/header.cc" -o "$work/cc.obj"; then
        result "ok" "the header as C++17, $compiler"
    else
        result "not ok" "the header as C++17, $compiler"
    fi
done
echo "1..$number"
