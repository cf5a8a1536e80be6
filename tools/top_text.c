/* SPDX-License-Identifier: MIT */
/*
 * A sample as text and as JSON: see top.h.
 */
#include "top.h"

#include <stdlib.h>
#include <string.h>

enum {
    USE_BAR = 40,
    ORDER_BAR = 10,
    LANES_A_ROW = 4,
    PROCESSES_MOST = 12,
    ROWS_BESIDE = 26, /* of the text, without the map */
    MAP_LEAST = 2,
    MAP_MOST = 8
};

static void print_bar(FILE *out, const terminal *t, double share, unsigned width)
{
    unsigned full = (unsigned)(share * width + 0.5);
    full = full < width ? full : width;
    for (unsigned i = 0; i < width; i++) {
        const char *full_glyph = t->utf8 ? "█" : "#";
        fputs(i < full ? full_glyph : t->utf8 ? "░" : "-", out);
    }
}

static const char *count_text(char text[32], double value)
{
    return tool_format_count(text, (uint64_t)(value + 0.5));
}

/* --------------------------------------------------------------------------------- summary ---- */

static void print_title(const sampler *s, const char *name, FILE *out)
{
    char size[32], page[32], pages[32];
    fprintf(out, "%s: %s, %s pages of %s, %u lanes, owner tags: %s\n", name,
            tool_format_bytes(size, (double)s->info.size),
            tool_format_count(pages, s->info.page_count),
            tool_format_bytes(page, (double)s->info.page_size), s->info.lanes,
            s->info.owner_tags ? "yes" : "no");
}

static void print_use(const sampler *s, FILE *out, const terminal *t)
{
    const lfb_stats *stats = &sampler_last(s)->stats;
    char pages[32], runs[32], largest[32];
    double share = (double)stats->allocated_pages / (double)s->info.page_count;
    fputs("  in use   ", out);
    print_bar(out, t, share, USE_BAR);
    fprintf(out, " %.1f %%\n  pages    %s in %s runs; %s free\n", 100 * share,
            tool_format_count(pages, stats->allocated_pages), tool_format_count(runs, stats->runs),
            tool_format_count(largest, stats->free_pages));
    if (stats->largest_free_order >= 0) {
        double bytes = (double)s->info.page_size * (double)(1ULL << stats->largest_free_order);
        fprintf(out, "  free     largest block %s; %.1f %% in blocks below 2 MiB\n",
                tool_format_bytes(largest, bytes), pool_small_share(stats, s->info.page_size));
    }
}

static void print_rates(const sampler *s, FILE *out)
{
    char a[32], b[32];
    const sample_rates *rates = &s->rates;
    fprintf(out, "  changes  at least %s pages/s allocated, %s pages/s released\n",
            count_text(a, rates->allocated), count_text(b, rates->released));
    if (s->calls.start == NULL) {
        fputs("  calls    not counted: the pool has no owner tags\n", out);
        return;
    }
    fprintf(out, "  calls    %s /s; by lane:", count_text(a, rates->calls));
    unsigned shown = 0;
    for (unsigned lane = 0; lane < s->info.lanes; lane++) {
        if (sampler_last(s)->calls.lanes[lane] > 0) {
            fputs(shown > 0 && shown % LANES_A_ROW == 0 ? "\n                          " : "", out);
            fprintf(out, "  %u: %s", lane, count_text(b, rates->lanes[lane]));
            shown++;
        }
    }
    fputs(shown == 0 ? "  none yet\n" : "\n", out);
}

/* -------------------------------------------------------------------- blocks and processes ---- */

static void print_order(const sampler *s, FILE *out, const terminal *t, int order)
{
    char bytes[32], count[32];
    const lfb_stats *stats = &sampler_last(s)->stats;
    size_t blocks = stats->free_blocks[order];
    double share = (double)(blocks << order) / (double)stats->free_pages;
    fprintf(out, "  %2d %8s %9s ", order,
            tool_format_bytes(bytes, (double)s->info.page_size * (double)(1ULL << order)),
            tool_format_count(count, blocks));
    print_bar(out, t, share, ORDER_BAR);
}

