#!/bin/sh
# SPDX-License-Identifier: MIT
# The tool as somebody meets it at a prompt: what it prints, what it counts in a trace whose numbers
# are known, and what it says and returns when something is wrong. TAP on standard output.
#
# usage: test_tool.sh PATH_TO_lfbuddy TRACE_GZ
tool=$1
trace=$2
# shellcheck source=tests/tool_verdicts.sh
. "$(dirname "$0")/tool_verdicts.sh"

# The last of the samples of pages in use: those at the end of the trace.
last_used() {
    sed -n 's/^ *"used_pages": \[.*[ []\([0-9]*\)\],*$/\1/p' "$work/json"
}

# Pages in free blocks at the end of the trace.
free_pages() {
    sed -n 's/^ *"free_blocks": \[\(.*\)\],*$/\1/p' "$work/json" |
        awk -F, '{ block = 1; for (i = 1; i <= NF; i++) { sum += $i * block; block *= 2 } }
                 END { print sum + 0 }'
}

# --------------------------------------------------------------------------- help and usage ----

accepted "--help shows the verbs" '^ *replay TRACE' --help
accepted "--version" '^lfbuddy [0-9]+\.[0-9]+\.[0-9]+$' --version
accepted "help shows the verbs" '^ *replay TRACE' help
for verb in demo replay; do
    accepted "$verb --help shows its options" '--picture=FILE' $verb --help
    accepted "help $verb shows its options" '--picture=FILE' help $verb
done
refused "no verb" 2 "which verb"
refused "an unknown verb" 2 "'frobnicate'" frobnicate
refused "help on an unknown verb" 2 "'frobnicate'" help frobnicate
refused "an unknown option" 2 "'--frobnicate'" --frobnicate
refused "an unknown option of replay" 2 "'--frobnicate'" replay --frobnicate "$trace"
refused "an unknown option of demo" 2 "'--frobnicate'" demo --frobnicate
refused "replay without a trace" 2 "which trace" replay
refused "replay of two traces" 2 "'second'" replay "$trace" second
refused "demo with an argument" 2 "'argument'" demo argument
refused "no number where one belongs" 2 "--pages: expected a number .*'many'" \
    replay --pages many "$trace"
refused "a negative number" 2 "--threads: expected a number .*'-1'" replay --threads -1 "$trace"
refused "more threads than there can be" 2 "--threads: .*'4097'" replay --threads 4097 "$trace"
refused "a page size that is no power of two" 2 "power of two.*'3000'" \
    replay --page-size 3000 "$trace"
refused "a size that is no multiple of the page size" 2 "multiple of the page size" \
    replay --size 4097 "$trace"
refused "--pages beside --size" 2 "exclude" replay --pages 4096 --size 64M "$trace"
refused "a picture whose name has no known ending" 2 "--picture: .*'$work/picture.gif'" \
    replay --picture "$work/picture.gif" "$trace"
verdict "a picture whose name has no known ending: no file" 2 test ! -e "$work/picture.gif"

# ---------------------------------------------------------------------------- a small trace ----

# The comment behind each line is what it is, and the pages that are allocated after it.
sed 's/ *#.*//' >"$work/small" <<'TRACE'
0 0 a 0 100 1        # 1
3 1 a 1 102 0        # 3
5 0 a 2 104 0        # 7
9 1 a 3 108 1        # 15
11 1 f 0 100         # by the other CPU: 14
14 0 f 0 5ff         # foreign
14 1 f 1 10c         # part: 12
20 0 f 2 108         # part, by the other CPU: 8
21 0 f 0 10f         # part: 7
22 1 a 2 104 2       # the release of 104 was lost: 7
25 0 a 3 110 0       # 15
26 1 a 3 118 0       # 23, the peak
30 0 f 3 110         # 15
31 1 f 1 102         # 13
40 0 f 2 200         # foreign
2000000 1 a 0 5ff 0  # 14
TRACE
gzip -c "$work/small" >"$work/small.gz"

small_trace="cpus=2 allocations=8 releases=8 foreign_releases=2 part_releases=3 lost_releases=1
    peak_pages=23 left_pages=14 seconds=2 failures=0 violations=0"

small() { # description, what else is to be counted, arguments...
    description=$1
    more=$2
    shift 2
    run replay --json "$work/json" "$@"
    # shellcheck disable=SC2086
    verdict "$description" 0 counts $small_trace $more
}

small "a small trace: what is counted" "threads=2 passes=1 operations=15 max_order=10" \
    "$work/small.gz"
