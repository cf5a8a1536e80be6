/* SPDX-License-Identifier: MIT */
/*
 * Reading the options of the verbs on pools: see pool_options.h.
 */
#include "pool_options.h"

#include "options.h"

#include <string.h>

static const double LEAST_SECONDS = 0.05;
static const double MOST_SECONDS = 1e6;

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static void set_pool(struct argp_state *state, pool_options *o, const char *value)
{
    static const char shared[] = "shm:";
    static const char file[] = "file:";
    if (o->given != NULL) {
        argp_error(state, "expected one pool, found '%s' as well", value);
    }
    o->given = value;
    o->config.name = value;
    o->config.kind = strchr(value, '/') != NULL ? LFB_POOL_FILE : LFB_POOL_SHARED;
    if (starts_with(value, shared)) {
        o->config.kind = LFB_POOL_SHARED;
        o->config.name = value + strlen(shared);
    } else if (starts_with(value, file)) {
        o->config.kind = LFB_POOL_FILE;
        o->config.name = value + strlen(file);
    }
}

static void check(struct argp_state *state, const pool_options *o)
{
    if (o->given == NULL && !o->temporary) {
        argp_error(state, "which pool? Give a name, or a path");
    }
    if (o->given != NULL && o->temporary) {
        argp_error(state, "--temporary takes no POOL, found '%s'", o->given);
    }
}

/* Those with a number behind them. */
static error_t parse_value(int key, const char *value, struct argp_state *state, pool_options *o)
{
    switch (key) {
    case POOL_KEY_SIZE:
        o->config.size = (size_t)options_size(state, "size", value);
        break;
    case POOL_KEY_PAGE_SIZE:
        o->config.page_size = (size_t)options_size(state, "page-size", value);
        break;
    case POOL_KEY_MAX_ORDER:
        o->config.max_order = (unsigned)options_number(state, "max-order", value, 1, LFB_MAX_ORDER);
        break;
    case POOL_KEY_LANES:
        o->config.lanes = (unsigned)options_number(state, "lanes", value, 1, LFB_MAX_LANES);
        break;
    case POOL_KEY_PROCESSES:
        o->config.processes =
            (unsigned)options_number(state, "processes", value, 1, LFB_POOL_PROCESSES_MAX);
        break;
    case POOL_KEY_SECONDS:
        o->seconds = options_real(state, "seconds", value, LEAST_SECONDS, MOST_SECONDS);
        break;
    case POOL_KEY_INTERVAL:
        o->interval = options_real(state, "interval", value, LEAST_SECONDS, MOST_SECONDS);
        break;
    case POOL_KEY_KILLS:
        o->kills = options_number(state, "kills", value, 0, 1000000);
        break;
    case POOL_KEY_ORDER:
        o->order = (unsigned)options_number(state, "order", value, 0, LFB_MAX_ORDER);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
    pool_options *o = state->input;
    switch (key) {
    case POOL_KEY_OWNER_TAGS:
        o->config.owner_tags = true;
        break;
    case POOL_KEY_RESERVE:
        o->config.reserve = true;
        break;
    case POOL_KEY_ONCE:
        o->once = true;
        break;
    case POOL_KEY_FORCE:
        o->force = true;
        break;
    case POOL_KEY_TEMPORARY:
        o->temporary = true;
        break;
    case POOL_KEY_PICTURE:
        o->picture = options_picture(state, value);
        break;
    case POOL_KEY_JSON:
        o->json = value;
        break;
    case POOL_KEY_NO_COLOUR:
        o->no_colour = true;
        break;
    case ARGP_KEY_ARG:
        set_pool(state, o, value);
        break;
    case ARGP_KEY_END:
        check(state, o);
        break;
    default:
        return parse_value(key, value, state, o);
    }
    return 0;
}

void pool_options_read(pool_options *o, int argc, char **argv, const struct argp_option *options,
                       const char *description)
{
    const struct argp parser = {options, parse, "POOL", description, NULL, NULL, NULL};
    argp_parse(&parser, argc, argv, 0, NULL, o);
}
