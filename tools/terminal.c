/* SPDX-License-Identifier: MIT */
/*
 * Asking about the terminal: see terminal.h.
 */
#include "terminal.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DEFAULT_COLUMNS = 80, LEAST_COLUMNS = 40, MOST_COLUMNS = 512 };

static unsigned columns_of(FILE *stream)
{
    struct winsize size;
    unsigned columns = 0;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0) {
        columns = size.ws_col;
    }
    const char *told = getenv("COLUMNS");
    if (columns == 0 && told != NULL) {
        columns = (unsigned)strtoul(told, NULL, 10);
    }
    columns = columns == 0 ? DEFAULT_COLUMNS : columns;
    columns = columns < LEAST_COLUMNS ? LEAST_COLUMNS : columns;
    return columns > MOST_COLUMNS ? MOST_COLUMNS : columns;
}

void terminal_look(terminal *t, FILE *stream, bool no_colour)
{
    const char *forbidden = getenv("NO_COLOR");
    const char *kind = getenv("TERM");
    bool dumb = kind == NULL || strcmp(kind, "dumb") == 0;
    t->tty = isatty(fileno(stream)) != 0;
    t->colour = t->tty && !no_colour && !dumb && (forbidden == NULL || forbidden[0] == '\0');
    t->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    t->columns = columns_of(stream);
}
