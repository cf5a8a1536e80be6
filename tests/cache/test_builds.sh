#!/bin/sh
# SPDX-License-Identifier: MIT
# The cache alone, beside the core: tests/support/builds.sh.
#
# usage: test_builds.sh SOURCE_ROOT
root=$1
folder=src/cache
entry=lfb_cache_alloc
allowed=core
# shellcheck source=tests/support/builds.sh
. "$root/tests/support/builds.sh"

compile_as_documented
compile_all
compile_header <<'CODE'
#include "lfbuddy/cache.h"
int main() { lfb_cache_t cache; return lfb_cache_size(nullptr, nullptr) + sizeof(cache) == 0; }
CODE
finish
