/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <stdlib.h>
#include <string.h>

static void count_telling(void *context, unsigned zone)
{
    scene *s = context;
    atomic_fetch_add(&s->told[zone], 1);
}

void scene_start(scene *s, unsigned lanes, size_t batch)
{
    memset(s, 0, sizeof(*s));
    lfb_zones_config config = {sizeof(config), ZONES, lanes, batch};
    s->size = lfb_zones_size(&config);
    assert_int_not_equal(s->size, 0);
    s->memory = malloc(s->size + 1);
    assert_non_null(s->memory);
    char *odd = (char *)s->memory + 1;
    memset(odd, 0xa5, s->size);
    assert_int_equal(lfb_zones_init(&s->set, &config, odd, s->size), LFB_OK);
    assert_int_equal((uintptr_t)s->set.zones % 128, 0);
}

void scene_add(scene *s, uintptr_t first_page, size_t pages, size_t low, size_t minimum)
{
    unsigned number = s->set.count;
    lfb_config core = world_config(first_page * PAGE, PAGE, pages, 6);
    world_start(&s->zones[number], &core);
    lfb_zone_config config = {sizeof(config), &s->zones[number].lfb, low,
                              minimum,        count_telling,         s};
    assert_int_equal(lfb_zones_add(&s->set, &config), LFB_OK);
    assert_int_equal(lfb_zones_free_pages(&s->set, number), pages);
}

void scene_assert_counts(scene *s)
{
    for (unsigned i = 0; i < s->set.count; i++) {
        lfb_stats stats;
        lfb_get_stats(&s->zones[i].lfb, &stats);
        assert_int_equal(lfb_zones_free_pages(&s->set, i), stats.free_pages);
        world_assert_sound(&s->zones[i]);
    }
}

void scene_end(scene *s)
{
    scene_assert_counts(s);
    for (unsigned i = 0; i < s->set.count; i++) {
        world_assert_all_free(&s->zones[i]);
        world_end(&s->zones[i]);
    }
    free(s->memory);
}

uintptr_t scene_page(const scene *s, unsigned zone, size_t page)
{
    return world_page(&s->zones[zone], page);
}

lfb_zone_request scene_request(size_t pages, unsigned flags)
{
    return (lfb_zone_request){.pages = pages, .flags = flags};
}
