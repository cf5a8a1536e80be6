#!/bin/sh
# SPDX-License-Identifier: MIT
# The core as two files: that all of it is in them, that the same sources give the same bytes, and
# that compilers take them without a warning. TAP on standard output.
#
# usage: test_amalgamation.sh SOURCE_ROOT
root=$1
# shellcheck source=tests/packaging/common.sh
. "$root/tests/packaging/common.sh"
need python3 cc nm
warnings="-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes
    -Wmissing-prototypes -pedantic -Werror"
made=$work/made

# ------------------------------------------------------------------------------- the two files ----

if ! check "amalgamate.py" "$root/packaging/amalgamate.py" "$made"; then
    echo "1..$number"
    exit 1
fi
check "the header is as it was" cmp "$root/include/lfbuddy.h" "$made/lfbuddy.h"
check "a copy of the sources" "$root/packaging/copy_sources.sh" "$work/elsewhere"
check "again, from another place" "$work/elsewhere/packaging/amalgamate.py" "$work/again"
check "the same bytes" cmp "$made/lfbuddy.c" "$work/again/lfbuddy.c"

(cd "$root" && ls src/core/*.[ch] src/port/*.h) | LC_ALL=C sort >"$work/files"
sed -n 's:^/\* ==== \(src/[^ ]*\) =* \*/$:\1:p' "$made/lfbuddy.c" | LC_ALL=C sort >"$work/banners"
check "each file of the core is in it, once" diff "$work/files" "$work/banners"

sed -n 's/^# *include //p' "$made/lfbuddy.c" |
    sed '/^<std\(atomic\|bool\|def\|int\)\.h>$/d; /^LFB_PROBES$/d' >"$work/included"
check "it includes its header, and no others but the compiler's and the one that LFB_PROBES names" \
    test "$(cat "$work/included")" = '"lfbuddy.h"'

# A source that it can't treat rightly is refused.
printf '#ifdef X\n#include <stdio.h>\n#endif\n' >>"$work/elsewhere/src/core/check.c"
refuses() {
    ! "$work/elsewhere/packaging/amalgamate.py" "$work/again" 2>"$work/refused" &&
        grep -q 'src/core/check.c: .*stdio.h' "$work/refused"
}
check "an include under a condition is refused" refuses

# ---------------------------------------------------------------------------------- compilers ----

sed -n 's/^ *\(lfb_[a-z_]*\);$/\1/p' "$root/src/lfbuddy.map" | LC_ALL=C sort >"$work/public"

# Only memset and memcpy are needed; the GOT is the linker's.
needs_nothing() {
    nm -u "$work/unit.o" >"$work/undefined" &&
        ! awk '{ print $2 }' "$work/undefined" |
        grep -vxE 'memset|memcpy|_GLOBAL_OFFSET_TABLE_'
}

# The thunks are what GCC adds on i686.
shows_public() {
    nm --defined-only "$work/unit.o" | awk '$2 ~ /^[A-Z]$/ && !/__x86/ { print $3 }' |
        LC_ALL=C sort | diff "$work/public" -
}

compile() { # compiler, flags...
    if ! has "$1"; then
        skip "$*" "$1 is not installed (./dev test installs it)"
        return
    fi
    # shellcheck disable=SC2086
    check "$*" "$@" -std=c11 $warnings -c "$made/lfbuddy.c" -o "$work/unit.o" || return
    check "... needs memset and memcpy at most" needs_nothing
    check "... shows the public functions" shows_public
}

for compiler in gcc clang musl-gcc; do
    for bits in 64 32; do
        compile $compiler -O2 -DLFB_WORD_BITS=$bits
    done
done
compile gcc -O0 -DLFB_ASSERTIONS
compile i686-linux-gnu-gcc -O2
compile aarch64-linux-gnu-gcc -O2
compile arm-none-eabi-gcc -O2 -mcpu=cortex-m3 -mthumb -ffreestanding

# ----------------------------------------------------------------------------------- programs ----

lib=$work
for bits in 64 32; do
    check "a program with the two files, $bits-bit words" build "amalgamated$bits" program.c \
        "$made/lfbuddy.c" "-I$made" -DLFB_WORD_BITS=$bits && check "it runs" says "amalgamated$bits"
done
if has musl-gcc; then
    check "a program with musl" musl-gcc -std=c11 -static "$programs/program.c" "$made/lfbuddy.c" \
        "-I$made" -o "$work/musl" && check "it runs" says musl
else
    skip "a program with musl" "musl-gcc is not installed (./dev test installs it)"
fi
finish
