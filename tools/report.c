/* SPDX-License-Identifier: MIT */
/*
 * Text and JSON side by side: see report.h.
 */
#include "report.h"

#include "tool.h"

#include <inttypes.h>
#include <stdarg.h>

enum { LABEL_WIDTH = 26 };

/* ------------------------------------------------------------------------------------ JSON ---- */

static void json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20) {
            fprintf(out, "\\u%04x", c);
        } else {
            fputc(c, out);
        }
    }
    fputc('"', out);
}

FILE *report_member(report *r, const char *key)
{
    if (r->json == NULL) {
        return NULL;
    }
    fprintf(r->json, "%s\n%s", r->first ? "" : ",", r->in_section ? "    " : "  ");
    r->first = false;
    json_string(r->json, key);
    fputs(": ", r->json);
    return r->json;
}

static void json_close_section(report *r)
{
    if (r->in_section) {
        fputs("\n  }", r->json);
        r->in_section = false;
        r->first = false;
    }
}

/* -------------------------------------------------------------------------------- sections ---- */

void report_begin(report *r, FILE *text, FILE *json, const terminal *look)
{
    *r = (report){.text = text, .json = json, .look = look, .first = true};
    if (json != NULL) {
        fputc('{', json);
    }
}

void report_end(report *r)
{
    if (r->json != NULL) {
        json_close_section(r);
        fputs("\n}\n", r->json);
    }
    if (r->text != NULL) {
        fflush(r->text);
    }
}

void report_section(report *r, const char *key, const char *title)
{
    if (r->json != NULL) {
        json_close_section(r);
        fputc('{', report_member(r, key));
        r->in_section = true;
        r->first = true;
    }
    if (r->text != NULL) {
        const char *bold = r->look->colour ? "\033[1m" : "";
        fprintf(r->text, "\n%s%s%s\n", bold, title, r->look->colour ? "\033[0m" : "");
    }
}

/* ----------------------------------------------------------------------------------- facts ---- */

void report_remark(report *r, const char *label, const char *format, ...)
{
    if (r->text != NULL) {
        va_list arguments;
        va_start(arguments, format);
        fprintf(r->text, "  %-*s ", LABEL_WIDTH, label);
        vfprintf(r->text, format, arguments);
        fputc('\n', r->text);
        va_end(arguments);
    }
}

void report_text(report *r, const char *key, const char *label, const char *value)
{
    report_remark(r, label, "%s", value);
    if (r->json != NULL) {
        json_string(report_member(r, key), value);
    }
}

void report_count(report *r, const char *key, const char *label, uint64_t value)
{
    char text[32];
    report_remark(r, label, "%s", tool_format_count(text, value));
    if (r->json != NULL) {
        fprintf(report_member(r, key), "%" PRIu64, value);
    }
}

void report_real(report *r, const char *key, const char *label, double value, const char *unit)
{
    report_remark(r, label, value < 100 ? "%.2f %s" : "%.0f %s", value, unit);
    if (r->json != NULL) {
        fprintf(report_member(r, key), "%.6g", value);
    }
}

void report_bytes(report *r, const char *key, const char *label, uint64_t value)
{
    char bytes[32], count[32];
    tool_format_bytes(bytes, (double)value);
    tool_format_count(count, value);
    report_remark(r, label, value < 1024 ? "%s" : "%s (%s bytes)", bytes, count);
    if (r->json != NULL) {
        fprintf(report_member(r, key), "%" PRIu64, value);
    }
}

/* ------------------------------------------------------------------------------- latencies ---- */

static const char *format_ns(char text[32], double ns)
{
    if (ns < 10000) {
        snprintf(text, 32, "%.0f ns", ns);
    } else if (ns < 10e6) {
        snprintf(text, 32, "%.1f us", ns / 1e3);
    } else {
        snprintf(text, 32, "%.1f ms", ns / 1e6);
    }
    return text;
}

void report_latency_heading(report *r)
{
    if (r->text != NULL) {
        fprintf(r->text, "  %-16s %10s %10s %10s %10s %10s\n", "", "p50", "p99", "p99.9", "max",
                "count");
    }
}

void report_latency(report *r, const char *key, const char *label, const histogram *h, double ns)
{
    static const double shares[] = {0.5, 0.99, 0.999, 1.0};
    static const char *const names[] = {"p50_ns", "p99_ns", "p999_ns", "max_ns"};
    char text[32];
    if (r->text != NULL) {
        fprintf(r->text, "  %-16s", label);
    }
    if (r->json != NULL) {
        fprintf(report_member(r, key), "{\"count\": %" PRIu64, h->count);
    }
    for (unsigned i = 0; i < 4; i++) {
        double value = (double)histogram_quantile(h, shares[i]) * ns;
        if (r->text != NULL) {
            fprintf(r->text, " %10s", format_ns(text, value));
        }
        if (r->json != NULL) {
            fprintf(r->json, ", \"%s\": %.0f", names[i], value);
        }
    }
    if (r->text != NULL) {
        fprintf(r->text, " %10s\n", tool_format_count(text, h->count));
    }
    if (r->json != NULL) {
        fputc('}', r->json);
    }
}

/* ---------------------------------------------------------------------------------- curves ---- */

static void series_text(const report *r, const char *label, const size_t values[], size_t count,
                        size_t most)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    fprintf(r->text, "  %-*s ", LABEL_WIDTH, label);
    for (size_t i = 0; i < count; i++) {
        size_t level = most == 0 ? 0 : values[i] * 7 / most;
        level = level < 7 ? level : 7;
        if (r->look->utf8) {
            fputs(bars[level], r->text);
        } else {
            fprintf(r->text, "%zu", level);
        }
    }
    fprintf(r->text, "  %zu to %zu, of %zu%s\n", values[0], values[count - 1], most,
            r->look->utf8 ? "" : " (0 is none, 7 all)");
}

void report_series(report *r, const char *key, const char *label, const size_t values[],
                   size_t count, size_t most)
{
    if (r->text != NULL) {
        series_text(r, label, values, count, most);
    }
    if (r->json != NULL) {
        fputc('[', report_member(r, key));
        for (size_t i = 0; i < count; i++) {
            fprintf(r->json, "%s%zu", i == 0 ? "" : ", ", values[i]);
        }
        fputc(']', r->json);
    }
}

/* ---------------------------------------------------------------------------------- blocks ---- */

static void blocks_text(const report *r, const lfb_stats *stats, size_t page_size)
{
    char bytes[32], count[32];
    fprintf(r->text, "  %7s %14s %12s\n", "order", "block", "free blocks");
    for (int order = 0; order <= stats->largest_free_order; order++) {
        fprintf(r->text, "  %7d %14s %12s\n", order,
                tool_format_bytes(bytes, (double)page_size * (double)((uint64_t)1 << order)),
                tool_format_count(count, stats->free_blocks[order]));
    }
    if (stats->largest_free_order < 0) {
        fputs("  nothing is free\n", r->text);
    }
}

void report_blocks(report *r, const lfb_stats *stats, size_t page_size)
{
    if (r->text != NULL) {
        blocks_text(r, stats, page_size);
    }
    if (r->json != NULL) {
        fputc('[', report_member(r, "free_blocks"));
        for (int order = 0; order <= stats->largest_free_order; order++) {
            fprintf(r->json, "%s%zu", order == 0 ? "" : ", ", stats->free_blocks[order]);
        }
        fputc(']', r->json);
    }
}
