/* SPDX-License-Identifier: MIT */
/*
 * `lfbuddy top`: a pool, live. On a terminal it is painted over and over, else printed sample by
 * sample.
 */
#include "ticks.h"
#include "top.h"
#include "verbs.h"

#include <unistd.h>

enum { PLAIN_ROWS = 40 };

/* A rate needs two looks. */
static void look_again(sampler *s, double interval)
{
    ticks_sleep_ms((uint64_t)(interval * 1000));
    sampler_look(s);
}

static tool_status print_samples(pool_session *s, sampler *looks)
{
    report *r = &s->report;
    do {
        look_again(looks, s->options->interval);
        if (r->text != NULL) {
            top_print(looks, s->name, r->text, &s->look, PLAIN_ROWS);
            fputs(s->options->once ? "" : "\n", r->text);
            fflush(r->text);
        }
    } while (!s->options->once && ferror(stdout) == 0);
    if (r->json != NULL) {
        r->text = NULL;
        pool_report_geometry(s);
        pool_report_use(s, &sampler_last(looks)->stats);
        top_report(looks, r);
    }
    return TOOL_OK;
}

static tool_status show(pool_session *s)
{
    sampler *looks = sampler_open(s->pool);
    if (looks == NULL) {
        return tool_fail(TOOL_FAILED, "no memory for a picture of %zu pages", s->info.page_count);
    }
    bool screen = !s->options->once && s->look.tty && isatty(STDIN_FILENO);
    tool_status status =
        screen ? top_screen(looks, s->name, s->options->interval) : print_samples(s, looks);
    sampler_close(looks);
    return status;
}

tool_status verb_top(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"once", POOL_KEY_ONCE, NULL, 0, "Print one sample, and end; so does --json", 0},
        {"interval", POOL_KEY_INTERVAL, "S", 0, "Seconds between two looks (default: 1)", 0},
        POOL_OPTIONS_REPORT};
    pool_options o = {.interval = 1};
    pool_session s;
    pool_options_read(
        &o, argc, argv, options,
        "Shows a pool while processes work in it: use, rates, free blocks by order, fragmentation, "
        "processes, and the range. Rates are differences between two looks: what was allocated "
        "and released in between isn't seen. Calls are counted in pools with owner tags.\n\n"
        "Keys: q quits, p pauses, + and - make the interval longer and shorter. Where standard "
        "input or output is no terminal, samples are printed." POOL_OPTIONS_END);
    o.once = o.once || o.json != NULL;
    tool_status status = pool_session_open(&s, &o, POOL_LOOK);
    return status != TOOL_OK ? status : pool_session_close(&s, show(&s));
}
