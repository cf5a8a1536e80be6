/* SPDX-License-Identifier: MIT */
/*
 * The picture as SVG, with its legend in words.
 */
#include "picture.h"

#include "tool.h"

enum { SIDE = PICTURE_SPOT - PICTURE_GAP, SCALE_STEPS = 20 };

static void write_rect(FILE *out, size_t x, size_t y, size_t width, picture_colour c)
{
    fprintf(out, "<rect x=\"%zu\" y=\"%zu\" width=\"%zu\" height=\"%d\" fill=\"#%02x%02x%02x\"/>\n",
            x, y, width, SIDE, c.red, c.green, c.blue);
}

static void write_free(FILE *out, size_t x, size_t y)
{
    picture_colour c = picture_free_mark;
    fprintf(out,
            "<rect x=\"%zu.5\" y=\"%zu.5\" width=\"%d\" height=\"%d\" fill=\"#ffffff\" "
            "stroke=\"#%02x%02x%02x\"/><circle cx=\"%zu\" cy=\"%zu\" r=\"2\" "
            "fill=\"#%02x%02x%02x\"/>\n",
            x, y, SIDE - 1, SIDE - 1, c.red, c.green, c.blue, x + SIDE / 2, y + SIDE / 2, c.red,
            c.green, c.blue);
}

static void write_text(FILE *out, size_t x, size_t y, const char *text)
{
    fprintf(out, "<text x=\"%zu\" y=\"%zu\">%s</text>\n", x, y, text);
}

static void write_spots(const picture *p, const picture_layout *layout, FILE *out)
{
    for (size_t i = 0; i < layout->spots; i++) {
        size_t x = PICTURE_MARGIN + i % layout->columns * PICTURE_SPOT;
        size_t y = PICTURE_MARGIN + PICTURE_TITLE + i / layout->columns * PICTURE_SPOT;
        picture_spot spot = picture_look(p, i * layout->per_spot, layout->per_spot);
        if (spot.wholly_free) {
            write_free(out, x, y);
        } else {
            write_rect(out, x, y, SIDE, picture_shade(spot.full));
        }
    }
}

static void write_legend(const picture *p, const picture_layout *layout, FILE *out, size_t y)
{
    char bytes[32], text[128];
    tool_format_bytes(bytes, (double)(layout->per_spot * PICTURE_CELL_PAGES * p->page_size));
    snprintf(text, sizeof(text), "a square is %s (%zu pages); addresses rise from left to right",
             bytes, layout->per_spot * PICTURE_CELL_PAGES);
    write_text(out, PICTURE_MARGIN, y + SIDE, text);
    y += 2 * SIDE;
    write_free(out, PICTURE_MARGIN, y);
    write_text(out, PICTURE_MARGIN + 16, y + SIDE - 1, "wholly free");
    size_t x = PICTURE_MARGIN + 110;
    write_text(out, x, y + SIDE - 1, "pages in use: few");
    x += 110;
    for (size_t i = 0; i < SCALE_STEPS; i++) {
        write_rect(out, x + i * SIDE, y, SIDE, picture_shade((double)i / (SCALE_STEPS - 1)));
    }
    write_text(out, x + SCALE_STEPS * SIDE + 6, y + SIDE - 1, "all");
}

bool picture_write_svg(const picture *p, FILE *out)
{
    picture_layout layout = picture_arrange(p);
    char title[160];
    size_t body = layout.rows * PICTURE_SPOT;
    size_t width = layout.columns * PICTURE_SPOT + 2 * PICTURE_MARGIN;
    size_t height = body + PICTURE_TITLE + PICTURE_LEGEND + 2 * PICTURE_MARGIN;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%zu\" "
            "viewBox=\"0 0 %zu %zu\" font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
            width, height, width, height);
    write_text(out, PICTURE_MARGIN, PICTURE_MARGIN + 12, picture_title(p, title));
    write_spots(p, &layout, out);
    write_legend(p, &layout, out, PICTURE_MARGIN + PICTURE_TITLE + body + 12);
    fputs("</svg>\n", out);
    return ferror(out) == 0;
}
