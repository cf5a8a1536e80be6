/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include <stdlib.h>
#include <string.h>

static void print_row(const row *r)
{
    printf("%-5s %-10s %6lu %6lu %10lu %12lu  %s\n", r->wrong ? "WRONG" : "ok", r->set,
           r->scenarios, tally_capped(r), r->executions, r->steps, r->label);
    fflush(stdout);
}

void tally_flush(const tally *t)
{
    if (t->count) {
        print_row(&t->rows[t->count - 1]);
    }
}

row *tally_row(tally *t, const char *set, const char *label)
{
    row *last = t->count ? &t->rows[t->count - 1] : NULL;
    if (last && strcmp(last->set, set) == 0 && strcmp(last->label, label) == 0) {
        return last;
    }
    tally_flush(t);
    if (!last) {
        printf("      set        scenar. capped executions        steps\n");
    }
    if (t->count == ROWS_MOST) {
        fprintf(stderr, "interleave: more than %d rows to tell of: see tally.h\n", ROWS_MOST);
        exit(2);
    }
    row *r = &t->rows[t->count++];
    *r = (row){.set = set};
    snprintf(r->label, sizeof(r->label), "%s", label);
    return r;
}

row tally_total(const tally *t)
{
    row total = {.set = "all"};
    for (unsigned i = 0; i < t->count; i++) {
        total.scenarios += t->rows[i].scenarios;
        total.sampled += t->rows[i].sampled;
        total.complete += t->rows[i].complete;
        total.executions += t->rows[i].executions;
        total.steps += t->rows[i].steps;
        total.wrong += t->rows[i].wrong;
    }
    return total;
}

/* A bar in a cell would end it. */
static void write_label(const char *label, FILE *to)
{
    for (; *label; label++) {
        fprintf(to, *label == '|' ? "\\%c" : "%c", *label);
    }
}

void tally_write(const tally *t, FILE *to)
{
    fprintf(to, "| set | scenario, or state to start in | scenarios | all orders | capped | "
                "executions | steps | verdict |\n|---|---|--:|--:|--:|--:|--:|---|\n");
    for (unsigned i = 0; i < t->count; i++) {
        const row *r = &t->rows[i];
        fprintf(to, "| %s | ", r->set);
        write_label(r->label, to);
        fprintf(to, " | %lu | %lu | %lu | %lu | %lu | %s |\n", r->scenarios, r->complete,
                tally_capped(r), r->executions, r->steps, r->wrong ? "WRONG" : "ok");
    }
}
