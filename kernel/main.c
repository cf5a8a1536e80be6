/* SPDX-License-Identifier: MIT */
/*
 * A kernel that does nothing but allocate. It finds the machine's memory in the machine's own map,
 * manages all of it with lfbuddy, starts every CPU, and lets each of them and a timer interrupt on
 * each of them, over whatever it interrupts, make random calls; every page has a mark of its owner
 * (work.c). Then everything is released, and the checker has the last word.
 *
 * -DOPERATIONS=n: calls that each CPU makes, besides those in interrupts. -DPLANT_VIOLATION: one
 * page's mark is spoilt, which the test must notice.
 */
#include <stdatomic.h>

#include "kernel.h"

#ifndef OPERATIONS
#define OPERATIONS 260000
#endif

enum { MAX_ORDER = 10, REGIONS = 128, STACK_ORDER = 2, TICK_RUNS = 6, TICK_ORDERS = 4 };

typedef struct cpu {
    actor work;
    actor in_interrupt;
    size_t interrupts;
    size_t interrupts_in_core; /* of them, those that came in the middle of the core's code */
} cpu;

enum { STACK_BYTES = PAGE << STACK_ORDER, STACK_FILL = 0x5a };

static cpu cpus[CPUS_MAX];
static unsigned char *stacks[CPUS_MAX]; /* of all CPUs but the first */
static unsigned cpu_count;
static atomic_uint cpus_done;
static atomic_bool go;
static lfb_boot_region regions[REGIONS];

/* ------------------------------------------------------------------------------- memory ---- */

_Noreturn static void die(const char *what, const char *why)
{
    print("FAILED: %s: %s\n", what, why);
    arch_exit(false);
}

static unsigned lane(void *context)
{
    (void)context;
    return arch_cpu();
}

static void print_map(const lfb_boot_map *map)
{
    static const char *const kinds[] = {"usable", "reclaimable", "gap", "reserved", "bad"};
    for (size_t i = 0; i < map->count; i++) {
        const lfb_boot_region *r = &map->regions[i];
        if (r->kind != LFB_BOOT_GAP) {
            print("  %x-%x %s\n", r->start, r->end, kinds[r->kind]);
        }
    }
}

static void start_memory(memory *m)
{
    lfb_boot_status status = lfb_boot_clear(&m->map, regions, REGIONS);
    if (status == LFB_BOOT_OK) {
        status = arch_read_memory(&m->map);
    }
    if (status == LFB_BOOT_OK) {
        uintptr_t start = (uintptr_t)kernel_start;
        status = lfb_boot_add(&m->map, start, (uintptr_t)kernel_end - start, LFB_BOOT_RESERVED);
    }
    if (status != LFB_BOOT_OK) {
        die("memory map", lfb_boot_status_name(status));
    }
    print("memory map of the machine, with kernel and tables:\n");
    print_map(&m->map);
    m->zone = (lfb_boot_zone){
        .high = arch_mapped_end,
        .reach = arch_mapped_end,
        .config = {.page_size = PAGE,
                   .max_order = MAX_ORDER,
                   .lanes = CPUS_MAX,
                   .current_lane = lane},
    };
    status = lfb_boot_start(&m->lfb, &m->map, &m->zone);
    if (status != LFB_BOOT_OK) {
        die("starting the allocator", lfb_boot_status_name(status));
    }
    size_t reclaimed = lfb_boot_reclaim(&m->lfb, &m->map, &m->zone);
    print("metadata: %u bytes at %x; reclaimed: %u pages\n", m->zone.metadata_size,
          (uint64_t)m->zone.metadata, reclaimed);
}

static size_t usable_pages(const lfb_boot_map *map)
{
    size_t pages = 0;
    for (size_t i = 0; i < map->count; i++) {
        const lfb_boot_region *r = &map->regions[i];
        if (r->kind == LFB_BOOT_USABLE && r->start < arch_mapped_end) {
            uint64_t end = r->end < arch_mapped_end ? r->end : arch_mapped_end;
            pages += (size_t)((end - r->start) / PAGE);
        }
    }
    return pages;
}

/* --------------------------------------------------------------------------------- CPUs ---- */

void kernel_tick(uintptr_t interrupted)
{
    cpu *c = &cpus[arch_cpu()];
    c->interrupts++;
    c->interrupts_in_core += is_in_core(interrupted);
    actor_step(&c->in_interrupt);
    actor_step(&c->in_interrupt);
}

static void start_cpus(void)
{
    lfb_t *lfb = &kernel_memory.lfb;
    for (cpu_count = 1; cpu_count < CPUS_MAX; cpu_count++) {
        uintptr_t stack = lfb_alloc(lfb, STACK_ORDER);
        if (stack == LFB_NONE) {
            die("stack", "no memory");
        }
        stacks[cpu_count] = (unsigned char *)stack;
        __builtin_memset(stacks[cpu_count], STACK_FILL, STACK_BYTES);
        if (!arch_start_cpu(cpu_count, stack + STACK_BYTES)) {
            lfb_free(lfb, stack);
            break;
        }
    }
}

