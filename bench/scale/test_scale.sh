#!/bin/sh
# SPDX-License-Identifier: MIT
# The program as somebody meets it: its figures are the same each time, its files regular, its
# complaints plain. TAP on standard output.
# usage: test_scale.sh LFBUDDY-SCALE
set -u
scale=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
number=0
few="--cpus 1,6 --share 16 --held 2 --operations 50 --allocators lfbuddy,llfree-like,nbbs"

# check NAME COMMAND...: one line of TAP.
check() {
    name=$1
    shift
    number=$((number + 1))
    if "$@"; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        sed 's/^/# /' "$dir/out" "$dir/err" | tail -20
    fi
}

# run EXPECTED-STATUS ARGUMENTS...
run() {
    expected=$1
    shift
    "$scale" "$@" >"$dir/out" 2>"$dir/err"
    [ $? = "$expected" ]
}

# says TEXT ARGUMENTS...: wrong usage, with TEXT on standard error.
says() {
    text=$1
    shift
    run 2 "$@" && grep -qF -- "$text" "$dir/err"
}

# Another process has its memory at other addresses.
same_each_time() {
    # shellcheck disable=SC2086
    run 0 $few --lines --csv "$dir/a.csv" && mv "$dir/out" "$dir/first" &&
        run 0 $few --lines --csv "$dir/b.csv" && cmp -s "$dir/first" "$dir/out" &&
        cmp -s "$dir/a.csv" "$dir/b.csv" && [ ! -s "$dir/err" ]
}

csv_is_regular() {
    [ "$(awk -F, '{ print NF }' "$dir/a.csv" | sort -u)" = 17 ] &&
        [ "$(wc -l <"$dir/a.csv")" = $((1 + 4 * 2 * 3 * 3)) ] &&
        awk -F, 'NR > 1 && $4 == 1 && $3 == 1 && ($7 != 1 || $6 <= 0) { bad = 1 } END { exit bad }' \
            "$dir/a.csv"
}

lines_are_named() {
    grep -q '^| words of level 0 | [0-9]' "$dir/first" && grep -q '^| bit fields, line [0-9]' "$dir/first"
}

plots() {
    if ! command -v gnuplot >/dev/null; then
        # shellcheck disable=SC2086
        run 1 $few --workloads repeat --plot "$dir/plots" && grep -q 'apt install gnuplot' "$dir/err"
        return
    fi
    # shellcheck disable=SC2086
    run 0 $few --workloads repeat,bulk --plot "$dir/plots" || return 1
    for figure in throughput efficiency transfers; do
        [ "$(wc -c <"$dir/plots/scaling-$figure.svg")" -gt 5000 ] || return 1
    done
}

echo "1..12"
check "the same figures, line by line, in every process" same_each_time
check "the CSV file has a line for each run, and linear is measured by the first" csv_is_regular
check "--lines names what was moved" lines_are_named
check "--plot" plots
check "--help" run 0 --help
check "an unknown option" run 2 --nonsense
check "an unknown allocator" says "there is no 'x'" --allocators lfbuddy,x
check "too many CPUs" says "there is no '257'" --cpus 1,257
check "CPUs that fall" says 'must rise' --cpus 8,4
check "the same twice" says "'2' twice" --sockets 2,2
check "more held than there is" says 'more than half of the --share' --share 16 --held 9
check "a file that can't be written" run 1 --cpus 1 --workloads repeat --allocators lfbuddy --share 16 \
    --held 2 --csv "$dir/none/x.csv"
