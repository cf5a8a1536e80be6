/* SPDX-License-Identifier: MIT */
/*
 * Random calls of the core's protocol, with four-slot nodes, each interrupted before one of its
 * accesses by another call. Prints for each pair the calls, every access to a node word, and all
 * words afterwards. The manual's picture must do the same, access by access (check_model.js).
 *
 *   call       letter and four numbers: t level node group count; c first end 0 0; f page 0 0 0;
 *              m level node 0 0 (merge)
 *   line       call, access before which the second one comes, call = results = accesses = words
 *   access     L (load) or C (compare-and-swap, + done, - failed), level, node; in ( ): the
 * second's
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "random.h"
#include "range.h"

enum { PAGES = 64, RUNS_MOST = PAGES, LANES = 4 };

typedef struct call {
    char letter;
    unsigned numbers[4];
    int run; /* of a release: which one */
} call;

static struct {
    lfb_t lfb;
    unsigned runs[RUNS_MOST]; /* first pages of live runs */
    int run_count;
    random_source random;
    int countdown; /* accesses until the second call */
    const call *second;
    long second_result;
} S;

static _Alignas(128) unsigned char metadata[8192];

static unsigned below(unsigned limit)
{
    return (unsigned)random_below(&S.random, limit);
}

/* -------------------------------------------------------------------------------- watching ---- */

static long make(unsigned lane, const call *c);

static bool is_word(const volatile void *address, lfb_node *node)
{
    for (unsigned level = 0; level <= S.lfb.top; level++) {
        const volatile lfb_atomic *words = S.lfb.levels[level].words;
        const volatile lfb_atomic *at = address;
        uintptr_t places = lfb_word_place(level, S.lfb.levels[level].count);
        if (at >= words && at < words + places) {
            *node = (lfb_node){level, (uintptr_t)(at - words) / lfb_word_place(level, 1)};
            return true;
        }
    }
    return false;
}

static bool printing;

void watch_before(int op, const volatile void *address)
{
    lfb_node node;
    if (!printing || !is_word(address, &node)) {
        return;
    }
    if (S.second && S.countdown-- == 0) {
        const call *second = S.second;
        S.second = NULL;
        printf("( ");
        S.second_result = make(1, second);
        printf(") ");
    }
    if (op == LFB_OP_LOAD) {
        printf("L%u.%u ", node.level, (unsigned)node.number);
    }
}

void watch_after(int op, const volatile void *address, bool done)
{
    lfb_node node;
    if (printing && op == LFB_OP_CAS && is_word(address, &node)) {
        printf("C%u.%u%c ", node.level, (unsigned)node.number, done ? '+' : '-');
    }
}

/* ----------------------------------------------------------------------------------- calls ---- */

/* free_run of alloc.c, without hints. */
static long release(lfb_lane *lane, uintptr_t page)
{
    for (;;) {
        lfb_piece piece = lfb_tree_locate(&S.lfb, page);
        lfb_status status = lfb_run_status(&S.lfb, &piece, page);
        if (status != LFB_OK) {
            return status;
        }
        uintptr_t length = lfb_run_pages(&S.lfb, piece);
        lfb_word live = piece.whole ? word_all(piece.word, piece.node.level, CODE_FREE)
                                    : word_free(piece.word, piece.slot, piece.count);
        lfb_freed freed;
        if (lfb_tree_release(&S.lfb, lane, piece.node, piece.word, live, &freed)) {
            uintptr_t done = lfb_piece_pages(&piece);
            if (length > done) {
                lfb_range_release(&S.lfb, lane, (lfb_range){page + done, length - done});
            }
            return LFB_OK;
        }
    }
}

