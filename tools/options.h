/* SPDX-License-Identifier: MIT */
/*
 * Reading option values for argp parsers: each complains and exits with status 2 when the value is
 * no good.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <argp.h>
#include <stdint.h>

uint64_t options_number(struct argp_state *state, const char *option, const char *value,
                        uint64_t least, uint64_t most);
double options_real(struct argp_state *state, const char *option, const char *value, double least,
                    double most);
uint64_t options_size(struct argp_state *state, const char *option, const char *value);

/* A file name that says the format: returns it. */
const char *options_picture(struct argp_state *state, const char *value);

#endif
