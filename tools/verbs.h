/* SPDX-License-Identifier: MIT */
/*
 * The verbs of the program. Each gets its own arguments, argv[0] being "lfbuddy VERB", and returns
 * the exit status.
 */
#ifndef VERBS_H
#define VERBS_H

#include "tool.h"

tool_status verb_demo(int argc, char **argv);
tool_status verb_replay(int argc, char **argv);

/* On pools: Linux and glibc, as pools are. */
tool_status verb_check(int argc, char **argv);
tool_status verb_create(int argc, char **argv);
tool_status verb_info(int argc, char **argv);
tool_status verb_map(int argc, char **argv);
tool_status verb_recover(int argc, char **argv);
tool_status verb_remove(int argc, char **argv);
tool_status verb_stress(int argc, char **argv);
tool_status verb_top(int argc, char **argv);
tool_status verb_trim(int argc, char **argv);

#endif
