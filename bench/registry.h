/* SPDX-License-Identifier: MIT */
/*
 * The allocators that there are: those built in, and plug-ins as they get loaded.
 */
#ifndef BENCH_REGISTRY_H
#define BENCH_REGISTRY_H

#include "allocator.h"
#include "tool.h"

enum { REGISTRY_MOST = 64 };

void registry_open(void);
size_t registry_count(void);
const allocator *registry_at(size_t i);

/* NULL: there is none of that name. */
const allocator *registry_find(const char *name);

/* Loads a shared object, for the rest of the run. Complains when it is none of ours. */
tool_status registry_load(const char *path);

#endif
