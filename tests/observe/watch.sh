#!/bin/sh
# SPDX-License-Identifier: MIT
# Memory checkers on a pool: a program that is right is left alone, and each mistake is reported, at
# its address. AddressSanitizer is in the program, the library is the ordinary one. TAP on standard
# output.
#
# usage: watch.sh SOURCE_ROOT BUILD_ROOT HAVE_VALGRIND PROGRAM
root=$1
built=$2
have_valgrind=$3
program=$4
# shellcheck source=tests/packaging/common.sh
. "$root/tests/packaging/common.sh"
mistakes="free end shrink cut trim place share reopen recover private"

# Is the address that the program printed in the report?
is_reported() { # report, what it must say in that line
    address=$(tail -1 "$work/said" | sed 's/^0x0*//')
    [ -n "$address" ] && grep -qiE "$2.*0x0*$address|0x0*$address.*$2" "$1" && return
    cat "$work/said" "$1"
    return 1
}

asan_program() {
    cc -std=c11 -D_GNU_SOURCE -g -O1 -fsanitize=address -I"$root/include" \
        "$root/tests/observe/planted.c" -o "$work/planted" \
        -L"$built/src/pool" -L"$built" -Wl,-rpath,"$built/src/pool:$built" -llfbuddy-pool -llfbuddy
}
on_asan() { # what to do
    ASAN_OPTIONS=detect_leaks=0:exitcode=9 "$work/planted" "$1" >"$work/said" 2>"$work/report"
}
asan_reports() { # mistake
    on_asan "$1"
    [ $? = 9 ] && is_reported "$work/report" "use-after-poison on address"
}
if check "a program with AddressSanitizer" asan_program; then
    check "AddressSanitizer: nothing is wrong with a right program" on_asan clean
    for mistake in $mistakes; do
        check "AddressSanitizer reports: $mistake" asan_reports "$mistake"
    done
    check "AddressSanitizer: LFBUDDY_WATCH=0" env LFBUDDY_WATCH=0 "$work/planted" cut
fi

on_valgrind() { # what to do
    valgrind -q --error-exitcode=9 --leak-check=full --child-silent-after-fork=yes \
        --log-file="$work/report" "$program" "$1" >"$work/said"
}
valgrind_reports() { # mistake
    on_valgrind "$1"
    [ $? = 9 ] && grep -q "Invalid read of size 1" "$work/report" &&
        is_reported "$work/report" "Address"
}
knows_run() {
    on_valgrind end
    grep -q "0 bytes after a block of size 20,480 alloc'd" "$work/report" &&
        grep -q "by 0x.*: run_past_the_end" "$work/report" && return
    cat "$work/report"
    return 1
}
if [ "$have_valgrind" != yes ]; then
    skip "Valgrind" "built without its headers (Debian: valgrind), or -Dvalgrind=disabled"
elif ! has valgrind; then
    skip "Valgrind" "valgrind is not installed (./dev test installs it)"
else
    check "Valgrind: nothing is wrong with a right program" on_valgrind clean
    for mistake in free end shrink cut reopen recover; do
        check "Valgrind reports: $mistake" valgrind_reports "$mistake"
    done
    check "Valgrind knows whose end it was" knows_run
fi
finish