verdict "a small trace: nothing on stderr" 0 test ! -s "$err"
verdict "a small trace: 8 calls that allocate" 0 \
    grep -qE '^ *"allocation": \{"count": 8,' "$work/json"
verdict "a small trace: 7 that release, with the lost one" 0 \
    grep -qE '^ *"release": \{"count": 7,' "$work/json"
verdict "a small trace: 14 pages are in use at the end" 0 test "$(last_used)" = 14
verdict "a small trace: and all others are free" 0 \
    test "$(free_pages)" = $(($(number_of pages) - 14))
verdict "a small trace: the report says so too" 0 grep -qE '^ *lost releases, added +1$' "$out"
small "plain text" "operations=15" "$work/small"
small "three passes" "passes=3 operations=45" --repeat 3 "$work/small.gz"
small "one thread" "threads=1 operations=15" --threads 1 "$work/small.gz"
small "more threads than CPUs" "threads=5 operations=15" --threads 5 "$work/small.gz"
small "without verification" "operations=15" --no-verify "$work/small.gz"
# Of 64 pages each block could have an aligned 8 of its own: enough whatever the threads do.
small "a range of 64 pages" "pages=64 max_order=3" --pages 64 --max-order 3 "$work/small.gz"
verdict "a range of 64 pages: 50 are free at the end" 0 test "$(free_pages)" = 50
small "a size in bytes" "pages=64 bytes=4194304 page_size=65536" --size 4M --page-size 64K \
    "$work/small.gz"
run replay --json - "$work/small.gz"
cp "$out" "$work/json"
# shellcheck disable=SC2086
verdict "JSON to standard output" 0 counts $small_trace
verdict "JSON to standard output: nothing else is there" 0 \
    test "$(head -n 1 "$out")$(tail -n 1 "$out")$(grep -c '^[^ ]' "$out")" = "{}2"
printf '0 7 a 0 1 0\n1 7 f 0 1' >"$work/unended"
run replay --json "$work/json" "$work/unended"
verdict "a last line without its newline" 0 counts cpus=1 allocations=1 releases=1 left_pages=0

# -------------------------------------------------------------------------- the trace at hand ----

gzip -dc "$trace" >"$work/plain"
allocations=$(grep -c '^[0-9]* [0-9]* a ' "$work/plain")
releases=$(grep -c '^[0-9]* [0-9]* f ' "$work/plain")
run replay --json "$work/json" --picture "$work/picture.svg" "$trace"
verdict "the bundled trace, all of it" 0 \
    counts allocations="$allocations" releases="$releases" failures=0 violations=0
left=$(number_of left_pages)
verdict "the bundled trace: pages in use at the end" 0 test "$(last_used)" = "$left"
verdict "the bundled trace: and all others are free" 0 \
    test "$(free_pages)" = $(($(number_of pages) - left))
verdict "the picture as SVG" 0 svg_sound "$work/picture.svg"
run replay --picture "$work/picture.png" "$trace"
verdict "the picture as PNG" 0 png_signature "$work/picture.png"
run demo --seconds 1 --threads 4 --picture "$work/demo.svg"
verdict "demo finds no violation" 0 grep -qE '^ *0 violations: ' "$out"
verdict "demo draws a picture" 0 svg_sound "$work/demo.svg"

# ------------------------------------------------------------------------- traces that aren't ----

damaged() { # description, pattern, file
    refused "$1" 1 "$work/$3: $2" replay "$work/$3"
    verdict "$1: no report" 1 test ! -s "$out"
}

line() { # description, what was expected, line
    printf '0 0 a 0 1 0\n5 0 a 1 2 0\n%b\n8 0 f 0 1\n' "$3" >"$work/garbage"
    damaged "$1" "line 3: expected $2" garbage
}

