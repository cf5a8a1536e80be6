/* SPDX-License-Identifier: MIT */
/*
 * Taking the picture, and what its three forms share: see picture.h.
 */
#include "picture.h"

#include "tool.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_COLUMNS = 64, FILE_SPOTS = 16384 };

const picture_colour picture_free_mark = {0x2c, 0xa0, 0x2c};

bool picture_open(picture *p, uintptr_t base, size_t pages, size_t page_size)
{
    p->first_page = base / page_size;
    p->pages = pages;
    p->page_size = page_size;
    uintptr_t first = p->first_page / PICTURE_CELL_PAGES;
    uintptr_t last = (p->first_page + (pages - 1)) / PICTURE_CELL_PAGES;
    p->count = (size_t)(last - first) + 1;
    p->used = calloc(p->count, sizeof(*p->used));
    return p->used != NULL;
}

void picture_close(picture *p)
{
    free(p->used);
    p->used = NULL;
}

/* ---------------------------------------------------------------------------------- taking ---- */

static bool add_extent(void *context, const lfb_extent *extent)
{
    picture *p = context;
    if (extent->kind == LFB_EXTENT_FREE) {
        return true;
    }
    size_t shift = (size_t)(p->first_page % PICTURE_CELL_PAGES);
    size_t page = (size_t)(extent->address / p->page_size - p->first_page) + shift;
    size_t left = extent->pages;
    while (left > 0) {
        size_t room = PICTURE_CELL_PAGES - page % PICTURE_CELL_PAGES;
        size_t here = left < room ? left : room;
        uint16_t *used = &p->used[page / PICTURE_CELL_PAGES];
        *used = (uint16_t)(*used + here);
        page += here;
        left -= here;
    }
    return true;
}

void picture_take(picture *p, const lfb_t *lfb)
{
    memset(p->used, 0, p->count * sizeof(*p->used));
    lfb_walk(lfb, add_extent, p);
}

/* --------------------------------------------------------------------------------- looking ---- */

/* Pages of the range in a cell: fewer than 512 only at the range's ends. */
static size_t cell_pages(const picture *p, size_t cell)
{
    size_t shift = (size_t)(p->first_page % PICTURE_CELL_PAGES);
    size_t start = cell == 0 ? shift : cell * PICTURE_CELL_PAGES;
    size_t end = (cell + 1) * PICTURE_CELL_PAGES;
    end = end < p->pages + shift ? end : p->pages + shift;
    return end - start;
}

size_t picture_used_pages(const picture *p)
{
    size_t used = 0;
    for (size_t i = 0; i < p->count; i++) {
        used += p->used[i];
    }
    return used;
}

size_t picture_free_cells(const picture *p)
{
    size_t cells = 0;
    for (size_t i = 0; i < p->count; i++) {
        cells += p->used[i] == 0 && cell_pages(p, i) == PICTURE_CELL_PAGES;
    }
    return cells;
}

picture_spot picture_look(const picture *p, size_t first, size_t cells)
{
    size_t used = 0;
    size_t pages = 0;
    for (size_t i = first; i < first + cells && i < p->count; i++) {
        used += p->used[i];
        pages += cell_pages(p, i);
    }
    return (picture_spot){(double)used / (double)pages, used == 0};
}

size_t picture_cells_per_spot(const picture *p, size_t spots)
{
    size_t cells = 1;
    while ((p->count + cells - 1) / cells > spots) {
        cells *= 2;
    }
    return cells;
}

/* --------------------------------------------------------------------------------- colours ---- */

static unsigned char between(unsigned char from, unsigned char to, double share)
{
    return (unsigned char)(from + (to - from) * share + 0.5);
}

/* From nearly white to dark blue, by way of a clear one. */
picture_colour picture_shade(double full)
{
    static const picture_colour stops[] = {
        {0xe6, 0xee, 0xf6}, {0x5a, 0xa0, 0xd0}, {0x08, 0x2a, 0x5e}};
    unsigned stop = full < 0.5 ? 0 : 1;
    double share = (full - stop * 0.5) * 2;
    picture_colour a = stops[stop];
    picture_colour b = stops[stop + 1];
    return (picture_colour){between(a.red, b.red, share), between(a.green, b.green, share),
                            between(a.blue, b.blue, share)};
}

picture_layout picture_arrange(const picture *p)
{
    picture_layout layout;
    layout.per_spot = picture_cells_per_spot(p, FILE_SPOTS);
    layout.spots = (p->count + layout.per_spot - 1) / layout.per_spot;
    layout.columns = FILE_COLUMNS;
    while (layout.columns * layout.columns < layout.spots) {
        layout.columns *= 2;
    }
    layout.rows = (layout.spots + layout.columns - 1) / layout.columns;
    return layout;
}

const char *picture_title(const picture *p, char text[160])
{
    char range[32], cell[32];
    tool_format_bytes(range, (double)p->pages * (double)p->page_size);
    tool_format_bytes(cell, (double)PICTURE_CELL_PAGES * (double)p->page_size);
    snprintf(text, 160, "%s, %.1f %% in use, %zu of %zu blocks of %s wholly free", range,
             100.0 * (double)picture_used_pages(p) / (double)p->pages, picture_free_cells(p),
             p->count, cell);
    return text;
}
