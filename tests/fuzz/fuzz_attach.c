/* SPDX-License-Identifier: MIT */
/*
 * Metadata with a history, damaged in header and body as the input says, and attached to, with
 * sizes and alignments that the input chooses. lfb_attach judges the header alone: refused or not,
 * it must touch no byte beyond `size`; and whatever it accepted, every call that follows obeys
 * calls.h, and the checker ends.
 */
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    PAGES_MOST = 700,
    LINE = 128,
    HISTORY_MOST = 30,
    DAMAGES_MOST = 40,
    CALLS_MOST = 100,
    HISTORY_KINDS = CALL_DRAIN + 1,
};

static void must(bool fine)
{
    if (!fine) {
        abort();
    }
}

static void make_calls(caller *c, unsigned most, unsigned kinds)
{
    unsigned count = (unsigned)bytes_below(c->choices, most);
    for (unsigned i = 0; i < count; i++) {
        const char *wrong = call_make(c, (unsigned)bytes_below(c->choices, kinds), 1);
        call_must_be_right(c, wrong);
    }
}

static lfb_config any_config(bytes *in)
{
    size_t page_size = (size_t)1 << bytes_below(in, 31);
    uintptr_t unit = (uintptr_t)1 << bytes_below(in, 10); /* both ends are multiples of it */
    size_t page_count = (1 + bytes_skewed(in, PAGES_MOST) + unit - 1) / unit * unit;
    uintptr_t room = UINTPTR_MAX / page_size - page_count;
    uintptr_t first = bytes_skewed(in, 5000);
    first = (bytes_below(in, 2) ? room - first : first) / unit * unit;
    return (lfb_config){
        .struct_size = sizeof(lfb_config),
        .base = first * page_size,
        .page_size = page_size,
        .page_count = page_count,
        .max_order = (unsigned)bytes_below(in, LFB_MAX_ORDER + 1),
        .lanes = 1 + (unsigned)bytes_below(in, 5),
        .start_held = bytes_below(in, 4) == 1,
    };
}

/* ------------------------------------------------------------------------------- damaging ---- */

static void damage(bytes *in, unsigned char *metadata, size_t size)
{
    size_t at = bytes_below(in, size);
    size_t from = at;
    unsigned width = 1U << bytes_below(in, 4);
    uint64_t number = 0;
    switch (bytes_below(in, 6)) {
    case 0: /* a field of the header */
        at = bytes_below(in, HEADER_BYTES / 4) * 4;
        number = bytes_number(in, 8);
        break;
    case 1: /* any bytes */
        at -= at % width;
        number = bytes_number(in, width);
        break;
    case 2: /* what stands elsewhere, of another node perhaps */
        from = bytes_below(in, size);
        from -= from % 8;
        at -= at % 8;
        width = 8;
        memcpy(&number, metadata + from, size - from < width ? size - from : width);
        break;
    default: /* one bit */
        metadata[at] ^= (unsigned char)(1U << bytes_below(in, 8));
        return;
    }
    memcpy(metadata + at, &number, size - at < width ? size - at : width);
}

/* ------------------------------------------------------------------------------ attaching ---- */

typedef struct copy {
    unsigned char *memory; /* exactly what is attached to ends with it */
    unsigned char *metadata;
    size_t size;
} copy;

/* The same bytes at another alignment, perhaps cut off. */
static copy copy_of(bytes *in, const unsigned char *metadata, size_t size)
{
    unsigned how = (unsigned)bytes_below(in, 256);
    size_t offset = how % 16 == 1 ? how / 16 : how % 16 / 2 * 8;
    copy c = {.size = size};
    if (how % 8 == 7) {
        c.size = bytes_below(in, size + 1);
    }
    c.memory = malloc(offset + c.size);
    must(c.memory != NULL);
    c.metadata = c.memory + offset;
    memcpy(c.metadata, metadata, c.size);
    return c;
}

static bool may_be_refused(const copy *c, lfb_status status)
{
    bool misaligned = (uintptr_t)c->metadata % 8 != 0;
    return status == (misaligned ? LFB_INVALID_ARGUMENT : LFB_DAMAGED);
}

static void attach(bytes *in, const copy *c, bool sound)
{
    lfb_t lfb;
    lfb_status status = lfb_attach(&lfb, c->metadata, c->size, NULL, NULL);
    if (status != LFB_OK) {
        must(may_be_refused(c, status) && !(sound && status == LFB_DAMAGED));
        return;
    }
    must((uintptr_t)c->metadata % 8 == 0);
    size_t start = (size_t)((unsigned char *)lfb.shared - c->metadata);
    must(start >= HEADER_BYTES && start < HEADER_BYTES + LINE); /* as lfb_init would put them */
    caller who = caller_of(&lfb, in);
    make_calls(&who, CALLS_MOST, CALL_KINDS);
    call_must_be_right(&who, call_make(&who, CALL_CHECK, 1));
    lfb_destroy(&lfb);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bytes in = {data, size};
    lfb_config config = any_config(&in);
    size_t bytes_needed = lfb_metadata_size(&config);
    if (!bytes_needed) {
        return 0; /* a page at LFB_NONE */
    }
    lfb_t lfb;
    unsigned char *metadata = malloc(bytes_needed);
    must(metadata && lfb_init(&lfb, &config, metadata, bytes_needed) == LFB_OK);
    caller who = caller_of(&lfb, &in);
    make_calls(&who, HISTORY_MOST, HISTORY_KINDS);
    unsigned damages = (unsigned)bytes_below(&in, DAMAGES_MOST);
    for (unsigned i = 0; i < damages; i++) {
        damage(&in, metadata, bytes_needed);
    }
    if (bytes_below(&in, 4)) {
        header_mend(metadata); /* what lfb_init would have written there */
    }
    copy c = copy_of(&in, metadata, bytes_needed);
    attach(&in, &c, damages == 0 && c.size == bytes_needed);
    free(c.memory);
    free(metadata);
    return 0;
}
