#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the module, loads it into Debian's Linux under QEMU, has every CPU call the core from
# threads, softirqs, hardirqs and NMIs, unloads it, and looks at what is left; then with faults
# planted, which must be found. TAP on standard output.
#
# usage: test.sh SOURCE_ROOT
#
# LFB_LINUX_OPERATIONS: calls that each thread makes (default 60000). LFB_SEED: of its choices.
# machine.sh has the variables that choose the machine.
set -u
help() {
    sed -n '3,/^[^#]/s/^# \{0,1\}//p' "$0"
}

case ${1:-} in
-h | --help) help; exit ;;
'' | -*) help >&2; exit 2 ;;
esac
root=$(realpath "$1")
. "$root/kernel/linux/machine.sh"
operations=${LFB_LINUX_OPERATIONS:-60000}
number=0
failed=0
seconds=$((240 + operations / 1000)) # after which the guest is stopped
noise=128 # pages that the kernel itself may use more or less after a while

report() { # ok|not, description
    number=$((number + 1))
    [ "$1" = ok ] && echo "ok $number - $2" && return
    echo "not ok $number - $2"
    failed=1
}

check() { # description, command...
    description=$1
    shift
    if "$@"; then report ok "$description"; else report not "$description"; fi
}

finish() {
    echo "1..$number"
    exit $failed
}

# ------------------------------------------------------------------------------ the guest ----

# Each part of the log begins with a line "== name". memory: pages that are free or on the CPUs' own
# lists, and what vmalloc gave out, but for the stacks of threads (kernel_clone), which the kernel keeps
# for the next, and per-CPU memory.
guest() {
    cat <<'TEXT'
memory() {
    echo 3 >/proc/sys/vm/drop_caches
    sleep 1
    pages=$(awk '/nr_free_pages/ || $1 == "count:" { sum += $2 } END { print sum }' /proc/zoneinfo)
    areas=$(grep -vE 'kernel_clone|pcpu|unpurged' /proc/vmallocinfo |
        awk '/pages=/ { sum += $2; n++ } END { print n, sum }')
    say "memory: $pages pages, vmalloc: $areas bytes"
}
load() {
    module=$1
    shift
    insmod "/$module.ko" "$@" || say "not loaded"
    rmmod "$module" || say "not unloaded"
}
TEXT
    cat <<TEXT
load lfbuddy_test operations=100
say "== test"
memory
load lfbuddy_test operations=$operations seed=${LFB_SEED:-1}
load lfbuddy_test operations=2000 seed=2
load lfbuddy_test operations=2000 seed=3
memory
say "== bench"
load lfbuddy_test operations=0 rounds=1 milliseconds=2
say "== example"
load pages
say "== use"
load lfbuddy_test operations=2000 plant=use
say "== leak"
load lfbuddy_test operations=2000 plant=leak
say "== metadata"
memory
load lfbuddy_test operations=100 plant=metadata
memory
say "== range"
memory
load lfbuddy_test operations=100 pages=4096 plant=range
memory
say "== warning"
load lfbuddy_test operations=100 plant=warning
say "== end"
TEXT
}

# --------------------------------------------------------------------- what the log must say ----

# The lines of one part, without the time.
part() {
    sed 's/^\[ *[0-9.]*\] //' "$said" |
        awk -v wanted="== $1" '/^== / { inside = $0 == wanted; next } inside'
}

# The number after a word in the lines of standard input, first that fits.
value() {
    sed -n "s/.*$1\([0-9][0-9]*\).*/\1/p" | head -1
}

calls_in() { # context
    part test | grep "^lfbuddy_test: $1: " | value 'least_on_a_cpu='
}

called() { # context, at least
    calls=$(calls_in "$1")
    echo "# $(part test | grep -m1 "^lfbuddy_test: $1: ")"
    [ "${calls:-0}" -ge "$2" ]
}

interrupted() {
    line=$(part test | grep -m1 '^lfbuddy_test: interrupts: ')
    echo "# $line"
    [ "$(echo "$line" | value 'in_core=')" -gt 0 ] &&
        [ "$(echo "$line" | value 'in_core_over_softirq=')" -gt 0 ]
}

# With one CPU an NMI comes over the code that sent it.
interrupted_by_nmi() {
    line=$(part test | grep -m1 '^lfbuddy_test: interrupts: nmis')
    echo "# $line"
    [ "$(echo "$line" | value 'nmis_in_core=')" -gt 0 ] || [ "$cpus" = 1 ]
}

count() { # part, pattern
    part "$1" | grep -c "$2"
}

no_violation() {
    [ "$(count test VIOLATION)" = 0 ] && [ "$(count test 'violations: 0$')" = 3 ]
}

clean_and_whole() {
    part test | grep -E '^lfbuddy_test: (checker|pages):' | sort -u | sed 's/^/# /'
    [ "$(count test 'checker: status=ok faults=0 warm=0 low_hints=0')" = 3 ] &&
        [ "$(count test 'pages: free=16384 of=16384 allocated=0 held=0 largest_order=10')" = 3 ] &&
        [ "$(count test 'PASSED$')" = 3 ]
}

