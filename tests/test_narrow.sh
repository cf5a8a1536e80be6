#!/bin/sh
# SPDX-License-Identifier: MIT
# The core where addresses have 32 bits: test_narrow.c, and damaged metadata (fuzz/hostile.c). Built
# with a cross compiler, without shared libraries, so that x86-64 machines run it. TAP on standard
# output.
#
# usage: test_narrow.sh SOURCE_ROOT WORK [FLAG...]
#
# WORK is a directory for what is compiled, with the flags. I686_CC names another compiler.
root=$1
work=$2
shift 2
cc=${I686_CC:-i686-linux-gnu-gcc}
include="-I$root/include -I$root/src -I$root/src/core -I$root/tests/support"
number=0
failed=0

skip_all() {
    echo "1..0 # SKIP $1"
    exit
}

command -v "$cc" >/dev/null || skip_all "$cc is not installed (./dev test installs it)"
rm -rf "$work"
mkdir -p "$work"
echo 'int main(void) { return 0; }' >"$work/probe.c"
"$cc" -static "$work/probe.c" -o "$work/probe" || skip_all "$cc can't link; Debian: libc6-dev-i386-cross"
"$work/probe" 2>/dev/null || skip_all "this machine doesn't run 32-bit x86 programs"

check() { # name, flags and sources...
    name=$1
    shift
    number=$((number + 1))
    # shellcheck disable=SC2086
    if "$cc" -std=c11 -O1 -Wno-psabi -D_GNU_SOURCE -static $include "$@" "$root"/src/core/*.c \
        -lpthread -o "$work/$name" >"$work/$name.log" 2>&1 && "$work/$name" >>"$work/$name.log" 2>&1; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        failed=1
    fi
    sed 's/^/# /' "$work/$name.log"
}

check narrow-word32 "$@" -DLFB_ASSERTIONS "$root/tests/test_narrow.c"
check narrow-word64 "$@" -DLFB_ASSERTIONS -DLFB_WORD_BITS=64 "$root/tests/test_narrow.c"
check hostile "$@" -include "$root/tests/fuzz/hooks.h" "$root/tests/fuzz/hostile.c" \
    "$root/tests/fuzz/calls.c" "$root/tests/fuzz/guard.c"
echo "1..$number"
exit $failed
