/* SPDX-License-Identifier: MIT */
/*
 * What `lfbuddy top` shows of a sample, in its three forms.
 */
#ifndef TOP_H
#define TOP_H

#include "pool_session.h"
#include "sample.h"

/* As text of about so many rows. */
void top_print(const sampler *s, const char *name, FILE *out, const terminal *t, unsigned rows);

/* As the report's sections; into its JSON only. */
void top_report(const sampler *s, report *r);

/* On a terminal, over and over, until the user quits. */
tool_status top_screen(sampler *s, const char *name, double interval);

#endif
