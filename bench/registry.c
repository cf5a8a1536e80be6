/* SPDX-License-Identifier: MIT */
/*
 * Built-ins and plug-ins: see registry.h.
 */
#include "registry.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static const allocator *entries[REGISTRY_MOST];
static size_t count;

void registry_open(void)
{
    const allocator *built_in[] = {
        &allocator_floor,
        &allocator_lfbuddy,
        &allocator_lfbuddy_bulk,
        &allocator_lfbuddy_bulk512,
        &allocator_cache,
        &allocator_nbbs,
        &allocator_nbbs_bunch,
        &allocator_spinlock,
        &allocator_glibc,
        &allocator_jemalloc,
        &allocator_mimalloc,
        &allocator_tcmalloc,
        allocator_lfbuddy_counted(),
    };
    count = sizeof(built_in) / sizeof(built_in[0]);
    memcpy(entries, built_in, sizeof(built_in));
}

size_t registry_count(void)
{
    return count;
}

const allocator *registry_at(size_t i)
{
    return entries[i];
}

const allocator *registry_find(const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i]->name, name) == 0) {
            return entries[i];
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------- plug-ins ---- */

/* Stores the address of a function in *out; ISO C has no cast for that. */
static bool find_function(void *object, const char *path, const char *name, void *out)
{
    void *address = dlsym(object, name);
    if (address == NULL) {
        tool_fail(TOOL_FAILED, "%s: exports no %s, so it is no plug-in for this program", path,
                  name);
        return false;
    }
    memcpy(out, &address, sizeof(address));
    return true;
}

static tool_status add_plugin(void *object, const char *path, allocator *a)
{
    const char *(*name)(void);
    if (!find_function(object, path, "lfb_bench_name", &name) ||
        !find_function(object, path, "lfb_bench_init", &a->init) ||
        !find_function(object, path, "lfb_bench_get", &a->get) ||
        !find_function(object, path, "lfb_bench_put", &a->put) ||
        !find_function(object, path, "lfb_bench_fini", &a->fini)) {
        return TOOL_FAILED;
    }
    a->name = name();
    a->about = path;
    a->kind = ALLOCATOR_RANGE;
    if (a->name == NULL || a->name[0] == '\0' || strpbrk(a->name, ", \n") != NULL) {
        return tool_fail(TOOL_FAILED, "%s: lfb_bench_name must return a word without commas", path);
    }
    if (registry_find(a->name) != NULL) {
        return tool_fail(TOOL_FAILED, "%s: there is an allocator named %s already", path, a->name);
    }
    entries[count++] = a;
    return TOOL_OK;
}

tool_status registry_load(const char *path)
{
    if (count == REGISTRY_MOST) {
        return tool_fail(TOOL_FAILED, "%s: too many plug-ins", path);
    }
    void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL) {
        return tool_fail(TOOL_FAILED, "cannot load the plug-in: %s", dlerror());
    }
    allocator *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return tool_fail(TOOL_FAILED, "%s: no memory", path);
    }
    tool_status status = add_plugin(object, path, a);
    if (status != TOOL_OK) {
        free(a);
        dlclose(object);
    }
    return status;
}
