/* SPDX-License-Identifier: MIT */
/*
 * From a configuration to a layout. Pure arithmetic; nothing here reads or writes metadata, so
 * lfb_attach can trust a layout that it planned anew instead of one that it was handed.
 */
#include "geometry.h"

enum { ADDRESS_BITS = sizeof(uintptr_t) * 8 };

_Static_assert(LFB_LEAF_ORDER + (LFB_MAX_LEVELS - 1) * LFB_NODE_ORDER >= LFB_MAX_ORDER,
               "a node of the last level has LFB_MAX_PAGES");

static size_t line_up(size_t size)
{
    return (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static size_t bytes_of_words(const lfb_t *lfb, unsigned level)
{
    return line_up(lfb_word_place(level, lfb->levels[level].count) * sizeof(lfb_atomic));
}

static size_t bytes_of_hints(const lfb_t *lfb, unsigned level)
{
    return line_up(level ? lfb->levels[level].count + sizeof(lfb_atomic) - 1 : 0);
}

static bool config_is_valid(const lfb_config *c)
{
    if (!c || c->struct_size != sizeof(*c) || c->max_order > LFB_MAX_ORDER) {
        return false;
    }
    if (c->lanes < 1 || c->lanes > LFB_MAX_LANES) {
        return false;
    }
    if (c->page_size == 0 || c->page_size & (c->page_size - 1) || c->base & (c->page_size - 1)) {
        return false;
    }
    uintmax_t pages = c->page_count; /* wider than a size_t of 32 bits, for the comparison */
    if (pages < 1 || pages > LFB_MAX_PAGES) {
        return false;
    }
    /* The last page has an address, and one that can be told from LFB_NONE. */
    uintptr_t room = LFB_NONE - c->base;
    uintptr_t pages_after_first = c->page_count - 1;
    return pages_after_first <= room >> lfb_ceiling_order(c->page_size) &&
           pages_after_first * c->page_size != room;
}

/* Nodes of one level that touch the range. */
static void plan_level(lfb_t *lfb, unsigned level)
{
    uintptr_t first = lfb->first_page >> lfb_node_order(level);
    lfb->levels[level].first = first;
    lfb->levels[level].count = ((lfb->end_page - 1) >> lfb_node_order(level)) - first + 1;
}

static void plan_levels(lfb_t *lfb)
{
    unsigned largest = lfb_ceiling_order(lfb->end_page - lfb->first_page);
    largest = largest < lfb->max_order ? largest : lfb->max_order;
    unsigned level = 0;
    plan_level(lfb, level);
    /* Ends with the last level that there is: no range touches more than two of its nodes. */
    while ((lfb_node_order(level) < largest || lfb->levels[level].count > TOP_NODES_MAX) &&
           lfb_node_order(level + 1) < ADDRESS_BITS) {
        plan_level(lfb, ++level);
    }
    lfb->top = level;
    unsigned top_order = lfb_node_order(level);
    lfb->largest_order = lfb->max_order < top_order ? lfb->max_order : top_order;
    for (unsigned order = 0; order <= LFB_MAX_ORDER; order++) {
        level = 0;
        while (level < lfb->top && order >= lfb_node_order(level)) {
            level++;
        }
        lfb->level_of_order[order] = (unsigned char)level;
        lfb->place_of_order[order] = (unsigned char)lfb_place_of(level, order);
    }
}

size_t lfb_geometry_plan(lfb_t *lfb, const lfb_config *config)
{
    *lfb = (lfb_t){0};
    if (!config_is_valid(config)) {
        return 0;
    }
    lfb->page_shift = lfb_ceiling_order(config->page_size);
    lfb->first_page = config->base >> lfb->page_shift;
    lfb->end_page = lfb->first_page + config->page_count;
    lfb->max_order = config->max_order;
    lfb->lane_count = config->lanes;
    lfb->lane_bits = lfb_ceiling_order(config->lanes);
    plan_levels(lfb);
    size_t size = CACHE_LINE + (size_t)lfb->lane_count * LANE_SIZE;
    for (unsigned level = 0; level <= lfb->top; level++) {
        size += bytes_of_words(lfb, level) + bytes_of_hints(lfb, level);
    }
    size += lfb->top ? bytes_of_hints(lfb, 1) : 0; /* rooms */
    return size;
}

void lfb_geometry_place(lfb_t *lfb, void *parts)
{
    char *at = parts;
    lfb->shared = at;
    at += CACHE_LINE;
    lfb->lanes = at;
    at += (size_t)lfb->lane_count * LANE_SIZE;
    for (unsigned level = lfb->top + 1; level-- > 0; at += bytes_of_words(lfb, level)) {
        lfb->levels[level].words = at;
    }
    for (unsigned level = lfb->top; level > 0; at += bytes_of_hints(lfb, level--)) {
        lfb->levels[level].hints = at;
    }
    lfb->rooms = at;
}
