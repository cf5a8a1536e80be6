#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the Debian packages into DIR, from a copy of these sources in DIR/lfbuddy, without running
# tests.
#
# usage: package.sh DIR
set -eu
packaging=$(cd "$(dirname "$0")" && pwd)
rm -rf "$1/lfbuddy"
"$packaging/copy_sources.sh" "$1/lfbuddy"
cd "$1/lfbuddy"
DEB_BUILD_OPTIONS="nocheck terse parallel=2" DEB_BUILD_PROFILES=nocheck dpkg-buildpackage -us -uc -b
