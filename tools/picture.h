/* SPDX-License-Identifier: MIT */
/*
 * A picture of an allocator's range: how full each 512 pages (2 MiB, where a page has 4 KiB) are,
 * and which are wholly free. Taken from any allocator with lfb_walk; shown on a terminal, as SVG or
 * as PNG.
 */
#ifndef PICTURE_H
#define PICTURE_H

#include "terminal.h"

#include <lfbuddy.h>

#define PICTURE_CELL_PAGES ((size_t)512)
#define PICTURE_ROWS       ((size_t)40) /* that a picture may take in a report */

typedef struct picture {
    uintptr_t first_page; /* of the range, counted from address 0 */
    size_t pages;
    size_t page_size;
    size_t count;   /* cells; cells are aligned as blocks are, so the first may be part of one */
    uint16_t *used; /* pages of each that are allocated or out of use */
} picture;

typedef enum picture_format { PICTURE_NONE, PICTURE_SVG, PICTURE_PNG } picture_format;

/* false: no memory. */
bool picture_open(picture *p, uintptr_t base, size_t pages, size_t page_size);
void picture_close(picture *p);

/* Exact when nothing runs beside it. */
void picture_take(picture *p, const lfb_t *lfb);

size_t picture_used_pages(const picture *p);
size_t picture_free_cells(const picture *p); /* wholly free ones */

/* How a number of neighbouring cells look together, for want of room. */
typedef struct picture_spot {
    double full;      /* 0 to 1 */
    bool wholly_free; /* every page of it */
} picture_spot;

picture_spot picture_look(const picture *p, size_t first, size_t cells);

/* The cells that one spot has to stand for, if there is room for so many spots. */
size_t picture_cells_per_spot(const picture *p, size_t spots);

/* By the end of the name. */
picture_format picture_format_of(const char *path);

/* At most so many rows, and a legend of two lines. */
void picture_print(const picture *p, FILE *out, const terminal *t, size_t rows);

/* false: writing failed, errno says why. The stream stays open. */
bool picture_write(const picture *p, picture_format format, FILE *out);
bool picture_write_svg(const picture *p, FILE *out);
bool picture_write_png(const picture *p, FILE *out);

/* Colours of the files. */
typedef struct picture_colour {
    unsigned char red, green, blue;
} picture_colour;

picture_colour picture_shade(double full);
extern const picture_colour picture_free_mark;

/* Where the spots of a picture file go; both formats look alike. In pixels. */
typedef struct picture_layout {
    size_t per_spot; /* cells */
    size_t spots;
    size_t columns;
    size_t rows;
} picture_layout;

enum {
    PICTURE_SPOT = 12, /* a spot and the gap behind it */
    PICTURE_GAP = 2,
    PICTURE_MARGIN = 16,
    PICTURE_TITLE = 28, /* height of the words above */
    PICTURE_LEGEND = 44 /* and of the legend below */
};

picture_layout picture_arrange(const picture *p);

/* The words above a picture: of what it is. Returns text. */
const char *picture_title(const picture *p, char text[160]);

#endif
