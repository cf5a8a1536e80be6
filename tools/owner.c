/* SPDX-License-Identifier: MIT */
/*
 * Ownership marks: see owner.h. All accesses are relaxed: that one owner's release of a page comes
 * before the next owner's claim is the allocator's promise, and stronger marks would hide it if
 * the allocator broke it.
 */
#include "owner.h"

#include <stdlib.h>

bool owner_open(owner_map *map, size_t pages)
{
    map->marks = calloc(pages, sizeof(*map->marks));
    map->pages = pages;
    return map->marks != NULL;
}

void owner_close(owner_map *map)
{
    free(map->marks);
    map->marks = NULL;
}

static bool owner_change(owner_map *map, size_t page, size_t pages, uint32_t from, uint32_t to,
                         owner_clash *clash)
{
    if (pages == 0) {
        return true;
    }
    if (page >= map->pages || pages > map->pages - page) {
        *clash = (owner_clash){page, 0};
        return false;
    }
    bool fine = true;
    for (size_t i = page; i < page + pages; i++) {
        uint32_t found = atomic_exchange_explicit(&map->marks[i], to, memory_order_relaxed);
        if (found != from && fine) {
            *clash = (owner_clash){i, found};
            fine = false;
        }
    }
    return fine;
}

bool owner_claim(owner_map *map, size_t page, size_t pages, uint32_t mark, owner_clash *clash)
{
    return owner_change(map, page, pages, 0, mark, clash);
}

bool owner_release(owner_map *map, size_t page, size_t pages, uint32_t mark, owner_clash *clash)
{
    return owner_change(map, page, pages, mark, 0, clash);
}

bool owner_none(const owner_map *map, owner_clash *clash)
{
    for (size_t i = 0; i < map->pages; i++) {
        uint32_t found = atomic_load_explicit(&map->marks[i], memory_order_relaxed);
        if (found != 0) {
            *clash = (owner_clash){i, found};
            return false;
        }
    }
    return true;
}
