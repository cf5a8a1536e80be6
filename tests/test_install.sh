#!/bin/sh
# SPDX-License-Identifier: MIT
# The library as its users get it: configured and installed with Meson, found with pkg-config,
# linked as shared and as static library; and what the shared one exports. TAP on standard output.
#
# usage: test_install.sh SOURCE_ROOT
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
lib=$prefix/lib
number=0

result() { # ok|not ok, description
    number=$((number + 1))
    echo "$1 $number - $2"
}

# Does a command, and shows what it said if it fails.
check() { # description, command...
    description=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        result "ok" "$description"
    else
        result "not ok" "$description"
        sed 's/^/# /' "$work/log"
        return 1
    fi
}

for needed in meson pkg-config cc nm readelf python3; do
    if ! command -v "$needed" >/dev/null; then
        echo "1..0 # SKIP $needed is not installed (./dev test installs it)"
        exit 0
    fi
done
# Nothing of the build around this one is to be seen in it.
unset DESTDIR CFLAGS CPPFLAGS LDFLAGS LD_LIBRARY_PATH LIBRARY_PATH CPATH PKG_CONFIG_SYSROOT_DIR
PKG_CONFIG_LIBDIR=$lib/pkgconfig
PKG_CONFIG_PATH=
export PKG_CONFIG_LIBDIR PKG_CONFIG_PATH

# --------------------------------------------------------------------------------- installing ----

check "meson setup, without tests and tool" \
    meson setup "$work/build" "$root" -Dtests=false -Dtools=false --prefix "$prefix" --libdir lib
if ! check "meson install" meson install -C "$work/build"; then
    echo "1..$number"
    exit 1
fi

version=$(sed -n 's/^#define LFB_VERSION_[A-Z]* \([0-9]*\)$/\1/p' "$root/include/lfbuddy.h" |
    paste -sd . -)
