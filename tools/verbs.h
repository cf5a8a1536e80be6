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

#endif
