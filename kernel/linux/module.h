/* SPDX-License-Identifier: MIT */
/* What the parts of the module share. */
#ifndef KERNEL_LINUX_MODULE_H
#define KERNEL_LINUX_MODULE_H

#define pr_fmt(format) KBUILD_MODNAME ": " format

#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "../kernel.h"

/* A fault that the module makes on purpose, so that its checks are seen to find it. */
enum plant {
    PLANT_NONE,
    PLANT_USE,      /* a page is written after its release */
    PLANT_LEAK,     /* a page isn't released */
    PLANT_RANGE,    /* the range isn't given back to the kernel */
    PLANT_METADATA, /* nor the metadata */
    PLANT_WARNING   /* the kernel's log has a warning */
};

extern enum plant planted;

/* ------------------------------------------------------------------------------ range.c ---- */

/* Gets pages from the kernel and starts kernel_memory over them, at their addresses in the kernel's
 * direct map; gives them back. Returns 0 or -ENOMEM. */
int range_start(size_t pages);
void range_end(void);

/* ------------------------------------------------------------------------------- crew.c ---- */

enum { ANY_CPU = -1 };

typedef struct member {
    void (*work)(void *data);
    void *data;
    int cpu; /* where it stays; ANY_CPU */
    struct task_struct *task;
    struct completion done;
} member;

/* Runs each member in a thread of its own, all at once, until the last has ended. Returns 0;
 * -ENOMEM: none ran. */
int crew_run(member *members, size_t count);

/* -------------------------------------------------------------------------------- nmi.c ---- */

typedef struct nmi_work {
    actor work;
    atomic_t wanted; /* one was sent and hasn't been handled */
    size_t ticks;
    size_t in_core;              /* of them, those that came in the middle of the core's code ... */
    size_t in_core_over_hardirq; /* ... when a hardirq was calling it */
} nmi_work;

/* nmi_start; then for each CPU nmi_join; then nmi_send from anywhere; then, when nobody sends any
 * more, nmi_end. Returns 0 or an error. */
int nmi_start(void);
void nmi_join(unsigned cpu, nmi_work *n);
void nmi_send(unsigned cpu);
void nmi_end(void);

/* ------------------------------------------------------------------------ test.c, bench.c ---- */

/* Random calls in every context of every CPU, `operations` in each thread. Returns whether all went
 * well, after it said so; negative: it couldn't run. */
int test_run(size_t operations, uint32_t seed);

/* The core beside the kernel's alloc_pages: each cell `milliseconds` in each of `rounds` rounds. */
int bench_run(unsigned rounds, unsigned milliseconds);

#endif
