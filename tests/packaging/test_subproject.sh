#!/bin/sh
# SPDX-License-Identifier: MIT
# lfbuddy as a part of another Meson project: fetched by packaging/lfbuddy.wrap, and as a folder in
# subprojects/. TAP on standard output.
#
# usage: test_subproject.sh SOURCE_ROOT
root=$1
# shellcheck source=tests/packaging/common.sh
. "$root/tests/packaging/common.sh"
need meson ninja cc git readelf
# No lfbuddy of the system's.
PKG_CONFIG_LIBDIR=$work/none
export PKG_CONFIG_LIBDIR

# ----------------------------------------------------------------------------- fetched by git ----

# A repository like the one that the wrap file names, with that tag.
revision=$(sed -n 's/^revision = //p' "$root/packaging/lfbuddy.wrap")
publish() {
    "$root/packaging/copy_sources.sh" "$work/upstream" && cd "$work/upstream" || return
    git -c init.defaultBranch=main init -q . && git add -A -f &&
        git -c user.name=test -c user.email=test@example.org commit -q -m "Publish" &&
        git -c tag.gpgSign=false tag "$revision"
}

# Layers that can't be built here aren't there.
mkdir -p "$work/user/subprojects"
sed "s|^url = .*|url = file://$work/upstream|" "$root/packaging/lfbuddy.wrap" \
    >"$work/user/subprojects/lfbuddy.wrap"
cat >"$work/user/meson.build" <<'MESON'
project('user', 'c', default_options: 'c_std=c11')
executable('core', 'program.c', dependencies: dependency('lfbuddy'))
foreach layer : ['cache', 'zone', 'pool', 'heap']
  needed = dependency('lfbuddy-' + layer, required: layer in ['cache', 'zone'])
  if needed.found()
    executable(layer, 'layer.c', c_args: '-DUSES_' + layer.to_upper(), dependencies: needed)
  endif
endforeach
MESON
cp "$programs/program.c" "$programs/layer.c" "$work/user"

says_it() { # program
    [ "$("$work/user/build/$1")" = "ok, 8 pages" ]
}

check "a repository with the tag $revision" publish
if check "meson setup fetches it" meson setup "$work/user/build" "$work/user" &&
    check "meson compile" ninja -C "$work/user/build"; then
    for program in core cache zone pool heap; do
        if [ -x "$work/user/build/$program" ]; then
            check "$program runs" says_it "$program"
        else
            skip "$program runs" "it can't be built here (docs/dependencies.md)"
        fi
    done
fi

# Folders of lfbuddy that targets are defined in.
folders() {
    meson introspect --targets "$work/user/build" | tr ',' '\n' |
        sed -n 's:.*"defined_in".*/subprojects/lfbuddy/\([a-z/]*\)meson.build".*:/\1:p' | sort -u
}
folders >"$work/folders"
check "its libraries are seen" grep -qx /src/cache/ "$work/folders"
check "and nothing else: no tests, no tool" \
    test -z "$(grep -vE '^/(src/[a-z]*/)?$' "$work/folders")"

# ------------------------------------------------------------------------ a folder, unwrapped ----

mkdir -p "$work/plain/subprojects"
mv "$work/user/subprojects/lfbuddy" "$work/plain/subprojects/lfbuddy"
cat >"$work/plain/meson.build" <<'MESON'
project('plain', 'c')
executable('core', 'program.c', dependencies: dependency('lfbuddy', fallback: 'lfbuddy',
  default_options: 'default_library=static'))
MESON
cp "$programs/program.c" "$work/plain"
check "a folder in subprojects/, as a fallback" meson setup "$work/plain/build" "$work/plain"
check "meson compile" ninja -C "$work/plain/build" core
needs_not() {
    readelf -d "$work/plain/build/core" >"$work/dynamic" && ! grep -q liblfbuddy "$work/dynamic"
}
check "the static library on request" needs_not
finish
