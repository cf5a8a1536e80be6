/* SPDX-License-Identifier: MIT */
/* Put before the core with -include: calls a function before each atomic access. */
#ifndef TESTS_EACH_ACCESS_H
#define TESTS_EACH_ACCESS_H

extern void (*each_access)(void);

#define LFB_ATOMIC_BEFORE(op, address)      ((void)(address), each_access ? each_access() : (void)0)
#define LFB_ATOMIC_AFTER(op, address, done) ((void)(done))

#endif
