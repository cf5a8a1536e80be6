/* SPDX-License-Identifier: MIT */
/*
 * Putting a replay together: see session.h.
 */
#include "session.h"

#include "output.h"
#include "replay.h"
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_ORDER = 10 };

#define LEAST_BYTES ((uint64_t)64 << 20)

/* All that a session holds. */
typedef struct session {
    const session_options *options;
    output picture_file;
    output json_file;
    terminal look;
    ticks clock;
    trace trace;
    script script;
    subject subject;
    picture picture;
    replay_result result;
} session;

session_options session_defaults(void)
{
    return (session_options){.passes = 1, .page_size = 4096, .max_order = -1, .verify = true};
}

/* --------------------------------------------------------------------------------- opening ---- */

static tool_status open_files(session *s)
{
    tool_status status = output_open(&s->picture_file, s->options->picture);
    if (status == TOOL_OK) {
        status = output_open(&s->json_file, s->options->json);
    }
    return status;
}

static tool_status open_trace(session *s)
{
    tool_status status = trace_read(s->options->trace, &s->trace);
    if (status == TOOL_OK) {
        status = script_make(&s->script, &s->trace, s->options->threads);
    }
    return status;
}

/* The smallest power of two with a quarter of the peak to spare. */
static uint64_t default_pages(const session *s)
{
    uint64_t wanted = s->script.peak_pages + (s->script.peak_pages + 3) / 4;
    uint64_t least = LEAST_BYTES / s->options->page_size;
    uint64_t pages = 1;
    while (pages < wanted || pages < least) {
        pages *= 2;
    }
    return pages;
}

static tool_status choose_range(const session *s, lfb_config *config)
{
    const session_options *o = s->options;
    unsigned needed = s->script.max_order;
    unsigned order = needed > DEFAULT_ORDER ? needed : DEFAULT_ORDER;
    config->max_order = o->max_order < 0 ? order : (unsigned)o->max_order;
    if (config->max_order < needed) {
        return tool_fail(TOOL_FAILED, "%s: has blocks of order %u, above --max-order %u", o->trace,
                         needed, config->max_order);
    }
    if (o->size % o->page_size != 0) {
        return tool_fail(TOOL_USAGE, "--size is no multiple of the page size, %zu bytes",
                         (size_t)o->page_size);
    }
    uint64_t pages = o->pages > 0 ? o->pages : o->size / o->page_size;
    pages = pages > 0 ? pages : default_pages(s);
    if (pages > LFB_MAX_PAGES || pages > UINTPTR_MAX / o->page_size) {
        return tool_fail(TOOL_FAILED, "the range is larger than any allocator's can be");
    }
    config->page_count = (size_t)pages;
    config->page_size = (size_t)o->page_size;
    config->lanes = s->script.thread_count;
    return TOOL_OK;
}

static tool_status open_subject(session *s)
{
    lfb_config config = {0};
    tool_status status = choose_range(s, &config);
    if (status != TOOL_OK) {
        return status;
    }
    if (!picture_open(&s->picture, 0, config.page_count, config.page_size)) {
        return tool_fail(TOOL_FAILED, "no memory for a picture of %zu pages", config.page_count);
    }
    return subject_open(&s->subject, &config, s->options->verify);
}

/* ------------------------------------------------------------------------------- reporting ---- */

static void report_trace(report *r, const session *s)
{
    const script *c = &s->script;
    char bytes[32];
    report_section(r, "trace", "Trace");
    report_text(r, "file", "file", s->options->trace);
    report_real(r, "seconds", "recorded in", (double)c->duration / 1e6, "s");
    report_count(r, "cpus", "CPUs", c->cpus);
    report_count(r, "allocations", "allocations", c->allocs);
    report_count(r, "releases", "releases", c->frees);
    report_count(r, "foreign_releases", "  of older pages, skipped", c->foreign_frees);
    report_count(r, "part_releases", "  of parts of blocks", c->part_frees);
    report_count(r, "lost_releases", "lost releases, added", c->lost_frees);
    report_count(r, "peak_pages", "peak use, pages", c->peak_pages);
    tool_format_bytes(bytes, (double)c->peak_pages * (double)s->options->page_size);
    report_remark(r, "", "%s, at line %zu", bytes, c->peak_event + 1);
    report_count(r, "left_pages", "left at the end, pages", c->left_pages);
}

