/* SPDX-License-Identifier: MIT */
/*
 * Which scenarios there are: those kept because they once found something (scenarios.def), every
 * pair and triple of operations that can meet, and random ones.
 */
#ifndef TESTS_INTERLEAVE_SCENARIOS_H
#define TESTS_INTERLEAVE_SCENARIOS_H

#include "script.h"

/* Called for each, with the name of the group that it belongs to; return false to stop there. */
typedef bool (*scenario_visitor)(void *context, const char *group, const char *text);

bool scenarios_regress(scenario_visitor visitor, void *context);
bool scenarios_pairs(scenario_visitor visitor, void *context);
bool scenarios_triples(scenario_visitor visitor, void *context);

/* Three threads of 4 to 8 operations on 16 to 32 pages. */
void scenario_random(uint64_t seed, char text[TEXT_MOST]);

#endif
