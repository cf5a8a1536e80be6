/* SPDX-License-Identifier: MIT */
/* What the parts of the test share. */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "arch.h"

enum { PAGE = 4096, CPUS_MAX = 8 };

/* Whether an instruction is of the core. */
static inline bool is_in_core(uintptr_t instruction)
{
    return instruction >= (uintptr_t)core_start && instruction < (uintptr_t)core_end;
}

/* %s: text, %u: size_t in decimal, %x: uint64_t in hexadecimal. */
void print(const char *format, ...);

/* ------------------------------------------------------------------------------ work.c ---- */

/* Pages that somebody owns: a run, or a stretch that was taken out of use. */
typedef struct run {
    uintptr_t address;
    size_t pages; /* 0: none */
    bool held;
} run;

enum { RUNS_MAX = 48 };

/* What allocates: a CPU, or the timer interrupt on it. */
typedef struct actor {
    uint32_t random;
    unsigned runs;        /* that it keeps, at most RUNS_MAX */
    unsigned orders;      /* of its blocks: below this */
    run *own[RUNS_MAX];   /* runs change hands, so these are from anywhere in ... */
    run places[RUNS_MAX]; /* ... all actors' places */
    size_t operations;    /* calls of the allocator */
    size_t refused;       /* of them, for want of free pages or because they were in use */
} actor;

/* What is managed. */
typedef struct memory {
    lfb_t lfb;
    lfb_boot_map map;
    lfb_boot_zone zone;
} memory;

extern memory kernel_memory;

void actor_start(actor *a, uint32_t seed, unsigned runs, unsigned orders);
void actor_step(actor *a);

/* Releases all that lies in this actor's places: nobody else runs. */
void actor_end(actor *a);

/* Before the actors: marks each free page. After all of them ended: releases what lies between
 * them, drains, and looks at each free page. */
void work_start(void);
void work_end(void);

/* Violations so far; the first few are printed. */
size_t work_violations(void);

#endif
