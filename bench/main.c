/* SPDX-License-Identifier: MIT */
/*
 * lfbuddy-bench: measures page allocators side by side.
 */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Room that the C library keeps for thread-local variables of libraries opened late. jemalloc wants
 * more than there is by default, and it can be asked for only before the program starts: so the
 * program starts itself again, once. */
static void make_room_for_jemalloc(char **argv)
{
    if (getenv("GLIBC_TUNABLES") == NULL && allocator_jemalloc.missing() != NULL &&
        setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=16384", 1) == 0) {
        execv("/proc/self/exe", argv); /* if that fails, there will be no jemalloc */
    }
}

static bool wants(const settings *s, const workload *w)
{
    for (size_t i = 0; i < s->workload_count; i++) {
        if (s->workloads[i] == w) {
            return true;
        }
    }
    return false;
}

static const char *default_trace(void)
{
    return access(LFBUDDY_SOURCE_TRACE, R_OK) == 0 ? LFBUDDY_SOURCE_TRACE : LFBUDDY_INSTALLED_TRACE;
}

/* Before hours are spent on figures that then can't be written. */
static tool_status check_output(const char *path)
{
    if (path == NULL) {
        return TOOL_OK;
    }
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return tool_fail(TOOL_FAILED, "%s: %s", path, strerror(errno));
    }
    fclose(file);
    return TOOL_OK;
}

static tool_status worse(tool_status a, tool_status b)
{
    return a > b ? a : b;
}

static tool_status write_files(const measurement *m)
{
    const settings *s = m->settings;
    tool_status status = TOOL_OK;
    if (s->json != NULL) {
        status = worse(status, report_json(m, s->json));
    }
    if (s->csv != NULL) {
        status = worse(status, report_csv(m, s->csv));
    }
    if (s->plots != NULL) {
        status = worse(status, report_plots(m, s->plots));
    }
    return status;
}

static tool_status run_benchmark(const settings *s)
{
    tool_status status = worse(check_output(s->json), check_output(s->csv));
    if (status == TOOL_OK && wants(s, &workload_replay)) {
        status = workloads_load_trace(s->trace != NULL ? s->trace : default_trace());
    }
    if (status != TOOL_OK) {
        return status;
    }
    if (s->plots != NULL && !report_can_plot()) {
        fprintf(stderr, "gnuplot isn't there to draw plots (apt install gnuplot-nox); its scripts "
                        "will be written all the same\n");
    }
    measurement m;
    report_introduce(s);
    status = measure(&m, s, report_rows);
    if (m.rows != NULL && m.count > 0) {
        report_frag(&m);
        status = worse(status, write_files(&m));
    }
    measure_free(&m);
    workloads_forget_trace();
    return status;
}

int main(int argc, char **argv)
{
    settings s;
    bool done;
    make_room_for_jemalloc(argv);
    registry_open();
    tool_status status = settings_parse(&s, argc, argv, &done);
    if (status == TOOL_OK && s.list) {
        settings_list();
    } else if (status == TOOL_OK && !done) {
        status = run_benchmark(&s);
    }
    return (int)tool_finish(status);
}
