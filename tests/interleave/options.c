/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: interleave [OPTIONS]\n"
    "\n"
    "Runs the core's own source, with nodes of two slots, in every order of its atomic accesses\n"
    "that can make a difference, and judges each step and each execution. Without options: all\n"
    "sets, with so many executions a scenario that it ends in two minutes or so.\n"
    "\n"
    "  --set NAME         regress     the scenarios that once found something\n"
    "                     pairs       every two operations that can meet\n"
    "                     triples     every three\n"
    "                     stops       a thread stops for good, after each of its steps\n"
    "                     interrupts  a handler runs between any two steps of a thread\n"
    "                     random      random priorities (PCT): on all of these, and on\n"
    "                                 longer scenarios with random words\n"
    "                     all         all of these; may be given several times\n"
    "  --executions N     at most N executions of each scenario\n"
    "  --filter TEXT      only scenarios whose text or group contains TEXT\n"
    "  --scenario TEXT    this scenario only (its language: script.h)\n"
    "  --list             print the scenarios, run nothing\n"
    "  --verbose          a line for each scenario\n"
    "  --seed S           random: the first seed (default 1)\n"
    "  --rounds N         random: how many scenarios, with seeds S, S + 1, ... (default 400)\n"
    "  --wrong N          end after N wrong scenarios (default 10)\n"
    "  --replay ORDER     with --scenario: one execution, the tree drawn at each step\n"
    "  --table FILE       write the results as a Markdown table\n"
    "  --help             this text\n"
    "\n"
    "Exits with 1 if anything was wrong (and prints the line that shows it again), with 2 if the\n"
    "options make no sense.\n";

static unsigned set_of(const char *name)
{
    static const struct {
        const char *name;
        unsigned sets;
    } names[] = {{"regress", SET_REGRESS}, {"pairs", SET_PAIRS},           {"triples", SET_TRIPLES},
                 {"stops", SET_STOPS},     {"interrupts", SET_INTERRUPTS}, {"random", SET_RANDOM},
                 {"all", SET_ALL}};
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(name, names[i].name) == 0) {
            return names[i].sets;
        }
    }
    fprintf(stderr, "interleave: no set is called '%s'\n", name);
    return 0;
}

static bool number_of(const char *text, uint64_t *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 0);
    bool good = *text >= '0' && *text <= '9' && !*end && !errno;
    if (!good) {
        fprintf(stderr, "interleave: '%s' isn't a number\n", text);
    }
    return good;
}

static bool count_of(const char *text, unsigned long *value)
{
    uint64_t number;
    bool good = number_of(text, &number);
    *value = good ? (unsigned long)number : 0;
    if (good && !*value) {
        fprintf(stderr, "interleave: there must be at least one\n");
    }
    return *value > 0;
}

static bool take_option(options *o, int option)
{
    unsigned set;
    switch (option) {
    case 's':
        o->sets |= set = set_of(optarg);
        return set != 0;
    case 'e':
        return count_of(optarg, &o->executions);
    case 'n':
        return count_of(optarg, &o->rounds);
    case 'w':
        return count_of(optarg, &o->wrong);
    case 'S':
        return number_of(optarg, &o->seed);
    case 'f':
        o->filter = optarg;
        return true;
    case 'c':
        o->scenario = optarg;
        return true;
    case 'r':
        o->replay = optarg;
        return true;
    case 't':
        o->table = optarg;
        return true;
    case 'l':
        return o->list = true;
    case 'v':
        return o->verbose = true;
    default:
        return false;
    }
}

static bool make_sense(const options *o, int argc)
{
    const char *wrong = optind < argc               ? "words that aren't options"
                        : o->replay && !o->scenario ? "--replay needs --scenario"
                        : o->scenario && o->filter  ? "--scenario and --filter exclude each other"
                                                    : NULL;
    if (wrong) {
        fprintf(stderr, "interleave: %s\n", wrong);
    }
    return !wrong;
}

int options_parse(options *o, int argc, char **argv)
{
    static const struct option names[] = {{"set", required_argument, NULL, 's'},
                                          {"executions", required_argument, NULL, 'e'},
                                          {"filter", required_argument, NULL, 'f'},
                                          {"scenario", required_argument, NULL, 'c'},
                                          {"list", no_argument, NULL, 'l'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {"seed", required_argument, NULL, 'S'},
                                          {"rounds", required_argument, NULL, 'n'},
                                          {"replay", required_argument, NULL, 'r'},
                                          {"table", required_argument, NULL, 't'},
                                          {"wrong", required_argument, NULL, 'w'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    *o = (options){.seed = 1, .rounds = 400, .wrong = 10};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        if (option == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (!take_option(o, option)) {
            fprintf(stderr, "try interleave --help\n");
            return 2;
        }
    }
    return make_sense(o, argc) ? -1 : 2;
}