mkdir "$work/directory"
: >"$work/empty"
gzip -c "$work/empty" >"$work/empty.gz"
damaged "a file that isn't there" "No such file" missing
damaged "a directory" "Is a directory" directory
damaged "an empty file" "line 1: .*empty" empty
damaged "an empty gzip file" "line 1: .*empty" empty.gz
line "words" "microseconds, .*found \"some words\"" "some words"
line "an empty line" "microseconds, .*found \"\"" ""
line "a sign" "microseconds, .*found \"-6 0 f 0 1\"" "-6 0 f 0 1"
line "a time before the line above" "a time" "4 0 f 0 1"
line "a number that is too large" "microseconds" "18446744073709551616 0 f 0 1"
line "a CPU that is too large" "a CPU number" "6 4096 f 0 1"
line "an unknown event" "'a' or 'f'" "6 0 x 0 1"
line "an order that is too large" "an order" "6 0 f 21 200000"
line "a frame that is no number" "a page frame number" "6 0 f 0 xyz"
line "a frame that isn't aligned" "a page frame number that is a multiple" "6 0 f 1 3"
line "an allocation without a migratetype" "a single space" "6 0 a 0 3"
line "something behind the last field" "the end of the line" "6 0 f 0 1 1"
line "two spaces" "a CPU number" "6  0 f 0 1"
line "the line ending of another system" "the end of the line" '6 0 f 0 1\r'
line "a NUL in the line" "the end of the line" '6 0 f 0 1\0000 trailing'
line "a line without an end" "the end of the line" "6 0 f 0 $(printf '%0200d' 1)"

head -c 60000 "$trace" >"$work/cut.gz"
cut=$(($(gzip -dc "$work/cut.gz" 2>/dev/null | wc -l) + 1))
damaged "a gzip file that is cut off" "line $cut: .*cut off" cut.gz
head -c 12 "$trace" >"$work/cut.gz"
damaged "a gzip file that is cut off at once" "line 1: .*cut off" cut.gz
size=$(wc -c <"$trace")
head -c $((size - 4)) "$trace" >"$work/cut.gz"
damaged "a gzip file that lacks its last bytes" "line $((allocations + releases + 1)): .*cut off" \
    cut.gz
{ head -c $((size - 8)) "$trace" && printf 'badbytes'; } >"$work/bad.gz"
damaged "a gzip file with another checksum" "line [0-9]+ or later: .*damaged: [a-z]" bad.gz
tail -c 40000 "$trace" >"$work/noise"
damaged "noise" "line 1: expected" noise

# ---------------------------------------------------------------------- what else goes wrong ----

refused "a range that is too small" 1 \
    "$trace: line [0-9]+: the range is too small .*1024 pages .*--pages [0-9]+" \
    replay --pages 1024 --json "$work/json" "$trace"
verdict "a range that is too small: no violation, though" 1 counts violations=0
enough=$(sed -n 's/.*--pages \([0-9]*\)$/\1/p' "$err")
run replay --pages "${enough:-none}" "$trace"
verdict "a range of the size that the message names" 0 test ! -s "$err"
refused "a trace with larger blocks than --max-order" 1 "order 3, above --max-order 2" \
    replay --max-order 2 "$work/small.gz"
refused "a picture in a directory that isn't there" 1 "$work/nowhere/picture.svg: .*No such" \
    replay --picture "$work/nowhere/picture.svg" "$trace"
verdict "a picture in a directory that isn't there: found out at once" 1 test ! -s "$out"
mkdir "$work/directory.svg"
refused "a picture in place of a directory" 1 "$work/directory.svg: .*Is a directory" \
    replay --picture "$work/directory.svg" "$trace"
refused "JSON in a directory that isn't there" 1 "$work/nowhere/json: .*No such" \
    replay --json "$work/nowhere/json" "$trace"
refused "demo with a trace that isn't there" 1 "$work/missing: No such file" \
    demo --trace "$work/missing"

echo before >"$work/old.svg"
run replay --picture "$work/old.svg" "$work/missing"
verdict "a picture that was there outlives a failure" 1 grep -qx before "$work/old.svg"
run replay --picture "$work/new.svg" --json "$work/new.json" "$work/missing"
verdict "a failure leaves no empty picture" 1 test ! -e "$work/new.svg"
verdict "a failure leaves no empty JSON" 1 test ! -e "$work/new.json"
run replay --picture "$work/old.svg" "$work/small.gz"
verdict "a picture takes the place of the old one" 0 svg_sound "$work/old.svg"

full() { # description, arguments...
    description=$1
    shift
    if [ ! -c /dev/full ]; then
        result "ok" "$description # SKIP there is no /dev/full"
        return
    fi
    "$tool" "$@" >/dev/full 2>"$err" </dev/null
    status=$?
    : >"$out"
    verdict "$description" 1 grep -qE "^lfbuddy: .*(writing failed|can't write)" "$err"
}

full "no room for the report" replay "$work/small.gz"
full "no room for JSON on standard output" replay --json - "$work/small.gz"
for ending in svg png; do
    ln -s /dev/full "$work/full.$ending"
    full "no room for the picture as $ending" replay --json "$work/json" \
        --picture "$work/full.$ending" "$work/small.gz"
done
echo "1..$number"