/* The most that a CPU had on its stack: test, allocator and interrupts. */
static size_t deepest_stack(void)
{
    size_t most = 0;
    for (unsigned i = 1; i < cpu_count; i++) {
        size_t unused = 0;
        while (unused < STACK_BYTES && stacks[i][unused] == STACK_FILL) {
            unused++;
        }
        most = STACK_BYTES - unused > most ? STACK_BYTES - unused : most;
    }
    return most;
}

/* acquire, release: what the first CPU prepared happens before, what it looks at then after. */
void kernel_cpu(void)
{
    cpu *c = &cpus[arch_cpu()];
    while (!atomic_load_explicit(&go, memory_order_acquire)) {
        arch_pause();
    }
    arch_timer_on();
    while (c->work.operations < OPERATIONS) {
        actor_step(&c->work);
    }
    arch_timer_off();
    atomic_fetch_add_explicit(&cpus_done, 1, memory_order_release);
}

static void run_all(void)
{
    for (unsigned i = 0; i < cpu_count; i++) {
        actor_start(&cpus[i].work, 2 * i + 1, RUNS_MAX, MAX_ORDER);
        actor_start(&cpus[i].in_interrupt, 2 * i + 2, TICK_RUNS, TICK_ORDERS);
    }
    work_start();
    atomic_store_explicit(&go, true, memory_order_release);
    kernel_cpu();
    while (atomic_load_explicit(&cpus_done, memory_order_acquire) < cpu_count) {
        arch_pause();
    }
}

/* ------------------------------------------------------------------------------- report ---- */

static bool check(size_t usable)
{
    lfb_report report;
    lfb_status status = lfb_check(&kernel_memory.lfb, &report);
    size_t in_stacks = (size_t)(cpu_count - 1) << STACK_ORDER;
    print("checker: %s, %u faults, %u warm nodes, %u low hints\n", lfb_status_name(status),
          report.faults, report.warm_nodes, report.low_hints);
    print("pages: %u free, %u in stacks, %u held\n", report.stats.free_pages,
          report.stats.allocated_pages, report.stats.held_pages);
    return status == LFB_OK && report.warm_nodes == 0 &&
           report.stats.free_pages + in_stacks == usable &&
           report.stats.allocated_pages == in_stacks;
}

static bool report_work(void)
{
    cpu sum = {0};
    bool all_interrupted = true;
    for (unsigned i = 0; i < cpu_count; i++) {
        sum.work.operations += cpus[i].work.operations;
        sum.work.refused += cpus[i].work.refused;
        sum.in_interrupt.operations += cpus[i].in_interrupt.operations;
        sum.interrupts += cpus[i].interrupts;
        sum.interrupts_in_core += cpus[i].interrupts_in_core;
        all_interrupted = all_interrupted && cpus[i].interrupts_in_core > 0;
    }
    print("operations: %u, and %u in interrupts; refused: %u\n", sum.work.operations,
          sum.in_interrupt.operations, sum.work.refused);
    print("interrupts: %u, %u of them in the middle of a call\n", sum.interrupts,
          sum.interrupts_in_core);
    if (cpu_count > 1) {
        print("deepest stack: %u of %u bytes\n", deepest_stack(), (size_t)STACK_BYTES);
    }
    if (!all_interrupted) {
        print("FAILED: a CPU was never interrupted in the middle of a call: too few operations\n");
    }
    return all_interrupted;
}

_Noreturn void kernel_trap(const char *what, uintptr_t where, uintptr_t detail)
{
    print("FAILED: %s at %x, %x\n", what, (uint64_t)where, (uint64_t)detail);
    arch_exit(false);
}

_Noreturn void kernel_main(void)
{
    print("\nlfbuddy on %s, %u-bit words\n", arch_name, (size_t)LFB_WORD_BITS);
    start_memory(&kernel_memory);
    size_t usable = usable_pages(&kernel_memory.map);
    print("managed: %u pages, %u MiB\n", usable, usable >> 8);
    start_cpus();
    print("CPUs: %u\n", (size_t)cpu_count);
    run_all();
    for (unsigned i = 0; i < cpu_count; i++) {
        actor_end(&cpus[i].work);
        actor_end(&cpus[i].in_interrupt);
    }
    work_end();
    bool good = report_work();
    good = check(usable) && good;
    print("violations: %u\n", work_violations());
    good = good && work_violations() == 0;
    print("%s\n", good ? "PASSED" : "FAILED");
    arch_exit(good);
}