static long make(unsigned number, const call *c)
{
    lfb_lane *lane = lfb_lane_of(&S.lfb, number);
    const unsigned *n = c->numbers;
    lfb_node node = {n[0], n[1]};
    uintptr_t page;
    lfb_freed freed;
    switch (c->letter) {
    case 't':
        return lfb_tree_take(&S.lfb, lane, node, (lfb_fit){n[2], n[3]}, 1, &page) ? (long)page : -1;
    case 'c':
        return lfb_range_claim(&S.lfb, lane, (lfb_range){n[0], n[1] - n[0]}, true) ? (long)n[0]
                                                                                   : -1;
    case 'm':
        return lfb_tree_coalesce(&S.lfb, lane, node, &freed) * 0;
    default:
        return release(lane, n[0]);
    }
}

/* Any call that keeps the contract; not a release of the run `other`. */
static call choose(int other)
{
    call c = {.run = -1};
    unsigned level = below(S.lfb.top + 1);
    unsigned node = below((unsigned)S.lfb.levels[level].count);
    unsigned kind = below(8);
    int run = S.run_count ? (int)below((unsigned)S.run_count) : -1;
    if (kind < 4 && run >= 0 && run != other) {
        return (call){'f', {S.runs[run]}, run};
    }
    if (kind == 4) {
        return (call){'m', {level, node}, -1};
    }
    if (kind == 5 || kind == 0) {
        unsigned order = below(7);
        unsigned pages = (1U << order >> 1) + 1 + below((1U << order) - (1U << order >> 1));
        pages = pages > 1U << order ? 1U << order : pages;
        unsigned first = below(PAGES >> order) << order;
        return (call){'c', {first, first + pages}, -1};
    }
    unsigned group = below(3);
    c = (call){'t', {level, node, group, 1 + below(1U << group)}, -1};
    return c;
}

static void settle(const call *c, long result)
{
    if (c->letter == 'f') {
        S.runs[c->run] = S.runs[--S.run_count];
    } else if (c->letter != 'm' && result >= 0) {
        S.runs[S.run_count++] = (unsigned)result;
    }
}

static void print_call(const call *c)
{
    printf("%c %u %u %u %u ", c->letter, c->numbers[0], c->numbers[1], c->numbers[2],
           c->numbers[3]);
}

static void one_pair(void)
{
    call first = choose(-1);
    call second = choose(first.run);
    S.countdown = (int)below(8);
    print_call(&first);
    printf("%d ", S.countdown);
    print_call(&second);
    printf("= ");
    S.second = &second;
    printing = true;
    long result = make(0, &first);
    bool made = !S.second;
    S.second = NULL;
    printing = false;
    printf("= %ld %ld =", result, made ? S.second_result : -2);
    for (unsigned level = 0; level <= S.lfb.top; level++) {
        for (uintptr_t i = 0; i < S.lfb.levels[level].count; i++) {
            printf(" %" PRIx64, lfb_tree_load(&S.lfb, (lfb_node){level, i}));
        }
    }
    printf("\n");
    /* The later one in the list first: to settle a release moves the last run. */
    const call *order[] = {first.run > second.run ? &first : &second,
                           first.run > second.run ? &second : &first};
    for (int i = 0; i < 2; i++) {
        if (order[i] == &first || made) {
            settle(order[i], order[i] == &first ? result : S.second_result);
        }
    }
}

int main(int argc, char **argv)
{
    lfb_config config = {.struct_size = sizeof(config),
                         .page_size = 1,
                         .page_count = PAGES,
                         .max_order = 6,
                         .lanes = LANES};
    S.random.state = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    if (lfb_init(&S.lfb, &config, metadata, sizeof(metadata)) != LFB_OK) {
        return 1;
    }
    for (unsigned lane = 0; lane < LANES; lane++) {
        for (unsigned place = 0; place < LANE_PLACES; place++) { /* no node is kept warm */
            lfb_guess_store(&lfb_lane_of(&S.lfb, lane)->cursor[place], UINT32_MAX);
        }
    }
    for (long i = argc > 1 ? strtol(argv[1], NULL, 0) : 10000; i > 0; i--) {
        one_pair();
    }
    return 0;
}
