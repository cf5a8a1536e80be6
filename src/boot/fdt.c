/* SPDX-License-Identifier: MIT */
/*
 * The flattened device tree: a header, a block of reserved regions, and a block of tokens in which
 * a node's properties come before its children. One pass over the tokens; what is known of a node
 * is judged when its properties are over, at its first child or at its end. Only the first three
 * depths matter, so there is neither recursion nor a stack: the root, its children, and theirs.
 *
 * Devicetree Specification 0.4, chapter 5 (format), 3.4 (/memory), 3.5 (/reserved-memory); Linux,
 * Documentation/devicetree/bindings (linux,initrd-start, linux,initrd-end).
 */
#include "map.h"

#define MAGIC UINT32_C(0xd00dfeed)

enum { HEADER_SIZE = 40, VERSION = 17, DEPTHS = 3 };

enum token { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOP = 4, END = 9 };

/* The properties that say something of memory. */
enum { REG, DEVICE_TYPE, STATUS, ADDRESS_CELLS, SIZE_CELLS, INITRD_START, INITRD_END, PROPERTIES };

static const char *const property_names[PROPERTIES] = {
    [REG] = "reg",
    [DEVICE_TYPE] = "device_type",
    [STATUS] = "status",
    [ADDRESS_CELLS] = "#address-cells",
    [SIZE_CELLS] = "#size-cells",
    [INITRD_START] = "linux,initrd-start",
    [INITRD_END] = "linux,initrd-end",
};

/* Bytes of the tree; what isn't there: NULL. */
typedef struct field {
    const unsigned char *at;
    uint32_t size;
} field;

typedef struct node {
    bool judged; /* its properties are over */
    field name;
    field properties[PROPERTIES];
} node;

typedef struct reader {
    lfb_boot_map *map; /* map->position: of the next token */
    const unsigned char *bytes;
    field strings;
    uint32_t end; /* of the tokens */
    unsigned depth;
    node open[DEPTHS]; /* the nodes that the next token lies in; deeper ones don't matter */
} reader;

static uint32_t read_32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* One or two words. */
static uint64_t read_cells(const unsigned char *at, uint32_t cells)
{
    uint64_t high = cells == 2 ? read_32(at) : 0;
    return high << 32 | read_32(at + 4 * (cells - 1));
}

/* Whether the field begins with this text and its end. */
static bool is_text(field f, const char *text)
{
    for (uint32_t i = 0; i < f.size; i++) {
        if (f.at[i] != (unsigned char)text[i]) {
            return false;
        }
        if (!text[i]) {
            return true;
        }
    }
    return false;
}

/* --------------------------------------------------------------------------------- nodes ---- */

/* 0, which nothing takes: a property that isn't one word. */
static uint32_t cells_of(const node *parent, unsigned property, uint32_t otherwise)
{
    field f = parent->properties[property];
    return !f.at ? otherwise : f.size == 4 ? read_32(f.at) : 0;
}

static lfb_boot_status add_reg(lfb_boot_map *map, field reg, const node *parent, lfb_boot_kind kind)
{
    uint32_t address_cells = cells_of(parent, ADDRESS_CELLS, 2); /* 2.3.5: the default values */
    uint32_t size_cells = cells_of(parent, SIZE_CELLS, 1);
    if (address_cells - 1 > 1 || size_cells - 1 > 1) {
        return LFB_BOOT_MALFORMED;
    }
    uint32_t step = 4 * (address_cells + size_cells);
    for (; reg.size >= step; reg.at += step, reg.size -= step) {
        uint64_t start = read_cells(reg.at, address_cells);
        uint64_t size = read_cells(reg.at + (size_t)4 * address_cells, size_cells);
        lfb_boot_status status = lfb_boot_add(map, start, size, kind);
        if (status != LFB_BOOT_OK) {
            return status;
        }
    }
    return reg.size ? LFB_BOOT_MALFORMED : LFB_BOOT_OK;
}

/* The initial RAM disk: two addresses of one or two words each. */
static lfb_boot_status add_initrd(lfb_boot_map *map, field start, field end)
{
    if ((start.size != 4 && start.size != 8) || (end.size != 4 && end.size != 8)) {
        return LFB_BOOT_MALFORMED;
    }
    uint64_t first = read_cells(start.at, start.size / 4);
    uint64_t last = read_cells(end.at, end.size / 4);
    return last < first ? LFB_BOOT_MALFORMED
                        : lfb_boot_add(map, first, last - first, LFB_BOOT_RESERVED);
}

/* NULL: at no depth that matters. */
static node *innermost(reader *r)
{
    return r->depth - 1 < DEPTHS ? &r->open[r->depth - 1] : NULL;
}

/* Adds what the innermost node says of memory, once all its properties are known. */
static lfb_boot_status judge(reader *r)
{
    node *n = innermost(r);
    if (!n || n->judged) {
        return LFB_BOOT_OK;
    }
    n->judged = true;
    const field *p = n->properties;
    bool off = p[STATUS].at && !is_text(p[STATUS], "okay") && !is_text(p[STATUS], "ok");
    if (r->depth == 1 || off) {
        return LFB_BOOT_OK;
    }
    if (r->depth == 3) {
        bool reserved = is_text(n[-1].name, "reserved-memory") && p[REG].at;
        return reserved ? add_reg(r->map, p[REG], n - 1, LFB_BOOT_RESERVED) : LFB_BOOT_OK;
    }
    if (is_text(p[DEVICE_TYPE], "memory")) {
        return add_reg(r->map, p[REG], n - 1, LFB_BOOT_USABLE);
    }
    bool initrd = is_text(n->name, "chosen") && p[INITRD_START].at && p[INITRD_END].at;
    return initrd ? add_initrd(r->map, p[INITRD_START], p[INITRD_END]) : LFB_BOOT_OK;
}

