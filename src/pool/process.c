/* SPDX-License-Identifier: MIT */
/* See process.h. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { START_BITS = 14, BOOT_BITS = 6, NAMESPACE_BITS = 22, PID_BITS = 22 };
enum {
    BOOT_SHIFT = START_BITS,
    NAMESPACE_SHIFT = BOOT_SHIFT + BOOT_BITS,
    PID_SHIFT = NAMESPACE_SHIFT + NAMESPACE_BITS,
};
_Static_assert(PID_SHIFT + PID_BITS == 64, "an identity is one word");

static uint64_t field(uint64_t identity, unsigned shift, unsigned bits)
{
    return identity >> shift & ((UINT64_C(1) << bits) - 1);
}

/* ----------------------------------------------------------------------------- identities ---- */

/* What /proc/PID/stat says. */
typedef struct about_process {
    long pid;
    char state;
    long threads;
    unsigned long long start; /* clock ticks after boot */
} about_process;

/* Reads a small file. Returns its length; -1: it can't be read. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t length = read(fd, text, size - 1);
    close(fd);
    text[length > 0 ? length : 0] = 0;
    return length;
}

/* `who` is a number, or "self". */
static bool read_process(const char *who, about_process *about)
{
    char path[32];
    char text[1024];
    snprintf(path, sizeof(path), "/proc/%s/stat", who);
    if (read_file(path, text, sizeof(text)) <= 0) {
        return false;
    }
    about->pid = strtol(text, NULL, 10);
    const char *rest = strrchr(text, ')'); /* the command's name before it may hold anything */
    return rest && sscanf(rest,
                          ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                          "%ld %*s %llu",
                          &about->state, &about->threads, &about->start) == 3;
}

static uint64_t boot_hash(void)
{
    char text[64] = "";
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a */
    read_file("/proc/sys/kernel/random/boot_id", text, sizeof(text));
    for (const char *c = text; *c; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT32_C(16777619);
    }
    return (hash ^ hash >> 16) & ((1U << BOOT_BITS) - 1);
}

static uint64_t namespace_number(void)
{
    struct stat about;
    uint64_t inode = stat("/proc/self/ns/pid", &about) == 0 ? (uint64_t)about.st_ino : 0;
    return inode & ((1U << NAMESPACE_BITS) - 1);
}

static uint64_t start_field(const about_process *about)
{
    return about->start & ((1U << START_BITS) - 1);
}

uint64_t pool_identity(void)
{
    about_process about;
    pid_t pid = getpid();
    if (!read_process("self", &about) || about.pid != pid) { /* /proc of another namespace */
        return 0;
    }
    return (uint64_t)pid << PID_SHIFT | namespace_number() << NAMESPACE_SHIFT |
           boot_hash() << BOOT_SHIFT | start_field(&about);
}

pid_t pool_identity_pid(uint64_t identity)
{
    return (pid_t)field(identity, PID_SHIFT, PID_BITS);
}

pool_fate pool_identity_fate(uint64_t identity, uint64_t self)
{
    pid_t pid = pool_identity_pid(identity);
    about_process about;
    char number[16];
    snprintf(number, sizeof(number), "%ld", (long)pid);
    if (field(identity, BOOT_SHIFT, BOOT_BITS) != field(self, BOOT_SHIFT, BOOT_BITS)) {
        return POOL_DEAD;
    }
    if (field(identity, NAMESPACE_SHIFT, NAMESPACE_BITS) !=
        field(self, NAMESPACE_SHIFT, NAMESPACE_BITS)) {
        return POOL_FOREIGN;
    }
    if (kill(pid, 0) != 0 && errno == ESRCH) {
        return POOL_DEAD;
    }
    if (!read_process(number, &about)) { /* hidden from us, or just gone */
        return kill(pid, 0) != 0 && errno == ESRCH ? POOL_DEAD : POOL_ALIVE;
    }
    /* A zombie's first thread is the last one: before that others may still run. */
    bool gone = about.state == 'X' || (about.state == 'Z' && about.threads <= 1);
    return gone || start_field(&about) != field(identity, 0, START_BITS) ? POOL_DEAD : POOL_ALIVE;
}

/* ---------------------------------------------------------------------------------- slots ---- */

