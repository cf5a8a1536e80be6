/* SPDX-License-Identifier: MIT */
/*
 * The picture as PNG. It has no words in it but a strip that shows the mark of what is wholly free
 * and the scale of shades from few pages in use to all; the words are in its Description.
 */
#include "picture.h"

#include "tool.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = PICTURE_SPOT - PICTURE_GAP, SCALE_STEPS = 32, STRIP = SIDE + PICTURE_MARGIN };

typedef struct canvas {
    size_t width;
    size_t height;
    unsigned char *pixels; /* 3 bytes each */
} canvas;

/* --------------------------------------------------------------------------------- drawing ---- */

static void fill(canvas *c, size_t x, size_t y, size_t side, picture_colour colour)
{
    for (size_t row = y; row < y + side; row++) {
        unsigned char *pixel = c->pixels + (row * c->width + x) * 3;
        for (size_t i = 0; i < side; i++, pixel += 3) {
            pixel[0] = colour.red;
            pixel[1] = colour.green;
            pixel[2] = colour.blue;
        }
    }
}

static void draw_free(canvas *c, size_t x, size_t y)
{
    static const picture_colour white = {0xff, 0xff, 0xff};
    fill(c, x, y, SIDE, picture_free_mark);
    fill(c, x + 1, y + 1, SIDE - 2, white);
    fill(c, x + 3, y + 3, SIDE - 6, picture_free_mark);
}

static void draw_spots(canvas *c, const picture *p, const picture_layout *layout)
{
    for (size_t i = 0; i < layout->spots; i++) {
        size_t x = PICTURE_MARGIN + i % layout->columns * PICTURE_SPOT;
        size_t y = PICTURE_MARGIN + i / layout->columns * PICTURE_SPOT;
        picture_spot spot = picture_look(p, i * layout->per_spot, layout->per_spot);
        if (spot.wholly_free) {
            draw_free(c, x, y);
        } else {
            fill(c, x, y, SIDE, picture_shade(spot.full));
        }
    }
}

/* The free mark, a gap, then the shades. */
static void draw_strip(canvas *c, size_t y)
{
    draw_free(c, PICTURE_MARGIN, y);
    for (size_t i = 0; i < SCALE_STEPS; i++) {
        size_t x = PICTURE_MARGIN + 2 * PICTURE_SPOT + i * SIDE;
        fill(c, x, y, SIDE, picture_shade((double)i / (SCALE_STEPS - 1)));
    }
}

static bool draw(canvas *c, const picture *p)
{
    picture_layout layout = picture_arrange(p);
    size_t body = layout.rows * PICTURE_SPOT;
    c->width = layout.columns * PICTURE_SPOT + 2 * PICTURE_MARGIN;
    c->height = body + STRIP + 2 * PICTURE_MARGIN;
    c->pixels = malloc(c->width * c->height * 3);
    if (c->pixels == NULL) {
        return false;
    }
    memset(c->pixels, 0xff, c->width * c->height * 3);
    draw_spots(c, p, &layout);
    draw_strip(c, PICTURE_MARGIN + body + PICTURE_MARGIN);
    return true;
}

/* --------------------------------------------------------------------------------- writing ---- */

static void describe(png_structp png, png_infop info, const picture *p)
{
    char title[160], text[512];
    char key[] = "Description";
    snprintf(text, sizeof(text),
             "%s. Squares from left to right by rising address. Strip below: the mark of what is "
             "wholly free, then the shades from few pages in use to all.",
             picture_title(p, title));
    png_text entry = {.compression = PNG_TEXT_COMPRESSION_NONE, .key = key, .text = text};
    png_set_text(png, info, &entry, 1);
}

static void encode(png_structp png, png_infop info, const canvas *c, const picture *p)
{
    png_set_IHDR(png, info, (png_uint_32)c->width, (png_uint_32)c->height, 8, PNG_COLOR_TYPE_RGB,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    describe(png, info, p);
    png_write_info(png, info);
    for (size_t row = 0; row < c->height; row++) {
        png_write_row(png, c->pixels + row * c->width * 3);
    }
    png_write_end(png, info);
}

/* libpng would print what it jumps back for; the caller says it. */
static void jump_back(png_structp png, png_const_charp message)
{
    (void)message;
    png_longjmp(png, 1);
}

static void keep_quiet(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static bool write_canvas(const canvas *c, const picture *p, FILE *out)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, jump_back, keep_quiet);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    volatile bool fine = false;
    errno = ENOMEM;
    if (info != NULL && setjmp(png_jmpbuf(png)) == 0) {
        png_init_io(png, out);
        encode(png, info, c, p);
        fine = true;
    }
    png_destroy_write_struct(&png, &info);
    return fine;
}

bool picture_write_png(const picture *p, FILE *out)
{
    canvas c;
    if (!draw(&c, p)) {
        errno = ENOMEM;
        return false;
    }
    bool fine = write_canvas(&c, p, out);
    free(c.pixels);
    return fine;
}
