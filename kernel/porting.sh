#!/bin/sh
# SPDX-License-Identifier: MIT
# The code in docs/porting.md: it compiles as in a kernel, the first piece has less than 40 lines,
# and both do what the page says. TAP on standard output.
#
# usage: porting.sh SOURCE_ROOT
set -u
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
number=0
failed=0
warnings="-Wall -Wextra -Wconversion -Wsign-conversion -pedantic -Werror"

check() { # description, command...
    number=$((number + 1))
    description=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok $number - $description"
    else
        sed 's/^/# /' "$work/log"
        echo "not ok $number - $description"
        failed=1
    fi
}

piece() { # number
    awk -v wanted="$1" '/^```c$/ { n++; inside = 1; next } /^```$/ { inside = 0 }
        inside && n == wanted' "$root/docs/porting.md"
}

piece 1 >"$work/smallest.c"
piece 2 >"$work/boot.c"

is_small() {
    lines=$(wc -l <"$work/smallest.c")
    echo "$lines lines"
    [ "$lines" -gt 0 ] && [ "$lines" -lt 40 ]
}

compile() { # compiler, piece
    # shellcheck disable=SC2086
    "$1" -std=c11 -O2 $warnings -ffreestanding -I"$root/include" -c "$work/$2.c" -o "$work/$2.o"
}

# The pieces are included by what calls them, so that it sees their static variables.
run() { # caller, flags...
    caller=$1
    shift
    # shellcheck disable=SC2086
    cc -std=c11 -O1 -g $warnings -DLFB_ASSERTIONS -I"$root/include" -I"$root/tests/boot" \
        "$work/$caller.c" "$root"/src/boot/*.c "$root/src/lfbuddy.c" "$@" -o "$work/$caller" &&
        "$work/$caller"
}

cat >"$work/call_smallest.c" <<'TEXT'
#include "smallest.c"
unsigned cpu_number(void)
{
    return 3;
}
int main(void)
{
    if (!memory_start(0x40000000, 3600000) || memory_start(0x40000000, 4000000) ||
        !memory_start(0x40000000, 1024)) {
        return 1;
    }
    uintptr_t block = pages_alloc(10);
    return !(block == 0x40000000 && pages_alloc(0) == LFB_NONE && pages_free(block) &&
             !pages_free(block) && pages_alloc(0) != LFB_NONE);
}
TEXT

# Physical memory is an array: 256 pages, of which one has the image and one the tree.
cat >"$work/call_boot.c" <<'TEXT'
#include "boot.c"
#include "tree_builder.h"
enum { PAGES = 256, PAGE = 4096, TREE_PAGE = 7 };
__attribute__((section(".ram"))) static unsigned char ram[PAGES * PAGE];
const uintptr_t offset = 0x10000000; /* of .ram */
const uint64_t mapped_end = sizeof(ram);
unsigned cpu_number(void)
{
    return 3;
}
int main(void)
{
    static tree made;
    tree_begin(&made, "");
    TREE_WORDS(&made, "#address-cells", 1);
    TREE_WORDS(&made, "#size-cells", 1);
    tree_begin(&made, "memory");
    tree_text(&made, "device_type", "memory");
    TREE_WORDS(&made, "reg", 0, sizeof(ram));
    tree_token(&made, TREE_END_NODE);
    tree_token(&made, TREE_END_NODE);
    tree_token(&made, TREE_END);
    tree_reserve(&made, 0, 0);
    tree_pack(&made);
    memcpy(ram + TREE_PAGE * PAGE, made.packed.bytes, made.packed.size);
    if ((uintptr_t)ram != offset || memory_start(ram + 1, 40) != LFB_BOOT_MALFORMED ||
        memory_start(ram + TREE_PAGE * PAGE, made.packed.size) != LFB_BOOT_OK) {
        return 1;
    }
    size_t count = 0;
    for (uintptr_t page; (page = lfb_alloc(&memory, 0)) != LFB_NONE; count++) {
        if (page >= sizeof(ram) || page == PAGE || page == TREE_PAGE * PAGE) {
            return 2;
        }
    }
    size_t expected = PAGES - 2 - zone.metadata_size / PAGE;
    return !(count == expected && memory_reclaim() == 1 &&
             lfb_alloc(&memory, 0) == TREE_PAGE * PAGE);
}
TEXT

check "the smallest integration has less than 40 lines" is_small
for source in smallest boot; do
    for compiler in gcc clang; do
        if command -v $compiler >/dev/null; then
            check "$source, $compiler, freestanding" compile $compiler $source
        else
            number=$((number + 1))
            echo "ok $number - $source, $compiler # SKIP $compiler is not installed (./dev test installs it)"
        fi
    done
done
check "smallest: allocates and releases" run call_smallest
check "boot: what the tree says is handed over, image, tree and metadata are not" run call_boot \
    -no-pie -Wl,--section-start=.ram=0x10000000 \
    -Wl,--defsym=image_start=0x1000 -Wl,--defsym=image_end=0x1800
echo "1..$number"
exit $failed