static void report_range(report *r, const session *s)
{
    const lfb_config *c = &s->subject.config;
    char text[32];
    report_section(r, "range", "Range");
    report_bytes(r, "bytes", "size", (uint64_t)c->page_count * c->page_size);
    report_count(r, "pages", "pages", c->page_count);
    report_bytes(r, "page_size", "page size", c->page_size);
    report_count(r, "max_order", "largest order", c->max_order);
    report_bytes(r, "metadata_bytes", "metadata", s->result.metadata_size);
    double bits = 8 * (double)s->result.metadata_size / (double)c->page_count;
    report_real(r, "metadata_bits_per_page", "metadata, a page", bits, "bits");
    report_remark(r, "", "with 128 bytes for each of %s lanes", tool_format_count(text, c->lanes));
}

static void report_speed(report *r, const session *s)
{
    const replay_result *e = &s->result;
    double operations = (double)(e->alloc.count + e->release.count);
    double inside = (double)(e->alloc.sum + e->release.sum) * s->clock.ns;
    report_section(r, "replay", "Replay");
    report_count(r, "threads", "threads", s->script.thread_count);
    if (s->script.busy_threads < s->script.thread_count) {
        report_remark(r, "", "%u of them have work: the trace has %u CPUs", s->script.busy_threads,
                      s->script.cpus);
    }
    report_count(r, "passes", "passes", s->options->passes);
    report_count(r, "operations", "operations", e->alloc.count + e->release.count);
    report_real(r, "wall_ms", "wall time", (double)e->wall_ns / 1e6, "ms");
    report_real(r, "million_operations_per_second", "throughput, all threads",
                operations / ((double)e->wall_ns / 1e9) / 1e6, "million operations/s");
    report_remark(r, "", "%s",
                  s->options->verify ? "with verification and waiting"
                                     : "with waiting for other threads' blocks");
    report_real(r, "allocator_ms", "time in the allocator", inside / 1e6, "ms, over all threads");
    report_count(r, "failures", "allocations failed", e->failures);
    report_count(r, "retries", "allocations repeated", e->waits);
}

static void report_latencies(report *r, const session *s)
{
    report_section(r, "latency", "Latency of one call");
    report_latency_heading(r);
    report_latency(r, "allocation", "allocation", &s->result.alloc, s->clock.ns);
    report_latency(r, "release", "release", &s->result.release, s->clock.ns);
    report_text(r, "clock", "clock", s->clock.name);
    report_real(r, "clock_cost_ns", "of which for reading it", s->clock.cost_ns, "ns");
}

static void report_space(report *r, const session *s)
{
    const picture *p = &s->picture;
    char cell[32], label[64];
    report_section(r, "space", "Space");
    tool_format_bytes(cell, (double)PICTURE_CELL_PAGES * (double)p->page_size);
    snprintf(label, sizeof(label), "free blocks of %s", cell);
    report_series(r, "used_pages", "pages in use, over time", s->result.used, REPLAY_SAMPLES,
                  p->pages);
    report_series(r, "wholly_free_cells", label, s->result.free_cells, REPLAY_SAMPLES, p->count);
    report_count(r, "cell_pages", "pages of such a block", PICTURE_CELL_PAGES);
    report_remark(r, "at the end of the trace",
                  "%zu pages in %zu runs, and free:", s->result.end.allocated_pages,
                  s->result.end.runs);
    report_blocks(r, &s->result.end, p->page_size);
}

