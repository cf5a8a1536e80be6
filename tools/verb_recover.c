/* SPDX-License-Identifier: MIT */
/*
 * `lfbuddy recover` and `lfbuddy trim`: what is given back, by dead processes to the pool, and by
 * the pool to the system.
 */
#include "pool_session.h"
#include "ticks.h"
#include "verbs.h"

enum { DEFAULT_SECONDS = 5, DEFAULT_ORDER = 9 };

static tool_status recover(pool_session *s)
{
    lfb_pool_recovery done;
    report *r = &s->report;
    struct timespec deadline = ticks_deadline(s->options->seconds);
    lfb_status status = lfb_pool_recover(s->pool, &deadline, &done);
    report_section(r, "recovery", "Recovery");
    report_count(r, "processes", "dead processes", done.processes);
    report_count(r, "runs", "runs given back", done.runs);
    report_count(r, "pages", "pages of these", done.pages);
    report_count(r, "undecided_runs", "runs undecided", done.undecided);
    report_count(r, "foreign_processes", "processes not judged here", done.foreign);
    if (!s->info.owner_tags) {
        report_remark(r, "", "without owner tags no run is anybody's: slots were freed, no runs");
    }
    if (done.undecided > 0) {
        return tool_fail(TOOL_FAILED,
                         "%s: %zu runs can't be told from calls under way; try again when fewer "
                         "processes work in it, or with more --seconds",
                         s->name, done.undecided);
    }
    return status == LFB_OK ? TOOL_OK
                            : tool_fail(TOOL_FAILED, "%s: another recovery is under way", s->name);
}

/* Dead processes may have all the slots: then a first recovery makes room for this one. */
static tool_status make_room(const pool_options *o)
{
    lfb_pool_error error;
    lfb_pool_config config = {.kind = o->config.kind, .name = o->config.name};
    lfb_pool *pool = lfb_pool_open(&config, &error);
    if (pool == NULL && error.status == LFB_POOL_NO_SLOT) {
        config.recover = true;
        pool = lfb_pool_open(&config, &error);
        if (pool != NULL) {
            tool_fail(TOOL_OK,
                      "%s: all process slots were taken; a first recovery made room, what "
                      "it gave back isn't counted",
                      o->given);
        }
    }
    lfb_pool_close(pool);
    return pool != NULL ? TOOL_OK : pool_session_fail(&error);
}

tool_status verb_recover(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"seconds", POOL_KEY_SECONDS, "S", 0,
         "How long to try where calls under way blur the picture (default: 5)", 0},
        POOL_OPTIONS_REPORT};
    pool_options o = {.seconds = DEFAULT_SECONDS};
    pool_session s;
    pool_options_read(&o, argc, argv, options,
                      "Gives back what dead processes held, and frees their slots. Other processes "
                      "go on meanwhile." POOL_OPTIONS_END);
    tool_status status = make_room(&o);
    if (status == TOOL_OK) {
        status = pool_session_open(&s, &o, POOL_CHANGE);
    }
    return status != TOOL_OK ? status : pool_session_close(&s, recover(&s));
}

/* ------------------------------------------------------------------------------------ trim ---- */

static tool_status trim(pool_session *s)
{
    lfb_pool_error error;
    size_t bytes = lfb_pool_trim(s->pool, s->options->order, &error);
    report_section(&s->report, "trim", "Trim");
    report_bytes(&s->report, "returned_bytes", "given back", bytes);
    tool_status status = pool_report_memory(s);
    return error.status == LFB_POOL_OK ? status : pool_session_fail(&error);
}

tool_status verb_trim(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"order", POOL_KEY_ORDER, "N", 0, "Free blocks of 2^N pages or more (default: 9)", 0},
        POOL_OPTIONS_REPORT};
    pool_options o = {.order = DEFAULT_ORDER};
    pool_session s;
    pool_options_read(&o, argc, argv, options,
                      "Gives the memory of free blocks back to the system." POOL_OPTIONS_END);
    tool_status status = pool_session_open(&s, &o, POOL_CHANGE);
    return status != TOOL_OK ? status : pool_session_close(&s, trim(&s));
}
