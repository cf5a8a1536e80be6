/* SPDX-License-Identifier: MIT */
/*
 * The options of all verbs on pools: each verb lists those that it takes, the parser knows all.
 */
#ifndef POOL_OPTIONS_H
#define POOL_OPTIONS_H

#include <lfbuddy/pool.h>

#include <argp.h>

typedef struct pool_options {
    const char *given;      /* POOL, as it was given; NULL: none */
    lfb_pool_config config; /* kind and name by POOL; create: all of it. stress: processes */
    const char *json;       /* "-": to stdout, in place of the text; NULL: none */
    const char *picture;
    double seconds;
    double interval;
    uint64_t kills; /* UINT64_MAX: not given */
    unsigned order;
    bool once;
    bool force;
    bool temporary;
    bool no_colour;
} pool_options;

enum {
    POOL_KEY_SIZE = 's',
    POOL_KEY_INTERVAL = 'i',
    POOL_KEY_ONCE = '1',
    POOL_KEY_FORCE = 'f',
    POOL_KEY_PAGE_SIZE = 0x200,
    POOL_KEY_MAX_ORDER,
    POOL_KEY_LANES,
    POOL_KEY_PROCESSES,
    POOL_KEY_OWNER_TAGS,
    POOL_KEY_RESERVE,
    POOL_KEY_PICTURE,
    POOL_KEY_JSON,
    POOL_KEY_NO_COLOUR,
    POOL_KEY_SECONDS,
    POOL_KEY_KILLS,
    POOL_KEY_ORDER,
    POOL_KEY_TEMPORARY
};

/* What every verb that reports figures takes: the last rows of its options. */
/* clang-format off */
#define POOL_OPTIONS_REPORT                                                                        \
    {"json", POOL_KEY_JSON, "FILE", 0, "Write the report as JSON; to stdout if FILE is -", 0},     \
    {"no-colour", POOL_KEY_NO_COLOUR, NULL, 0,                                                     \
     "No colours (NO_COLOR in the environment as well)", 0},                                       \
    {"no-color", POOL_KEY_NO_COLOUR, NULL, OPTION_ALIAS, NULL, 0},                                 \
    {0}
/* clang-format on */

/* The second half of a verb's description. */
#define POOL_OPTIONS_END                                                                           \
    "\vPOOL with a '/' in it is the path of a file pool, such as ./name; without, the name of a "  \
    "shared pool in /dev/shm. file:PATH and shm:NAME say which one is meant.\n\n"                  \
    "Exit status: 0 all is well; 1 the work could not be done, or the pool is damaged; 2 wrong "   \
    "usage; 3 the allocator broke a promise."

/* Fills *o, which holds what is taken for options that aren't given. Ends the program with a
 * message where they are wrong, and after --help. */
void pool_options_read(pool_options *o, int argc, char **argv, const struct argp_option *options,
                       const char *description);

#endif
