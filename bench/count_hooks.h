/* SPDX-License-Identifier: MIT */
/*
 * Put before the core with -include: counts the atomic updates of each thread, those that failed,
 * and the cache lines that a call writes (each once a call: count_call begins one).
 */
#ifndef BENCH_COUNT_HOOKS_H
#define BENCH_COUNT_HOOKS_H

#include <stdint.h>

enum { COUNT_LINE_BITS = 6, COUNT_LINES = 32 };

typedef struct count_state {
    uint64_t updates;
    uint64_t failures;
    uint64_t lines;
    unsigned written; /* lines of this call, in the list below */
    uintptr_t list[COUNT_LINES];
} count_state;

extern _Thread_local count_state count_of_thread;

static inline void count_call(void)
{
    count_of_thread.written = 0;
}

static inline void count_line(uintptr_t line)
{
    count_state *c = &count_of_thread;
    for (unsigned i = 0; i < c->written; i++) {
        if (c->list[i] == line) {
            return;
        }
    }
    c->lines++;
    if (c->written < COUNT_LINES) {
        c->list[c->written++] = line;
    }
}

/* A plain store is no atomic update, but writes a line all the same. */
static inline void count_write(int is_store, uintptr_t address, int done)
{
    if (!done) {
        count_of_thread.failures++;
        return;
    }
    count_of_thread.updates += !is_store;
    count_line(address >> COUNT_LINE_BITS);
}

#define LFB_ATOMIC_BEFORE(op, address) ((void)(address))
#define LFB_ATOMIC_AFTER(op, address, done)                                                        \
    count_write((op) == LFB_OP_STORE, (uintptr_t)(address), (done))

#endif
