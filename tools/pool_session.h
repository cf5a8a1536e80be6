/* SPDX-License-Identifier: MIT */
/*
 * One verb's stay at a pool: the pool open, and a report on it begun.
 */
#ifndef POOL_SESSION_H
#define POOL_SESSION_H

#include "output.h"
#include "pool_options.h"
#include "report.h"

typedef enum pool_access {
    POOL_LOOK,   /* read permission will do, and no process slot is taken */
    POOL_CHANGE, /* as one of the processes that have it open */
    POOL_CREATE
} pool_access;

typedef struct pool_session {
    const pool_options *options;
    const char *name; /* as given, or a word for a temporary one */
    lfb_pool *pool;
    lfb_pool_info info;
    terminal look;
    output json_file;
    report report;
} pool_session;

/* Complains with the pool's own words when it fails; then nothing is open. */
tool_status pool_session_open(pool_session *s, const pool_options *options, pool_access access);

/* Ends the report and closes the pool. Returns `status`, or what went wrong at the end. */
tool_status pool_session_close(pool_session *s, tool_status status);

/* Complains. Returns the exit status that befits the error. */
tool_status pool_session_fail(const lfb_pool_error *error);

/* What reports on pools say: a section each. */
void pool_report_geometry(pool_session *s);
void pool_report_use(pool_session *s, const lfb_stats *stats);
tool_status pool_report_memory(pool_session *s);
void pool_report_processes(pool_session *s);

/* A process's command, or what is known instead, into text. Returns text. */
const char *pool_process_state(const lfb_pool_process *process);
const char *pool_process_command(const lfb_pool_process *process, char text[32]);

/* Processes alive that have it open, but for this one. */
size_t pool_live_processes(const lfb_pool *pool);

/* Fragmentation: which share of the free pages lies in blocks below 2 MiB, in percent. */
double pool_small_share(const lfb_stats *stats, size_t page_size);

#endif
