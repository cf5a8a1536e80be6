/* SPDX-License-Identifier: MIT */
/*
 * The table has states to start in, each with the operations that make sense there. Threads differ
 * only in their lanes, which are all alike, so a pair or triple is taken without its permutations;
 * an operation may meet itself. They can meet if
 *
 *   - no two of them need the same thing to be theirs: the same run (but for disjoint parts of it),
 *     the same pages out of use;
 *   - each of them may touch a page that another one may touch. An operation that meets nobody adds
 *     nothing to what the others' pair shows. Searches, drains and looks touch any page;
 *   - not all of them are drains.
 */
#include "scenarios.h"

#include <stdio.h>
#include <string.h>

#include "../support/random.h"

enum { OPERATIONS_MOST = 32, FIRST_MOST = 8 };

typedef struct state {
    const char *name;
    const char *text;
    const char *operations[OPERATIONS_MOST];
} state;

static const state states[] = {
    {"empty, 8 pages", "8 3 :", {"a0",     "a1",          "a2",     "a3",     "r3",        "r5",
                                 "a0 f",   "a2 f",        "r3 f",   "r5 f",   "@1,1",      "@4,3",
                                 "@0,8",   "h1,2",        "h2,3",   "h0,8",   "h1,2 u1,2", "a0 z2",
                                 "a2 z1",  "a2 z5",       "b0",     "b1",     "b0 F",      "b0,4",
                                 "b0,4 F", "a1 f b0,4 F", "w3,4,8", "w1,0,2", "d",         "?"}},
    {"some in use, 8 pages",
     "8 3 : @0,1 @2,2 @4,4",
     {"f0",   "f1",   "f2",   "F0,2", "F0,3", "x2,1,2", "x2,0,1", "x2,3,1", "x1,1,1",
      "y2,1", "y2,3", "y0,2", "y1,1", "a0",   "a1",     "a2",     "a3",     "r3",
      "b0",   "@1,1", "@0,4", "h1,1", "h0,2", "w1,0,2", "f0 a1",  "d",      "?"}},
    {"full, 8 pages",
     "8 3 : @0,1 @1,1 @2,2 @4,3 @7,1",
     {"f0",   "f1",   "f2",   "f3",   "f4",   "F0,3",   "F3,2",  "x3,0,2", "x3,2,1", "x2,0,1",
      "y3,1", "y3,2", "y3,4", "y2,1", "a0",   "a1",     "a2",    "a3",     "r3",     "r5",
      "b0",   "@0,2", "@4,4", "h0,2", "h3,2", "w2,0,4", "f0 a0", "d",      "?"}},
    {"holes, 8 pages",
     "8 3 : h0,3 @4,1 h6,2",
     {"u0,3", "u0,1", "u1,2", "u6,2", "u7,1", "f0",   "y0,2", "a0",     "a1", "a2",        "a3",
      "r3",   "b0",   "@3,1", "@4,2", "h3,1", "h3,3", "h5,1", "w1,4,8", "d",  "u0,3 h0,3", "?"}},
    {"all out of use, 8 pages",
     "8 3 : h0,8",
     {"u0,8", "u0,4", "u4,4", "u2,1", "u3,2", "u1,6", "a0", "a1", "a2", "a3", "r3", "r5", "@0,5",
      "h2,2", "d", "?"}},
    {"lanes with warm nodes, 8 pages",
     "8 3 : =a0 f",
     {"=a0", "=a0 f", "=b0,4 F", "b0,3", "=a2", "a0", "a1", "a3", "r3", "r5", "@0,8", "h0,8",
      "w2,2,6", "b1", "d", "?"}},
    {"one big run, 8 pages",
     "8 3 : @0,8",
     {"x0,0,1", "x0,1,2", "x0,3,2", "x0,5,3", "x0,0,8", "x0,2,4", "y0,5", "y0,1", "f0", "a0", "a1",
      "a2", "r3", "h1,2", "@4,2", "d", "?"}},
    {"some in use, 16 pages",
     "16 4 : @0,1 @4,4 @8,8",
     {"f0", "f1", "f2", "F0,3", "x2,3,2", "x2,0,4", "y2,5", "y0,2",   "y1,3", "a0", "a2",
      "a3", "a4", "r3", "r5",   "b1",     "@2,2",   "h1,3", "w5,0,8", "d",    "?"}},
    {"7 pages",
     "7 2 : @0,1 @2,2",
     {"f0", "f1", "F0,2", "x1,1,1", "y0,2", "a0", "a1", "a2", "r3", "b0", "@4,2", "h4,3", "h5,2",
      "w2,4,7", "d", "?"}},
    {"11 pages",
     "11 3 : @0,3 @8,1",
     {"f0", "f1", "x0,1,1", "x0,2,1", "y0,5", "y0,2", "y1,3", "a0", "a1", "a3", "r3", "r5", "b0",
      "@9,1", "h9,2", "h3,8", "d", "?"}},
    {"an isolation that goes on, 8 pages",
     "8 3 : @0,1 @1,1 @4,4 i0,6",
     {"f0", "f0 a0", "F0,2", "f2 a1", "x2,1,2", "x2,0,3", "y2,1", "a0", "a1", "r3", "i0,6", "e",
      "e i1,4", "h6,2", "d", "?"}},
    /* Only what one word holds. A wrong release that meets a longer run in the middle of being
     * allocated or released, or pages on their way out of use, finds a piece that looks like a run;
     * the header's promise speaks of live runs. */
    {"releases of what isn't one's own, 8 pages",
     "8 3 : @0,2 @2,1 @4,4",
     {"!0", "!1", "!2", "!3", "!4", "!5", "!0 a1", "!4 a2", "a0", "a1", "a2", "b0", "@0,2", "@2,1",
      "@4,4", "d", "?"}},
};

