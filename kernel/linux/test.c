/* SPDX-License-Identifier: MIT */
/*
 * Each CPU has two threads that call the core, one of which may go to other CPUs, and two timers
 * that call it over whatever they interrupt: one in softirq, one in hardirq, which interrupts the
 * softirq as well and sends an NMI to the next CPU. All make work.c's random calls, and every page
 * has its owner's mark.
 */
#include "module.h"

#include <asm/irq_regs.h>
#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/slab.h>

enum {
    ORDERS = MAX_ORDER, /* of blocks, from 0 */
    TIMER_RUNS = 6,
    TIMER_ORDERS = 4,
    HARD_STEPS = 2,
    SOFT_STEPS = 8,
    HARD_PERIOD = 150 * NSEC_PER_USEC, /* not a multiple of one another */
    SOFT_PERIOD = 410 * NSEC_PER_USEC,
    CALLS_AT_ONCE = 64
};

typedef struct timer_work {
    struct hrtimer timer;
    actor work;
    size_t ticks;
    size_t in_core;              /* of them, those that came in the middle of the core's code ... */
    size_t in_core_over_softirq; /* ... when a softirq was calling it */
} timer_work;

typedef struct cpu_work {
    actor fixed;
    actor roaming;
    timer_work soft;
    timer_work hard;
    nmi_work nmi;
    unsigned next_cpu; /* that gets its NMIs from this one */
    size_t operations; /* that each thread makes */
} cpu_work;

/* ------------------------------------------------------------------------------ contexts ---- */

/* After its release a page is none of ours. */
static void write_a_released_page(void)
{
    uintptr_t page = lfb_alloc(&kernel_memory.lfb, 0);
    if (page != LFB_NONE) {
        lfb_free(&kernel_memory.lfb, page);
        *(volatile uintptr_t *)page = 1;
    }
}

static enum hrtimer_restart hard_tick(struct hrtimer *timer)
{
    timer_work *t = container_of(timer, timer_work, timer);
    struct pt_regs *interrupted = get_irq_regs();
    bool in_core = interrupted && is_in_core(instruction_pointer(interrupted));
    nmi_send(container_of(t, cpu_work, hard)->next_cpu);
    t->ticks++;
    t->in_core += in_core;
    t->in_core_over_softirq += in_core && in_serving_softirq();
    for (unsigned i = 0; i < HARD_STEPS; i++) {
        actor_step(&t->work);
    }
    if (planted == PLANT_USE && t->ticks == 1) {
        write_a_released_page();
    }
    hrtimer_forward_now(timer, ns_to_ktime(HARD_PERIOD));
    return HRTIMER_RESTART;
}

static enum hrtimer_restart soft_tick(struct hrtimer *timer)
{
    timer_work *t = container_of(timer, timer_work, timer);
    t->ticks++;
    for (unsigned i = 0; i < SOFT_STEPS; i++) {
        actor_step(&t->work);
    }
    hrtimer_forward_now(timer, ns_to_ktime(SOFT_PERIOD));
    return HRTIMER_RESTART;
}

static void call(actor *work, size_t operations)
{
    while (work->operations < operations) {
        for (unsigned i = 0; i < CALLS_AT_ONCE; i++) {
            actor_step(work);
        }
        cond_resched();
    }
}

static void timer_on(timer_work *t, enum hrtimer_restart (*tick)(struct hrtimer *), unsigned period,
                     enum hrtimer_mode mode)
{
    hrtimer_init(&t->timer, CLOCK_MONOTONIC, mode);
    t->timer.function = tick;
    hrtimer_start(&t->timer, ns_to_ktime(period), mode);
}

/* The timers stay on the CPU that starts them. */
static void run_fixed(void *data)
{
    cpu_work *c = data;
    timer_on(&c->soft, soft_tick, SOFT_PERIOD, HRTIMER_MODE_REL_PINNED_SOFT);
    timer_on(&c->hard, hard_tick, HARD_PERIOD, HRTIMER_MODE_REL_PINNED_HARD);
    call(&c->fixed, c->operations);
    hrtimer_cancel(&c->hard.timer);
    hrtimer_cancel(&c->soft.timer);
}

static void run_roaming(void *data)
{
    cpu_work *c = data;
    call(&c->roaming, c->operations);
}

/* -------------------------------------------------------------------------------- report ---- */

static void report_actors(const char *context, const cpu_work *works, size_t count, size_t offset)
{
    size_t calls = 0;
    size_t refused = 0;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        const actor *a = (const void *)((const char *)&works[i] + offset);
        calls += a->operations;
        refused += a->refused;
        least = min(least, a->operations);
    }
    pr_info("%s: operations=%zu refused=%zu least_on_a_cpu=%zu\n", context, calls, refused, least);
}

