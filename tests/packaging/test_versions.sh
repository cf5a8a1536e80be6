#!/bin/sh
# SPDX-License-Identifier: MIT
# What is written down in several places and must agree: the version, the exported symbols, the
# names of the libraries. TAP on standard output.
#
# usage: test_versions.sh SOURCE_ROOT
root=$1
# shellcheck source=tests/packaging/common.sh
. "$root/tests/packaging/common.sh"
cd "$root" || exit 1

# -------------------------------------------------------------------------------- the version ----

in_header() { # MAJOR, MINOR or PATCH
    sed -n "s/^#define LFB_VERSION_$1 \([0-9]*\)\$/\1/p" include/lfbuddy.h
}

in_meson() {
    sed -n "s/^  version: '\(.*\)',\$/\1/p" meson.build
}

in_changelog() { # of the newest version there
    sed -n '1s/^lfbuddy (\(.*\)) .*/\1/p' debian/changelog
}

version="$(in_header MAJOR).$(in_header MINOR).$(in_header PATCH)"
three_numbers() {
    echo "$version" | grep -qxE '([0-9]+\.){2}[0-9]+'
}
check "lfbuddy.h has a version, three numbers" three_numbers
check "meson.build has it too" test "$(in_meson)" = "$version"
check "debian/changelog has it too" test "$(in_changelog)" = "$version"
check "packaging/lfbuddy.wrap has its tag" grep -qx "revision = v$version" packaging/lfbuddy.wrap

# The first number is that of the sonames, of the versions of symbols, and of Debian's packages.
major=$(in_header MAJOR)
files=$(ls meson.build src/*/meson.build)
# shellcheck disable=SC2086
sed -n "s/^ *soversion: '\(.*\)',\$/\1/p" $files >"$work/sonames"
check "a soname for each symbol map" \
    test "$(wc -l <"$work/sonames")" = "$(find src -name '*.map' | wc -l)"
check "they have the major version" test "$(sort -u "$work/sonames")" = "$major"
check "debian/control names packages by it" \
    test "$(grep -cE "^Package: liblfbuddy(-heap)?$major\$" debian/control)" = 2

# -------------------------------------------------------------------------------- the symbols ----

# The node of a map file and its symbols, as a .symbols file of Debian has them.
of_map() { # file
    node=$(sed -n 's/^\(.*\) {$/\1/p' "$1")
    {
        echo "$node"
        sed -n 's/^ *\(lfb_[a-z0-9_]*\);$/\1/p' "$1"
    } | sed "s/\$/@$node/" | LC_ALL=C sort
}

of_debian() { # library
    sed -n "/^$1\\.so\\.$major /,/^lib/s/^ \((.*)\)\{0,1\}\([^ ]*\) .*/\2/p" debian/*.symbols |
        LC_ALL=C sort
}

for map in $(find src -name '*.map' | LC_ALL=C sort); do
    library=lib$(basename "$map" .map)
    name=$(echo "${library#lib}" | tr 'a-z-' 'A-Z_')_$major
    of_map "$map" >"$work/map"
    of_debian "$library" >"$work/debian"
    check "$library: the symbols have a version, $name" grep -qx "$name {" "$map"
    check "$library: debian/*.symbols has the same" diff "$work/map" "$work/debian"
done

# ---------------------------------------------------------------------------------- the names ----

# shellcheck disable=SC2086
sed -n "s/.*override_dependency('\(.*\)',.*/\1/p" $files | LC_ALL=C sort >"$work/libraries"
sed -n 's/^dependency_names = //p' packaging/lfbuddy.wrap | tr -d ' ' | tr ',' '\n' |
    LC_ALL=C sort >"$work/wrapped"
check "lfbuddy.wrap names each library" diff "$work/libraries" "$work/wrapped"
sed -n 's/^lfbuddy_add_library([a-z]* \([a-z-]*\).*/\1/p' packaging/lfbuddyConfig.cmake.in |
    LC_ALL=C sort >"$work/targets"
check "lfbuddyConfig.cmake has a target for each" diff "$work/libraries" "$work/targets"
finish
