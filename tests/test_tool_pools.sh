#!/bin/sh
# SPDX-License-Identifier: MIT
# The tool's verbs on pools: what they make, show and find, and what they say and return when
# something is wrong. TAP on standard output.
#
# usage: test_tool_pools.sh PATH_TO_lfbuddy
tool=$1
# shellcheck source=tests/tool_verdicts.sh
. "$(dirname "$0")/tool_verdicts.sh"
shared=lfbuddy-tool-test-$$
trap 'rm -rf "$work" "/dev/shm/$shared"' EXIT
trap 'exit 1' HUP INT TERM # by way of the trap above
trap : PIPE                # a program that should read keys has ended: the tests say so
verbs="create info map top check recover trim stress remove"

json_valid() {
    ! command -v python3 >/dev/null || python3 -m json.tool <"$1" >/dev/null
}

# A verdict on something else than a run of the tool.
fact() { # description, command...
    status=0
    : >"$out"
    : >"$err"
    description=$1
    shift
    verdict "$description" 0 "$@"
}

# Until the command succeeds, for a minute at most.
wait_until() { # command...
    tries=600
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.1
    done
}

holds() { # file, pattern
    grep -qE -e "$2" "$1"
}

larger() { # file, bytes
    [ "$(wc -c <"$1")" -gt "$2" ]
}

# A number in a pool's file: where its format has it (src/pool/layout.h).
number_at() { # file, offset
    od -An -tu8 -j "$2" -N 8 "$1" | tr -d ' '
}

