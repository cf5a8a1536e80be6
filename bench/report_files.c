/* SPDX-License-Identifier: MIT */
/*
 * JSON and CSV: see report.h.
 */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static tool_status finish(FILE *file, const char *path)
{
    bool fine = ferror(file) == 0;
    fine = fclose(file) == 0 && fine;
    return fine ? TOOL_OK : tool_fail(TOOL_FAILED, "%s: could not be written", path);
}

static FILE *start(const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        tool_fail(TOOL_FAILED, "%s: %s", path, strerror(errno));
    }
    return file;
}

/* ----------------------------------------------------------------------------------- JSON ---- */

/* Names come from plug-ins, so anything may be in them. */
static void write_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            fputc('\\', file);
        }
        if (*at < 0x20) {
            fprintf(file, "\\u%04x", *at);
        } else {
            fputc(*at, file);
        }
    }
    fputc('"', file);
}

static void write_spread(FILE *file, const char *name, const spread *s)
{
    fprintf(file, ", \"%s\": {\"median\": %.4g, \"min\": %.4g, \"max\": %.4g}", name, s->median,
            s->least, s->most);
}

static void write_latency(FILE *file, const char *name, const latency_figures *l)
{
    fprintf(file,
            ", \"%s\": {\"calls\": %" PRIu64
            ", \"p50\": %.1f, \"p99\": %.1f, \"p99_9\": %.1f, \"max\": %.1f}",
            name, l->calls, l->p50, l->p99, l->p999, l->max);
}

static void write_frag(FILE *file, const frag_outcome *f)
{
    fprintf(file, ", \"free_2mib_blocks\": [");
    for (size_t i = 0; i < HARNESS_FRAG_SAMPLES; i++) {
        fprintf(file, "%s%zu", i == 0 ? "" : ", ", f->huge[i]);
    }
    fprintf(file, "], \"ideal_2mib_blocks\": %zu, \"order_9_allocations\": %zu", f->ideal,
            f->allocated);
}

static void write_measured(FILE *file, const result *r)
{
    write_spread(file, "ns", &r->ns);
    write_spread(file, "operations_per_second", &r->rate);
    if (r->ratio.median > 0) {
        write_spread(file, "ratio_to_floor", &r->ratio);
    }
    fprintf(file, ", \"operations\": %" PRIu64 ", \"failures\": %" PRIu64 ", \"ns_of_rounds\": [",
            r->operations, r->failures);
    for (unsigned i = 0; i < r->rounds; i++) {
        fprintf(file, "%s%.4g", i == 0 ? "" : ", ", r->samples[i].ns);
    }
    fputc(']', file);
}

static void write_row(FILE *file, const result *r)
{
    fprintf(file, "    {\"workload\": \"%s\"", r->cell.workload->name);
    if (r->cell.workload->by_order) {
        fprintf(file, ", \"order\": %u", r->cell.order);
    }
    fprintf(file, ", \"threads\": %u, \"allocator\": ", r->cell.threads);
    write_string(file, r->allocator->name);
    if (r->measured) {
        write_measured(file, r);
    }
    if (r->timed) {
        write_latency(file, "latency", &r->latency.both);
        write_latency(file, "latency_get", &r->latency.get);
        write_latency(file, "latency_put", &r->latency.put);
    }
    if (r->counted) {
        fprintf(file,
                ", \"updates_per_call\": %.4f, \"cas_failures_per_call\": %.4f"
                ", \"lines_written_per_call\": %.4f",
                r->counts.updates, r->counts.cas_failures, r->counts.lines);
    }
    if (r->metadata > 0) {
        fprintf(file, ", \"metadata_bytes\": %zu", r->metadata);
    }
    if (r->frag.valid) {
        write_frag(file, &r->frag);
    }
    if (r->verified) {
        fprintf(file, ", \"faults\": %" PRIu64, r->faults);
    }
    fputc('}', file);
}