unloaded() { # part, times
    [ "$(count "$1" 'lfbuddy_test: ended')" = "$2" ] && [ "$(count "$1" '^not ')" = 0 ]
}

# Pages that are missing after a part; where fewer are, 0.
lost_pages() {
    part "$1" | sed -n 's/^memory: \([0-9]*\) pages.*/\1/p' |
        awk 'NR == 1 { first = $1 } END { print (first > $1 ? first - $1 : 0) }'
}

lost_areas() {
    [ "$(part "$1" | sed -n 's/^memory: .* vmalloc: //p' | sort -u | wc -l)" != 1 ]
}

nothing_lost() {
    part test | grep '^memory: ' | sed 's/^/# /'
    [ "$(lost_pages test)" -le $noise ] && ! lost_areas test
}

# What the kernel says when something is wrong with it.
complaints() {
    grep -E 'WARNING:|BUG:|Oops|general protection|Call Trace|lockdep|soft lockup|hung task|rcu.*stall|blocked for more|Bad page|still in use|refcount|UBSAN|KASAN|scheduling while atomic|Kernel panic'
}

no_complaint() {
    ! for each in test bench example use leak; do part $each; done | complaints
}

finds_violation() {
    [ "$(count use 'VIOLATION: ')" -gt 0 ] && [ "$(count use 'FAILED$')" = 1 ]
}

finds_leak() {
    [ "$(count leak 'pages: free=16383 of=16384 allocated=1 ')" = 1 ] &&
        [ "$(count leak 'FAILED$')" = 1 ]
}

finds_lost_pages() {
    echo "# lost: $(lost_pages range) pages of 4096"
    [ "$(lost_pages range)" -gt $noise ]
}

finds_warning() {
    part warning | complaints >/dev/null
}

# A line for each workload, order, number of CPUs and allocator.
measured() {
    cells=9 # with one CPU, and again with all
    [ "$cpus" = 1 ] || cells=18
    for allocator in lfbuddy kernel harness; do
        [ "$(part bench | grep "bench: .*allocator=$allocator median=.* failures=0$" |
            grep -vc 'median=0\.0')" = $cells ] || return
    done
}

# ------------------------------------------------------------------------- the documentation ----

piece() { # kind, file
    awk -v kind="$1" '$0 == "```" kind { inside = 1; next } /^```$/ { inside = 0 } inside' \
        "$root/docs/linux.md" >"$2"
}

build_example() {
    mkdir -p "$work/example" && ln -s "$work/tree" "$work/example/lfbuddy" &&
        cp "$root/kernel/linux/core.c" "$work/example" && piece c "$work/example/main.c" &&
        piece make "$work/example/Kbuild" &&
        [ "$(wc -l <"$work/example/main.c")" -lt 40 ] && build "$work/example"
}

built() { # description, command
    if $2 >"$work/log" 2>&1 && ! grep -i 'warning:' "$work/log"; then
        report ok "$1"
    else
        sed 's/^/# /' "$work/log"
        report not "$1"
        finish
    fi
}

# -------------------------------------------------------------------------------------- all ----

why=$(missing)
if [ -n "$why" ]; then
    echo "1..0 # SKIP $why"
    exit
fi
built "the module is built for Linux $linux" build_module
built "so is the one in docs/linux.md, in less than 40 lines" build_example
guest | pack "$work/tree/kernel/linux/lfbuddy_test.ko" "$work/example/pages.ko"
boot $seconds 512M "preempt=full init_on_alloc=0"
echo "# Linux $linux, $cpus CPUs, $acceleration"
echo "# built with: $(kernel_checks)"
if ! grep -q '== end' "$said"; then
    sed "s/^/# /" "$said" "$work/emulator"
    report not "Linux ran to the end of the test"
    finish
fi
report ok "Linux ran to the end of the test"
check "threads that stay on their CPU called the core" called "process, fixed" "$operations"
check "threads that go from CPU to CPU called it" called "process, roaming" "$operations"
check "softirqs on each CPU called it" called softirq 100
check "hardirqs on each CPU called it" called hardirq 100
check "over calls of it, in threads and in softirqs" interrupted
check "NMIs on each CPU called it" called nmi 20
check "over calls of it" interrupted_by_nmi
check "no page had two owners" no_violation
check "in the end the tree is sound and every page free" clean_and_whole
check "unloaded each time" unloaded test 3
check "and nothing is missing" nothing_lost
check "the kernel had nothing to complain of" no_complaint
check "the benchmark measures core and kernel" measured
check "the documentation's module allocates" [ "$(count example '^pages: 8 at ')" = 1 ]
check "planted: a page used after its release is found" finds_violation
check "planted: a page that isn't released is found" finds_leak
check "planted: metadata that stay are found" lost_areas metadata
check "planted: a range that stays is found" finds_lost_pages
check "planted: a warning in the log is found" finds_warning
[ $failed = 0 ] || sed 's/^/# /' "$said"
finish
