/* SPDX-License-Identifier: MIT */
/*
 * Waiting until an allocation can succeed, on one word in the pool:
 *
 *   waits   | wake-ups, ever (31) | somebody waits (1) |
 *
 *   who waits                          who releases
 *   waits |= 1; fence                  core's update; fence
 *   try once more                      read waits
 *   futex_wait(waits as it was set)    if odd: waits + 1, by compare-and-swap; futex_wake(all)
 *
 * Adding 1 to an odd value clears the bit and counts the wake-up. W1: of the two fences one comes
 * first. If the waiter's, the releaser reads its bit, or a later value. If the releaser's, the
 * waiter's try finds the pages, and no note of the core that they are exhausted. A releaser whose
 * compare-and-swap fails read a value older than every waiter's bit that is there now, so its fence
 * came before theirs: they have seen its pages. A value changed between the waiter's setting and
 * its futex_wait ends that at once. So no wake-up is lost.
 *
 * Nothing counts the waiters: one that is killed costs one wake-up in vain. A releaser that is
 * killed between the core's update and the wake-up leaves the waiters asleep until the next release
 * or recovery. The value comes round after 2^31 wake-ups between two steps of one waiter.
 */
#include "wait.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static long futex(const lfb_pool *pool, int operation, uint32_t value,
                  const struct timespec *deadline)
{
    operation |= pool_is_private(pool) ? FUTEX_PRIVATE_FLAG : 0;
    return syscall(SYS_futex, &pool->header->waits, operation, value, deadline, NULL,
                   FUTEX_BITSET_MATCH_ANY);
}

void pool_wake_all(const lfb_pool *pool, uint32_t seen)
{
    if (pool_cas32_acq_rel(&pool->header->waits, &seen, seen + 1)) {
        futex(pool, FUTEX_WAKE, INT_MAX, NULL);
    }
}

uint32_t pool_wait_announce(const lfb_pool *pool)
{
    uint32_t value = pool_or32_seq_cst(&pool->header->waits, WAITS_ANY) | WAITS_ANY;
    lfb_fence_seq_cst(); /* W1 */
    return value;
}

bool pool_wait_sleep(const lfb_pool *pool, uint32_t value, const struct timespec *deadline)
{
    return futex(pool, FUTEX_WAIT_BITSET, value, deadline) == 0 || errno != ETIMEDOUT;
}