tool_status report_json(const measurement *m, const char *path)
{
    char processor[96];
    const settings *s = m->settings;
    FILE *file = start(path);
    if (file == NULL) {
        return TOOL_FAILED;
    }
    fprintf(file, "{\n  \"processor\": ");
    write_string(file, report_processor(processor));
    fprintf(file, ", \"built_by\": ");
    write_string(file, BENCH_BUILT);
    fprintf(file,
            ",\n  \"cpus\": %u, \"pages\": %zu, \"page_size\": %d, \"rounds\": %u, \"round_ns\": "
            "%" PRIu64 ", \"seed\": %" PRIu64 ",\n  \"latency_clock\": \"%s\",\n  \"notes\": [",
            team_cpus(), s->pages, ALLOCATOR_PAGE_SIZE, s->rounds, s->budget_ns, s->seed, m->clock);
    for (size_t i = 0; report_notes[i] != NULL; i++) {
        fputs(i == 0 ? "\n    " : ",\n    ", file);
        write_string(file, report_notes[i]);
    }
    fputs("],\n  \"results\": [", file);
    bool first = true;
    for (size_t i = 0; i < m->count; i++) {
        if (!report_is_hidden(m, &m->rows[i])) {
            fputs(first ? "\n" : ",\n", file);
            write_row(file, &m->rows[i]);
            first = false;
        }
    }
    fputs("\n  ]\n}\n", file);
    return finish(file, path);
}

/* ------------------------------------------------------------------------------------ CSV ---- */

static void write_cell(FILE *file, bool there, double value)
{
    fputc(',', file);
    if (there) {
        fprintf(file, "%.6g", value);
    }
}

static void write_line(FILE *file, const result *r)
{
    const workload *w = r->cell.workload;
    fprintf(file, "%s,", w->name);
    if (w->by_order) {
        fprintf(file, "%u", r->cell.order);
    }
    fprintf(file, ",%u,%s", r->cell.threads, r->allocator->name);
    write_cell(file, r->measured, r->ns.median);
    write_cell(file, r->measured, r->ns.least);
    write_cell(file, r->measured, r->ns.most);
    write_cell(file, r->ratio.median > 0, r->ratio.median);
    write_cell(file, r->measured, r->rate.median);
    write_cell(file, r->timed, r->latency.both.p50);
    write_cell(file, r->timed, r->latency.both.p99);
    write_cell(file, r->timed, r->latency.both.p999);
    write_cell(file, r->timed, r->latency.both.max);
    write_cell(file, r->measured, (double)r->operations);
    write_cell(file, r->measured, (double)r->failures);
    write_cell(file, r->counted, r->counts.updates);
    write_cell(file, r->counted, r->counts.cas_failures);
    write_cell(file, r->counted, r->counts.lines);
    write_cell(file, r->metadata > 0, (double)r->metadata);
    write_cell(file, r->frag.valid, (double)r->frag.huge[HARNESS_FRAG_SAMPLES - 1]);
    write_cell(file, r->frag.valid, (double)r->frag.ideal);
    write_cell(file, r->frag.valid, (double)r->frag.allocated);
    write_cell(file, r->verified, (double)r->faults);
    fputc('\n', file);
}

tool_status report_csv(const measurement *m, const char *path)
{
    FILE *file = start(path);
    if (file == NULL) {
        return TOOL_FAILED;
    }
    fputs("workload,order,threads,allocator,ns_median,ns_min,ns_max,ratio_to_floor,"
          "operations_per_second,p50_ns,p99_ns,p99_9_ns,max_ns,operations,failures,"
          "updates_per_call,cas_failures_per_call,lines_written_per_call,metadata_bytes,"
          "free_2mib_blocks,ideal_2mib_blocks,order_9_allocations,faults\n",
          file);
    for (size_t i = 0; i < m->count; i++) {
        if (!report_is_hidden(m, &m->rows[i])) {
            write_line(file, &m->rows[i]);
        }
    }
    return finish(file, path);
}