uint32_t pool_owner_of_slot(const lfb_pool *pool, unsigned slot)
{
    /* relaxed: it steps only while the slot's process isn't there to be judged */
    uint32_t generation = pool_load32_relaxed(&pool->slots[slot].generation);
    return slot << POOL_GENERATION_BITS |
           (generation & ((UINT32_C(1) << POOL_GENERATION_BITS) - 1));
}

void pool_slot_free(const lfb_pool *pool, unsigned slot, uint64_t identity)
{
    pool_slot *at = &pool->slots[slot];
    pool_store32_release(&at->generation, pool_load32_relaxed(&at->generation) + 1);
    /* S1: whoever takes the slot sees the step. Fails where is_vacant let another one in. */
    pool_cas64_acq_rel(&at->identity, &identity, 0);
}

/* Slots below slots_used are those that a recovery looks at. N1: it grows before the slot is taken.
 */
static void raise_slots_used(lfb_pool *pool, unsigned slot)
{
    uint32_t used = pool_load32_relaxed(&pool->header->slots_used);
    while (used <= slot && !pool_cas32_acq_rel(&pool->header->slots_used, &used, slot + 1)) {
    }
}

/* Whether the slot can be taken, as *seen. Without owner tags a dead process holds nothing. */
static bool is_vacant(const lfb_pool *pool, unsigned slot, uint64_t self, uint64_t *seen)
{
    *seen = pool_load64_acquire(&pool->slots[slot].identity); /* S1 */
    return *seen == 0 || (!pool->tagged && pool_identity_fate(*seen, self) == POOL_DEAD);
}

static uint32_t no_slot(const lfb_pool *pool, lfb_pool_error *error)
{
    pool_fail(error, LFB_POOL_NO_SLOT, 0,
              "all %u process slots of the pool are taken: close it in another process; if "
              "processes died, recover it (`recover`, or lfb_pool_recover in one that has it open)",
              pool->plan.slots - 1);
    return 0;
}

uint32_t pool_join(lfb_pool *pool, lfb_pool_error *error)
{
    uint64_t self = pool_identity();
    if (!self) {
        pool_fail(error, LFB_POOL_SYSTEM, errno,
                  "/proc is missing, or of another PID namespace: mount it; shared pools tell by "
                  "it who is alive");
        return 0;
    }
    for (unsigned slot = 1; slot < pool->plan.slots; slot++) {
        uint64_t seen;
        if (!is_vacant(pool, slot, self, &seen)) {
            continue;
        }
        raise_slots_used(pool, slot);
        if (pool_cas64_acq_rel(&pool->slots[slot].identity, &seen, self)) { /* S1 */
            return pool_owner_of_slot(pool, slot);
        }
    }
    return no_slot(pool, error);
}

static void leave_slot(const lfb_pool *pool, uint32_t owner)
{
    unsigned slot = pool_owner_slot(owner);
    pool_slot_free(pool, slot, pool_load64_acquire(&pool->slots[slot].identity));
}

uint32_t pool_self_join(lfb_pool *pool)
{
    uint32_t before = 0;
    uint32_t self = pool_join(pool, NULL);
    if (self && !pool_cas32_acq_rel(pool->self, &before, self)) {
        leave_slot(pool, self); /* another thread was first */
        self = before;
    }
    return self;
}

void pool_leave(lfb_pool *pool)
{
    uint32_t self = pool_load32_relaxed(pool->self);
    if (self) {
        leave_slot(pool, self);
    }
}

/* -------------------------------------------------------------------------------- looking ---- */

size_t lfb_pool_processes(const lfb_pool *pool, lfb_pool_process out[], size_t count)
{
    uint64_t self = pool_identity();
    size_t found = 0;
    for (unsigned slot = 1; !pool_is_private(pool) && slot < pool->plan.slots; slot++) {
        uint64_t identity = pool_load64_acquire(&pool->slots[slot].identity);
        if (identity && found++ < count) {
            pool_fate fate = pool_identity_fate(identity, self);
            out[found - 1] = (lfb_pool_process){.slot = slot,
                                                .pid = pool_identity_pid(identity),
                                                .dead = fate == POOL_DEAD,
                                                .foreign = fate == POOL_FOREIGN};
        }
    }
    return found;
}
