/* SPDX-License-Identifier: MIT */
/*
 * The life of an allocator: init, attach, create, destroy.
 *
 * Zero-filled metadata is a tree in which everything is free (node.h, hint.h), so starting means
 * writing what differs from that: the header, the lanes, and the nodes that reach over the ends of
 * the range, a few on each level. The header repeats the configuration; lfb_attach plans the layout
 * anew from it, so an offset is never taken from memory that others can write.
 */
#include "setup.h"

#include "../port/memory.h"

#define HEADER_MAGIC UINT64_C(0x796464756266666c) /* "lffbuddy", little-endian */
enum { HEADER_FORMAT = 3 };

typedef struct header {
    uint64_t magic;
    uint32_t format;
    uint32_t word_bits;
    uint32_t leaf_order;
    uint32_t node_order;
    uint64_t base;
    uint64_t page_size;
    uint64_t page_count;
    uint32_t max_order;
    uint32_t lanes;
    uint32_t start; /* offset of the parts: on a cache line where the metadata was first mapped */
    uint32_t checksum;
} header;

/* Header, and what it takes to bring the parts to a cache line. */
enum { BEFORE_PARTS = sizeof(header) + CACHE_LINE - 1 };

static uint32_t header_checksum(const header *h)
{
    /* FNV-1a: Fowler, Noll, Vo; 32 bits, for machines that multiply no wider. */
    const unsigned char *bytes = (const unsigned char *)h;
    uint32_t sum = UINT32_C(2166136261);
    for (size_t i = 0; i < offsetof(header, checksum); i++) {
        sum = (sum ^ bytes[i]) * UINT32_C(16777619);
    }
    return sum;
}

static header header_for(const lfb_t *lfb, uint32_t start)
{
    header h;
    lfb_fill(&h, 0, sizeof(h));
    h.magic = HEADER_MAGIC;
    h.format = HEADER_FORMAT;
    h.word_bits = LFB_WORD_BITS;
    h.leaf_order = LFB_LEAF_ORDER;
    h.node_order = LFB_NODE_ORDER;
    h.base = lfb_address_of(lfb, lfb->first_page);
    h.page_size = (uintptr_t)1 << lfb->page_shift;
    h.page_count = lfb->end_page - lfb->first_page;
    h.max_order = lfb->max_order;
    h.lanes = lfb->lane_count;
    h.start = start;
    h.checksum = header_checksum(&h);
    return h;
}

static bool header_is_ours(const header *h)
{
    return h->magic == HEADER_MAGIC && h->format == HEADER_FORMAT &&
           h->word_bits == LFB_WORD_BITS && h->leaf_order == LFB_LEAF_ORDER &&
           h->node_order == LFB_NODE_ORDER && h->checksum == header_checksum(h) &&
           h->start >= sizeof(*h) && h->start <= BEFORE_PARTS && h->start % sizeof(lfb_atomic) == 0;
}