# A copy of the pool in which bytes are 0x88. As slots of a leaf: runs that go on into free pages.
damage() { # copy, offset, bytes
    cp --sparse=always "$work/pool" "$1"
    head -c "$3" /dev/zero | tr '\0' '\210' |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# --------------------------------------------------------------------------- help and usage ----

accepted "--help shows the verbs on pools" '^ *stress POOL' --help
for verb in $verbs; do
    accepted "$verb --help says what POOL is" "shm:NAME" "$verb" --help
    refused "$verb without a pool" 2 "which pool" "$verb"
    refused "$verb with two pools" 2 "'second'" "$verb" "$work/first" second
    refused "$verb with an unknown option" 2 "'--frobnicate'" "$verb" --frobnicate "$work/first"
done
for verb in info map top check recover trim remove; do
    refused "$verb on a file that isn't there" 1 "$work/missing: .*create the pool first" \
        "$verb" "$work/missing"
    refused "$verb on a name that isn't there" 1 "/dev/shm/$shared: .*create the pool first" \
        "$verb" "$shared"
done
refused "create without a size" 2 "Give --size" create "$work/pool"
refused "create of no bytes" 2 "--size: .*'0'" create --size 0 "$work/pool"
refused "create of a size that is no number" 2 "--size: .*'big'" create --size big "$work/pool"
refused "create with a page size that is no power of two" 2 "page_size" \
    create --size 1M --page-size 5000 "$work/pool"
refused "create with too many processes" 2 "--processes: .*'255'" \
    create --size 1M --processes 255 "$work/pool"
refused "create where there is no directory" 1 "its directory must exist" \
    create --size 1M "$work/nowhere/pool"
refused "top with an interval of nothing" 2 "--interval: .*'0'" top --interval 0 "$shared"
refused "stress in a pool and a temporary one" 2 "'$shared'" stress --temporary "$shared"
refused "map with another kind of picture" 2 "--picture: .*'map.gif'" \
    map --picture map.gif "$shared"
fact "nothing was made" test ! -e "$work/pool"

# ---------------------------------------------------------------------------- create and look ----

accepted "create" '^ *pages +16,384$' create --size 64M --owner-tags --lanes 3 \
    --max-order 12 --processes 20 --json "$work/json" "$work/pool"
verdict "create: as it was asked" 0 \
    counts bytes=67108864 page_size=4096 pages=16384 max_order=12 lanes=3 process_slots=20
refused "create where the name is taken" 1 "$work/pool: .*the name is taken" \
    create --size 1M "$work/pool"
accepted "create in /dev/shm" 'shared$' create --size 4M --page-size 16K "$shared"
verdict "create in /dev/shm: there it is" 0 test -f "/dev/shm/$shared"
run info --json "$work/json" "shm:$shared"
verdict "info on shm:NAME" 0 counts page_size=16384 pages=256 allocated_pages=0 free_pages=256 count=0
run info --json - "file:$work/pool"
verdict "info on file:PATH: JSON" 0 json_valid "$out"
accepted "info" '^ *owner tags +yes$' info "$work/pool"
accepted "create --reserve" 'file$' create --size 4M --reserve "$work/reserved"
run info --json "$work/json" "$work/reserved"
verdict "create --reserve: it has its memory" 0 test "$(number_of committed_bytes)" -ge 4194304
accepted "check" 'sound$' check "$work/pool"
refused "stress without owner tags" 1 "--owner-tags" stress "$shared"
refused "stress with more processes than slots" 1 "--processes 19 at most" \
    stress --processes 20 "$work/pool"

# ----------------------------------------------------------------------- a pool with work in it ----

"$tool" stress --seconds 300 --kills 0 --processes 3 "$work/pool" >/dev/null 2>&1 &
worker=$!
trap 'kill -9 $worker 2>/dev/null; rm -rf "$work" "/dev/shm/$shared"' EXIT

busy() {
    "$tool" top --once --interval 0.1 --json "$work/json" "$work/pool" >/dev/null &&
        grep -qE '"calls_per_second": [1-9]' "$work/json"
}

fact "top --json sees the calls" wait_until busy
fact "top --json: valid" json_valid "$work/json"
accepted "top --once" '^ *calls +[1-9][0-9,]* /s; by lane: ' top --once --interval 0.2 "$work/pool"
verdict "top --once: the processes" 0 test "$(grep -c '^  slot .* alive ' "$out")" = 4
verdict "top --once: pages in use" 0 holds "$out" '^  pages +[1-9]'
timeout 2 "$tool" top --interval 0.1 "$work/pool" >"$out" 2>"$err" </dev/null
status=$?
verdict "top without a terminal: sample after sample" 124 \
    test "$(grep -c '^  in use ' "$out")" -ge 2
accepted "info: the processes" '^ *slot 4 +PID [0-9]+, alive, ' info "$work/pool"
accepted "check beside them" '^ *processes at work +4$' check "$work/pool"
refused "remove while processes have it open" 1 "4 processes have it open" remove "$work/pool"
refused "stress beside another one" 1 "4 other processes have it open" stress "$work/pool"

mkfifo "$work/keys"
screen() {
    TERM=xterm LC_ALL=C.UTF-8 LINES=40 COLUMNS=100 script -qfec \
        "$tool top --interval 0.1 $work/pool" "$work/screen" <"$work/keys" >/dev/null 2>"$err"
    echo $? >"$work/screen_status"
}
: >"$work/screen"
screen &
exec 3>"$work/keys"
fact "top on a terminal" wait_until holds "$work/screen" 'by rising offset'
painted=$(($(wc -c <"$work/screen") + 40))
fact "top on a terminal: it refreshes" wait_until larger "$work/screen" $painted
printf p >&3
fact "top on a terminal: p pauses" wait_until holds "$work/screen" 'PAUSED'
printf +++++++++++++ >&3 # doubled 13 times
fact "top on a terminal: + makes the interval longer" wait_until holds "$work/screen" '819\.2'
printf q >&3
fact "top on a terminal: q quits" wait_until test -s "$work/screen_status"
exec 3>&-
fact "top on a terminal: status 0" test "$(cat "$work/screen_status")" = 0

# ---------------------------------------------------------------------------- the dead, pictures ----

kill -9 $worker
wait $worker 2>/dev/null
all_dead() {
    "$tool" info "$work/pool" >"$out" 2>"$err" && [ "$(grep -c ' dead, ' "$out")" = 4 ]
}
fact "info: the dead" wait_until all_dead
run info --json "$work/json" "$work/pool"
held=$(number_of allocated_pages)
verdict "info: what they left" 0 test "$held" -gt 0
accepted "check: the dead damage nothing" 'sound$' check "$work/pool"
accepted "map" 'in use$' map --picture "$work/map.svg" --json "$work/json" "$work/pool"
cells=$(sed -n 's/^ *"used_pages": \[\(.*\)\]$/\1/p' "$work/json" |
    awk -F, '{ for (i = 1; i <= NF; i++) sum += $i; print NF, sum }')
verdict "map --json: 32 blocks, and their pages" 0 test "$cells" = "32 $held"
verdict "map as SVG" 0 svg_sound "$work/map.svg"
verdict "map as SVG: the scale is explained" 0 grep -q 'a square is 2 MiB (512 pages)' "$work/map.svg"
accepted "map as PNG" 'in use$' map --picture "$work/map.png" "$work/pool"
verdict "map as PNG: the signature" 0 png_signature "$work/map.png"
verdict "map as PNG: not empty" 0 larger "$work/map.png" 200
refused "map into a directory that isn't there" 1 "$work/nowhere/map.svg: .*No such" \
    map --picture "$work/nowhere/map.svg" "$work/pool"

# ------------------------------------------------------------------------------------- damage ----

core_at=$(number_at "$work/pool" 96)
core_size=$(number_at "$work/pool" 104)
middle=$(((core_at + core_size / 2) & ~7)) # a word of the leaves: most words are
damage "$work/tree" $middle 8
refused "check on a damaged tree: what and where" 1 \
    "$work/tree: damaged: an illegal word, in the node of level 0 that begins at offset 0x[0-9a-f]+" \
    check --json "$work/json" "$work/tree"
verdict "check on a damaged tree: JSON" 1 json_valid "$work/json"
verdict "check on a damaged tree: JSON says so" 1 grep -q '"verdict": "damaged"' "$work/json"
page=$(number_of fault_page)
damage "$work/tree" $((middle + 8)) 8
run check --json "$work/json" "$work/tree"
verdict "check: the next word is the next leaf, of 32 pages" 1 counts fault_page=$((page + 32))
damage "$work/header" 56 2
refused "check on a damaged header" 1 "$work/header: .*checksum" check "$work/header"
damage "$work/core" "$core_at" 8
refused "check on a damaged header of the core" 1 "$work/core: the allocator's own header" \
    check "$work/core"
head -c 3000000 "$work/pool" >"$work/short"
refused "check on a file that is cut off" 1 "$work/short: .*(truncated|shorter|cut|bytes)" \
    check "$work/short"
echo "something else" >"$work/text"
refused "check on another file" 1 "$work/text: not a pool" check "$work/text"
refused "remove of another file" 1 "$work/text: not a pool" remove "$work/text"
fact "remove of another file: it is still there" test -s "$work/text"
run remove --force "$work/tree"
verdict "remove --force" 0 test ! -e "$work/tree"

# ------------------------------------------------------------------------ recover, trim, stress ----

accepted "recover" '^ *dead processes +4$' recover --json "$work/json" "$work/pool"
verdict "recover: JSON" 0 counts processes=4 undecided_runs=0
verdict "recover: the runs" 0 test "$(number_of pages)" -gt 0
run info --json "$work/json" "$work/pool"
verdict "recover: all is free" 0 counts allocated_pages=0 free_pages=16384 count=0
accepted "trim" '^ *given back +[0-9.]+ MiB ' trim --order 0 --json "$work/json" "$work/pool"
verdict "trim: the memory went" 0 test "$(number_of returned_bytes)" -gt 4194304
verdict "trim: and isn't there" 0 test "$(number_of resident_bytes)" = 0

run stress --temporary --size 8M --seconds 2 --kills 60 --processes 4 --json "$work/json"
verdict "stress --temporary" 0 counts violations=0 processes=4 pages_before=0
verdict "stress --temporary: it killed" 0 test "$(number_of kills)" -gt 10
verdict "stress --temporary: the dead held something" 0 test "$(number_of recovered_pages)" -gt 0
verdict "stress --temporary: use is the survivors'" 0 \
    test "$(number_of pages_at_end)" = "$(number_of survivors_pages)"
verdict "stress --temporary: progress" 0 holds "$err" '^ +1\.[0-9] s +[1-9][0-9,]* operations'
run stress --seconds 0.5 --kills 5 --processes 2 --json - "$work/pool"
verdict "stress in a pool" 0 json_valid "$out"
accepted "stress in a pool: it is sound" 'sound$' check "$work/pool"
run create --size 4M --owner-tags "$work/counted"
run stress --seconds 0.3 --kills 0 --processes 2 --json "$work/json" "$work/counted"
calls=$(($(number_of operations) + $(number_of exhausted)))
run top --interval 0.05 --json "$work/json" "$work/counted"
verdict "top: the calls are those that were made" 0 counts calls=$calls
run remove "$work/pool"
verdict "remove" 0 test ! -e "$work/pool"
run remove "$shared"
verdict "remove in /dev/shm" 0 test ! -e "/dev/shm/$shared"
echo "1..$number"
