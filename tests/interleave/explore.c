/* SPDX-License-Identifier: MIT */
/*
 * The explorer's program: runs sets of scenarios, and says what was found.
 *
 *   schedule   runs fibers in chosen orders: all that differ (DPOR), or random ones (PCT)
 *   script     a scenario as text
 *   scene      a scenario under way; calls, and what they must leave in the books
 *   judge      what must hold after each step and each execution
 *   model      the sequential specification, and the search for a linearization
 *   disturb    threads that stop, handlers that interrupt
 *   scenarios  which there are
 *   replay     orders as text, drawings
 *
 * Limits: all accesses are sequentially consistent here; a step is an atomic access, so an order of
 * memory that is too weak doesn't show. Executions that differ in the order of independent steps
 * are run once, so of the real-time orders which they would have, one is judged; random orders have
 * any.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "judge.h"
#include "options.h"
#include "replay.h"
#include "scenarios.h"
#include "tally.h"

typedef struct session {
    options options;
    const char *program;
    const char *set;          /* under way */
    unsigned long executions; /* of each of its scenarios, at most */
    uint64_t seed;
    disturb_kind kind;
    tally tally;
    scene scene;
} session;

static void reset(void *context)
{
    scene_reset(context);
}

static void thread(void *context, unsigned number)
{
    scene_run(context, number);
}

static bool step(void *context)
{
    return judge_step(context);
}

static bool finish(void *context)
{
    return judge_execution(context);
}

static schedule_task task_of(scene *s)
{
    return (schedule_task){s->script.threads, reset, thread, step, finish, s};
}

static void prepare(scene *s, const char *text)
{
    const char *wrong = scene_prepare(s, text);
    if (wrong) {
        fprintf(stderr, "interleave: %s: %s\n", text, wrong);
        exit(2);
    }
}

/* ------------------------------------------------------------------------------- reporting ---- */

static void show_progress(const session *s, const char *text)
{
    static time_t last;
    time_t now = time(NULL);
    if (isatty(STDERR_FILENO) && now != last) {
        last = now;
        row total = tally_total(&s->tally);
        fprintf(stderr, "\r\033[K%s: %lu scenarios, %lu executions: %.60s\r", s->set,
                total.scenarios, total.executions, text);
    }
}

/* Says what is wrong; the caller goes on with the order. */
static void begin_complaint(const session *s)
{
    const char *wrong = s->scene.books.wrong;
    printf("WRONG %s\n      %s\n      %s --scenario '%s' --replay ", s->scene.script.text,
           wrong[0] ? wrong : "it doesn't end", s->program, s->scene.script.text);
}

static void end_complaint(void)
{
    printf("\n");
    fflush(stdout);
}

static void print_line(const session *s, bool wrong, unsigned long executions, bool complete)
{
    if (s->options.verbose) {
        printf("%-5s %-10s %9lu %s  %s\n", wrong ? "WRONG" : "ok", s->set, executions,
               complete ? "all " : "some", s->scene.script.text);
    }
}

static bool may_go_on(const session *s)
{
    return tally_total(&s->tally).wrong < s->options.wrong;
}

static bool is_wanted(const session *s, const char *group, const char *text)
{
    const char *filter = s->options.filter;
    return !filter || strstr(text, filter) || strstr(group, filter);
}

/* ---------------------------------------------------------------------- running a scenario ---- */

/* Puts a result into the row of the group, or of the scenario if it has no
 * group. */
static void take_result(session *s, const char *group, const schedule_result *result, bool sampled)
{
    row *r = tally_row(&s->tally, s->set, strcmp(group, "regress") ? group : s->scene.script.text);
    r->scenarios++;
    r->complete += result->complete;
    r->sampled += sampled;
    r->executions += result->executions;
    r->steps += result->steps;
    r->wrong += result->violated;
    print_line(s, result->violated, result->executions, result->complete);
    if (result->violated) {
        begin_complaint(s);
        replay_print_order(stdout, result);
        end_complaint();
    }
}

