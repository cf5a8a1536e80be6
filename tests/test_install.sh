#!/bin/sh
# SPDX-License-Identifier: MIT
# The library as its users get it: configured and installed with Meson, found with pkg-config and
# with CMake, linked as shared and as static library; and what the shared one exports. TAP on
# standard output.
#
# usage: test_install.sh SOURCE_ROOT
root=$1
# shellcheck source=tests/packaging/common.sh
. "$root/tests/packaging/common.sh"
need meson pkg-config cc nm readelf python3
prefix=$work/prefix
lib=$prefix/lib
PKG_CONFIG_LIBDIR=$lib/pkgconfig
export PKG_CONFIG_LIBDIR

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
    echo lib/cmake/lfbuddy/lfbuddyConfig.cmake
    echo lib/cmake/lfbuddy/lfbuddyConfigVersion.cmake
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

needs() { # file, library
    readelf -d "$1" | grep -q "(NEEDED).*\[$2\]"
}

needs_not() { # file, library
    readelf -d "$1" >/dev/null && ! needs "$1" "$2"
}

use_by_pkg_config
check "it needs liblfbuddy.so.0" needs "$work/shared" liblfbuddy.so.0
# shellcheck disable=SC2046
check "a program with the static library" \
    build static program.c $(pkg-config --static --cflags --libs-only-L lfbuddy) -l:liblfbuddy.a
check "it runs as well" says static
check "it needs no liblfbuddy" needs_not "$work/static" 'liblfbuddy.*'
if echo 'int main(void) { return 0; }' >"$work/c.c" && cc -static "$work/c.c" -o "$work/c"; then
    # shellcheck disable=SC2046
    check "a wholly static program, through pkg-config" \
        build whole program.c -static $(pkg-config --static --cflags --libs lfbuddy)
    check "and that runs" says whole
else
    skip "a wholly static program" "there is no static C library"
fi

# -------------------------------------------------------------------------------------- CMake ----

cmake_refuses() { # name, what find_package is to find, what CMake says
    ! cmake_build "$1" "$2" lfbuddy::lfbuddy "$programs/program.c" "$prefix" \
        >"$work/refused" 2>&1 &&
        grep -q "$3" "$work/refused"
}

use_by_cmake "$prefix" "$version"
if has cmake; then
    check "CMake: an older version will do" cmake_build older "0.0.1 REQUIRED" lfbuddy::lfbuddy \
        "$programs/program.c" "$prefix"
    check "CMake: no newer one" cmake_refuses newer "0.999 REQUIRED" "version: $version"
    check "CMake: none of another major version" \
        cmake_refuses major "9 REQUIRED" "version: $version"
    check "CMake: exactly this one" cmake_build exact "$version EXACT REQUIRED" lfbuddy::lfbuddy \
        "$programs/program.c" "$prefix"
    check "CMake: a layer that isn't there" \
        cmake_refuses missing "REQUIRED COMPONENTS sea" "liblfbuddy-sea is not in"
    check "CMake: the static library" cmake_build static "REQUIRED" lfbuddy::lfbuddy \
        "$programs/program.c" "$prefix" "set(lfbuddy_USE_STATIC_LIBS ON)"
    check "it needs no liblfbuddy" needs_not "$work/cmake-static/build/user" 'liblfbuddy.*'
    # Moved, it is still found: nothing in it names the prefix.
    mv "$prefix" "$work/moved"
    check "CMake: moved elsewhere" cmake_build moved "REQUIRED" lfbuddy::lfbuddy \
        "$programs/program.c" "$work/moved"
    mv "$work/moved" "$prefix"
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
finish
