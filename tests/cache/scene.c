/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "scene.h"

static void on_refused(void *context, uintptr_t address, lfb_status status)
{
    scene *s = context;
    s->refused++;
    s->refused_address = address;
    s->refused_status = status;
}

lfb_cache_config scene_cache_config(unsigned slots, unsigned orders, unsigned magazine_pages)
{
    return (lfb_cache_config){
        .struct_size = sizeof(lfb_cache_config),
        .slots = slots,
        .orders = orders,
        .magazine_pages = magazine_pages,
    };
}

void scene_start(scene *s, const lfb_config *config, lfb_cache_config cache_config)
{
    memset(s, 0, sizeof(*s));
    world_start(&s->w, config);
    cache_config.refused = on_refused;
    cache_config.context = s;
    s->size = lfb_cache_size(&s->w.lfb, &cache_config);
    assert_int_not_equal(s->size, 0);
    s->memory = malloc(s->size);
    assert_non_null(s->memory);
    memset(s->memory, 0xa5, s->size);
    assert_int_equal(lfb_cache_init(&s->cache, &s->w.lfb, &cache_config, s->memory, s->size),
                     LFB_OK);
}

void scene_end(scene *s)
{
    lfb_cache_drain(&s->cache);
    assert_int_equal(scene_stats(s).cached_pages, 0);
    world_assert_all_free(&s->w);
    world_end(&s->w);
    free(s->memory);
}

lfb_cache_stats scene_stats(const scene *s)
{
    lfb_cache_stats stats;
    lfb_cache_get_stats(&s->cache, &stats);
    return stats;
}

size_t scene_allocated(const scene *s)
{
    lfb_stats stats;
    lfb_get_stats(&s->w.lfb, &stats);
    return stats.allocated_pages;
}

void scene_take(scene *s, unsigned slot, unsigned order, size_t count, uintptr_t out[])
{
    for (size_t i = 0; i < count; i++) {
        out[i] = lfb_cache_alloc(&s->cache, slot, order);
        assert_true(out[i] != LFB_NONE);
    }
}

void scene_give(scene *s, unsigned slot, unsigned order, size_t count, const uintptr_t in[])
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(lfb_cache_free(&s->cache, slot, in[i], order), LFB_OK);
    }
}
