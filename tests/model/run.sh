#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the clients in this directory, on the core's source with 2-slot nodes:
#
#   run.sh SOURCE_ROOT
#
# - as programs, under ThreadSanitizer: that they are right programs at least;
# - under GenMC (Kokologiannakis, Vafeiadis, CAV 2021), which runs every execution that the RC11
#   memory model allows and reports data races on the pages: no errors are expected;
# - under GenMC with every order in port/atomic.h weakened to relaxed: a race is expected.
#
# GenMC is looked for in $GENMC, then in the path; without it those are skipped. It is at
# https://github.com/MPI-SWS/genmc (home page: https://plv.mpi-sws.org/genmc). Version 0.10.3 as
# released can't read the core: it crashes on a copy of a structure into the first member of another
# one. Then these are skipped too; it takes a GenMC in which that is mended.
set -u
root=${1:?usage: run.sh SOURCE_ROOT}
here=$root/tests/model
clients="leaf enter_merge coalesce three"
genmc=${GENMC:-$(command -v genmc || true)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo 1..12
number=0
failed=0

# report ok|not NAME [DIRECTIVE]
report() {
    number=$((number + 1))
    if [ "$1" = ok ]; then
        echo "ok $number - $2${3:+ # $3}"
    else
        echo "not ok $number - $2"
        failed=1
    fi
}

# run_natively CLIENT: often enough that threads meet.
run_natively() {
    ${CC:-cc} -std=c11 -O1 -g -D_GNU_SOURCE -fsanitize=thread -I"$root/include" -I"$root/src" \
        "$here/$1.c" -o "$work/$1" -pthread || return
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        "$work/$1" || return
    done
}

natively() {
    if run_natively "$1" >"$work/log" 2>&1; then
        report ok "$1, natively"
    else
        sed 's/^/# /' "$work/log"
        report not "$1, natively"
    fi
}

# GenMC takes each word in one size, so structures that calls pass in registers must not pass
# through memory in two: calls are inlined, local structures broken up, and in a copy of the source
# the one structure of two half words gets whole ones. Its own inliner doesn't end on recursion, and
# its cache of instructions goes wrong on the result.
#
# Prints why it can't be done.
prepare() {
    version=$("$genmc" --version 2>/dev/null |
        sed -n 's/.*LLVM \(version \)\{0,1\}\([0-9][0-9]*\).*/\2/p' | head -1)
    clang=$(command -v "clang-$version") || { echo "clang-$version is missing"; return; }
    opt=$(command -v "opt-$version") || { echo "opt-$version is missing"; return; }
    place=$(dirname "$genmc")
    for headers in "${GENMC_INCLUDE:-}" "$place/include" "$place/../share/genmc/include" \
        "$place/../include/genmc/include"; do
        [ -f "$headers/genmc_internal.h" ] && break
    done
    [ -f "$headers/genmc_internal.h" ] ||
        { echo "its headers aren't found: set GENMC_INCLUDE"; return; }
    cp -r "$root/include" "$work/include"
    cp -r "$root/src" "$work/strong"
    sed -i '/^typedef struct lfb_fit/,/^}/s/unsigned/uint64_t/' "$work/strong/core/tree.h"
    cp -r "$work/strong" "$work/relaxed"
    sed -i 's/memory_order_[a-z_]*/memory_order_relaxed/g' "$work/relaxed/port/atomic.h"
}

# explore CLIENT SOURCE: prints `good`, `wrong`, or why it can't.
explore() {
    {
        "$clang" -std=c11 -w -g -O1 -Xclang -disable-llvm-passes -fno-discard-value-names \
            -D__CONFIG_GENMC_INODE_DATA_SIZE=64 -isystem "$headers" -I"$work/include" -I"$2" \
            -emit-llvm -c "$here/$1.c" -o "$work/$1.bc" &&
            "$opt" -passes='internalize,globaldce,cgscc(inline),globaldce,function(sroa)' \
                -internalize-public-api-list=main -inline-threshold=2000 \
                "$work/$1.bc" -o "$work/$1.in.bc"
    } >"$work/log" 2>&1 || { echo "the client can't be prepared for it"; return; }
    "$genmc" --rc11 --disable-estimation --disable-function-inliner --disable-instruction-caching \
        --input-from-bitcode-file -- "$work/$1.in.bc" >"$work/log" 2>&1
    code=$?
    if [ $code = 0 ] && grep -q '^No errors were detected' "$work/log"; then
        echo good
    elif [ $code = 42 ] && ! grep -q '^Mixed-size' "$work/log"; then
        echo wrong
    else
        echo "this GenMC can't run it (exit $code)"
    fi
}

figures() {
    grep -E '^(Error|Assertion violation|Number of)' "$work/log" | sed 's/^/# /'
}

for client in $clients; do
    natively "$client"
done

why=
if [ -z "$genmc" ]; then
    why="no genmc: https://github.com/MPI-SWS/genmc"
else
    prepare >"$work/why" 2>&1
    why=$(cat "$work/why")
fi
for source in strong relaxed; do
    [ $source = strong ] && expected=good || expected=wrong
    for client in $clients; do
        name="$client, every execution"
        [ $source = strong ] || name="$client, orders relaxed: an error is found"
        if [ -z "$why" ]; then
            outcome=$(explore "$client" "$work/$source")
        else
            outcome=$why
        fi
        case $outcome in
        "$expected") figures; report ok "$name" ;;
        good | wrong) figures; report not "$name" ;;
        *) report ok "$name" "SKIP $outcome" ;;
        esac
    done
done
exit $failed
