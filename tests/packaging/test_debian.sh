#!/bin/sh
# SPDX-License-Identifier: MIT
# The Debian packages: built from a copy of the sources, looked at by lintian, unpacked into an
# empty directory and used there. TAP on standard output.
#
# usage: test_debian.sh SOURCE_ROOT
#
# LFB_PACKAGE_CHROOT=1 in the environment installs them into a new Debian as well, by root, with
# what mmdebstrap fetches: a minute or two.
root=$1
# shellcheck source=tests/packaging/common.sh
. "$root/tests/packaging/common.sh"
need dpkg-buildpackage dh meson pkg-config cc
cd "$root" || exit 1
if ! missing=$(DEB_BUILD_PROFILES=nocheck dpkg-checkbuilddeps 2>&1); then
    echo "1..0 # SKIP $(echo "$missing" | tail -1 | sed 's/.*rror: //') (./dev test installs it)"
    exit 0
fi

# ------------------------------------------------------------------------------------ building ----

version=$(dpkg-parsechangelog -S Version)
host=$(dpkg-architecture -qDEB_HOST_ARCH)
if ! check "dpkg-buildpackage" packaging/package.sh "$work"; then
    echo "1..$number"
    exit 1
fi
for package in lfbuddy liblfbuddy0 liblfbuddy-dev; do
    check "$package" test -f "$work/${package}_${version}_$host.deb"
done
if has lintian; then
    check "lintian has nothing to say" \
        lintian --allow-root --display-info --fail-on error,warning,info "$work"/*.changes
else
    skip "lintian" "lintian is not installed (./dev test installs it)"
fi

# --------------------------------------------------------------------------------------- using ----

image=$work/image
for package in "$work"/*.deb; do
    case $package in
    *-dbgsym_*) ;;
    *) dpkg -x "$package" "$image" ;;
    esac
done
lib=$image/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
PKG_CONFIG_SYSROOT_DIR=$image
PKG_CONFIG_LIBDIR=$lib/pkgconfig
export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
use_by_pkg_config
use_by_cmake "$image/usr" "$version"

tool_says() { # arguments...
    LD_LIBRARY_PATH=$lib "$image/usr/bin/lfbuddy" "$@"
}
check "the tool" test "$(tool_says --version)" = "lfbuddy $version"
check "it replays the packaged trace" \
    tool_says replay "$image/usr/share/lfbuddy/cbuild.trace.gz" --no-colour
check "its manual" test -f "$image/usr/share/man/man1/lfbuddy.1.gz"
check "the library's manual" test -f "$image/usr/share/man/man3/lfb_alloc.3.gz"
names_no_place() {
    ! grep -rlF "$work" "$image"
}
check "no file names the place it was built in" names_no_place

depends() { # package, on what
    dpkg -f "$work/${1}_${version}_$host.deb" Depends | tr ',' '\n' | sed 's/^ *//' | grep -qxF "$2"
}
check "the tool depends on the library" depends lfbuddy "liblfbuddy0 (>= $version)"
check "what programs are built with depends on just this library" \
    depends liblfbuddy-dev "liblfbuddy0 (= $version)"
check "the library depends on nothing but libc" \
    test "$(dpkg -f "$work/liblfbuddy0_${version}_$host.deb" Depends | sed 's/ ([^,]*)$//')" = libc6

# ------------------------------------------------------------------- into a Debian of its own ----

# debian/tests/use there, with nothing installed but the packages and what its control file names.
# shellcheck disable=SC2016
in_chroot() {
    mkdir "$work/debs" && cp "$work"/*lfbuddy*.deb "$work/debs" && rm "$work"/debs/*-dbgsym_* &&
        mmdebstrap --variant=apt --include=gcc,libc6-dev,make,cmake,pkg-config --skip=cleanup/apt \
            --customize-hook="copy-in $work/debs /" \
            --customize-hook='mkdir -p "$1/sources/tests"' \
            --customize-hook="copy-in $root/debian /sources" \
            --customize-hook="copy-in $root/tests/packaging /sources/tests" \
            --customize-hook='chroot "$1" sh -c "apt-get install -y /debs/*.deb"' \
            --customize-hook='chroot "$1" sh -c "cd /sources && debian/tests/use"' \
            "$(. /etc/os-release && echo "$VERSION_CODENAME")" /dev/null
}
if [ -z "${LFB_PACKAGE_CHROOT:-}" ]; then
    skip "in a Debian of its own" "it fetches one: set LFB_PACKAGE_CHROOT=1"
elif ! has mmdebstrap || [ "$(id -u)" != 0 ]; then
    skip "in a Debian of its own" "it takes root, and mmdebstrap"
else
    check "in a Debian of its own" in_chroot
fi
finish
