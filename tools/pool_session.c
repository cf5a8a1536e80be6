/* SPDX-License-Identifier: MIT */
/*
 * Opening pools for the verbs, and what their reports have in common: see pool_session.h.
 */
#include "pool_session.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define SMALL_BLOCK ((size_t)2 << 20)

tool_status pool_session_fail(const lfb_pool_error *error)
{
    tool_status status = error->status == LFB_POOL_INVALID ? TOOL_USAGE : TOOL_FAILED;
    return tool_fail(status, "%s", error->text);
}

static lfb_pool *get_pool(const pool_options *o, pool_access access, lfb_pool_error *error)
{
    lfb_pool_config config = o->config;
    if (access == POOL_CREATE) {
        return lfb_pool_create(&config, error);
    }
    config = (lfb_pool_config){.kind = config.kind, .name = config.name};
    config.read_only = access == POOL_LOOK;
    return lfb_pool_open(&config, error);
}

tool_status pool_session_open(pool_session *s, const pool_options *options, pool_access access)
{
    lfb_pool_error error;
    *s = (pool_session){.options = options,
                        .name = options->given != NULL ? options->given : "temporary pool"};
    tool_status status = output_open(&s->json_file, options->json);
    if (status != TOOL_OK) {
        return status;
    }
    s->pool = get_pool(options, access, &error);
    if (s->pool == NULL) {
        output_abandon(&s->json_file);
        return pool_session_fail(&error);
    }
    lfb_pool_get_info(s->pool, &s->info);
    terminal_look(&s->look, stdout, options->no_colour);
    FILE *json = output_begin(&s->json_file);
    report_begin(&s->report, json == stdout ? NULL : stdout, json, &s->look);
    return TOOL_OK;
}

tool_status pool_session_close(pool_session *s, tool_status status)
{
    report_end(&s->report);
    lfb_pool_close(s->pool);
    tool_status written = output_commit(&s->json_file);
    return status != TOOL_OK ? status : written;
}

/* --------------------------------------------------------------------------------- reports ---- */

void pool_report_geometry(pool_session *s)
{
    static const char *const kinds[] = {"private", "shared", "file"};
    const lfb_pool_info *info = &s->info;
    report *r = &s->report;
    report_section(r, "pool", "Pool");
    report_text(r, "name", "name", s->name);
    report_text(r, "kind", "kind", kinds[info->kind]);
    report_bytes(r, "bytes", "size", info->size);
    report_bytes(r, "page_size", "page size", info->page_size);
    report_count(r, "pages", "pages", info->page_count);
    report_count(r, "max_order", "largest order", info->max_order);
    report_count(r, "lanes", "lanes", info->lanes);
    report_count(r, "process_slots", "process slots", info->processes);
    report_text(r, "owner_tags", "owner tags", info->owner_tags ? "yes" : "no");
    report_bytes(r, "metadata_bytes", "before the first page", info->metadata);
    report_bytes(r, "file_bytes", "length of the file", info->length);
}

double pool_small_share(const lfb_stats *stats, size_t page_size)
{
    size_t small = 0;
    for (unsigned order = 0; order <= LFB_MAX_ORDER && page_size << order < SMALL_BLOCK; order++) {
        small += stats->free_blocks[order] << order;
    }
    return stats->free_pages == 0 ? 0 : 100.0 * (double)small / (double)stats->free_pages;
}

void pool_report_use(pool_session *s, const lfb_stats *stats)
{
    report *r = &s->report;
    report_section(r, "use", "Use");
    report_count(r, "allocated_pages", "pages allocated", stats->allocated_pages);
    report_count(r, "runs", "in runs", stats->runs);
    report_count(r, "free_pages", "pages free", stats->free_pages);
    report_real(r, "small_free_percent", "in blocks below 2 MiB",
                pool_small_share(stats, s->info.page_size), "% of the free pages");
    report_blocks(r, stats, s->info.page_size);
}

tool_status pool_report_memory(pool_session *s)
{
    lfb_pool_usage usage;
    int code = lfb_pool_get_usage(s->pool, &usage);
    if (code != 0) {
        return tool_fail(TOOL_FAILED, "%s: can't count its memory: %s", s->name, strerror(code));
    }
    report_section(&s->report, "memory", "Memory behind it");
    report_bytes(&s->report, "resident_bytes", "resident", usage.resident);
    report_bytes(&s->report, "committed_bytes", "committed", usage.committed);
    return TOOL_OK;
}

/* ------------------------------------------------------------------------------- processes ---- */

const char *pool_process_state(const lfb_pool_process *process)
{
    if (process->foreign) {
        return "foreign"; /* in another PID namespace */
    }
    return process->dead ? "dead" : "alive";
}

const char *pool_process_command(const lfb_pool_process *process, char text[32])
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/%ld/comm", (long)process->pid);
    FILE *file = process->foreign || process->dead ? NULL : fopen(path, "re");
    if (file == NULL || fgets(text, 32, file) == NULL) {
        strcpy(text, "?");
    }
    text[strcspn(text, "\n")] = '\0';
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

size_t pool_live_processes(const lfb_pool *pool)
{
    lfb_pool_process list[LFB_POOL_PROCESSES_MAX];
    size_t count = lfb_pool_processes(pool, list, LFB_POOL_PROCESSES_MAX);
    size_t live = 0;
    for (size_t i = 0; i < count; i++) {
        live += !list[i].dead && (list[i].foreign || list[i].pid != getpid());
    }
    return live;
}

void pool_report_processes(pool_session *s)
{
    lfb_pool_process list[LFB_POOL_PROCESSES_MAX];
    size_t count = lfb_pool_processes(s->pool, list, LFB_POOL_PROCESSES_MAX);
    char command[32], label[32];
    report_section(&s->report, "processes", "Processes that have it open");
    report_count(&s->report, "count", "in all", count);
    FILE *json = report_member(&s->report, "list");
    for (size_t i = 0; i < count; i++) {
        const lfb_pool_process *p = &list[i];
        snprintf(label, sizeof(label), "slot %u", p->slot);
        report_remark(&s->report, label, "PID %ld, %s, %s", (long)p->pid, pool_process_state(p),
                      pool_process_command(p, command));
        if (json != NULL) {
            fprintf(json, "%s{\"slot\": %u, \"pid\": %ld, \"state\": \"%s\"}", i == 0 ? "[" : ", ",
                    p->slot, (long)p->pid, pool_process_state(p));
        }
    }
    if (json != NULL) {
        fputs(count == 0 ? "[]" : "]", json);
    }
}
