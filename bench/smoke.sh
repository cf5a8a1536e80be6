#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs every workload with every allocator for a moment, verified. Nothing here measures.
# usage: smoke.sh LFBUDDY-BENCH EXAMPLE-PLUGIN BROKEN-PLUGIN
set -u
bench=$1 example=$2 broken=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
number=0

# check NAME COMMAND...: one line of TAP.
check() {
    name=$1
    shift
    number=$((number + 1))
    if "$@"; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' "$dir/out" "$dir/err" | tail -40
    fi
}

# run EXPECTED-STATUS ARGUMENTS...
run() {
    expected=$1
    shift
    "$bench" "$@" >"$dir/out" 2>"$dir/err"
    [ $? = "$expected" ]
}

# says EXPECTED-STATUS TEXT ARGUMENTS...: TEXT is on standard error.
says() {
    expected=$1 text=$2
    shift 2
    run "$expected" "$@" && grep -qF -- "$text" "$dir/err"
}

all_verified() {
    run 0 --quick --verify --pages 32768 --json "$dir/all.json" --csv "$dir/all.csv" &&
        ! grep -q 'could not\|faults' "$dir/err"
}

every_workload_ran() {
    for workload in bulk repeat empty rand full remote larson mixed runs oom-full oom-pieces replay \
        frag-50 frag-80; do
        for allocator in lfbuddy nbbs nbbs-bunch spinlock; do
            grep -q "^$workload,.*,$allocator,[0-9]" "$dir/all.csv" || return 1
        done
    done
}

# As many fields everywhere.
csv_is_regular() {
    [ "$(awk -F, '{ print NF }' "$dir/all.csv" | sort -u | wc -l)" = 1 ]
}

json_is_valid() {
    command -v python3 >/dev/null || return 0
    python3 - "$dir/all.json" <<'PYTHON'
import json, sys
results = json.load(open(sys.argv[1]))["results"]
lfbuddy = [r for r in results if r["allocator"] == "lfbuddy"]
assert lfbuddy and all(r["ns"]["median"] > 0 for r in lfbuddy)
assert all(0 < r["updates_per_call"] < 100 for r in lfbuddy if not r["workload"].startswith("oom"))
assert all(r["faults"] == 0 for r in results if "faults" in r)
PYTHON
}

plots() {
    few="--quick --pages 16384 --allocators floor,lfbuddy --workloads repeat,replay,frag-50 --orders 0"
    # shellcheck disable=SC2086
    if command -v gnuplot >/dev/null; then
        run 0 $few --plot "$dir/plots" && [ -s "$dir/plots/repeat-0.svg" ] && [ -s "$dir/plots/replay.svg" ] &&
            [ -s "$dir/plots/frag-50-0.svg" ] && grep -q lfbuddy "$dir/plots/overview.svg"
    else
        says 1 'apt install gnuplot' $few --plot "$dir/plots" && [ -s "$dir/plots/plots.gp" ]
    fi
}

counts_are_exact() {
    run 0 --quick --pages 16384 --allocators lfbuddy --workloads repeat --orders 0,9 --threads 1 \
        --csv "$dir/counts.csv" &&
        [ "$(awk -F, 'NR > 1 { print $16 }' "$dir/counts.csv" | tr '\n' ' ')" = "1 1 " ]
}

plugin_is_verified() {
    run 0 --quick --verify --pages 4096 --allocators first-fit --plugin "$example" \
        --workloads bulk,remote,larson,oom && [ "$(grep -c 'first-fit.*yes$' "$dir/out")" = 24 ]
}

same_choices() {
    run 0 --quick --pages 16384 --allocators lfbuddy,spinlock --workloads frag --seed 7 &&
        grep '^Wholly' -A 9 "$dir/out" >"$dir/first" &&
        run 0 --quick --pages 16384 --allocators lfbuddy,spinlock --workloads frag --seed 7 &&
        grep '^Wholly' -A 9 "$dir/out" | cmp -s - "$dir/first"
}

echo "1..19"
check "every workload and allocator, verified" all_verified
check "no workload left out" every_workload_ran
check "the CSV file has the same fields in each line" csv_is_regular
check "the JSON file is one, and its figures make sense" json_is_valid
check "the example of a plug-in, verified" plugin_is_verified
check "a fault is found" says 3 'overlaps a block that is held' --quick --verify --pages 16384 \
    --plugin "$broken" --allocators broken --workloads rand --orders 0
check "without --verify it isn't looked for" run 0 --quick --pages 16384 \
    --plugin "$broken" --allocators broken,floor --workloads empty --orders 3
check "plots" plots
check "an allocation or release is one atomic update" counts_are_exact
check "the same seed makes the same choices" same_choices
check "--list" run 0 --list
check "--help" run 0 --help
check "an unknown option" run 2 --nonsense
check "an unknown workload" says 2 "there is no 'x'" --workloads bulk,x
check "an unknown allocator" says 2 "there is no 'x'" --allocators x
check "pages that are no power of two" says 2 'a power of two' --pages 5000
check "a plug-in that isn't there" says 1 'cannot load' --plugin "$dir/none.so"
check "a plug-in that is none" says 1 'exports no lfb_bench_name' --plugin libc.so.6
check "a file that can't be written" says 1 'none/x.json' --json "$dir/none/x.json"
