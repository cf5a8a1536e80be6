/* SPDX-License-Identifier: MIT */
/*
 * Opening an allocator and judging it: see subject.h.
 */
#include "subject.h"

#include <string.h>
#include <sys/mman.h>

/* ----------------------------------------------------------------------------------- life ---- */

/* mmap gives zeroes without touching them, so that starting is quick whatever the range. */
static tool_status map_metadata(subject *s)
{
    s->metadata_size = lfb_metadata_size(&s->config);
    if (s->metadata_size == 0) {
        return tool_fail(TOOL_FAILED, "no allocator can have %zu pages of %zu bytes, order %u",
                         s->config.page_count, s->config.page_size, s->config.max_order);
    }
    s->metadata = mmap(NULL, s->metadata_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s->metadata == MAP_FAILED) {
        s->metadata = NULL;
        return tool_fail(TOOL_FAILED, "no memory for %zu bytes of metadata", s->metadata_size);
    }
    return TOOL_OK;
}

static tool_status start(subject *s)
{
    tool_status status = map_metadata(s);
    if (status != TOOL_OK) {
        return status;
    }
    if (s->verify && !owner_open(&s->owners, s->config.page_count)) {
        return tool_fail(TOOL_FAILED, "no memory to verify %zu pages; try --no-verify",
                         s->config.page_count);
    }
    lfb_status started = lfb_init(&s->lfb, &s->config, s->metadata, s->metadata_size);
    if (started != LFB_OK) {
        return tool_fail(TOOL_FAILED, "can't start the allocator: %s", lfb_status_name(started));
    }
    return TOOL_OK;
}

tool_status subject_open(subject *s, const lfb_config *wanted, bool verify)
{
    memset(s, 0, sizeof(*s));
    s->config = *wanted;
    s->config.struct_size = sizeof(s->config);
    s->config.metadata_zeroed = true;
    s->verify = verify;
    verdict_open(&s->found);
    tool_status status = start(s);
    if (status != TOOL_OK) {
        subject_close(s);
    }
    return status;
}

void subject_close(subject *s)
{
    lfb_destroy(&s->lfb);
    owner_close(&s->owners);
    if (s->metadata != NULL) {
        munmap(s->metadata, s->metadata_size);
    }
    verdict_close(&s->found);
}

/* -------------------------------------------------------------------------------- verdicts ---- */

void subject_claim(subject *s, uintptr_t address, size_t pages, uint32_t mark)
{
    owner_clash clash;
    if (s->verify && !owner_claim(&s->owners, address / s->config.page_size, pages, mark, &clash)) {
        verdict_add(&s->found, "page %#zx was handed to run %u while run %u had it", clash.page,
                    mark, clash.found);
    }
}

void subject_disclaim(subject *s, uintptr_t address, size_t pages, uint32_t mark)
{
    owner_clash clash;
    if (s->verify &&
        !owner_release(&s->owners, address / s->config.page_size, pages, mark, &clash)) {
        verdict_add(&s->found, "page %#zx of run %u was taken over by run %u", clash.page, mark,
                    clash.found);
    }
}

void subject_expect_size(subject *s, uintptr_t address, size_t pages, uint32_t mark)
{
    if (!s->verify) {
        return;
    }
    size_t found = lfb_size_of(&s->lfb, address);
    if (found != pages) {
        verdict_add(&s->found, "run %u at page %#zx has %zu pages by lfb_size_of, not %zu", mark,
                    (size_t)(address / s->config.page_size), found, pages);
    }
}

void subject_expect_ok(subject *s, lfb_status status, const char *call, uintptr_t address,
                       size_t pages)
{
    if (status != LFB_OK) {
        verdict_add(&s->found, "%s of %zu pages at page %#zx was refused: %s", call, pages,
                    (size_t)(address / s->config.page_size), lfb_status_name(status));
    }
}

void subject_expect_sound(subject *s, const char *when)
{
    lfb_report report;
    if (lfb_check(&s->lfb, &report) != LFB_OK) {
        verdict_add(&s->found, "%s the metadata has %zu faults, first: %s (level %u, page %#zx)",
                    when, report.faults, report.first_fault, report.fault_level,
                    (size_t)(report.fault_address / s->config.page_size));
    }
}

/* Free blocks are maximal when no range could be free in fewer: the binary digits of its length
 * below max_order, since it starts at 0. */
static size_t fewest_blocks(const lfb_config *config, unsigned order)
{
    size_t blocks = config->page_count >> order;
    return order == config->max_order ? blocks : blocks & 1;
}

static void expect_maximal(subject *s, const lfb_stats *stats, const char *when)
{
    for (unsigned order = 0; order <= s->config.max_order; order++) {
        size_t wanted = fewest_blocks(&s->config, order);
        if (stats->free_blocks[order] != wanted) {
            verdict_add(&s->found, "%s there are %zu free blocks of order %u, not %zu", when,
                        stats->free_blocks[order], order, wanted);
        }
    }
}

void subject_expect_empty(subject *s, const char *when)
{
    lfb_drain(&s->lfb);
    subject_expect_sound(s, when);
    lfb_report report;
    lfb_check(&s->lfb, &report);
    if (report.stats.free_pages != s->config.page_count || report.warm_nodes != 0) {
        verdict_add(&s->found, "%s %zu of %zu pages are free, and %zu nodes unmerged", when,
                    report.stats.free_pages, s->config.page_count, report.warm_nodes);
    }
    expect_maximal(s, &report.stats, when);
    owner_clash clash;
    if (s->verify && !owner_none(&s->owners, &clash)) {
        verdict_add(&s->found, "%s page %#zx still carries the mark of run %u", when, clash.page,
                    clash.found);
    }
}
