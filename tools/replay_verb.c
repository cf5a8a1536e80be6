/* SPDX-License-Identifier: MIT */
/*
 * `lfbuddy replay`: its options. The work is in session.c.
 */
#include "options.h"
#include "session.h"
#include "verbs.h"

#include <lfbuddy.h>

enum {
    KEY_THREADS = 't',
    KEY_REPEAT = 'r',
    KEY_PAGES = 0x100,
    KEY_SIZE,
    KEY_PAGE_SIZE,
    KEY_MAX_ORDER,
    KEY_NO_VERIFY,
    KEY_PICTURE,
    KEY_JSON,
    KEY_NO_COLOUR
};

static const struct argp_option options[] = {
    {"threads", KEY_THREADS, "N", 0, "Threads; CPU c is thread c mod N (default: one a CPU)", 0},
    {"repeat", KEY_REPEAT, "N", 0, "Passes; all is released between them (default: 1)", 0},
    {"pages", KEY_PAGES, "N", 0, "Pages of the range (default: by the trace's peak use)", 0},
    {"size", KEY_SIZE, "BYTES", 0, "The same in bytes, with K, M, G or T if you like", 0},
    {"page-size", KEY_PAGE_SIZE, "BYTES", 0, "Bytes of a page, a power of two (default: 4096)", 0},
    {"max-order", KEY_MAX_ORDER, "N", 0, "Largest order (default: 10, or the trace's)", 0},
    {"no-verify", KEY_NO_VERIFY, NULL, 0, "Don't verify owners and sizes during the replay", 0},
    {"picture", KEY_PICTURE, "FILE", 0, "Draw the range at the end: FILE.svg or FILE.png", 0},
    {"json", KEY_JSON, "FILE", 0, "Write the report as JSON; to stdout if FILE is -", 0},
    {"no-colour", KEY_NO_COLOUR, NULL, 0, "No colours (NO_COLOR in the environment as well)", 0},
    {"no-color", KEY_NO_COLOUR, NULL, OPTION_ALIAS, NULL, 0},
    {0},
};

static void set_page_size(struct argp_state *state, session_options *o, const char *value)
{
    o->page_size = options_size(state, "page-size", value);
    if ((o->page_size & (o->page_size - 1)) != 0) {
        argp_error(state, "--page-size: expected a power of two, found '%s'", value);
    }
}

static void set_trace(struct argp_state *state, session_options *o, const char *value)
{
    if (o->trace != NULL) {
        argp_error(state, "expected one trace, found '%s' as well", value);
    }
    o->trace = value;
}

static void check(struct argp_state *state, const session_options *o)
{
    if (o->trace == NULL) {
        argp_error(state, "which trace? Give a file");
    }
    if (o->pages > 0 && o->size > 0) {
        argp_error(state, "--pages and --size exclude each other");
    }
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    session_options *o = state->input;
    switch (key) {
    case KEY_THREADS:
        o->threads = (unsigned)options_number(state, "threads", value, 1, LFB_MAX_LANES);
        break;
    case KEY_REPEAT:
        o->passes = (unsigned)options_number(state, "repeat", value, 1, 1000000);
        break;
    case KEY_PAGES:
        o->pages = options_number(state, "pages", value, 1, LFB_MAX_PAGES);
        break;
    case KEY_SIZE:
        o->size = options_size(state, "size", value);
        break;
    case KEY_PAGE_SIZE:
        set_page_size(state, o, value);
        break;
    case KEY_MAX_ORDER:
        o->max_order = (int)options_number(state, "max-order", value, 0, LFB_MAX_ORDER);
        break;
    case KEY_NO_VERIFY:
        o->verify = false;
        break;
    case KEY_PICTURE:
        o->picture = options_picture(state, value);
        break;
    case KEY_JSON:
        o->json = value;
        break;
    case KEY_NO_COLOUR:
        o->no_colour = true;
        break;
    case ARGP_KEY_ARG:
        set_trace(state, o, value);
        break;
    case ARGP_KEY_END:
        check(state, o);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

tool_status verb_replay(int argc, char **argv)
{
    static const struct argp parser = {
        options,
        parse,
        "TRACE",
        "Replays a recorded trace of page allocations: one thread for each CPU of the trace. "
        "Measures each call, verifies each answer, and shows what became of the range.\v"
        "TRACE is a text file, compressed with gzip or not, with one event a line:\n\n"
        "  MICROSECONDS CPU a ORDER FRAME MIGRATETYPE\n"
        "  MICROSECONDS CPU f ORDER FRAME\n\n"
        "Exit status: 0 all is well; 1 the work could not be done (a file, memory, a range too "
        "small for the trace); 2 wrong usage; 3 the allocator broke a promise.",
        NULL,
        NULL,
        NULL};
    session_options o = session_defaults();
    argp_parse(&parser, argc, argv, 0, NULL, &o);
    return session_run(&o);
}