bool lfb_header_matches(const lfb_t *lfb)
{
    const unsigned char *there = lfb->metadata;
    header own = header_for(lfb, (uint32_t)((char *)lfb->shared - (char *)lfb->metadata));
    for (size_t i = 0; i < sizeof(own); i++) {
        if (there[i] != ((const unsigned char *)&own)[i]) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------------- the tree ---- */

/* Writes a node that isn't wholly free: it reaches over an end of the range, or starts out of use.
 */
static void start_node(const lfb_t *lfb, lfb_node node, bool held)
{
    uintptr_t first = lfb_page_of_node(node);
    uintptr_t last = first + (lfb_node_pages(node.level) - 1);
    lfb_word word = 0;
    if (first >= lfb->first_page && last < lfb->end_page) {
        word = held ? KIND_HOLE : KIND_PLAIN;
        /* relaxed, here and below: nobody else knows this metadata yet */
        lfb_store_relaxed(lfb_word_of(lfb, node), word);
        return;
    }
    for (unsigned slot = 0; slot < word_slots(node.level); slot++) {
        first = lfb_page_of_slot(node, slot);
        last = first + (lfb_slot_pages(node.level) - 1);
        enum word_code code = CODE_FREE;
        if (last < lfb->first_page || first >= lfb->end_page) {
            code = node.level ? CODE_LAST : CODE_HOLE;
        } else if (held || first < lfb->first_page || last >= lfb->end_page) {
            code = node.level ? CODE_OPEN : CODE_HOLE;
        }
        word = word_set(word, slot, 1, code);
        if (node.level && code == CODE_OPEN) {
            start_node(lfb, lfb_child(node, slot), held);
        }
    }
    lfb_store_relaxed(lfb_word_of(lfb, node), word);
}

static void start_tree(const lfb_t *lfb, bool held)
{
    uintptr_t count = lfb->levels[lfb->top].count;
    for (uintptr_t i = 0; i < count; i++) {
        if (held || i == 0 || i == count - 1) {
            start_node(lfb, (lfb_node){lfb->top, lfb->levels[lfb->top].first + i}, held);
        }
    }
}

/* Spreads the lanes over the range, on every level. */
static void start_lanes(const lfb_t *lfb)
{
    for (unsigned i = 0; i < lfb->lane_count; i++) {
        lfb_lane *lane = lfb_lane_of(lfb, i);
        for (unsigned order = 0; order <= lfb->largest_order; order++) {
            unsigned place = lfb->place_of_order[order];
            uintptr_t stride = lfb->levels[lfb->level_of_order[order]].count >> lfb->lane_bits;
            lfb_guess_store(&lane->cursor[place], (uint32_t)(stride * i));
            lfb_guess_store(&lane->next[place], (uint32_t)(stride * i));
        }
    }
}

/* ---------------------------------------------------------------------- public functions ---- */

size_t lfb_metadata_size(const lfb_config *config)
{
    lfb_t plan;
    size_t parts = lfb_geometry_plan(&plan, config);
    return parts ? BEFORE_PARTS + parts : 0;
}

static bool is_aligned(const void *metadata)
{
    return metadata && (uintptr_t)metadata % sizeof(lfb_atomic) == 0;
}

lfb_status lfb_init(lfb_t *lfb, const lfb_config *config, void *metadata, size_t size)
{
    if (!lfb) {
        return LFB_INVALID_ARGUMENT;
    }
    size_t parts = lfb_geometry_plan(lfb, config);
    if (!parts || !is_aligned(metadata) || size < BEFORE_PARTS + parts) {
        *lfb = (lfb_t){0};
        return LFB_INVALID_ARGUMENT;
    }
    if (!config->metadata_zeroed) {
        lfb_fill(metadata, 0, BEFORE_PARTS + parts);
    }
    uintptr_t address = (uintptr_t)metadata;
    uintptr_t line = (address + BEFORE_PARTS) & ~(uintptr_t)(CACHE_LINE - 1);
    header h = header_for(lfb, (uint32_t)(line - address));
    lfb->current_lane = config->current_lane;
    lfb->lane_context = config->lane_context;
    lfb->metadata = metadata;
    lfb->metadata_size = size;
    lfb_geometry_place(lfb, (char *)metadata + h.start);
    start_lanes(lfb);
    start_tree(lfb, config->start_held);
    lfb_copy(metadata, &h, sizeof(h));
    return LFB_OK;
}

lfb_status lfb_attach(lfb_t *lfb, void *metadata, size_t size, unsigned (*current_lane)(void *),
                      void *lane_context)
{
    if (!lfb) {
        return LFB_INVALID_ARGUMENT;
    }
    *lfb = (lfb_t){0};
    if (!is_aligned(metadata)) {
        return LFB_INVALID_ARGUMENT;
    }
    header h;
    if (size < sizeof(h)) {
        return LFB_DAMAGED;
    }
    lfb_copy(&h, metadata, sizeof(h));
    if (!header_is_ours(&h)) {
        return LFB_DAMAGED;
    }
    lfb_config config = {
        .struct_size = sizeof(config),
        .base = (uintptr_t)h.base,
        .page_size = (size_t)h.page_size,
        .page_count = (size_t)h.page_count,
        .max_order = h.max_order,
        .lanes = h.lanes,
    };
    size_t parts = lfb_geometry_plan(lfb, &config);
    if (!parts || size < h.start + parts) {
        *lfb = (lfb_t){0};
        return LFB_DAMAGED;
    }
    lfb->current_lane = current_lane;
    lfb->lane_context = lane_context;
    lfb->metadata = metadata;
    lfb->metadata_size = size;
    lfb_geometry_place(lfb, (char *)metadata + h.start);
    if (!lfb_header_matches(lfb)) { /* numbers too wide for this machine */
        *lfb = (lfb_t){0};
        return LFB_DAMAGED;
    }
    return LFB_OK;
}

lfb_status lfb_create(lfb_t *lfb, const lfb_config *config, const lfb_backend *backend)
{
    size_t size = lfb_metadata_size(config);
    if (!lfb) {
        return LFB_INVALID_ARGUMENT;
    }
    *lfb = (lfb_t){0};
    if (!size || !backend || !backend->allocate) {
        return LFB_INVALID_ARGUMENT;
    }
    void *metadata = backend->allocate(backend->ctx, size, CACHE_LINE);
    if (!metadata) {
        return LFB_NO_MEMORY;
    }
    lfb_status status = lfb_init(lfb, config, metadata, size);
    if (status == LFB_OK) {
        lfb->backend = *backend;
    } else if (backend->release) {
        backend->release(backend->ctx, metadata, size); /* misaligned memory, for example */
    }
    return status;
}

void lfb_destroy(lfb_t *lfb)
{
    if (!lfb) {
        return;
    }
    if (lfb->metadata && lfb->backend.release) {
        lfb->backend.release(lfb->backend.ctx, lfb->metadata, lfb->metadata_size);
    }
    *lfb = (lfb_t){0};
}

const char *lfb_status_name(lfb_status status)
{
    static const char *const names[] = {
        [LFB_OK] = "ok",
        [LFB_EXHAUSTED] = "exhausted",
        [LFB_INVALID_ARGUMENT] = "invalid argument",
        [LFB_OUT_OF_RANGE] = "out of range",
        [LFB_NOT_ALLOCATED] = "not allocated",
        [LFB_NOT_START] = "not the start of a run",
        [LFB_SIZE_MISMATCH] = "size mismatch",
        [LFB_BUSY] = "busy",
        [LFB_DAMAGED] = "damaged metadata",
        [LFB_NO_MEMORY] = "no memory from the backend",
    };
    unsigned index = (unsigned)status;
    return index < sizeof(names) / sizeof(*names) ? names[index] : "unknown status";
}