/* ---------------------------------------------------------------------- what can meet what ---- */

/* What an operation may touch, and what must be its own. */
typedef struct footprint {
    uint64_t pages;
    uint64_t parts[FIRST_MOST]; /* of the runs there first */
    uint64_t holes;
    bool drains;
} footprint;

typedef struct place {
    unsigned page, pages;
} place;

/* Where the runs there first lie: states name them by `@`. */
static unsigned find_places(const script *s, place places[])
{
    unsigned count = 0;
    for (unsigned i = 0; i < s->parts[FIRST].count; i++) {
        const call *c = &s->parts[FIRST].calls[i];
        if (c->verb == '@') {
            places[count++] = (place){c->a, c->b};
        }
    }
    return count;
}

static void touch_run(footprint *f, unsigned which, uint64_t pages)
{
    f->parts[which] |= pages;
    f->pages |= pages;
}

static uint64_t all_of(place p)
{
    return page_bits(p.page, p.pages);
}

static void touch(footprint *f, const call *c, const script *s, const place *places)
{
    switch (c->verb) {
    case 'f':
        if (c->named) {
            touch_run(f, c->a, all_of(places[c->a]));
        }
        break;
    case 'F':
        for (unsigned i = 0; c->named && i < c->b; i++) {
            touch_run(f, c->a + i, all_of(places[c->a + i]));
        }
        break;
    case 'x':
        touch_run(f, c->a, page_bits(places[c->a].page + c->b, c->c));
        break;
    case 'y':
        touch_run(f, c->a, all_of(places[c->a]));
        f->pages |= page_bits(places[c->a].page, c->b);
        break;
    case 'u':
        f->holes |= page_bits(c->a, c->b);
        f->pages |= page_bits(c->a, c->b);
        break;
    case '@':
    case 'h':
        f->pages |= page_bits(c->a, c->b);
        break;
    case 'w':
        f->pages |= page_bits(c->b, c->c - c->b);
        break;
    default: /* '!' too: the run there may reach anywhere */
        f->drains |= c->verb == 'd';
        f->pages |= page_bits(0, s->pages);
    }
}

static footprint footprint_of(const char *operation, const script *s)
{
    place places[FIRST_MOST];
    part p;
    footprint f = {0};
    find_places(s, places);
    script_parse_part(&p, operation);
    for (unsigned i = 0; i < p.count; i++) {
        touch(&f, &p.calls[i], s, places);
    }
    return f;
}

static bool in_conflict(const footprint *a, const footprint *b)
{
    for (unsigned i = 0; i < FIRST_MOST; i++) {
        if (a->parts[i] & b->parts[i]) {
            return true;
        }
    }
    return a->holes & b->holes;
}

static bool can_meet(const footprint *const f[], unsigned count)
{
    bool drains = true;
    for (unsigned i = 0; i < count; i++) {
        bool meets = false;
        for (unsigned j = 0; j < count; j++) {
            meets |= i != j && f[i]->pages & f[j]->pages;
            if (i != j && in_conflict(f[i], f[j])) {
                return false;
            }
        }
        if (!meets) {
            return false;
        }
        drains &= f[i]->drains;
    }
    return !drains;
}

/* ------------------------------------------------------------------------------ generating ---- */

typedef struct generator {
    const state *state;
    footprint footprints[OPERATIONS_MOST];
    unsigned count;
    scenario_visitor visitor;
    void *context;
} generator;

