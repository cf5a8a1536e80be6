#!/bin/sh
# SPDX-License-Identifier: MIT
# Measures the core beside Linux's own page allocator, inside Debian's Linux, and prints a table:
# nanoseconds for an allocation and a release, median and lowest of the rounds, on one CPU and on all;
# ratio: of the medians, Linux by lfbuddy. Linux runs under QEMU, or as a program.
# docs/linux.md says what is measured, and what isn't equal.
#
# usage: bench.sh SOURCE_ROOT [OPTIONS]
#
#   --rounds N        rounds, in which the allocators take turns (default 7)
#   --time MS         of each measurement (default 50)
#   --pages N         in the range; Linux has as many besides (default 131072: 512 MiB)
#   --instructions    count instructions instead, on one CPU: what the emulator executes, the same
#                     on every machine, busy or not
#   --native          Linux as a program (User-Mode Linux): at the machine's own speed, on one CPU.
#                     The first time, its source is unpacked and built: minutes, and 2 GB
#   --log FILE        keep the kernel's log
#
# machine.sh and usermode.sh have the variables that choose the machine.
set -u
help() {
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
}

rounds=7
milliseconds=50
pages=131072
instructions=no
native=no
log=
root=
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help) help; exit ;;
    --rounds | --time | --pages | --log)
        [ $# -gt 1 ] || { echo "$1 wants a value" >&2; exit 2; }
        case $1 in
        --rounds) rounds=$2 ;;
        --time) milliseconds=$2 ;;
        --pages) pages=$2 ;;
        --log) log=$2 ;;
        esac
        shift
        ;;
    --instructions) instructions=yes ;;
    --native) native=yes ;;
    -*) echo "no such option: $1" >&2; exit 2 ;;
    *) root=$(realpath "$1") ;;
    esac
    shift
done
[ -n "$root" ] || { help >&2; exit 2; }
. "$root/kernel/linux/machine.sh"
. "$root/kernel/linux/usermode.sh"

guest() {
    cat <<TEXT
say "clock: \$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
insmod /lfbuddy_test.ko operations=0 pages=$pages rounds=$rounds milliseconds=$milliseconds
rmmod lfbuddy_test
say "== end"
TEXT
}

# The lines "bench: workload=... order=..." as a table.
table() {
    sed -n 's/.*bench: workload=//p' "$said" | sed 's/[a-z]*=//g' | awk '
    {
        cell = $1 " | " $2 " | " $3
        if (!(cell in seen)) order[++n] = cell
        seen[cell] = 1
        median[cell, $4] = $5
        least[cell, $4] = $6
        failures[cell] += $9
    }
    END {
        print "| workload | order | CPUs | harness | lfbuddy | lowest | Linux | lowest | ratio | failed |"
        print "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
        for (i = 1; i <= n; i++) {
            c = order[i]
            lfbuddy = median[c, "lfbuddy"]
            linux = median[c, "kernel"]
            printf "| %s | %s | %s | %s | %s | %s | %.1f | %d |\n", c, median[c, "harness"],
                lfbuddy, least[c, "lfbuddy"], linux, least[c, "kernel"],
                (lfbuddy > 0 ? linux / lfbuddy : 0), failures[c]
        }
    }'
}

# quietly STEP...: what it says is shown only if it fails.
quietly() {
    if ! "$@" >"$work/log" 2>&1; then
        tail -n 50 "$work/log" >&2
        exit 1
    fi
}

refuse_if() {
    [ -z "$1" ] || { echo "$1" >&2; exit 1; }
}

[ "$native$instructions" != yesyes ] || { echo "--native and --instructions: one of them" >&2; exit 2; }
memory_needed=$((pages / 100 + 256))M # twice the range and more
words="init_on_alloc=0"
unit="nanoseconds"
if [ $native = yes ]; then
    refuse_if "$(usermode_missing)"
    [ -x "$usermode_tree/linux" ] || echo "building Linux in $usermode_tree" >&2
    quietly usermode_build
    cpus=1
    b=lfbuddy_bench
    usermode_boot 3600 "$memory_needed" "$words $b.pages=$pages $b.rounds=$rounds $b.milliseconds=$milliseconds"
else
    refuse_if "$(missing)"
    quietly build_module
    guest | pack "$work/tree/kernel/linux/lfbuddy_test.ko"
    if [ $instructions = yes ]; then
        cpus=1
        unit="instructions"
        boot 3600 "$memory_needed" "$words" -icount shift=0,sleep=off
    else
        boot 3600 "$memory_needed" "$words"
    fi
fi
[ -z "$log" ] || cp "$said" "$log"
if ! grep -q '== end' "$said" || ! grep -q 'bench: workload=' "$said"; then
    cat "$work/emulator" >&2
    tail -n 50 "$said" >&2
    exit 1
fi
echo "Linux $linux, CPUs: $cpus, $acceleration; $unit a pair, median of $rounds rounds of $milliseconds ms"
table
