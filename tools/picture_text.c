/* SPDX-License-Identifier: MIT */
/*
 * The picture on a terminal: a character a spot. More ink is fuller, with or without colour, on
 * light and on dark backgrounds; wholly free spots have a character of their own.
 */
#include "picture.h"

#include "tool.h"

enum { INDENT = 2, LEVELS = 4 };

static const char *const utf8_glyphs[LEVELS + 1] = {"·", "░", "▒", "▓", "█"};
static const char *const ascii_glyphs[LEVELS + 1] = {".", "-", "+", "*", "#"};
/* Of the 256 colours of terminals: green for wholly free, then light to strong blue. */
static const unsigned colours[LEVELS + 1] = {34, 117, 75, 33, 27};

/* 0: wholly free; else a quarter of the scale, from 1 on. */
static unsigned level_of(picture_spot spot)
{
    if (spot.wholly_free) {
        return 0;
    }
    unsigned level = (unsigned)(spot.full * LEVELS);
    return level < LEVELS ? level + 1 : LEVELS;
}

static void print_level(FILE *out, const terminal *t, unsigned level, unsigned *colour)
{
    if (t->colour && *colour != colours[level]) {
        fprintf(out, "\033[38;5;%um", colours[level]);
        *colour = colours[level];
    }
    fputs(t->utf8 ? utf8_glyphs[level] : ascii_glyphs[level], out);
}

static void print_plain(FILE *out, unsigned *colour)
{
    if (*colour != 0) {
        fputs("\033[0m", out);
        *colour = 0;
    }
}

static void print_legend(const picture *p, FILE *out, const terminal *t, size_t per_spot)
{
    static const char *const words[LEVELS + 1] = {"wholly free", "to 25 %", "to 50 %", "to 75 %",
                                                  "to 100 % in use"};
    char bytes[32];
    size_t pages = per_spot * PICTURE_CELL_PAGES;
    tool_format_bytes(bytes, (double)pages * (double)p->page_size);
    fprintf(out, "  each character is %s", bytes);
    if (per_spot > 1) {
        fprintf(out, ", %zu blocks of %zu pages together", per_spot, PICTURE_CELL_PAGES);
    }
    fputs(":\n ", out);
    unsigned colour = 0;
    for (unsigned level = 0; level <= LEVELS; level++) {
        fputc(' ', out);
        print_level(out, t, level, &colour);
        print_plain(out, &colour);
        fprintf(out, " %s%s", words[level], level < LEVELS ? " " : "\n");
    }
}

void picture_print(const picture *p, FILE *out, const terminal *t, size_t rows)
{
    size_t columns = 16; /* a power of two, so that rows are aligned in the range */
    while (columns * 2 + INDENT <= t->columns) {
        columns *= 2;
    }
    size_t per_spot = picture_cells_per_spot(p, columns * rows);
    unsigned colour = 0;
    for (size_t cell = 0, column = 0; cell < p->count; cell += per_spot) {
        if (column == 0) {
            fprintf(out, "%*s", INDENT, "");
        }
        print_level(out, t, level_of(picture_look(p, cell, per_spot)), &colour);
        column = (column + 1) % columns;
        if (column == 0 || cell + per_spot >= p->count) {
            print_plain(out, &colour);
            fputc('\n', out);
        }
    }
    print_legend(p, out, t, per_spot);
}
