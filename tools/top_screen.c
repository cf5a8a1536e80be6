/* SPDX-License-Identifier: MIT */
/*
 * `lfbuddy top` on a terminal, by ncurses: the text of top_text.c, painted anew at each look.
 */
#include "top.h"

#include "ticks.h"

#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

enum { LINE_MOST = 1024 };

#define FASTER         0.5
#define LEAST_INTERVAL 0.05
#define MOST_INTERVAL  3600.0

typedef struct screen {
    sampler *sampler;
    const char *name;
    double interval; /* seconds */
    bool paused;
    bool done;
} screen;

/* What doesn't fit is left out on the right and at the bottom. */
static void paint_line(int row, const char *text, int look)
{
    wchar_t wide[LINE_MOST];
    size_t length = mbstowcs(wide, text, LINE_MOST - 1);
    if (length == (size_t)-1 || row >= LINES) {
        return;
    }
    wide[length] = L'\0';
    attrset(look);
    mvaddnwstr(row, 0, wide, COLS);
    attrset(A_NORMAL);
}

static void paint_lines(char *text)
{
    int row = 0;
    for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        paint_line(row, line, line[0] == ' ' ? A_NORMAL : A_BOLD);
        row++;
    }
}

static void paint(const screen *s)
{
    char *text = NULL;
    char status[96];
    size_t size;
    terminal look;
    terminal_look(&look, stdout, true);
    look.columns = (unsigned)COLS;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return;
    }
    top_print(s->sampler, s->name, out, &look, LINES > 1 ? (unsigned)LINES - 1 : 1);
    fclose(out);
    erase();
    paint_lines(text);
    snprintf(status, sizeof(status), " q quit   p %s   + slower   - faster   every %g s%s ",
             s->paused ? "go on" : "pause", s->interval, s->paused ? "   PAUSED" : "");
    move(LINES - 1, 0);
    clrtoeol();
    paint_line(LINES - 1, status, A_REVERSE);
    refresh();
    free(text);
}

static void take_key(screen *s, int key)
{
    switch (key) {
    case 'q':
    case 'Q':
        s->done = true;
        break;
    case 'p':
    case 'P':
        s->paused = !s->paused;
        break;
    case '+':
        s->interval = s->interval / FASTER < MOST_INTERVAL ? s->interval / FASTER : MOST_INTERVAL;
        break;
    case '-':
        s->interval = s->interval * FASTER > LEAST_INTERVAL ? s->interval * FASTER : LEAST_INTERVAL;
        break;
    default: /* among them KEY_RESIZE: paint anew */
        break;
    }
}

/* Until the next look is due; a key, or another size of the window, is answered at once. */
static void wait_for_keys(screen *s)
{
    uint64_t due = ticks_monotonic_ns() + (uint64_t)(s->interval * 1e9);
    while (!s->done) {
        uint64_t now = ticks_monotonic_ns();
        if (!s->paused && now >= due) {
            return;
        }
        timeout(s->paused ? -1 : (int)((due - now) / 1000000 + 1));
        int key = getch();
        if (key != ERR) {
            take_key(s, key);
            paint(s);
        } else if (s->paused) {
            s->done = true; /* the terminal is gone */
        }
    }
}

tool_status top_screen(sampler *looks, const char *name, double interval)
{
    screen s = {looks, name, interval, false, false};
    SCREEN *curses = newterm(NULL, stdout, stdin);
    if (curses == NULL) {
        return tool_fail(TOOL_FAILED, "the terminal's kind is unknown: set TERM, or use --once");
    }
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    while (!s.done) {
        paint(&s);
        wait_for_keys(&s);
        sampler_look(looks);
    }
    endwin();
    delscreen(curses);
    return TOOL_OK;
}
