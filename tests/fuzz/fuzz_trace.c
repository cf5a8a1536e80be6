/* SPDX-License-Identifier: MIT */
/*
 * The trace reader, on any bytes: plain, as they are (which may be gzip), and the same bytes
 * compressed. It takes a file or says in one line what is wrong with which. What it took keeps to
 * the format, and reads the same when written anew.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[32]; /* of the file that is being read */
static unsigned complaints;

static void must(bool fine)
{
    if (!fine) {
        abort();
    }
}

/* In place of the program's: the message is judged, not printed. */
tool_status tool_fail(tool_status status, const char *format, ...)
{
    char message[400];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    complaints++;
    must(status == TOOL_FAILED && length > 0 && (size_t)length < sizeof(message));
    must(strncmp(message, path, strlen(path)) == 0 && message[strlen(path)] == ':');
    for (int i = 0; i < length; i++) {
        must(message[i] >= ' ' && message[i] <= '~');
    }
    return status;
}

/* ---------------------------------------------------------------------------------- files ---- */

static int file_of(const void *data, size_t size)
{
    int fd = memfd_create("trace", 0);
    must(fd >= 0);
    for (size_t done = 0; done < size;) {
        ssize_t more = write(fd, (const char *)data + done, size - done);
        must(more > 0);
        done += (size_t)more;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return fd;
}

static tool_status read_bytes(const void *data, size_t size, trace *out)
{
    int fd = file_of(data, size);
    complaints = 0;
    tool_status status = trace_read(path, out);
    must(complaints == (status == TOOL_OK ? 0 : 1));
    close(fd);
    return status;
}

static tool_status read_compressed(const void *data, size_t size, trace *out)
{
    z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)data, .avail_in = (uInt)size};
    must(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t room = deflateBound(&z, size);
    unsigned char *packed = malloc(room);
    must(packed != NULL);
    z.next_out = packed;
    z.avail_out = (uInt)room;
    must(deflate(&z, Z_FINISH) == Z_STREAM_END);
    tool_status status = read_bytes(packed, z.total_out, out);
    deflateEnd(&z);
    free(packed);
    return status;
}

/* -------------------------------------------------------------------------------- judging ---- */

static void judge(const trace *t)
{
    must(t->count > 0);
    for (size_t i = 0; i < t->count; i++) {
        const trace_event *e = &t->events[i];
        must(i == 0 || e->time >= e[-1].time);
        must(e->order <= TRACE_MAX_ORDER && e->cpu <= TRACE_MAX_CPU);
        must(e->frame <= TRACE_MAX_FRAME && e->frame % (UINT64_C(1) << e->order) == 0);
        must(e->kind == TRACE_ALLOC || e->kind == TRACE_FREE);
    }
}

static void same(const trace *a, const trace *b)
{
    must(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const trace_event *x = &a->events[i];
        const trace_event *y = &b->events[i];
        must(x->time == y->time && x->frame == y->frame && x->cpu == y->cpu &&
             x->order == y->order && x->kind == y->kind);
    }
}

static void write_anew(const trace *t)
{
    size_t room = t->count * 80;
    char *text = malloc(room);
    must(text != NULL);
    size_t length = 0;
    for (size_t i = 0; i < t->count; i++) {
        const trace_event *e = &t->events[i];
        bool alloc = e->kind == TRACE_ALLOC;
        length += (size_t)snprintf(text + length, room - length,
                                   "%" PRIu64 " %d %c %d %" PRIx64 "%s\n", e->time, e->cpu,
                                   alloc ? 'a' : 'f', e->order, e->frame, alloc ? " 1" : "");
    }
    trace again;
    must(read_bytes(text, length, &again) == TOOL_OK);
    same(t, &again);
    trace_close(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trace plain;
    tool_status status = read_bytes(data, size, &plain);
    must(status == TOOL_OK || (plain.events == NULL && plain.count == 0));
    if (status == TOOL_OK) {
        judge(&plain);
        write_anew(&plain);
    }
    bool packed = size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
    if (size > 0 && !packed) {
        trace other;
        must(read_compressed(data, size, &other) == status);
        if (status == TOOL_OK) {
            same(&plain, &other);
        }
        trace_close(&other);
    }
    trace_close(&plain);
    return 0;
}
