#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages against the headers, as the compiler reads them, and against the libraries: each
# function has a page, and its synopsis is the prototype. TAP on standard output.
#
# usage: pages.sh SOURCE_ROOT DIRECTORY_OF_PAGES LIBRARY...
root=$1
pages=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0

check() { # description, command...
    description=$1
    shift
    number=$((number + 1))
    if "$@" >"$work/log" 2>&1; then
        echo "ok $number - $description"
    else
        echo "not ok $number - $description"
        head -40 "$work/log" | sed 's/^/# /'
    fi
}

skip() { # description, reason
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# The functions of a header, without a look at how it is laid out.
functions_of() { # header
    printf '#include "%s"\n' "$1" | cc -std=gnu11 -E -P -I"$root/include" - | tr -s ' \n' '  ' |
        grep -oE '[ *]lfb_[a-z0-9_]+ ?\([^;{}]*\);' | sed 's/^.\(lfb_[a-z0-9_]*\).*/\1/'
}

# The pages are those of the layers that are built: see manual/meson.build.
(cd "$pages" && find . -name 'lfb_*.3' | sed 's:^\./::; s:\.3$::' | LC_ALL=C sort) >"$work/pages"
for page in "$pages"/lfbuddy*.7; do
    sed -n 's/^\.In //p' "$page"
done >"$work/headers"
while read -r header; do
    functions_of "$header"
done <"$work/headers" | LC_ALL=C sort -u >"$work/functions"
for library in "$@"; do
    nm -D --defined-only "$library" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }'
done | LC_ALL=C sort -u >"$work/symbols"

check "headers: at least four, with functions" \
    sh -c "[ \$(wc -l <$work/headers) -ge 4 ] && [ \$(wc -l <$work/functions) -ge 60 ]"
check "each function of the headers has a page, and no other page is there" \
    diff "$work/functions" "$work/pages"
# shellcheck disable=SC2016
check "each function of the libraries has a page" \
    sh -c 'missing=$(LC_ALL=C comm -23 "$1" "$2"); echo "$missing"; [ -z "$missing" ] && [ -s "$1" ]' \
    - "$work/symbols" "$work/pages"

leads_to_itself() {
    grep -l '^\.so ' "$pages"/*.3 >"$work/stubs" || return 1
    while read -r stub; do
        name=$(basename "$stub" .3)
        target=$(sed -n 's:^\.so man3/::p' "$stub")
        grep -qE "^\.Nm $name( ,)?\$" "$pages/$target" || { echo "$stub: $target"; return 1; }
    done <"$work/stubs"
}
check "a page that leads elsewhere leads to one with its name" leads_to_itself

if ! command -v mandoc >/dev/null; then
    skip "mandoc: lint, synopses" "mandoc is not installed (./dev test installs it)"
    echo "1..$number"
    exit 0
fi

# As they are installed, so that references are found.
for page in "$pages"/*.[37] "$root/tools/lfbuddy.1"; do
    section=${page##*.}
    mkdir -p "$work/man/man$section"
    cp "$page" "$work/man/man$section/"
done
lint() {
    for page in man1/*.1 man3/*.3 man7/*.7; do
        head -1 "$page" | grep -q '^\.so' || mandoc -T lint -W style "$page"
    done >"$work/complaints" 2>&1
    # It looks for references in the system's manuals only: that they lead somewhere is asked below.
    ! grep -v 'referenced manual not found' "$work/complaints"
}
(cd "$work/man" && lint) >"$work/lint" 2>&1
check "mandoc has nothing to say of any page" sh -c "cat $work/lint; [ ! -s $work/lint ]"

references() {
    sed -n 's/^\.Xr \([^ ]*\) \([0-9]\).*/man\2\/\1.\2/p' "$work"/man/man[37]/* | sort -u >"$work/references"
    [ -s "$work/references" ] || return 1
    while read -r file; do
        [ -f "$work/man/$file" ] || case $file in *lfbuddy-[a-z]*.7) ;; *) echo "$file"; return 1 ;; esac
    done <"$work/references"
}
check "each reference leads to a page" references

# What the page shows, given to the compiler beside the header: another type is an error.
synopses() {
    while read -r header; do
        echo "#include <$header>"
    done <"$work/headers" >"$work/synopses.c"
    for page in "$work"/man/man3/*.3; do
        grep -q '^\.so' "$page" && continue
        mandoc -T ascii "$page" | sed 's/.\x08//g' |
            sed -n '/^SYNOPSIS/,/^DESCRIPTION/{/^SYNOPSIS/d;/^DESCRIPTION/d;s/^ *#include.*//;p;}'
    done >>"$work/synopses.c"
    cc -std=gnu11 -Wall -Wredundant-decls -c -I"$root/include" "$work/synopses.c" -o "$work/synopses.o" \
        >"$work/compiled" 2>&1 || { grep -A 3 error: "$work/compiled"; return 1; }
    # Each was seen: the compiler noticed as many second declarations as there are functions.
    [ "$(grep -c 'redundant redeclaration' "$work/compiled")" = "$(wc -l <"$work/functions")" ]
}
check "the synopses are the prototypes" synopses
echo "1..$number"