# lfbuddy-heap needs libjemalloc-dev; without it it isn't there.
layers="-cache -pool -zone"
[ -f "$lib/pkgconfig/lfbuddy-heap.pc" ] && layers="$layers -heap"
{
    echo include/lfbuddy.h
    echo include/lfbuddy/lfbuddy.hpp
    for layer in "" $layers; do
        [ -z "$layer" ] || echo "include/lfbuddy/${layer#-}.h"
        [ "$layer" = -heap ] || echo "lib/liblfbuddy$layer.a" # shared only
        echo "lib/liblfbuddy$layer.so"
        echo "lib/liblfbuddy$layer.so.0"
        echo "lib/liblfbuddy$layer.so.$version"
        echo "lib/pkgconfig/lfbuddy$layer.pc"
    done
    # A manual page for each layer and each function; tests/manual looks into them.
    for layer in "" -boot $layers; do
        echo "share/man/man7/lfbuddy$layer.7"
    done
    for layer in "" $layers; do
        map=$root/src/${layer#-}/lfbuddy$layer.map
        sed -n 's:^ *\(lfb_[a-z0-9_]*\);$:share/man/man3/\1.3:p' "$map"
    done
    sed -n 's:^[a-z].*[ *]\(lfb_boot_[a-z0-9_]*\)(.*:share/man/man3/\1.3:p' \
        "$root/include/lfbuddy/boot.h"
} | LC_ALL=C sort >"$work/expected"
(cd "$prefix" && find . ! -type d | sed 's:^\./::' | LC_ALL=C sort) >"$work/found"
check "what is installed" diff "$work/expected" "$work/found"
check "the header is the one of the sources" \
    cmp "$root/include/lfbuddy.h" "$prefix/include/lfbuddy.h"
check "pkg-config knows the version of the header" \
    test "$(pkg-config --modversion lfbuddy)" = "$version"

# ------------------------------------------------------------------------------------ linking ----

cat >"$work/program.c" <<'PROGRAM'
#include <lfbuddy.h>
#include <stdio.h>
static _Alignas(128) unsigned char metadata[4096];
int main(void)
{
    lfb_t lfb;
    lfb_config config = {.struct_size = sizeof(config), .page_size = 4096, .page_count = 256,
                         .max_order = 8, .lanes = 1};
    lfb_status status = lfb_init(&lfb, &config, metadata, sizeof(metadata));
    uintptr_t block = status == LFB_OK ? lfb_alloc(&lfb, 3) : LFB_NONE;
    printf("%s, %zu pages\n", lfb_status_name(status), lfb_size_of(&lfb, block));
    return block != LFB_NONE && lfb_free(&lfb, block) == LFB_OK ? 0 : 1;
}
PROGRAM

build() { # program, what links it...
    program=$1
    shift
    # shellcheck disable=SC2046
    cc -std=c11 -Wall -Wextra -Werror $(pkg-config --cflags lfbuddy) "$work/program.c" "$@" \
        -o "$work/$program"
}

says() { # program
    [ "$(LD_LIBRARY_PATH=$lib "$work/$1")" = "ok, 8 pages" ]
}

needs() { # file, library
    readelf -d "$1" | grep -q "(NEEDED).*\[$2\]"
}

needs_not() { # file, library
    readelf -d "$1" >/dev/null && ! needs "$1" "$2"
}

# shellcheck disable=SC2046
check "a program with the shared library, through pkg-config" \
    build shared $(pkg-config --libs lfbuddy)
check "it runs" says shared
check "it needs liblfbuddy.so.0" needs "$work/shared" liblfbuddy.so.0
# shellcheck disable=SC2046
check "a program with the static library" \
    build static $(pkg-config --static --libs-only-L lfbuddy) -l:liblfbuddy.a
check "it runs as well" says static
check "it needs no liblfbuddy" needs_not "$work/static" 'liblfbuddy.*'
if echo 'int main(void) { return 0; }' >"$work/c.c" && cc -static "$work/c.c" -o "$work/c"; then
    # shellcheck disable=SC2046
    check "a wholly static program, through pkg-config" \
        build whole -static $(pkg-config --static --libs lfbuddy)
    check "and that runs" says whole
else
    result "ok" "a wholly static program # SKIP there is no static C library"
fi

# ------------------------------------------------------------------------------------ exports ----

shared=$lib/liblfbuddy.so

soname() {
    readelf -d "$shared" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p'
}

# All but the name of the symbols' version.
defined() {
    nm -D --defined-only "$shared" | awk '$2 != "A" { sub(/@.*/, "", $3); print $2, $3 }'
}

# Names that are in both lists.
shown() {
    LC_ALL=C comm -12 "$1" "$2"
}

# The command has nothing to show.
none() { # command...
    said=$("$@")
    echo "$said"
    [ -z "$said" ]
}

# What is needed from elsewhere; weak references are the compiler's start files'.
wanted() {
    nm -D --undefined-only "$shared" | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' |
        sed -E '/^(memset|memcpy)$/d'
}

check "the soname is liblfbuddy.so.0" \
    test "$(soname)" = liblfbuddy.so.0
# The preprocessor takes the comments out.
cc -E -P "$prefix/include/lfbuddy.h" | grep -o '\blfb_[a-z0-9_]*(' | tr -d '(' |
    LC_ALL=C sort -u >"$work/declared"
defined | cut -d ' ' -f 2 | LC_ALL=C sort >"$work/exported"
check "the header declares functions" grep -qx lfb_alloc "$work/declared"
check "the shared library exports exactly those" diff "$work/declared" "$work/exported"
check "as functions all" test "$(defined | cut -d ' ' -f 1 | sort -u)" = T
# What the files of the core share among each other, as the static library shows it.
nm --defined-only "$lib/liblfbuddy.a" | awk 'NF == 3 && $2 ~ /^[A-Z]$/ { print $3 }' |
    LC_ALL=C sort -u | LC_ALL=C comm -23 - "$work/declared" >"$work/internal"
for internal in lfb_tree_ lfb_range_ lfb_search_ lfb_hint_; do
    check "$internal* exist" grep -q "^$internal" "$work/internal"
    check "$internal* are not exported" test "$(grep -c "^$internal" "$work/exported")" = 0
done
check "no internal name is exported" \
    none shown "$work/internal" "$work/exported"
check "nothing but memset and memcpy is needed from elsewhere" none wanted
echo "1..$number"