static bool explore(void *context, const char *group, const char *text)
{
    session *s = context;
    if (!is_wanted(s, group, text)) {
        return true;
    }
    show_progress(s, text);
    prepare(&s->scene, text);
    schedule_task task = task_of(&s->scene);
    schedule_result result = schedule_explore(&task, s->executions);
    take_result(s, group, &result, false);
    return may_go_on(s);
}

/* Bugs of each depth in turns. */
static schedule_result run_priorities(const session *s, const schedule_task *task)
{
    enum { SHALLOWEST = 2, DEEPEST = 4, DEPTHS = DEEPEST - SHALLOWEST + 1 };
    schedule_result all = {0};
    for (unsigned depth = SHALLOWEST; depth <= DEEPEST && !all.violated; depth++) {
        unsigned long executions = all.executions, steps = all.steps;
        all = schedule_random(task, s->seed + depth, depth, s->executions / DEPTHS + 1);
        all.executions += executions;
        all.steps += steps;
    }
    return all;
}

static bool try_priorities(void *context, const char *group, const char *text)
{
    session *s = context;
    if (!is_wanted(s, group, text)) {
        return true;
    }
    show_progress(s, text);
    prepare(&s->scene, text);
    schedule_task task = task_of(&s->scene);
    schedule_result result = run_priorities(s, &task);
    if (result.violated) {
        printf("WRONG with seed %ju\n", (uintmax_t)s->seed);
    }
    take_result(s, strcmp(group, "regress") ? group : "scenarios that found something", &result,
                true);
    return may_go_on(s);
}

static bool disturb_scenario(void *context, const char *group, const char *text)
{
    session *s = context;
    if (!is_wanted(s, group, text)) {
        return true;
    }
    show_progress(s, text);
    prepare(&s->scene, text);
    if (s->scene.script.lawless || s->scene.script.deadly) {
        return true; /* nobody knows what the stopped thread owns, or who it is */
    }
    schedule_task task = task_of(&s->scene);
    disturbance d = {.kind = s->kind};
    row *r = tally_row(&s->tally, s->set, strcmp(group, "regress") ? group : "regress");
    unsigned long done = disturb_everywhere(&s->scene, &task, &d);
    bool wrong = s->scene.books.wrong[0];
    r->scenarios++;
    r->complete += !wrong;
    r->executions += done;
    r->wrong += wrong;
    print_line(s, wrong, done, !wrong);
    if (wrong) {
        begin_complaint(s);
        replay_print_disturbance(stdout, &d);
        end_complaint();
    }
    return may_go_on(s);
}

/* ------------------------------------------------------------------------ running the sets ---- */

static bool list_scenario(void *context, const char *group, const char *text)
{
    const session *s = context;
    if (is_wanted(s, group, text)) {
        printf("%s\n", text);
    }
    return true;
}

static void begin_set(session *s, const char *name, unsigned long executions)
{
    s->set = name;
    s->executions = s->options.executions ? s->options.executions : executions;
}

/* The short scenarios too: what lies deep in an order may be near in priorities. */
static bool run_random(session *s)
{
    scenario_visitor visitor = s->options.list ? list_scenario : try_priorities;
    char text[TEXT_MOST];
    bool going = true;
    s->seed = s->options.seed;
    begin_set(s, "random-1", 1000);
    going = scenarios_regress(visitor, s);
    begin_set(s, "random-2", 100);
    going = going && scenarios_pairs(visitor, s);
    begin_set(s, "random-3", 30);
    going = going && scenarios_triples(visitor, s);
    begin_set(s, "random", 100);
    for (unsigned long i = 0; going && i < s->options.rounds; i++) {
        s->seed = s->options.seed + i;
        scenario_random(s->seed, text);
        going = visitor(s, "16 to 32 pages, random scripts", text);
    }
    return going;
}

static void run_disturbances(session *s, disturb_kind kind)
{
    static const char *const names[] = {"stops", "stops-runs", "interrupts", "heirs"};
    scenario_visitor visitor = s->options.list ? list_scenario : disturb_scenario;
    begin_set(s, names[kind], 0);
    s->kind = kind;
    if (scenarios_regress(visitor, s) && kind != DISTURB_HEIR) {
        scenarios_pairs(visitor, s);
    }
}

