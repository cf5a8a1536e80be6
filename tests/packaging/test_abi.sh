#!/bin/sh
# SPDX-License-Identifier: MIT
# Can the shared libraries stand in for those of the last release? And does the comparison see what
# it has to see, and nothing else? TAP on standard output.
#
# usage: test_abi.sh SOURCE_ROOT
root=$1
# shellcheck source=tests/packaging/common.sh
. "$root/tests/packaging/common.sh"
need meson ninja cc abidiff
abi=$root/packaging/abi.sh

if ! check "the libraries, with debugging information" "$abi" build "$root" "$work/now"; then
    echo "1..$number"
    exit 1
fi

# ------------------------------------------------------------------- against the last release ----

build_tag() {
    mkdir "$work/release" && git -C "$root" archive "$tag" | tar -xf - -C "$work/release" &&
        "$abi" build "$work/release" "$work/then"
}

claim="the libraries can stand in for those of the last release"
if ! has git || ! git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
    skip "$claim" "these sources have no history: run it in a clone"
elif ! tag=$(git -C "$root" describe --tags --abbrev=0 2>/dev/null); then
    skip "$claim" "there is no tag: make one, or fetch them"
else
    check "$tag, with debugging information" build_tag &&
        check "$claim, $tag" "$abi" compare "$work/then" "$work/now"
fi

# ------------------------------------------------------------------- against planted changes ----

# Changes a copy of the sources, and builds it.
plant() { # name, line that is looked for (sed), file, what to do there (sed)...
    tree=$work/$1-sources
    name=$1
    shift
    "$root/packaging/copy_sources.sh" "$tree" || return
    while [ $# -gt 0 ]; do
        grep -q "$1" "$tree/$2" || { echo "no $1 in $2"; return 1; }
        sed -i "/$1/$3" "$tree/$2"
        shift 3
    done
    "$abi" build "$tree" "$work/$name"
}

# What is new, and what programs don't see.
check "a new function, another private structure" plant harmless \
    '^lfb_status lfb_check(' include/lfbuddy.h 'i\void lfb_added(void);' \
    '^lfb_status lfb_check(' src/core/check.c 'i\void lfb_added(void) {}' \
    ' lfb_alloc;' src/lfbuddy.map 'i\lfb_added;' \
    '^struct lfb_pool {' src/pool/state.h 'a\int added;'
check "do no harm" "$abi" compare "$work/now" "$work/harmless"

check "a structure that grew, a function that is gone" plant harmful \
    '^typedef struct lfb_stats {' include/lfbuddy.h 'a\int added;' \
    ' lfb_cache_drain;' src/cache/lfbuddy-cache.map d
finds() { # what abi.sh has to say
    ! "$abi" compare "$work/now" "$work/harmful" >"$work/found" && grep "$1" "$work/found"
}
check "the structure is found" finds "struct lfb_stats"
check "the function is found" finds "lfb_cache_drain"

rm "$work/harmless"/lib/liblfbuddy-zone.so*
finds_missing() {
    ! "$abi" compare "$work/now" "$work/harmless" >"$work/found" && grep zone "$work/found"
}
check "a library that is gone is found" finds_missing
finish
