/* SPDX-License-Identifier: MIT */
/*
 * Who owns each page, kept apart from the allocator in order to judge it: a mark a page, set by
 * the owner right after it got the page and taken off right before it gives the page back. Two
 * owners of one page meet at its mark.
 */
#ifndef OWNER_H
#define OWNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct owner_map {
    _Atomic uint32_t *marks; /* 0: nobody's */
    size_t pages;
} owner_map;

typedef struct owner_clash {
    size_t page;
    uint32_t found; /* the mark that should not have been there; 0: it had none */
} owner_clash;

/* false: no memory. */
bool owner_open(owner_map *map, size_t pages);
void owner_close(owner_map *map);

/* Marks nobody's pages as owned, or owned ones as nobody's. false: a page was not as it should be,
 * or lies outside; clash says which, the rest is done all the same. mark is not 0. */
bool owner_claim(owner_map *map, size_t page, size_t pages, uint32_t mark, owner_clash *clash);
bool owner_release(owner_map *map, size_t page, size_t pages, uint32_t mark, owner_clash *clash);

/* true: all pages are nobody's. */
bool owner_none(const owner_map *map, owner_clash *clash);

#endif
