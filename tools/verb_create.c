/* SPDX-License-Identifier: MIT */
/*
 * `lfbuddy create` and `lfbuddy remove`: the beginning and the end of a pool's name.
 */
#include "pool_session.h"
#include "verbs.h"

tool_status verb_create(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"size", POOL_KEY_SIZE, "BYTES", 0, "What it can hand out, such as 512M or 2G; needed", 0},
        {"page-size", POOL_KEY_PAGE_SIZE, "BYTES", 0,
         "Bytes of a page, a power of two, the system's or more (default: the system's)", 0},
        {"max-order", POOL_KEY_MAX_ORDER, "N", 0, "Largest order (default: the whole pool)", 0},
        {"lanes", POOL_KEY_LANES, "N", 0, "Lanes (default: one for each CPU)", 0},
        {"processes", POOL_KEY_PROCESSES, "N", 0,
         "How many can have it open at a time (default: 63)", 0},
        {"owner-tags", POOL_KEY_OWNER_TAGS, NULL, 0,
         "Note whose each run is, so that `recover' can give back what dead processes held", 0},
        {"reserve", POOL_KEY_RESERVE, NULL, 0,
         "Take all memory, or room on the disk, at once instead of page by page", 0},
        POOL_OPTIONS_REPORT,
    };
    pool_options o = {0};
    pool_session s;
    pool_options_read(&o, argc, argv, options,
                      "Creates a pool. It appears finished, or not at all." POOL_OPTIONS_END);
    if (o.config.size == 0) {
        return tool_fail(TOOL_USAGE, "create: how large? Give --size, such as --size 1G");
    }
    tool_status status = pool_session_open(&s, &o, POOL_CREATE);
    if (status != TOOL_OK) {
        return status;
    }
    pool_report_geometry(&s);
    return pool_session_close(&s, TOOL_OK);
}

/* Any file could be named by mistake: it must be a pool, and nobody's at the moment. */
static tool_status judge_removal(const pool_options *o)
{
    pool_session s;
    tool_status status = pool_session_open(&s, o, POOL_LOOK);
    if (status != TOOL_OK) {
        return status;
    }
    size_t live = pool_live_processes(s.pool);
    return pool_session_close(
        &s, live == 0 ? TOOL_OK
                      : tool_fail(TOOL_FAILED,
                                  "%s: %zu processes have it open (`lfbuddy info' names them); "
                                  "--force removes the name, and they keep the pool",
                                  s.name, live));
}

tool_status verb_remove(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"force", POOL_KEY_FORCE, NULL, 0,
         "Also if it is damaged, no pool at all, or open somewhere", 0},
        {0}};
    pool_options o = {0};
    lfb_pool_error error;
    pool_options_read(&o, argc, argv, options,
                      "Removes a pool's name. Who has it open keeps it." POOL_OPTIONS_END);
    tool_status status = o.force ? TOOL_OK : judge_removal(&o);
    if (status == TOOL_OK && !lfb_pool_remove(o.config.kind, o.config.name, &error)) {
        status = pool_session_fail(&error);
    }
    return status;
}
