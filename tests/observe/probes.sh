#!/bin/sh
# SPDX-License-Identifier: MIT
# The probes: the library has each that docs/observability.md lists, with its arguments, and no
# other; the core as sources has none; a debugger sees each fire, in order, with the right values.
# TAP on standard output.
#
# usage: probes.sh SOURCE_ROOT HAVE_PROBES LIBRARY PROGRAM
root=$1
have_probes=$2
library=$3
program=$(realpath "$4")
# shellcheck source=tests/packaging/common.sh
. "$root/tests/packaging/common.sh"
need cc readelf

# "name number-of-arguments" of each probe.
probes_of() { # library or object
    readelf -n "$1" | awk '$1 == "Provider:" { ours = $2 == "lfbuddy" }
        ours && $1 == "Name:" { name = $2 }
        ours && $1 == "Arguments:" { print name, NF - 1 }' | sort -u
}
documented() {
    sed -n '/^## Probes/,/^## [^P]/p' "$root/docs/observability.md" |
        sed -n 's/^| `\([a-z]*\)` | \([^|]*\) |.*/\1,\2/p' | awk -F, '{ print $1, NF - 1 }' | sort
}

core_has_none() {
    for source in "$root"/src/core/*.c; do
        cc -O2 -c "$source" -I"$root/include" -o "$work/core.o" || return 1
        [ -z "$(readelf -n "$work/core.o" | grep stapsdt)" ] || return 1
    done
}
check "the core as sources has none" core_has_none

if [ "$have_probes" != yes ]; then
    skip "the library's" "built without <sys/sdt.h> (Debian: systemtap-sdt-dev), or -Dprobes=disabled"
    finish
fi

documented >"$work/documented"
probes_of "$library" >"$work/built"
check "the guide lists five" test "$(wc -l <"$work/documented")" = 5
check "the library has those that the guide lists, with their arguments" \
    diff "$work/documented" "$work/built"
no_semaphore() {
    ! readelf -n "$library" | grep -q 'Semaphore: 0x0*[1-9a-f]'
}
check "none is counted by a semaphore" no_semaphore

# ------------------------------------------------------------------------------------- firing ----

cd "$work" || exit 1
claim="a debugger sees each allocation, release and failure"
if ! has gdb; then
    skip "$claim" "gdb is not installed (./dev test installs it)"
elif ! gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'break main' -ex run "$program" 2>&1 |
    grep -q '^Breakpoint 1, '; then
    skip "$claim" "gdb can't run a program here: allow ptrace"
else
    gdb -nx -batch -x "$root/tests/observe/probes.gdb" "$program" >log 2>&1
    grep -E '^(alloc|free|exhausted) ' events >calls
    check "the program did what it has to" test "$(wc -l <printed)" -gt 250
    check "$claim" diff printed calls
    # What is in parts, by address and order: nothing, once all is released.
    awk '$1 == "split" { open += $4 } $1 == "merge" { open -= $4 }
        $1 == "split" || $1 == "merge" { count[$1]++ }
        END { print count["split"] + 0, count["merge"] + 0, open + 0 }' events >balance
    check "blocks are split" test "$(cut -d' ' -f1 balance)" -gt 4
    check "and as many merged" test "$(cut -d' ' -f3 balance)" = 0
    [ "$failed" = 0 ] || sed 's/^/# /' balance log
fi
finish