static void run_sets(session *s)
{
    unsigned sets = s->options.sets ? s->options.sets : SET_ALL;
    scenario_visitor visitor = s->options.list ? list_scenario : explore;
    if (sets & SET_REGRESS) {
        begin_set(s, "regress", 5000);
        scenarios_regress(visitor, s);
    }
    if (sets & SET_PAIRS) {
        begin_set(s, "pairs", 1500);
        scenarios_pairs(visitor, s);
    }
    if (sets & SET_TRIPLES) {
        begin_set(s, "triples", 120);
        scenarios_triples(visitor, s);
    }
    if (sets & SET_STOPS) {
        run_disturbances(s, DISTURB_STOP);
        if (!s->options.list) {
            run_disturbances(s, DISTURB_STOP_RUNS);
            run_disturbances(s, DISTURB_HEIR);
        }
    }
    if (sets & SET_INTERRUPTS) {
        run_disturbances(s, DISTURB_INTERRUPT);
    }
    if (sets & SET_RANDOM) {
        run_random(s);
    }
}

static void run_scenario(session *s)
{
    unsigned sets = s->options.sets ? s->options.sets : SET_REGRESS;
    const char *text = s->options.scenario;
    if (sets & (SET_REGRESS | SET_PAIRS | SET_TRIPLES)) {
        begin_set(s, "scenario", 1000000);
        explore(s, text, text);
    }
    for (int kind = 0; kind < DISTURB_KINDS; kind++) {
        if (sets & (kind == DISTURB_INTERRUPT ? SET_INTERRUPTS : SET_STOPS)) {
            begin_set(s, disturb_name((disturb_kind)kind), 0);
            s->kind = (disturb_kind)kind;
            disturb_scenario(s, text, text);
        }
    }
    if (sets & SET_RANDOM) {
        begin_set(s, "random", 10000);
        s->seed = s->options.seed;
        try_priorities(s, text, text);
    }
}

/* ------------------------------------------------------------------------------------ main ---- */

static void print_totals(const session *s)
{
    row total = tally_total(&s->tally);
    judge_counts counts = judge_counted();
    printf("%lu scenarios: %lu in all orders, %lu capped, %lu sampled\n", total.scenarios,
           total.complete, tally_capped(&total), total.sampled);
    printf("%lu executions, %lu steps, %lu states of the tree\n", total.executions, total.steps,
           counts.trees);
    printf("%lu histories linearizable, %lu undecided\n", counts.histories, counts.undecided);
    printf("%lu failures and %lu refusals justified\n", counts.failures, counts.refusals);
    printf("%lu wrong\n", total.wrong);
}

static bool write_table(const session *s)
{
    FILE *to = fopen(s->options.table, "w");
    if (!to) {
        perror(s->options.table);
        return false;
    }
    tally_write(&s->tally, to);
    return fclose(to) == 0;
}

static int replay_scenario(session *s)
{
    prepare(&s->scene, s->options.scenario);
    schedule_task task = task_of(&s->scene);
    int status = replay(&s->scene, &task, s->options.replay);
    if (status == 2) {
        fprintf(stderr, "interleave: '%s' isn't an order\n", s->options.replay);
    }
    return status;
}

int main(int argc, char **argv)
{
    static session s;
    int status = options_parse(&s.options, argc, argv);
    if (status >= 0) {
        return status;
    }
    s.program = argv[0];
    if (s.options.replay) {
        return replay_scenario(&s);
    }
    s.options.scenario ? run_scenario(&s) : run_sets(&s);
    if (s.options.list) {
        return 0;
    }
    tally_flush(&s.tally);
    print_totals(&s);
    bool written = !s.options.table || write_table(&s);
    row total = tally_total(&s.tally);
    return total.wrong || !total.scenarios ? 1 : written ? 0 : 2;
}
