#!/bin/sh
# SPDX-License-Identifier: MIT
# Copies these sources into DIR as a tarball of them would have them: without what was built in
# them, without history, but with changes that aren't committed.
#
# usage: copy_sources.sh DIR
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
to=$(cd "$1" && pwd)
cd "$root"
if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard | xargs -0 tar -cf - -- |
        tar -xf - -C "$to"
else
    tar -cf - --exclude='./build*' . | tar -xf - -C "$to"
fi
