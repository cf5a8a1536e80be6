/* SPDX-License-Identifier: MIT */
/* Put before the core with -include: shows each atomic access to guard.c before it happens. */
#ifndef TESTS_FUZZ_HOOKS_H
#define TESTS_FUZZ_HOOKS_H

void guard_access(const void *address);

#define LFB_ATOMIC_BEFORE(op, address)      guard_access(address)
#define LFB_ATOMIC_AFTER(op, address, done) ((void)(done))

#endif
