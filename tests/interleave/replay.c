/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

#include "core/geometry.h"

void replay_print_order(FILE *to, const schedule_result *result)
{
    for (unsigned i = 0, end; i < result->length; i = end) {
        for (end = i; end < result->length && result->order[end] == result->order[i];) {
            end++;
        }
        fprintf(to, "%s%u", i ? "," : "", result->order[i]);
        if (end - i > 1) {
            fprintf(to, "x%u", end - i);
        }
    }
}

void replay_print_disturbance(FILE *to, const disturbance *d)
{
    fprintf(to, "%s:%u,%u", disturb_name(d->kind), d->thread, d->steps);
    if (d->kind == DISTURB_HEIR) {
        fprintf(to, ",%u,%u", d->other, d->more_steps);
    }
}

/* Returns its length; -1: it isn't one. */
static int parse_order(const char *text, unsigned threads, unsigned char *order)
{
    unsigned length = 0;
    while (*text) {
        unsigned thread = (unsigned)(*text++ - '0');
        unsigned long times = *text == 'x' ? strtoul(text + 1, (char **)&text, 10) : 1;
        if (thread >= threads || times > SCHEDULE_STEPS - length) {
            return -1;
        }
        memset(order + length, (int)thread, times);
        length += (unsigned)times;
        text += *text == ',';
    }
    return (int)length;
}

static bool parse_disturbance(const char *text, unsigned threads, disturbance *d)
{
    for (int kind = 0; kind < DISTURB_KINDS; kind++) {
        const char *name = disturb_name((disturb_kind)kind);
        size_t length = strlen(name);
        if (strncmp(text, name, length) == 0 && text[length] == ':') {
            d->kind = (disturb_kind)kind;
            int numbers = sscanf(text + length, ":%u,%u,%u,%u", &d->thread, &d->steps, &d->other,
                                 &d->more_steps);
            return numbers == (kind == DISTURB_HEIR ? 4 : 2) && d->thread < threads &&
                   d->other < threads;
        }
    }
    return false;
}

/* --------------------------------------------------------------------------------- drawing ---- */

static void print_word(lfb_word word, unsigned level)
{
    if (word_is_empty(word, level)) {
        printf(" %c%jx", "prh?"[word_kind(word)], (uintmax_t)(word >> word_tag_shift(level)));
        return;
    }
    printf(" ");
    for (unsigned slot = 0; slot < word_slots(level); slot++) {
        printf("%c", "HLFO"[word_code(word, slot)]);
    }
}

/* The tree as text, level by level from the top: H L F O for the codes, or the kind of an EMPTY
 * node (plain, run, hole) with its tag. */
static void print_tree(const scene *s)
{
    for (unsigned level = s->lfb.top + 1; level-- > 0;) {
        for (uintptr_t i = 0; i < s->lfb.levels[level].count; i++) {
            uintptr_t place = lfb_word_place(level, i);
            print_word(((const lfb_word *)s->lfb.levels[level].words)[place], level);
        }
        printf(level ? " |" : "\n");
    }
}

typedef struct drawing {
    const schedule_task *task; /* the task that is drawn */
    scene *scene;
    unsigned char last[METADATA_MOST];
} drawing;

static bool draw_step(void *context)
{
    drawing *d = context;
    if (memcmp(d->last, d->scene->metadata, d->scene->metadata_size) != 0) {
        memcpy(d->last, d->scene->metadata, d->scene->metadata_size);
        printf("%5u  thread %u ", schedule_now(), schedule_running());
        print_tree(d->scene);
    }
    return d->task->step(d->task->context);
}

static void draw_reset(void *context)
{
    drawing *d = context;
    d->task->reset(d->task->context);
    memcpy(d->last, d->scene->metadata, d->scene->metadata_size);
    printf("       start    ");
    print_tree(d->scene);
}

static void draw_thread(void *context, unsigned number)
{
    const drawing *d = context;
    d->task->thread(d->task->context, number);
}

static bool draw_finish(void *context)
{
    const drawing *d = context;
    return d->task->finish(d->task->context);
}

int replay(scene *s, const schedule_task *task, const char *text)
{
    static unsigned char order[SCHEDULE_STEPS];
    static drawing d;
    d = (drawing){.task = task, .scene = s};
    schedule_task drawn = {task->threads, draw_reset, draw_thread, draw_step, draw_finish, &d};
    disturbance disturbed = {0};
    int length = parse_order(text, task->threads, order);
    if (length >= 0) {
        schedule_replay(&drawn, order, (unsigned)length);
    } else if (parse_disturbance(text, task->threads, &disturbed)) {
        disturb(s, &drawn, disturbed);
    } else {
        return 2;
    }
    printf("%s\n", s->books.wrong[0] ? s->books.wrong : "nothing is wrong");
    return s->books.wrong[0] ? 1 : 0;
}
