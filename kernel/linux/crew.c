/* SPDX-License-Identifier: MIT */
/* Threads that begin together, and have left the module's code when crew_run returns. */
#include "module.h"

#include <linux/kthread.h>
#include <linux/sched/task.h>

enum { PATIENCE = 30 }; /* seconds: less than what the kernel calls a hung task */

static int thread(void *data)
{
    member *m = data;
    m->work(m->data);
    complete(&m->done);
    return 0;
}

/* One that never ran doesn't run any more when it is stopped. */
static void stop(member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kthread_stop(members[i].task);
    }
}

static int create(member *m)
{
    init_completion(&m->done);
    m->task = kthread_create(thread, m, "lfbuddy");
    if (IS_ERR(m->task)) {
        return -ENOMEM;
    }
    if (m->cpu != ANY_CPU) {
        kthread_bind(m->task, m->cpu);
    }
    return 0;
}

int crew_run(member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (create(&members[i])) {
            stop(members, i);
            return -ENOMEM;
        }
    }
    for (size_t i = 0; i < count; i++) {
        get_task_struct(members[i].task);
        wake_up_process(members[i].task);
    }
    for (size_t i = 0; i < count; i++) {
        while (!wait_for_completion_timeout(&members[i].done, PATIENCE * HZ)) {
        }
        kthread_stop(members[i].task);
        put_task_struct(members[i].task);
    }
    return 0;
}