/* In two columns. */
static void print_orders(const sampler *s, FILE *out, const terminal *t)
{
    int largest = sampler_last(s)->stats.largest_free_order;
    int rows = (largest + 2) / 2;
    fputs("\nFree blocks by order: size, number, share of the free pages\n", out);
    for (int i = 0; i < rows; i++) {
        print_order(s, out, t, i);
        if (i + rows <= largest) {
            fputs("  ", out);
            print_order(s, out, t, i + rows);
        }
        fputc('\n', out);
    }
    fputs(largest < 0 ? "  nothing is free\n" : "", out);
}

static void print_processes(const sampler *s, FILE *out)
{
    const sample *now = sampler_last(s);
    char command[32], rate[32];
    fprintf(out, "\nProcesses that have it open: %zu\n", now->process_count);
    for (size_t i = 0; i < now->process_count && i < PROCESSES_MOST; i++) {
        const lfb_pool_process *p = &now->processes[i];
        fprintf(out, "  slot %-3u PID %-8ld %-7s %-16s", p->slot, (long)p->pid,
                pool_process_state(p), pool_process_command(p, command));
        if (s->calls.start != NULL) {
            fprintf(out, " %12s calls/s", count_text(rate, s->rates.slots[p->slot]));
        }
        fputc('\n', out);
    }
    if (now->process_count > PROCESSES_MOST) {
        fprintf(out, "  and %zu more\n", now->process_count - PROCESSES_MOST);
    }
}

void top_print(const sampler *s, const char *name, FILE *out, const terminal *t, unsigned rows)
{
    unsigned map = rows > ROWS_BESIDE ? rows - ROWS_BESIDE : 0;
    map = map < MAP_LEAST ? MAP_LEAST : map;
    print_title(s, name, out);
    print_use(s, out, t);
    print_rates(s, out);
    print_orders(s, out, t);
    print_processes(s, out);
    fputs("\nThe range, by rising offset\n", out);
    picture_print(&sampler_last(s)->picture, out, t, map < MAP_MOST ? map : MAP_MOST);
}

/* ------------------------------------------------------------------------------------ JSON ---- */

static void report_lanes(const sampler *s, report *r)
{
    FILE *json = report_member(r, "lane_calls_per_second");
    fputc('[', json);
    for (unsigned lane = 0; lane < s->info.lanes; lane++) {
        fprintf(json, "%s%.6g", lane == 0 ? "" : ", ", s->rates.lanes[lane]);
    }
    fputc(']', json);
}

static uint64_t calls_ever(const sampler *s)
{
    uint64_t calls = 0;
    for (unsigned lane = 0; lane < s->info.lanes; lane++) {
        calls += sampler_last(s)->calls.lanes[lane];
    }
    return calls;
}

static void report_slots(const sampler *s, report *r)
{
    const sample *now = sampler_last(s);
    FILE *json = report_member(r, "processes");
    fputc('[', json);
    for (size_t i = 0; i < now->process_count; i++) {
        const lfb_pool_process *p = &now->processes[i];
        fprintf(json, "%s{\"slot\": %u, \"pid\": %ld, \"state\": \"%s\"", i == 0 ? "" : ", ",
                p->slot, (long)p->pid, pool_process_state(p));
        if (s->calls.start != NULL) {
            fprintf(json, ", \"calls_per_second\": %.6g", s->rates.slots[p->slot]);
        }
        fputc('}', json);
    }
    fputc(']', json);
}

void top_report(const sampler *s, report *r)
{
    const sample_rates *rates = &s->rates;
    report_section(r, "rates", "");
    report_real(r, "seconds", "", rates->seconds, "");
    report_real(r, "allocated_pages_per_second_at_least", "", rates->allocated, "");
    report_real(r, "released_pages_per_second_at_least", "", rates->released, "");
    if (s->calls.start != NULL) {
        report_count(r, "calls", "", calls_ever(s));
        report_real(r, "calls_per_second", "", rates->calls, "");
        report_lanes(s, r);
    }
    report_slots(s, r);
}