/* -------------------------------------------------------------------------------- tokens ---- */

/* Takes `size` bytes, and what fills them up to a word, off the tokens. */
static bool take(reader *r, uint32_t size, field *taken)
{
    uint32_t left = r->end - (uint32_t)r->map->position;
    if (size > left || ((uint64_t)size + 3) / 4 * 4 > left) {
        return false;
    }
    *taken = (field){r->bytes + r->map->position, size};
    r->map->position += (size + 3) / 4 * 4;
    return true;
}

static lfb_boot_status begin_node(reader *r)
{
    field name = {r->bytes + r->map->position, 0};
    uint32_t left = r->end - (uint32_t)r->map->position;
    while (name.size < left && name.at[name.size]) {
        name.size++;
    }
    if (!take(r, name.size + 1, &name)) {
        return LFB_BOOT_TRUNCATED;
    }
    lfb_boot_status status = judge(r);
    r->depth++;
    if (innermost(r)) {
        *innermost(r) = (node){.name = name};
    }
    return status;
}

static lfb_boot_status end_node(reader *r)
{
    if (r->depth == 0) {
        return LFB_BOOT_MALFORMED;
    }
    lfb_boot_status status = judge(r);
    r->depth--;
    return status;
}

static lfb_boot_status read_property(reader *r)
{
    field head;
    field value;
    if (!take(r, 8, &head) || !take(r, read_32(head.at), &value)) {
        return LFB_BOOT_TRUNCATED;
    }
    uint32_t offset = read_32(head.at + 4);
    node *n = innermost(r);
    if (r->depth == 0 || offset >= r->strings.size || (n && n->judged)) {
        return LFB_BOOT_MALFORMED;
    }
    field name = {r->strings.at + offset, r->strings.size - offset};
    for (unsigned i = 0; n && i < PROPERTIES; i++) {
        if (is_text(name, property_names[i])) {
            n->properties[i] = value;
        }
    }
    return LFB_BOOT_OK;
}

static lfb_boot_status read_tokens(reader *r)
{
    field word;
    while (take(r, 4, &word)) {
        lfb_boot_status status = LFB_BOOT_OK;
        switch (read_32(word.at)) {
        case BEGIN_NODE:
            status = begin_node(r);
            break;
        case END_NODE:
            status = end_node(r);
            break;
        case PROPERTY:
            status = read_property(r);
            break;
        case NOP:
            break;
        case END:
            return r->depth == 0 ? LFB_BOOT_OK : LFB_BOOT_MALFORMED;
        default:
            return LFB_BOOT_MALFORMED;
        }
        if (status != LFB_BOOT_OK) {
            return status;
        }
    }
    return LFB_BOOT_TRUNCATED;
}

/* ------------------------------------------------------------------- header, reservations ---- */

/* The memory reservation block: pairs of address and size, up to one of zeros. */
static lfb_boot_status add_reservations(lfb_boot_map *map, const unsigned char *bytes, uint32_t end)
{
    for (; end - map->position >= 16; map->position += 16) {
        uint64_t start = read_cells(bytes + map->position, 2);
        uint64_t size = read_cells(bytes + map->position + 8, 2);
        if (start == 0 && size == 0) {
            return LFB_BOOT_OK;
        }
        lfb_boot_status status = lfb_boot_add(map, start, size, LFB_BOOT_RESERVED);
        if (status != LFB_BOOT_OK) {
            return status;
        }
    }
    return LFB_BOOT_TRUNCATED;
}

static bool lies_within(uint32_t offset, uint32_t size, uint32_t total)
{
    return offset <= total && size <= total - offset;
}

lfb_boot_status lfb_boot_read_fdt(lfb_boot_map *map, const void *tree, size_t size)
{
    if (!map || !tree) {
        return LFB_BOOT_INVALID_ARGUMENT;
    }
    const unsigned char *bytes = tree;
    map->position = 0;
    if (size < HEADER_SIZE) {
        return LFB_BOOT_TRUNCATED;
    }
    uint32_t total = read_32(bytes + 4);
    uint32_t tokens = read_32(bytes + 8);
    uint32_t strings = read_32(bytes + 12);
    uint32_t reservations = read_32(bytes + 16);
    uint32_t strings_size = read_32(bytes + 32);
    uint32_t tokens_size = read_32(bytes + 36);
    if (read_32(bytes) != MAGIC || read_32(bytes + 20) < VERSION || read_32(bytes + 24) > VERSION) {
        return LFB_BOOT_MALFORMED;
    }
    if (total > size) {
        return LFB_BOOT_TRUNCATED;
    }
    if (total < HEADER_SIZE || !lies_within(tokens, tokens_size, total) ||
        !lies_within(strings, strings_size, total) || !lies_within(reservations, 0, total)) {
        return LFB_BOOT_MALFORMED;
    }
    map->position = reservations;
    lfb_boot_status status = add_reservations(map, bytes, total);
    if (status != LFB_BOOT_OK) {
        return status;
    }
    map->position = tokens;
    reader r = {
        .map = map,
        .bytes = bytes,
        .strings = {bytes + strings, strings_size},
        .end = tokens + tokens_size,
    };
    return read_tokens(&r);
}
