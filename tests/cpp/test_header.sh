#!/bin/sh
# SPDX-License-Identifier: MIT
# lfbuddy.hpp without a warning: compilers, language versions, and a program of two files (nothing
# in it may be defined twice). TAP on standard output.
#
# usage: test_header.sh SOURCE_ROOT
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Werror"
number=0

compile() { # compiler, flags...
    number=$((number + 1))
    if ! command -v "$1" >/dev/null; then
        echo "ok $number - $* # SKIP $1 is not installed (./dev test installs it)"
        return
    fi
    # shellcheck disable=SC2086
    if "$@" $warnings -I"$root/include" -c "$work/one.cpp" -o "$work/one.o" 2>"$work/log" &&
        "$@" $warnings -I"$root/include" -c "$work/two.cpp" -o "$work/two.o" 2>>"$work/log" &&
        "$@" -r -nostdlib "$work/one.o" "$work/two.o" -o "$work/both.o" 2>>"$work/log"; then
        echo "ok $number - $*"
    else
        echo "not ok $number - $*"
        sed 's/^/# /' "$work/log"
    fi
}

cat >"$work/one.cpp" <<'CODE'
#include "lfbuddy/lfbuddy.hpp"
void *one(lfbuddy::pool &pool) { return pool.alloc(0).release(); }
CODE
cat >"$work/two.cpp" <<'CODE'
#include "lfbuddy/lfbuddy.hpp"
lfbuddy::page_resource two(lfbuddy::pool &pool) { return lfbuddy::page_resource(pool); }
CODE
for compiler in g++ clang++; do
    compile "$compiler" -std=c++17 -O2
    compile "$compiler" -std=c++20 -O0
done
echo "1..$number"
