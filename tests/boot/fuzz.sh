#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the libFuzzer harness of the boot kit with clang, AddressSanitizer and
# UndefinedBehaviorSanitizer, and lets it run for LFB_FUZZ_SECONDS (default 10), beginning with the
# captured tables in data/. Exit status 77: skipped.
#
# usage: fuzz.sh SOURCE_ROOT [INPUT]
#
# With INPUT, a file, it only runs that. New inputs that reach new code are kept in the directory
# LFB_FUZZ_CORPUS, if that is set; one that fails, in LFB_FUZZ_FAILED (default: where it was called).
# CLANG names another compiler.
set -eu
help() {
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
}

case ${1:-} in
-h | --help) help; exit ;;
'' | -*) help >&2; exit 2 ;;
esac
root=$1
input=${2:-}
clang=${CLANG:-clang}
here=$root/tests/boot
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
    echo "skipped: $1"
    exit 77
}

command -v "$clang" >/dev/null || skip "$clang is not installed (./dev test installs it)"
if ! "$clang" -std=c11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    -DLFB_ASSERTIONS -I"$root/include" "$here/fuzz_boot.c" "$root"/src/boot/*.c \
    "$root/src/lfbuddy.c" -o "$work/fuzz" 2>"$work/log"; then
    grep -q 'clang_rt.fuzzer' "$work/log" &&
        skip "$clang has no libFuzzer; Debian: libclang-rt-14-dev (./dev test installs it)"
    cat "$work/log"
    exit 1
fi

# Its own status for a failure would be 77.
limits="-timeout=20 -error_exitcode=1 -timeout_exitcode=1"
if [ -n "$input" ]; then
    # shellcheck disable=SC2086
    "$work/fuzz" $limits "$input"
    exit
fi

# A captured table behind the two bytes that the harness wants: its reader, and room for regions.
seed() {
    { printf "$1\\377"; cat "$here/data/$2"; } >"$work/seeds/$2"
}
mkdir "$work/seeds"
seed '\010' qemu-pc-600M.pvh
seed '\001' qemu-pc-3G.multiboot
seed '\002' grub-two-modules.multiboot2
seed '\004' qemu-riscv64-opensbi.dtb
seed '\004' qemu-riscv32.dtb
found=${LFB_FUZZ_CORPUS:-$work/found}
failed=${LFB_FUZZ_FAILED:-$PWD}
mkdir -p "$found" "$failed"
# shellcheck disable=SC2086
"$work/fuzz" $limits -max_total_time="${LFB_FUZZ_SECONDS:-10}" -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="$failed/fuzz-boot-" "$found" "$work/seeds" >"$work/log" 2>&1 || {
    status=$?
    grep -vE 'NEW|REDUCE|pulse|Uses: ' "$work/log"
    echo "failed: the input is in $failed/fuzz-boot-*; to run it again:"
    echo "  $0 $root FILE"
    exit $status
}
grep -E 'DONE|^stat::' "$work/log"
