#!/bin/sh
# SPDX-License-Identifier: MIT
# Can the shared libraries stand in for older ones? By abidiff, of libabigail, which compares what
# is exported, and every type that a caller sees, as the compiler's debugging information has them.
#
# usage: abi.sh build SOURCES PREFIX        builds and installs the libraries, with that information
#        abi.sh compare OLD_PREFIX NEW_PREFIX
#
# compare prints what has changed. Exits with 1 if a program built with the old libraries may not
# run with the new ones. What is new does no harm; libraries with another soname promise nothing.
set -eu

build() { # sources, prefix
    meson setup "$2/build" "$1" --prefix "$2" --libdir lib -Dtests=false -Dtools=false \
        -Dbuildtype=debugoptimized -Ddefault_library=shared
    meson install -C "$2/build"
    rm -rf "$2/build"
}

compare_one() { # old prefix, new prefix, soname
    if [ -e "$2/lib/$3" ]; then
        if ! abidiff --headers-dir1 "$1/include" --headers-dir2 "$2/include" --drop-private-types \
            --no-added-syms "$1/lib/$3" "$2/lib/$3"; then
            echo "$3: changed, as said above"
            return 1
        fi
        echo "$3: nothing that a program could miss"
    elif ls "$2/lib/${3%.so.*}".so.* >/dev/null 2>&1; then
        echo "$3: there is another version of it now"
    else
        echo "$3: isn't there any more"
        return 1
    fi
}

compare() { # old prefix, new prefix
    same=0
    found=0
    for library in "$1"/lib/liblfbuddy*.so.[0-9] "$1"/lib/liblfbuddy*.so.[0-9][0-9]; do
        [ -e "$library" ] || continue
        found=1
        compare_one "$1" "$2" "$(basename "$library")" || same=1
    done
    [ "$found" = 1 ] || { echo "no libraries in $1/lib" >&2; same=1; }
    return "$same"
}

case ${1:-} in
build | compare) "$@" ;;
*) sed -n '6,7s/^# //p' "$0" >&2; exit 2 ;;
esac
