#!/bin/sh
# SPDX-License-Identifier: MIT
# A program's own allocations, recorded: the tool replays them, every one. TAP on standard output.
#
# usage: record.sh SOURCE_ROOT TOOL PROGRAM ANOTHER_PROGRAM
root=$1
tool=$2
program=$3
another=$4
# shellcheck source=tests/packaging/common.sh
. "$root/tests/packaging/common.sh"
trace=$work/own.trace

check "a program records itself" sh -c '"$1" "$2" >"$3"' - "$program" "$trace" "$work/expected"
read -r lines left <"$work/expected"
has_lines() { # trace, how many
    [ "$(wc -l <"$1")" = "$2" ] || { wc -l "$1"; return 1; }
}
check "a line for each block that it allocated or released" has_lines "$trace" "$lines"
# The scheduler gives each thread a CPU, if there are two.
has_cpus() {
    [ "$(cut -d' ' -f2 "$trace" | sort -u | wc -l)" -ge "$(($(nproc) > 1 ? 2 : 1))" ]
}
check "of two threads" has_cpus
says() { # what is in the report
    grep -qE "^ *$1\$" "$work/report" || { grep -E "^ *${1%% *}" "$work/report"; return 1; }
}
number_of() { # kind of line
    grep -c " $1 " "$trace" | sed ':a; s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/; ta'
}
check "the tool replays it" \
    sh -c '"$1" replay "$2" --no-colour >"$3"' - "$tool" "$trace" "$work/report"
check "all allocations" says "allocations +$(number_of a)"
check "all releases" says "releases +$(number_of f)"
check "but one, of a page that was allocated before" says "of older pages, skipped +1"
check "none of which was missing" says "lost releases, added +0"
check "no allocation failed" says "allocations failed +0"
check "no answer was wrong" says "violations +0"
check "what was left is left" says "left at the end, pages +$left"
check "compressed, it is read as well" sh -c 'gzip "$2" && "$1" replay "$2.gz"' - "$tool" "$trace"

# By the environment, the program unchanged: three handles.
check "LFBUDDY_RECORD" env LFBUDDY_RECORD="$work/all" "$another" clean
check "a file for each handle" test "$(find "$work" -name 'all.*.[1-4]' | wc -l)" = 4
replay_each() {
    for each in "$work"/all.*; do
        # One of them only looked.
        [ ! -s "$each" ] || "$tool" replay "$each" --no-colour || return 1
    done
}
check "each can be replayed" replay_each
warned() {
    LFBUDDY_RECORD=/nowhere/at/all "$another" clean >/dev/null 2>"$work/warning" &&
        grep -q "^LFBUDDY_RECORD: /nowhere/at/all.*can't record into it" "$work/warning"
}
check "where it can't be written the program runs, and it is said" warned
finish
