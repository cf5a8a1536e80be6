/* SPDX-License-Identifier: MIT */
/*
 * The trace reader: see trace.h. A line is taken apart from the left, and the first field that is
 * not what it should be is what the message says.
 */
#include "trace.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LINE_LENGTH = 128, QUOTE_LENGTH = 40 };

/* ------------------------------------------------------------------------------- one line ---- */

/* What is left to read of a line. `wrong` says what was expected where it went wrong. */
typedef struct cursor {
    const char *at;
    const char *wrong;
} cursor;

static void expect(cursor *c, bool fine, const char *what)
{
    if (c->wrong == NULL && !fine) {
        c->wrong = what;
    }
}

static uint64_t read_number(cursor *c, int radix, uint64_t most, const char *what)
{
    if (c->wrong != NULL || !isxdigit((unsigned char)*c->at)) {
        expect(c, false, what);
        return 0;
    }
    char *end;
    errno = 0;
    uint64_t value = strtoull(c->at, &end, radix);
    expect(c, errno == 0 && end != c->at && value <= most, what);
    c->at = end;
    return value;
}

static void read_char(cursor *c, char wanted, const char *what)
{
    expect(c, c->wrong != NULL || *c->at == wanted, what);
    c->at += c->wrong == NULL;
}

static trace_kind read_kind(cursor *c)
{
    bool alloc = c->wrong == NULL && *c->at == 'a';
    read_char(c, alloc ? 'a' : 'f', "'a' or 'f' behind the CPU");
    return alloc ? TRACE_ALLOC : TRACE_FREE;
}

/* Returns NULL, or what was expected and isn't there. */
static const char *parse_line(const char *line, trace_event *event)
{
    static const char *const blank = "a single space between fields";
    cursor c = {line, NULL};
    event->time = read_number(&c, 10, UINT64_MAX, "microseconds, a decimal number");
    read_char(&c, ' ', blank);
    event->cpu = (uint16_t)read_number(&c, 10, TRACE_MAX_CPU, "a CPU number up to 4095");
    read_char(&c, ' ', blank);
    event->kind = (uint8_t)read_kind(&c);
    read_char(&c, ' ', blank);
    event->order = (uint8_t)read_number(&c, 10, TRACE_MAX_ORDER, "an order up to 20");
    read_char(&c, ' ', blank);
    event->frame = read_number(&c, 16, TRACE_MAX_FRAME, "a page frame number in hexadecimal");
    uint64_t pages = (uint64_t)1 << (c.wrong == NULL ? event->order : 0);
    expect(&c, event->frame % pages == 0, "a page frame number that is a multiple of 2^order");
    if (event->kind == TRACE_ALLOC) {
        read_char(&c, ' ', blank);
        read_number(&c, 10, 255, "a migratetype, a decimal number");
    }
    read_char(&c, '\0', "the end of the line");
    return c.wrong;
}

/* ------------------------------------------------------------------------------- the file ---- */

typedef struct reader {
    const char *path;
    gzFile file;
    trace *out;
    size_t room;
} reader;

/* What stands in the line, fit to be shown. */
static void quote(char out[QUOTE_LENGTH], const char *line)
{
    size_t i = 0;
    for (; line[i] != '\0' && i < QUOTE_LENGTH - 4; i++) {
        out[i] = isprint((unsigned char)line[i]) ? line[i] : '?';
    }
    strcpy(out + i, line[i] != '\0' ? "..." : "");
}

static tool_status add_event(reader *r, const char *line)
{
    trace_event event;
    const char *wrong = parse_line(line, &event);
    size_t count = r->out->count;
    if (wrong == NULL && count > 0 && event.time < r->out->events[count - 1].time) {
        wrong = "a time that is not before the line above";
    }
    if (wrong != NULL) {
        char shown[QUOTE_LENGTH];
        quote(shown, line);
        return tool_fail(TOOL_FAILED, "%s: line %zu: expected %s, found \"%s\"", r->path, count + 1,
                         wrong, shown);
    }
    if (count == r->room) {
        size_t room = r->room == 0 ? 65536 : r->room * 2;
        trace_event *events = realloc(r->out->events, room * sizeof(*events));
        if (events == NULL) {
            return tool_fail(TOOL_FAILED, "%s: no memory for more than %zu events", r->path, count);
        }
        r->out->events = events;
        r->room = room;
    }
    r->out->events[count] = event;
    r->out->count = count + 1;
    return TOOL_OK;
}

/* A line without its newline; *whole: it had one. false: the end of the file, or of what could be
 * read. */
static bool read_line(reader *r, char line[LINE_LENGTH], bool *whole)
{
    if (gzgets(r->file, line, LINE_LENGTH) == NULL) {
        return false;
    }
    size_t length = strlen(line);
    *whole = length > 0 && line[length - 1] == '\n';
    if (*whole) {
        line[length - 1] = '\0';
    }
    return true;
}

/* zlib hands out what it can before it tells of damage. */
static tool_status check_end(reader *r)
{
    int error;
    const char *message = gzerror(r->file, &error);
    if (error == Z_ERRNO) {
        return tool_fail(TOOL_FAILED, "%s: %s", r->path, strerror(errno));
    }
    if (error == Z_BUF_ERROR) {
        return tool_fail(TOOL_FAILED, "%s: line %zu: the gzip file is cut off here", r->path,
                         r->out->count + 1);
    }
    if (error == Z_MEM_ERROR) {
        return tool_fail(TOOL_FAILED, "%s: no memory to read it", r->path);
    }
    if (error != Z_OK && error != Z_STREAM_END) {
        /* Behind the path and ": ", which zlib puts before what is wrong. */
        size_t path = strlen(r->path);
        bool named = strncmp(message, r->path, path) == 0 && strncmp(message + path, ": ", 2) == 0;
        return tool_fail(TOOL_FAILED, "%s: line %zu or later: the gzip file is damaged: %s",
                         r->path, r->out->count + 1, named ? message + path + 2 : message);
    }
    if (r->out->count == 0) {
        return tool_fail(TOOL_FAILED, "%s: line 1: expected an event, found an empty file",
                         r->path);
    }
    return TOOL_OK;
}

static bool is_damaged(reader *r)
{
    int error;
    gzerror(r->file, &error);
    return error != Z_OK && error != Z_STREAM_END;
}

static tool_status read_all(reader *r)
{
    char line[LINE_LENGTH];
    bool whole;
    while (read_line(r, line, &whole)) {
        /* The last line before a cut is a piece of one: the cut is what to complain about. */
        if (!whole && is_damaged(r)) {
            break;
        }
        tool_status status = add_event(r, line);
        if (status != TOOL_OK) {
            return status;
        }
        if (!whole && !gzeof(r->file)) {
            return tool_fail(TOOL_FAILED,
                             "%s: line %zu: expected the end of the line, found a NUL or too long "
                             "a line",
                             r->path, r->out->count);
        }
    }
    return check_end(r);
}

tool_status trace_read(const char *path, trace *out)
{
    *out = (trace){NULL, 0};
    errno = 0;
    reader r = {path, gzopen(path, "rb"), out, 0};
    if (r.file == NULL) {
        return tool_fail(TOOL_FAILED, "%s: %s", path, errno ? strerror(errno) : "out of memory");
    }
    gzbuffer(r.file, 1 << 17);
    tool_status status = read_all(&r);
    gzclose_r(r.file);
    if (status != TOOL_OK) {
        trace_close(out);
    }
    return status;
}

void trace_close(trace *t)
{
    free(t->events);
    *t = (trace){NULL, 0};
}
