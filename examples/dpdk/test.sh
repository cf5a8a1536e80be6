#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the example for DPDK against the libraries of a build directory, as a user would, and runs
# it without huge pages, devices or root. TAP on standard output.
#
# usage: test.sh SOURCE_ROOT BUILD_ROOT
root=$1
build=$2
if ! pkg-config --exists libdpdk 2>/dev/null; then
    echo "1..0 # SKIP there is no libdpdk here: Debian's libdpdk-dev brings it (./dev test installs it)"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "1..3"

result() { # ok|not ok, number, description, log
    echo "$1 $2 - $3"
    [ "$1" = ok ] || sed 's/^/# /' "$4"
}

# shellcheck disable=SC2046
if cc -O2 -Wall -Wextra -Werror -D_GNU_SOURCE "$root/examples/dpdk/dpdk_heap.c" -o "$work/heap" \
    -I"$root/include" $(pkg-config --cflags libdpdk) \
    -L"$build/src/pool" -L"$build" -llfbuddy-pool -llfbuddy \
    $(pkg-config --libs libdpdk) >"$work/log" 2>&1; then
    result ok 1 "the example is built"
else
    result "not ok" 1 "the example is built" "$work/log"
    exit 1
fi
if LD_LIBRARY_PATH=$build/src/pool:$build XDG_RUNTIME_DIR=$work "$work/heap" --no-huge --no-pci \
    --no-shconf --no-telemetry --iova-mode=va -m 64 -l 0 >"$work/log" 2>&1; then
    result ok 2 "objects and packet buffers lie in the pool's block, which comes back"
else
    result "not ok" 2 "objects and packet buffers lie in the pool's block, which comes back" \
        "$work/log"
fi
if grep -q '^2000 objects, 2000 of them right$' "$work/log" &&
    grep -q '^1023 packet buffers, 1023 of them in the block$' "$work/log" &&
    grep -q 'keeps the block$' "$work/log" &&
    grep -q '^\([0-9]*\) of \1 pages are free again$' "$work/log"; then
    result ok 3 "it says so"
else
    result "not ok" 3 "it says so" "$work/log"
fi
