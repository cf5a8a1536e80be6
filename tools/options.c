/* SPDX-License-Identifier: MIT */
/*
 * Option values: see options.h.
 */
#include "options.h"

#include "picture.h"
#include "tool.h"

#include <inttypes.h>
#include <stdlib.h>

uint64_t options_number(struct argp_state *state, const char *option, const char *value,
                        uint64_t least, uint64_t most)
{
    uint64_t number = 0;
    if (!tool_parse_number(value, least, most, &number)) {
        argp_error(state, "--%s: expected a number from %" PRIu64 " to %" PRIu64 ", found '%s'",
                   option, least, most, value);
    }
    return number;
}

double options_real(struct argp_state *state, const char *option, const char *value, double least,
                    double most)
{
    char *end;
    double real = strtod(value, &end);
    if (end == value || *end != '\0' || !(real >= least && real <= most)) {
        argp_error(state, "--%s: expected a number from %g to %g, found '%s'", option, least, most,
                   value);
    }
    return real;
}

uint64_t options_size(struct argp_state *state, const char *option, const char *value)
{
    uint64_t size = 0;
    if (!tool_parse_size(value, &size) || size == 0) {
        argp_error(state, "--%s: expected bytes, such as 512M or 2G, found '%s'", option, value);
    }
    return size;
}

const char *options_picture(struct argp_state *state, const char *value)
{
    if (picture_format_of(value) == PICTURE_NONE) {
        argp_error(state, "--picture: expected a name ending in .svg or .png, found '%s'", value);
    }
    return value;
}