/* Whether each CPU was interrupted where it hurts. */
static bool report_interrupts(const cpu_work *works, size_t count)
{
    size_t ticks = 0;
    size_t in_core = 0;
    size_t over_softirq = 0;
    size_t nmis = 0;
    size_t nmis_in_core = 0;
    size_t nmis_over_hardirq = 0;
    bool everywhere = true;
    for (size_t i = 0; i < count; i++) {
        ticks += works[i].hard.ticks;
        in_core += works[i].hard.in_core;
        over_softirq += works[i].hard.in_core_over_softirq;
        nmis += works[i].nmi.ticks;
        nmis_in_core += works[i].nmi.in_core;
        nmis_over_hardirq += works[i].nmi.in_core_over_hardirq;
        everywhere = everywhere && works[i].hard.in_core > 0 && works[i].soft.ticks > 0;
    }
    pr_info("interrupts: hardirqs=%zu in_core=%zu in_core_over_softirq=%zu\n", ticks, in_core,
            over_softirq);
    pr_info("interrupts: nmis=%zu nmis_in_core=%zu nmis_in_core_over_hardirq=%zu\n", nmis,
            nmis_in_core, nmis_over_hardirq);
    if (!everywhere) {
        pr_info(
            "FAILED: a CPU was never interrupted in the middle of a call: too few operations\n");
    }
    return everywhere;
}

static bool check(void)
{
    lfb_report *report = kzalloc(sizeof(*report), GFP_KERNEL);
    if (!report) {
        return false;
    }
    lfb_status status = lfb_check(&kernel_memory.lfb, report);
    size_t pages = kernel_memory.zone.config.page_count;
    bool clean = status == LFB_OK && report->warm_nodes == 0;
    bool whole = report->stats.free_pages == pages;
    pr_info("checker: status=%s faults=%zu warm=%zu low_hints=%zu\n", lfb_status_name(status),
            report->faults, report->warm_nodes, report->low_hints);
    pr_info("pages: free=%zu of=%zu allocated=%zu held=%zu largest_order=%d\n",
            report->stats.free_pages, pages, report->stats.allocated_pages,
            report->stats.held_pages, report->stats.largest_free_order);
    kfree(report);
    return clean && whole;
}

static bool report(const cpu_work *works, size_t count)
{
    report_actors("process, fixed", works, count, offsetof(cpu_work, fixed));
    report_actors("process, roaming", works, count, offsetof(cpu_work, roaming));
    report_actors("softirq", works, count, offsetof(cpu_work, soft.work));
    report_actors("hardirq", works, count, offsetof(cpu_work, hard.work));
    report_actors("nmi", works, count, offsetof(cpu_work, nmi.work));
    bool good = report_interrupts(works, count);
    good = check() && good;
    pr_info("violations: %zu\n", work_violations());
    return good && work_violations() == 0;
}

/* ----------------------------------------------------------------------------------- run ---- */

static void prepare(cpu_work *works, member *members, size_t operations, uint32_t seed)
{
    size_t i = 0;
    unsigned cpu;
    for_each_online_cpu(cpu)
    {
        cpu_work *c = &works[i];
        uint32_t own = seed + 5 * (uint32_t)i;
        c->operations = operations;
        actor_start(&c->fixed, own * 2654435761U | 1, RUNS_MAX, ORDERS);
        actor_start(&c->roaming, (own + 1) * 2654435761U | 1, RUNS_MAX, ORDERS);
        actor_start(&c->soft.work, (own + 2) * 2654435761U | 1, TIMER_RUNS, TIMER_ORDERS);
        actor_start(&c->hard.work, (own + 3) * 2654435761U | 1, TIMER_RUNS, TIMER_ORDERS);
        actor_start(&c->nmi.work, (own + 4) * 2654435761U | 1, TIMER_RUNS, TIMER_ORDERS);
        c->next_cpu = cpumask_next(cpu, cpu_online_mask);
        if (c->next_cpu >= nr_cpu_ids) {
            c->next_cpu = cpumask_first(cpu_online_mask);
        }
        nmi_join(cpu, &c->nmi);
        members[2 * i] = (member){.work = run_fixed, .data = c, .cpu = cpu};
        members[2 * i + 1] = (member){.work = run_roaming, .data = c, .cpu = ANY_CPU};
        i++;
    }
}

static void finish(cpu_work *works, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        actor_end(&works[i].fixed);
        actor_end(&works[i].roaming);
        actor_end(&works[i].soft.work);
        actor_end(&works[i].hard.work);
        actor_end(&works[i].nmi.work);
    }
    if (planted == PLANT_LEAK) {
        lfb_alloc(&kernel_memory.lfb, 0);
    }
    work_end();
}

int test_run(size_t operations, uint32_t seed)
{
    size_t count = num_online_cpus();
    cpu_work *works = kvcalloc(count, sizeof(*works), GFP_KERNEL);
    member *members = kvcalloc(2 * count, sizeof(*members), GFP_KERNEL);
    int result = -ENOMEM;
    if (works && members && nmi_start() == 0) {
        prepare(works, members, operations, seed);
        work_start();
        result = crew_run(members, 2 * count);
        nmi_end();
    }
    if (result == 0) {
        finish(works, count);
        result = report(works, count);
        pr_info("%s\n", result ? "PASSED" : "FAILED");
    }
    kvfree(members);
    kvfree(works);
    return result;
}
