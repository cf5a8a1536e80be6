/* SPDX-License-Identifier: MIT */
/* Which kind of file a path asks for, and the writer that makes it. */
#include <string.h>

#include "picture.h"

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    return length > strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

picture_format picture_format_of(const char *path)
{
    if (ends_with(path, ".svg")) {
        return PICTURE_SVG;
    }
    return ends_with(path, ".png") ? PICTURE_PNG : PICTURE_NONE;
}

bool picture_write(const picture *p, picture_format format, FILE *out)
{
    bool fine = format == PICTURE_SVG ? picture_write_svg(p, out) : picture_write_png(p, out);
    return fine && fflush(out) == 0;
}
