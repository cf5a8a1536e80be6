#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds one of the libFuzzer harnesses with clang, AddressSanitizer and UndefinedBehaviorSanitizer,
# and lets it run for a minute, or LFB_FUZZ_SECONDS; beginning with the inputs in corpus/. Exit
# status 77: skipped.
#
# usage: run.sh SOURCE_ROOT interface|attach|trace [INPUT]
#
# With INPUT, a file, it only runs that. New inputs that reach new code are kept in the directory
# LFB_FUZZ_CORPUS, if that is set; one that fails, in LFB_FUZZ_FAILED (default: where it was called).
# CLANG names another compiler.
set -eu
root=$1
name=$2
input=${3:-}
clang=${CLANG:-clang}
fuzz=$root/tests/fuzz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
    echo "skipped: $1"
    exit 77
}

command -v "$clang" >/dev/null || skip "$clang is not installed (./dev test installs it)"
echo 'int LLVMFuzzerTestOneInput(const char *data, long size);
int LLVMFuzzerTestOneInput(const char *data, long size) { return data == 0 && size > 0; }' \
    >"$work/probe.c"
"$clang" -fsanitize=fuzzer,address,undefined "$work/probe.c" -o "$work/probe" 2>"$work/log" ||
    skip "$clang has no libFuzzer; Debian: libclang-rt-14-dev (./dev test installs it)"

build() { # what the harness is made of
    "$clang" -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
        -D_GNU_SOURCE -I"$root/include" -I"$root/src" -I"$root/src/core" -I"$root/tools" -I"$root/tests/support" \
        "$fuzz/fuzz_$name.c" "$@" -o "$work/fuzz"
}

case $name in
interface)
    build -DLFB_ASSERTIONS "$root/tests/support/oracle.c" "$root/tests/support/world.c" \
        "$root/src/lfbuddy.c" -lcmocka
    longest=2048
    ;;
attach)
    build -include "$fuzz/hooks.h" "$fuzz/calls.c" "$fuzz/guard.c" "$root/src/lfbuddy.c"
    longest=2048
    ;;
trace)
    build "$root/tools/trace.c" -lz
    longest=1024
    ;;
*)
    echo "no such harness: $name" >&2
    exit 2
    ;;
esac

# Its own status for a failure would be 77.
if [ -n "$input" ]; then
    "$work/fuzz" -timeout=20 -error_exitcode=1 -timeout_exitcode=1 "$input"
    exit
fi
found=${LFB_FUZZ_CORPUS:-$work/found}
failed=${LFB_FUZZ_FAILED:-$PWD}
mkdir -p "$found" "$failed"
"$work/fuzz" -max_total_time="${LFB_FUZZ_SECONDS:-60}" -max_len=$longest -timeout=20 \
    -print_final_stats=1 -error_exitcode=1 -timeout_exitcode=1 -artifact_prefix="$failed/fuzz-$name-" \
    "$found" "$fuzz/corpus/$name" >"$work/log" 2>&1 || {
    status=$?
    grep -vE 'NEW|REDUCE|pulse|Uses: ' "$work/log"
    echo "failed: the input is in $failed/fuzz-$name-*; to run it again:"
    echo "  $fuzz/run.sh $root $name FILE"
    exit $status
}
grep -E 'DONE|^stat::' "$work/log"
