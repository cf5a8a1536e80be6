/* SPDX-License-Identifier: MIT */
/*
 * lfbuddy, the program: finds the verb on the command line and hands the rest to it.
 */
#include "verbs.h"

#include <lfbuddy.h>

#include <argp.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(x)   #x
#define NUMBER(x) TEXT(x)
#define VERSION                                                                                    \
    "lfbuddy " NUMBER(LFB_VERSION_MAJOR) "." NUMBER(LFB_VERSION_MINOR) "." NUMBER(LFB_VERSION_PATCH)

enum { NAME_LENGTH = 64 };

typedef struct verb {
    const char *name;
    const char *invocation; /* argp shows it as the program's name */
    tool_status (*run)(int argc, char **argv);
} verb;

static const verb verbs[] = {
    {"demo", "lfbuddy demo", verb_demo},       {"replay", "lfbuddy replay", verb_replay},
#ifdef TOOL_HAVE_POOLS
    {"create", "lfbuddy create", verb_create}, {"info", "lfbuddy info", verb_info},
    {"map", "lfbuddy map", verb_map},          {"top", "lfbuddy top", verb_top},
    {"check", "lfbuddy check", verb_check},    {"recover", "lfbuddy recover", verb_recover},
    {"trim", "lfbuddy trim", verb_trim},       {"stress", "lfbuddy stress", verb_stress},
    {"remove", "lfbuddy remove", verb_remove},
#endif
};

static const verb *find_verb(const char *name)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static tool_status run_verb(const verb *v, int argc, char **argv)
{
    char name[NAME_LENGTH];
    snprintf(name, sizeof(name), "%s", v->invocation);
    argv[0] = name;
    return v->run(argc, argv);
}

static tool_status unknown_verb(const char *name)
{
    return tool_fail(TOOL_USAGE, "unknown verb '%s'; `lfbuddy help' lists them", name);
}

/* `help VERB` is `VERB --help`. */
static tool_status help_on(const char *name)
{
    const verb *v = find_verb(name);
    char option[] = "--help";
    char *arguments[] = {NULL, option, NULL};
    return v == NULL ? unknown_verb(name) : run_verb(v, 2, arguments);
}

/* Takes the options before the verb; the verb and what follows are left for it. */
static error_t parse(int key, char *value, struct argp_state *state)
{
    int *first = state->input;
    (void)value;
    switch (key) {
    case ARGP_KEY_ARG:
        *first = state->next - 1;
        state->next = state->argc;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which verb?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp parser = {
    NULL,
    parse,
    "VERB [ARGUMENT...]",
    "Exercises lfbuddy, a lock-free buddy allocator for ranges of pages.\n\n"
    "Verbs:\n"
    "  demo            replay a recorded trace, then churn on all CPUs, verified\n"
    "  replay TRACE    replay any trace; measure, verify, and draw the range\n"
#ifdef TOOL_HAVE_POOLS
    "  create POOL     make a pool: shared by its name, or in a file by its path\n"
    "  info POOL       its geometry, use, memory, processes\n"
    "  map POOL        draw its range\n"
    "  top POOL        show it live\n"
    "  check POOL      is it sound?\n"
    "  recover POOL    give back what dead processes held\n"
    "  trim POOL       give memory of free pages back to the system\n"
    "  stress POOL     let processes work in it, and kill them at random\n"
    "  remove POOL     remove its name\n"
#endif
    "  help [VERB]     this, or what `VERB --help' says\v"
    "Exit status: 0 all is well; 1 the work could not be done; 2 wrong usage; 3 the allocator "
    "broke a promise.",
    NULL,
    NULL,
    NULL};

/* `help` is `--help`, which ends the program. */
static void help(char *name)
{
    int first = 0;
    char option[] = "--help";
    char *arguments[] = {name, option, NULL};
    argp_parse(&parser, 2, arguments, ARGP_IN_ORDER, NULL, &first);
}

static tool_status run(int argc, char **argv)
{
    if (strcmp(argv[0], "help") == 0) {
        return help_on(argv[1]);
    }
    const verb *v = find_verb(argv[0]);
    return v == NULL ? unknown_verb(argv[0]) : run_verb(v, argc, argv);
}

int main(int argc, char **argv)
{
    char name[] = "lfbuddy";
    char *nothing[] = {name, NULL};
    int first = 0;
    setlocale(LC_CTYPE, "");
    argp_program_version = VERSION;
    argp_err_exit_status = TOOL_USAGE;
    argc = argc > 0 ? argc : 1;
    argv = argv[0] != NULL ? argv : nothing;
    argv[0] = name;
    argp_parse(&parser, argc, argv, ARGP_IN_ORDER, NULL, &first);
    if (strcmp(argv[first], "help") == 0 && first + 1 == argc) {
        help(name);
    }
    return (int)tool_finish(run(argc - first, argv + first));
}
