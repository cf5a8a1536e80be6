/* SPDX-License-Identifier: MIT */
/*
 * The whole core as one unit. Compile this file in place of those in src/core, and the compiler
 * sees through the layers without link-time optimisation. Its files keep the names of their static
 * functions apart for this.
 */
/* From the ground up: */
/* clang-format off */
#include "core/geometry.c"
#include "core/tree.c"
#include "core/hint.c"
#include "core/exhaust.c"
#include "core/room.c"
#include "core/range.c"
#include "core/isolate.c"
#include "core/leaves.c"
#include "core/beside.c"
#include "core/sweep.c"
#include "core/search.c"
#include "core/setup.c"
#include "core/alloc.c"
#include "core/bulk.c"
#include "core/inspect.c"
#include "core/check.c"
