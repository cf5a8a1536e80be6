#!/bin/sh
# SPDX-License-Identifier: MIT
# What the core takes in a kernel: bytes of code and constants at -Os, and of stack.
#
# usage: size.sh SOURCE_ROOT
#
# all      every public function
# least    what lfb_init, lfb_alloc, lfb_free and lfb_release_range need (ld --gc-sections)
# frame    the largest frame of a function that may run when the allocator does
# alloc, free, any, start
#          the deepest chain of calls from lfb_alloc, from lfb_free, from any function that may run
#          when the allocator does, and from what starts one (lfb_init, lfb_attach); frames as the
#          compiler counts them (-fcallgraph-info), functions that call themselves, directly or
#          through others, all of them once for each level of the tree: 4 (512 GiB, max_order up to
#          13), with 32-bit words 3 (4 GiB, max_order 10). The caller's callbacks aren't counted.
#
# A target whose compiler is missing has a line that says so.
set -eu
help() {
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
}

case ${1:-} in
-h | --help) help; exit ;;
'' | -*) help >&2; exit 2 ;;
esac
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Code and constants of an object.
text_of() {
    "${prefix}size" -A "$1" | awk '/^\.(text|rodata)/ { sum += $2 } END { print sum }'
}

# Prints the most that one of the functions named takes: "frame", the largest frame; "chain", all
# frames that are open at once. Functions that can reach each other are one knot, which counts once a level.
most() { # frame|chain, levels, functions
    awk -v what="$1" -v levels="$2" -v wanted="$3" '
    function depth(f,    g, most, d) {
        if (f in known) return known[f]
        for (g in frame) {
            if (reach[f, g] && !(reach[g, f])) {
                d = depth(g)
                if (d > most) most = d
            }
        }
        return known[f] = knot(f) + most
    }
    function largest(f,    g, most) {
        most = frame[f]
        for (g in frame) if (reach[f, g] && frame[g] > most) most = frame[g]
        return most
    }
    function knot(f,    g, sum) {
        if (!reach[f, f]) return frame[f]
        for (g in frame) {
            if (reach[f, g] && reach[g, f]) sum += frame[g]
        }
        return levels * sum
    }
    { split($0, part, "\"") }
    /^node/ && match($0, /[0-9]+ bytes/) { frame[part[2]] = substr($0, RSTART) + 0 }
    /^edge/ { reach[part[2], part[4]] = 1 }
    END {
        for (via in frame) for (f in frame) if (reach[f, via])
            for (g in frame) if (reach[via, g]) reach[f, g] = 1
        n = split(wanted, functions, " ")
        for (i = 1; i <= n; i++) {
            d = what == "frame" ? largest(functions[i]) : depth(functions[i])
            if (d > best) best = d
        }
        print best
    }' "$work/unit.ci"
}

measure() { # target, prefix, levels, flags...
    target=$1
    prefix=$2
    levels=$3
    shift 3
    if ! command -v "${prefix}gcc" >/dev/null; then
        printf '%-10s %sgcc is not installed\n' "$target" "$prefix"
        return
    fi
    "${prefix}gcc" -std=c11 -Os -ffreestanding -fno-stack-protector -fno-pic -ffunction-sections \
        -fno-asynchronous-unwind-tables -fcallgraph-info=su "$@" -I"$root/include" \
        -c "$root/src/lfbuddy.c" -o "$work/unit.o"
    "${prefix}ld" -r --gc-sections -e lfb_init -u lfb_alloc -u lfb_free -u lfb_release_range \
        ${emulation:+-m $emulation} "$work/unit.o" -o "$work/least.o"
    running=$("${prefix}nm" "$work/unit.o" | awk '$2 == "T" && $3 ~ /^lfb_/ { print $3 }' |
        grep -vxE 'lfb_(init|attach|create|metadata_size|geometry_plan)' | tr '\n' ' ')
    printf '%-10s %6d %6d  %6d %6d %6d %6d %6d\n' "$target" "$(text_of "$work/unit.o")" \
        "$(text_of "$work/least.o")" "$(most frame "$levels" "$running")" \
        "$(most chain "$levels" lfb_alloc)" "$(most chain "$levels" lfb_free)" \
        "$(most chain "$levels" "$running")" "$(most chain "$levels" 'lfb_init lfb_attach')"
}

echo "           text, bytes   stack, bytes"
echo "              all  least   frame  alloc   free    any  start"
emulation=
measure x86_64 '' 4 -mno-red-zone -mgeneral-regs-only
measure aarch64 aarch64-linux-gnu- 4 -mgeneral-regs-only
measure riscv64 riscv64-linux-gnu- 4 -march=rv64imac -mabi=lp64
emulation=elf32lriscv
measure riscv32 riscv64-linux-gnu- 3 -march=rv32imac -mabi=ilp32
emulation=
measure armv7-m arm-none-eabi- 3 -mcpu=cortex-m3 -mthumb
