/* SPDX-License-Identifier: MIT */
/* Put before the core with -include: tells of each atomic access, before and after. */
#ifndef TESTS_MANUAL_WATCH_WORDS_H
#define TESTS_MANUAL_WATCH_WORDS_H

#include <stdbool.h>

void watch_before(int op, const volatile void *address);
void watch_after(int op, const volatile void *address, bool done);

#define LFB_ATOMIC_BEFORE(op, address)      watch_before(op, address)
#define LFB_ATOMIC_AFTER(op, address, done) watch_after(op, address, done)

#endif
