/* SPDX-License-Identifier: MIT */
#include "guard.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "hooks.h"

static _Thread_local guard *watching;

void guard_watch(guard *g)
{
    watching = g;
}

static void leave(guard *g, const char *broken)
{
    if (getenv("LFB_GUARD_TRAP")) {
        __builtin_trap(); /* for a debugger, where it happened */
    }
    g->broken = broken;
    watching = NULL;
    longjmp(g->escape, 1);
}

static bool is_in_a_part(const guard *g, const void *address)
{
    for (unsigned i = 0; i < GUARD_PARTS && g->parts[i].size; i++) {
        if ((uintptr_t)address - (uintptr_t)g->parts[i].at < g->parts[i].size) {
            return true;
        }
    }
    return false;
}

void guard_access(const void *address)
{
    guard *g = watching;
    if (!g) {
        return;
    }
    if (!is_in_a_part(g, address)) {
        leave(g, "an access outside the metadata, or between its parts");
    }
    if (g->left == 0) {
        leave(g, "it doesn't end");
    }
    g->left--;
}
