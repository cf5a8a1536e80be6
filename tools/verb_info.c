/* SPDX-License-Identifier: MIT */
/*
 * `lfbuddy info` and `lfbuddy map`: what a pool is, what it is used for, and how it looks.
 */
#include "picture.h"
#include "pool_session.h"
#include "verbs.h"

#include <errno.h>
#include <string.h>

tool_status verb_info(int argc, char **argv)
{
    static const struct argp_option options[] = {POOL_OPTIONS_REPORT};
    pool_options o = {0};
    pool_session s;
    pool_options_read(&o, argc, argv, options,
                      "Tells a pool's geometry, its use, the memory behind it, and which processes "
                      "have it open." POOL_OPTIONS_END);
    tool_status status = pool_session_open(&s, &o, POOL_LOOK);
    if (status != TOOL_OK) {
        return status;
    }
    lfb_stats stats;
    lfb_get_stats(lfb_pool_core(s.pool), &stats);
    pool_report_geometry(&s);
    pool_report_use(&s, &stats);
    status = pool_report_memory(&s);
    pool_report_processes(&s);
    return pool_session_close(&s, status);
}

/* ------------------------------------------------------------------------------------- map ---- */

static void write_cells(report *r, const picture *p)
{
    FILE *json = report_member(r, "used_pages");
    if (json == NULL) {
        return;
    }
    for (size_t i = 0; i < p->count; i++) {
        fprintf(json, "%s%u", i == 0 ? "[" : ", ", p->used[i]);
    }
    fputc(']', json);
}

static void report_map(pool_session *s, const picture *p)
{
    report *r = &s->report;
    char title[160];
    report_section(r, "map", s->name);
    report_bytes(r, "page_size", "page size", p->page_size);
    report_count(r, "cell_pages", "pages of a block here", PICTURE_CELL_PAGES);
    write_cells(r, p);
    if (r->text != NULL) {
        fprintf(r->text, "  %s\n", picture_title(p, title));
        picture_print(p, r->text, r->look, PICTURE_ROWS);
    }
}

static tool_status write_map(output *file, const picture *p)
{
    FILE *out = output_begin(file);
    if (out != NULL && !picture_write(p, picture_format_of(file->path), out)) {
        return tool_fail(TOOL_FAILED, "%s: can't write the picture: %s", file->path,
                         strerror(errno));
    }
    return output_commit(file);
}

static tool_status draw(pool_session *s, output *file)
{
    picture p;
    if (!picture_open(&p, 0, s->info.page_count, s->info.page_size)) {
        return tool_fail(TOOL_FAILED, "no memory for a picture of %zu pages", s->info.page_count);
    }
    picture_take(&p, lfb_pool_core(s->pool));
    report_map(s, &p);
    tool_status status = write_map(file, &p);
    picture_close(&p);
    return status;
}

tool_status verb_map(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"picture", POOL_KEY_PICTURE, "FILE", 0, "Draw it into FILE.svg or FILE.png as well", 0},
        POOL_OPTIONS_REPORT};
    pool_options o = {0};
    pool_session s;
    output file;
    pool_options_read(&o, argc, argv, options,
                      "Draws a pool's range: how full each part of it is, by rising offset. Beside "
                      "processes at work it is a blurred picture." POOL_OPTIONS_END);
    tool_status status = output_open(&file, o.picture);
    if (status != TOOL_OK) {
        return status;
    }
    status = pool_session_open(&s, &o, POOL_LOOK);
    if (status == TOOL_OK) {
        status = pool_session_close(&s, draw(&s, &file));
    }
    output_abandon(&file);
    return status;
}