static void report_verdict(report *r, const session *s)
{
    size_t violations = atomic_load(&s->subject.found.count);
    report_section(r, "verification", "Verification");
    report_text(r, "extent", "what was verified",
                s->options->verify ? "owners of all pages, sizes, end states" : "end states");
    report_count(r, "violations", "violations", violations);
}

static void report_picture(report *r, const session *s)
{
    char title[160];
    if (r->text != NULL) {
        fprintf(r->text, "\nThe range at the end of the trace: %s\n",
                picture_title(&s->picture, title));
        picture_print(&s->picture, r->text, &s->look, PICTURE_ROWS);
    }
}

static tool_status write_report(session *s)
{
    FILE *json = output_begin(&s->json_file);
    report r;
    report_begin(&r, json == stdout ? NULL : stdout, json, &s->look);
    report_trace(&r, s);
    report_range(&r, s);
    report_speed(&r, s);
    report_latencies(&r, s);
    report_space(&r, s);
    report_verdict(&r, s);
    report_picture(&r, s);
    report_end(&r);
    return output_commit(&s->json_file);
}

static tool_status write_picture(session *s)
{
    FILE *file = output_begin(&s->picture_file);
    if (file != NULL && !picture_write(&s->picture, picture_format_of(s->options->picture), file)) {
        return tool_fail(TOOL_FAILED, "%s: can't write the picture: %s", s->options->picture,
                         strerror(errno));
    }
    return output_commit(&s->picture_file);
}

/* --------------------------------------------------------------------------------- running ---- */

/* Blocks of mixed sizes never fit without gaps, so a range of just the peak may fail as well. */
static tool_status fail_for_room(const session *s)
{
    char peak[32], range[32];
    const lfb_config *c = &s->subject.config;
    uint64_t enough = default_pages(s);
    enough = enough > c->page_count ? enough : (uint64_t)c->page_count * 2;
    tool_format_bytes(peak, (double)s->script.peak_pages * (double)c->page_size);
    tool_format_bytes(range, (double)c->page_count * (double)c->page_size);
    return tool_fail(TOOL_FAILED,
                     "%s: line %zu: the range is too small for the trace: %zu allocations failed; "
                     "it has %zu pages (%s), the trace's peak needs %zu (%s) and some to spare, as "
                     "with --pages %" PRIu64,
                     s->options->trace, s->result.failed_event + 1, s->result.failures,
                     c->page_count, range, s->script.peak_pages, peak, enough);
}

/* What the user has to hear about the replay. */
static tool_status judge(session *s)
{
    tool_status status = s->result.failures > 0 ? fail_for_room(s) : TOOL_OK;
    return verdict_print(&s->subject.found) > 0 ? TOOL_VIOLATION : status;
}

static tool_status run_and_report(session *s)
{
    tool_status status = replay_run(&s->script, &s->trace, &s->subject, s->options->passes,
                                    &s->clock, &s->picture, &s->result);
    if (status != TOOL_OK) {
        return status;
    }
    status = write_report(s);
    tool_status drawn = write_picture(s);
    tool_status judged = judge(s);
    status = status == TOOL_OK ? drawn : status;
    return judged == TOOL_OK ? status : judged;
}

static tool_status run(session *s)
{
    tool_status status = open_files(s);
    if (status == TOOL_OK) {
        status = open_trace(s);
    }
    if (status == TOOL_OK) {
        status = open_subject(s);
    }
    if (status != TOOL_OK) {
        return status;
    }
    ticks_open(&s->clock);
    terminal_look(&s->look, stdout, s->options->no_colour);
    status = run_and_report(s);
    subject_close(&s->subject);
    return status;
}

tool_status session_run(const session_options *options)
{
    session *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return tool_fail(TOOL_FAILED, "out of memory");
    }
    s->options = options;
    tool_status status = run(s);
    picture_close(&s->picture);
    script_close(&s->script);
    trace_close(&s->trace);
    output_abandon(&s->picture_file);
    output_abandon(&s->json_file);
    free(s);
    return status;
}
