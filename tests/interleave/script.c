/* SPDX-License-Identifier: MIT */
#include "script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static unsigned number(const char **text)
{
    char *end;
    unsigned value = (unsigned)strtoul(*text, &end, 10);
    *text = *end == ',' ? end + 1 : end;
    return value;
}

static const char *parse_call(call *c, const char *text)
{
    *c = (call){.verb = *text};
    if (!strchr("ar@wbfFzyx!hudk?ie", *text++)) {
        return NULL;
    }
    c->named = is_digit(*text);
    c->a = c->named ? number(&text) : 0;
    c->b = is_digit(*text) ? number(&text) : 0;
    c->c = is_digit(*text) ? number(&text) : 0;
    return *text == ' ' || *text == '|' || !*text ? text : NULL;
}

const char *script_parse_part(part *p, const char *text)
{
    p->count = 0;
    while (text && *text && *text != '|') {
        if (*text == '=') {
            p->lane = 0;
            text++;
        } else if (*text == ' ') {
            text++;
        } else {
            text = p->count < CALLS_MOST ? parse_call(&p->calls[p->count++], text) : NULL;
        }
    }
    return text;
}

static bool has_verb(const script *s, char verb)
{
    for (unsigned t = 0; t <= FIRST; t++) {
        for (unsigned i = 0; i < s->parts[t].count; i++) {
            if (s->parts[t].calls[i].verb == verb) {
                return true;
            }
        }
    }
    return false;
}

const char *script_parse(script *s, const char *text)
{
    memset(s, 0, sizeof(*s));
    if (strlen(text) >= sizeof(s->text)) {
        return "too long";
    }
    strcpy(s->text, text);
    for (unsigned t = 0; t <= FIRST; t++) {
        s->parts[t].lane = t;
    }
    int colon = 0;
    if (sscanf(text, "%u %u :%n", &s->pages, &s->max_order, &colon) != 2 || !colon) {
        return "it doesn't begin with \"pages max_order :\"";
    }
    text = script_parse_part(&s->parts[FIRST], text + colon);
    while (text && *text && s->threads < SCHEDULE_THREADS) {
        text = script_parse_part(&s->parts[s->threads++], text + 1);
    }
    if (!text || *text || !s->threads || s->pages > PAGES_MOST / 2) {
        return !text        ? "a word isn't known"
               : *text      ? "too many threads"
               : s->threads ? "too many pages"
                            : "no threads";
    }
    s->lawless = has_verb(s, '!');
    s->deadly = has_verb(s, 'k');
    s->isolating = has_verb(s, 'i');
    return NULL;
}