static generator start_generator(const state *st, scenario_visitor visitor, void *context)
{
    generator g = {.state = st, .visitor = visitor, .context = context};
    char text[TEXT_MOST];
    script s;
    snprintf(text, sizeof(text), "%s | d", st->text);
    script_parse(&s, text);
    while (g.count < OPERATIONS_MOST && st->operations[g.count]) {
        g.footprints[g.count] = footprint_of(st->operations[g.count], &s);
        g.count++;
    }
    return g;
}

static bool generate(const generator *g, const unsigned chosen[], unsigned count)
{
    const footprint *footprints[SCHEDULE_THREADS];
    char text[TEXT_MOST];
    int length = snprintf(text, sizeof(text), "%s", g->state->text);
    for (unsigned i = 0; i < count; i++) {
        footprints[i] = &g->footprints[chosen[i]];
        length += snprintf(text + length, sizeof(text) - (size_t)length, " | %s",
                           g->state->operations[chosen[i]]);
    }
    return !can_meet(footprints, count) || g->visitor(g->context, g->state->name, text);
}

bool scenarios_pairs(scenario_visitor visitor, void *context)
{
    bool going = true;
    for (unsigned i = 0; i < sizeof(states) / sizeof(*states); i++) {
        generator g = start_generator(&states[i], visitor, context);
        for (unsigned a = 0; a < g.count; a++) {
            for (unsigned b = a; going && b < g.count; b++) {
                going = generate(&g, (unsigned[]){a, b}, 2);
            }
        }
    }
    return going;
}

bool scenarios_triples(scenario_visitor visitor, void *context)
{
    bool going = true;
    for (unsigned i = 0; i < sizeof(states) / sizeof(*states); i++) {
        generator g = start_generator(&states[i], visitor, context);
        for (unsigned a = 0; a < g.count; a++) {
            for (unsigned b = a; b < g.count; b++) {
                for (unsigned c = b; going && c < g.count; c++) {
                    going = generate(&g, (unsigned[]){a, b, c}, 3);
                }
            }
        }
    }
    return going;
}

bool scenarios_regress(scenario_visitor visitor, void *context)
{
    static const char *const texts[] = {
#include "scenarios.def"
    };
    bool going = true;
    for (unsigned i = 0; going && i < sizeof(texts) / sizeof(*texts); i++) {
        going = visitor(context, "regress", texts[i]);
    }
    return going;
}

/* ---------------------------------------------------------------------------------- random ---- */

/* A place where one run can be, with nodes of two slots: aligned to its ceiling order. */
static place random_place(random_source *random, unsigned pages)
{
    unsigned order = (unsigned)random_below(random, 4);
    unsigned length = (1U << order) - (unsigned)random_below(random, (1U << order) / 2 + 1);
    length = length ? length : 1;
    unsigned page = (unsigned)random_below(random, pages >> order) << order;
    return (place){page, length};
}

static void random_word(random_source *random, unsigned pages, char *text, size_t size)
{
    static const char verbs[] = "aaaarrrffffFzz@hbwd";
    char verb = verbs[random_below(random, sizeof(verbs) - 1)];
    place p = random_place(random, pages);
    switch (verb) {
    case 'a':
        snprintf(text, size, " a%u", (unsigned)random_below(random, 4));
        break;
    case 'b':
        snprintf(text, size, " b%u", (unsigned)random_below(random, 3));
        break;
    case 'r':
    case 'z':
        snprintf(text, size, " %c%u", verb, (unsigned)random_below(random, 9) + 1);
        break;
    case '@':
        snprintf(text, size, " @%u,%u", p.page, p.pages);
        break;
    case 'h':
        snprintf(text, size, " h%u,%u u%u,%u", p.page, p.pages, p.page, p.pages);
        break;
    case 'w':
        snprintf(text, size, " w%u,%u,%u", p.pages, p.page, pages);
        break;
    default:
        snprintf(text, size, " %c", verb);
    }
}

void scenario_random(uint64_t seed, char text[TEXT_MOST])
{
    random_source random = {seed};
    unsigned pages = 16 + (unsigned)random_below(&random, 17);
    size_t length = (size_t)snprintf(text, TEXT_MOST, "%u 4 :", pages);
    for (unsigned t = 0; t < SCHEDULE_THREADS; t++) {
        length += (size_t)snprintf(text + length, TEXT_MOST - length, " |");
        unsigned words = 4 + (unsigned)random_below(&random, 5);
        for (unsigned i = 0; i < words; i++) {
            random_word(&random, pages, text + length, TEXT_MOST - length);
            length += strlen(text + length);
        }
    }
}
