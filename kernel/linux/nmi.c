/* SPDX-License-Identifier: MIT */
/*
 * Calls in NMIs, which come over everything, hardirqs too: the CPUs send them to one another (x86).
 * A CPU gets the next one only after it has handled the last, so that none comes for which nobody
 * knows a reason.
 */
#include "module.h"

#include <asm/apic.h>
#include <asm/nmi.h>
#include <linux/delay.h>
#include <linux/slab.h>

enum { STEPS = 2, PATIENCE = 1000 /* ms */ };

static const char name[] = "lfbuddy";
static nmi_work **of_cpu;

static int handle(unsigned int type, struct pt_regs *interrupted)
{
    nmi_work *n = of_cpu[raw_smp_processor_id()];
    if (!n || !atomic_read(&n->wanted)) {
        return NMI_DONE;
    }
    bool in_core = interrupted && is_in_core(instruction_pointer(interrupted));
    n->ticks++;
    n->in_core += in_core;
    /* An NMI counts as one hardirq itself. */
    n->in_core_over_hardirq += in_core && hardirq_count() > HARDIRQ_OFFSET;
    for (unsigned i = 0; i < STEPS; i++) {
        actor_step(&n->work);
    }
    atomic_set_release(&n->wanted, 0);
    return NMI_HANDLED;
}

int nmi_start(void)
{
    of_cpu = kvcalloc(nr_cpu_ids, sizeof(nmi_work *), GFP_KERNEL);
    if (!of_cpu) {
        return -ENOMEM;
    }
    int error = register_nmi_handler(NMI_LOCAL, handle, 0, name);
    if (error) {
        kvfree(of_cpu);
    }
    return error;
}

void nmi_join(unsigned cpu, nmi_work *n)
{
    WRITE_ONCE(of_cpu[cpu], n);
}

void nmi_send(unsigned cpu)
{
    if (of_cpu[cpu] && atomic_cmpxchg(&of_cpu[cpu]->wanted, 0, 1) == 0) {
        apic->send_IPI((int)cpu, NMI_VECTOR);
    }
}

void nmi_end(void)
{
    for (unsigned cpu = 0; cpu < nr_cpu_ids; cpu++) {
        for (unsigned i = 0; i < PATIENCE && of_cpu[cpu] && atomic_read(&of_cpu[cpu]->wanted);
             i++) {
            msleep(1);
        }
    }
    unregister_nmi_handler(NMI_LOCAL, name);
    kvfree(of_cpu);
}
