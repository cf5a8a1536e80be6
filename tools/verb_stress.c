/* SPDX-License-Identifier: MIT */
/*
 * `lfbuddy stress`: its options and its report. The work is in stress.c.
 */
#include "pool_session.h"
#include "stress.h"
#include "verbs.h"

enum { DEFAULT_PROCESSES = 4, DEFAULT_SECONDS = 5, KILLS_A_SECOND = 20 };

#define DEFAULT_SIZE ((size_t)64 << 20)

static tool_status judge_pool(const pool_session *s, unsigned processes)
{
    size_t live = pool_live_processes(s->pool);
    if (!s->info.owner_tags) {
        return tool_fail(TOOL_FAILED,
                         "%s: has no owner tags, so what the killed held would be lost; create one "
                         "with --owner-tags, or use --temporary",
                         s->name);
    }
    if (live > 0) {
        return tool_fail(TOOL_FAILED,
                         "%s: %zu other processes have it open, and what they do can't be told "
                         "from a fault; end them, or use --temporary",
                         s->name, live);
    }
    if (processes >= s->info.processes) {
        return tool_fail(TOOL_FAILED,
                         "%s: has %u process slots, one of them is needed here: --processes %u at "
                         "most",
                         s->name, s->info.processes, s->info.processes - 1);
    }
    return TOOL_OK;
}

static void report_result(report *r, const stress_plan *plan, const stress_result *e,
                          size_t violations)
{
    report_section(r, "stress", "Stress");
    report_count(r, "processes", "processes at a time", plan->processes);
    report_real(r, "seconds", "for", e->seconds, "s");
    report_count(r, "operations", "operations", e->operations);
    report_real(r, "million_operations_per_second", "throughput",
                (double)e->operations / e->seconds / 1e6,
                "million operations/s, each page marked and verified");
    report_count(r, "exhausted", "allocations without room", e->exhausted);
    report_count(r, "kills", "processes killed", e->kills);
    report_count(r, "recovered_runs", "their runs, given back", e->recovered_runs);
    report_count(r, "recovered_pages", "pages of these", e->recovered_pages);
    report_count(r, "undecided_recoveries", "recoveries left to later", e->undecided);
    report_count(r, "pages_before", "pages allocated before", e->pages_before);
    report_count(r, "survivors_pages", "pages of the survivors", e->survivors_pages);
    report_count(r, "pages_at_end", "pages allocated then", e->pages_at_end);
    report_count(r, "violations", "violations", violations);
}

static tool_status stress_pool(pool_session *s, const stress_plan *plan)
{
    stress_result result;
    verdict found;
    tool_status status = judge_pool(s, plan->processes);
    if (status != TOOL_OK) {
        return status;
    }
    verdict_open(&found);
    status = stress_run(s->pool, plan, &result, &found);
    if (status == TOOL_OK) {
        report_result(&s->report, plan, &result, atomic_load(&found.count));
        status = verdict_print(&found) > 0 ? TOOL_VIOLATION : TOOL_OK;
    }
    verdict_close(&found);
    return status;
}

tool_status verb_stress(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"temporary", POOL_KEY_TEMPORARY, NULL, 0, "In a pool without a name, made for this", 0},
        {"size", POOL_KEY_SIZE, "BYTES", 0, "Of the temporary pool (default: 64M)", 0},
        {"processes", POOL_KEY_PROCESSES, "N", 0, "Processes at a time (default: 4)", 0},
        {"seconds", POOL_KEY_SECONDS, "S", 0, "How long (default: 5)", 0},
        {"kills", POOL_KEY_KILLS, "N", 0, "How many to kill (default: 20 a second)", 0},
        POOL_OPTIONS_REPORT};
    pool_options o = {.seconds = DEFAULT_SECONDS, .kills = UINT64_MAX};
    pool_session s;
    o.config.processes = DEFAULT_PROCESSES;
    o.config.size = DEFAULT_SIZE;
    pool_options_read(
        &o, argc, argv, options,
        "Starts processes that allocate, mark, verify and release pages of one pool; kills them "
        "with SIGKILL at random, gives back what they held, and starts others. In the end the pool "
        "must be sound, and hold what the survivors hold. Each process holds some 20 MB at most. "
        "What the pool held before stays as it is." POOL_OPTIONS_END);
    stress_plan plan = {o.config.processes, o.seconds, o.kills};
    if (plan.processes > STRESS_PROCESSES_MOST) {
        return tool_fail(TOOL_USAGE, "stress: --processes: at most %d", STRESS_PROCESSES_MOST);
    }
    if (plan.kills == UINT64_MAX) {
        plan.kills = (uint64_t)(plan.seconds * KILLS_A_SECOND);
    }
    o.config.processes = 0;
    if (o.temporary) {
        o.config.kind = LFB_POOL_SHARED;
        o.config.owner_tags = true;
        o.config.processes = plan.processes + 1;
    }
    tool_status status = pool_session_open(&s, &o, o.temporary ? POOL_CREATE : POOL_CHANGE);
    return status != TOOL_OK ? status : pool_session_close(&s, stress_pool(&s, &plan));
}
