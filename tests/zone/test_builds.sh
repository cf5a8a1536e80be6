#!/bin/sh
# SPDX-License-Identifier: MIT
# Zones alone, beside the core: tests/support/builds.sh.
#
# usage: test_builds.sh SOURCE_ROOT
root=$1
folder=src/zone
entry=lfb_zones_alloc
allowed=core
# shellcheck source=tests/support/builds.sh
. "$root/tests/support/builds.sh"

compile_as_documented
compile_all
compile "gcc -O0" gcc -O0
compile_header <<'CODE'
#include "lfbuddy/zone.h"
int main() { lfb_zones_t set; return lfb_zones_size(nullptr) + sizeof(set) == 0; }
CODE
finish
