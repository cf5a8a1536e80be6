/* SPDX-License-Identifier: MIT */
/* Put before the core with -include: each atomic access first asks the scheduler. */
#ifndef TESTS_INTERLEAVE_HOOKS_H
#define TESTS_INTERLEAVE_HOOKS_H

void schedule_before(int op, const void *address);
void schedule_after(int done);

#define LFB_ATOMIC_BEFORE(op, address)      schedule_before(op, address)
#define LFB_ATOMIC_AFTER(op, address, done) schedule_after(done)

#endif
