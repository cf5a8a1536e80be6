/* SPDX-License-Identifier: MIT */
/*
 * `lfbuddy check`: is a pool sound? The checker is exact in quiet. Beside processes at work it may
 * meet a call half-way, so what it finds then is looked for again: damage stays.
 */
#include "pool_session.h"
#include "ticks.h"
#include "verbs.h"

#include <inttypes.h>

enum { LOOKS_MOST = 20, PAUSE_MS = 20 };

typedef struct finding {
    lfb_pool_report report;
    unsigned looks;
    size_t live;
    bool sound;
} finding;

static finding look(const lfb_pool *pool)
{
    finding f = {.looks = 0};
    do {
        if (f.looks > 0) {
            ticks_sleep_ms(PAUSE_MS);
        }
        f.sound = lfb_pool_check(pool, &f.report) == LFB_OK;
        f.live = pool_live_processes(pool);
        f.looks++;
    } while (!f.sound && f.live > 0 && f.looks < LOOKS_MOST);
    return f;
}

static void report_fault(report *r, const finding *f, size_t page_size)
{
    const lfb_report *core = &f->report.core;
    report_count(r, "faults", "broken invariants", core->faults);
    report_text(r, "first_fault", "the first one",
                core->first_fault != NULL ? core->first_fault : "");
    report_count(r, "fault_level", "in a node of level", core->fault_level);
    report_count(r, "fault_offset", "that begins at offset", core->fault_address);
    report_count(r, "fault_page", "which is page", core->fault_address / page_size);
}

static void report_finding(pool_session *s, const finding *f)
{
    report *r = &s->report;
    report_section(r, "check", "Check");
    report_text(r, "verdict", "the metadata", f->sound ? "sound" : "damaged");
    if (!f->sound) {
        report_fault(r, f, s->info.page_size);
    } else {
        report_count(r, "warm_nodes", "nodes not merged yet", f->report.core.warm_nodes);
        report_count(r, "low_hints", "hints that are too low", f->report.core.low_hints);
    }
    if (f->sound && s->info.owner_tags) {
        report_count(r, "unowned_runs", "runs without an owner", f->report.unowned);
        if (f->report.unowned > 0 && f->live == 0) {
            report_remark(r, "", "left by dead processes: `lfbuddy recover' gives them back");
        }
    }
    report_count(r, "live_processes", "processes at work", f->live);
    report_count(r, "looks", "looks", f->looks);
}

static tool_status complain(const pool_session *s, const finding *f)
{
    const lfb_report *core = &f->report.core;
    return tool_fail(TOOL_FAILED,
                     "%s: damaged: %s, in the node of level %u that begins at offset %#" PRIxPTR
                     "; %zu broken invariants%s",
                     s->name, core->first_fault != NULL ? core->first_fault : "unknown fault",
                     core->fault_level, core->fault_address, core->faults,
                     f->live > 0 ? "; processes are at work in it: stop them to be sure" : "");
}

tool_status verb_check(int argc, char **argv)
{
    static const struct argp_option options[] = {POOL_OPTIONS_REPORT};
    pool_options o = {0};
    pool_session s;
    pool_options_read(
        &o, argc, argv, options,
        "Checks a pool: its header, and every invariant of its metadata. Exact if no "
        "process works in it; otherwise a fault is looked for again." POOL_OPTIONS_END);
    tool_status status = pool_session_open(&s, &o, POOL_LOOK);
    if (status != TOOL_OK) {
        return status;
    }
    finding f = look(s.pool);
    report_finding(&s, &f);
    return pool_session_close(&s, f.sound ? TOOL_OK : complain(&s, &f));
}
