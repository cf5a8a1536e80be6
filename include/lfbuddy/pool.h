/* SPDX-License-Identifier: MIT */
/*
 * Pools: an lfb over memory that is really there. Linux, glibc.
 *
 *     lfb_pool_config config = {.size = (size_t)1 << 30};
 *     lfb_pool *pool = lfb_pool_create(&config, NULL);
 *     void *block = lfb_pool_alloc(pool, 3);
 *     lfb_pool_free(pool, block);
 *
 * A pool is one mapping: a header, what the layers need, the core's metadata, and the pages that
 * are handed out, at least 2 MiB aligned. Shared and file pools hold no pointer, so each process
 * maps them where it likes; what they tell each other of a run is its offset from the first page.
 * docs/ pools.md is the guide, and argues for what is stated here.
 *
 * GUARANTEES
 *
 * Concurrency. All functions may run beside each other, in all processes that have the pool open,
 * except lfb_pool_close (nothing of this handle may run beside it) and lfb_pool_check (exact only
 * in quiet). One rule is stricter than the core's: in pools with owner tags one call at a time
 * releases or resizes parts of the same run.
 *
 * Progress. Allocation and release are lock-free and safe in signal handlers, as in the core, but
 * for what they ask of the system: lfb_pool_alloc_wait sleeps, trim_order gives memory back by
 * system calls, and the first call in a child made by fork reads /proc. A process that stops or
 * dies at any instant withholds what it holds, and makes nobody wait.
 *
 * Ordering. As in the core: what was written to a page before its release happens before what the
 * next owner does with it, across processes too.
 *
 * SECTIONS: errors, configuration, life of a pool, allocate, release, handles, memory returned,
 * processes, look.
 */
#ifndef LFBUDDY_POOL_H
#define LFBUDDY_POOL_H

#include <lfbuddy.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --------------------------------------------------------------------------------- errors ---- */

typedef enum lfb_pool_status {
    LFB_POOL_OK = 0,
    LFB_POOL_INVALID,       /* the configuration, or an argument, could never be right */
    LFB_POOL_NOT_FOUND,     /* there is no file of that name */
    LFB_POOL_EXISTS,        /* create: the name is taken */
    LFB_POOL_PERMISSION,    /* the system forbids it */
    LFB_POOL_NOT_A_POOL,    /* another kind of file */
    LFB_POOL_VERSION,       /* a pool of another format, or of another build of the core */
    LFB_POOL_TRUNCATED,     /* the file is shorter than its header says */
    LFB_POOL_DAMAGED,       /* the header contradicts its checksum, or the core's metadata it */
    LFB_POOL_GEOMETRY,      /* a sound pool, but not of the size, page size or kind asked for */
    LFB_POOL_NO_HUGE_PAGES, /* huge_required, and there aren't enough */
    LFB_POOL_NO_MEMORY,     /* no memory, no room on the file system, or no address space */
    LFB_POOL_NO_SLOT,       /* all process slots are taken */
    LFB_POOL_SYSTEM         /* anything else the system refused: see system_error */
} lfb_pool_status;

/* What went wrong, for programs and for people. */
typedef struct lfb_pool_error {
    lfb_pool_status status;
    int system_error; /* errno; 0: not the system's doing */
    char text[512];   /* one line: what is wrong with what, and what to do */
} lfb_pool_error;

/* A short English name, static, never NULL: "ok", "name taken", ... */
const char *lfb_pool_status_name(lfb_pool_status status);

/* -------------------------------------------------------------------------- configuration ---- */

typedef enum lfb_pool_kind {
    LFB_POOL_PRIVATE, /* this process's; a child made by fork gets a copy of its own */
    LFB_POOL_SHARED,  /* memory shared with others: a name in /dev/shm, or without a name a memfd */
    LFB_POOL_FILE     /* a file, sparse: opened again later with its contents and allocations */
} lfb_pool_kind;

/* The largest pages to try for; the next smaller are taken where there aren't enough. */
typedef enum lfb_pool_huge {
    LFB_POOL_HUGE_NONE,        /* the system's own choice */
    LFB_POOL_HUGE_TRANSPARENT, /* madvise: the kernel joins pages as it can */
    LFB_POOL_HUGE_2M,          /* hugetlb, reserved at once; private pools and memfds */
    LFB_POOL_HUGE_1G           /* hugetlb, reserved at once; private pools */
} lfb_pool_huge;

/* Zero-filled, but for what is wanted. */
typedef struct lfb_pool_config {
    lfb_pool_kind kind;
    const char *name; /* LFB_POOL_SHARED: a name without '/'; NULL: memfd. LFB_POOL_FILE: a path */
    size_t size;      /* bytes to hand out, rounded up to pages. open: 0, or must be equal */
    size_t page_size; /* a power of two, the system's page or more. 0: the system's, on open: any */
    unsigned max_order;  /* the largest order that will be asked for; 0: the whole pool */
    unsigned lanes;      /* 0: as many as CPUs are configured */
    unsigned processes;  /* that can have it open at a time, up to LFB_POOL_PROCESSES_MAX; 0: 63 */
    unsigned trim_order; /* this handle gives the memory of each run of 2^trim_order pages or more
                            back to the system as it releases it; 0: never */
    lfb_pool_huge huge;
    bool huge_required;  /* fail if `huge` can't be had */
    bool owner_tags;     /* create: shared and file pools: see lfb_pool_recover */
    bool reserve;        /* create: take all memory, or room on disk, at once. Without it a full
                            disk or /dev/shm shows as SIGBUS when a page is first written */
    bool or_open;        /* create: where the name is taken, open that pool */
    bool recover;        /* open: lfb_pool_recover before taking a process slot */
    bool read_only;      /* open: to look; needs read permission only. Nothing can be allocated */
    uint64_t numa_nodes; /* bit n: memory may come from node n; 0: no rule. Of this handle's
                            mapping; shared memory keeps the rule that it was first touched under */
    mode_t mode;         /* create: permissions of the file; 0: 0600 */
} lfb_pool_config;

#define LFB_POOL_PROCESSES_MAX 254

typedef struct lfb_pool lfb_pool;

/* ------------------------------------------------------------------------- life of a pool ---- */

/*
 * Makes a pool. A name appears with the finished pool behind it or not at all, also if the process
 * is killed on the way; of two that create the same name one succeeds. Takes milliseconds whatever
 * the size, unless `reserve` or hugetlb. Returns NULL and fills *error (which may be NULL):
 * INVALID, EXISTS, PERMISSION, NO_HUGE_PAGES, NO_MEMORY, SYSTEM; with or_open all of lfb_pool_open.
 */
lfb_pool *lfb_pool_create(const lfb_pool_config *config, lfb_pool_error *error);

/*
 * Opens the pool config->name, which others may have open. Checks the header (magic, version,
 * geometry, checksum), the length of the file, and the core's header; the tree itself is
 * lfb_pool_check's to judge. What config says of kind, size, page size, max_order, lanes and
 * processes must be so, unless 0. Returns NULL and fills *error: INVALID, NOT_FOUND, PERMISSION,
 * NOT_A_POOL, VERSION, TRUNCATED, DAMAGED, GEOMETRY, NO_MEMORY, NO_SLOT, SYSTEM.
 */
lfb_pool *lfb_pool_open(const lfb_pool_config *config, lfb_pool_error *error);

/* The same for a file that is open already: a memfd passed on. It is duplicated. config may be NULL
 * and its kind and name don't matter. */
lfb_pool *lfb_pool_open_fd(int fd, const lfb_pool_config *config, lfb_pool_error *error);

/* Ends this handle. A shared or file pool stays, and what is allocated in it stays allocated: it is
 * the pool's from now on. A process that ends without this is a dead one: see lfb_pool_recover.
 * NULL is fine. */
void lfb_pool_close(lfb_pool *pool);

/* Removes the name; those who have the pool open keep it. Returns whether it was there and is gone.
 */
bool lfb_pool_remove(lfb_pool_kind kind, const char *name, lfb_pool_error *error);

/*
 * File pools: writes everything to the disk, the pages first, and returns when it is there. A
 * process that is killed loses nothing without this: it is for the machine's own crash, after which
 * a pool is as it was at the last sync if nothing has been changed since; else anything may be
 * found. Returns 0, or errno.
 */
int lfb_pool_sync(lfb_pool *pool);

/* ------------------------------------------------------------------------------- allocate ---- */

/* A block of 2^order pages, aligned to its size up to 1 GiB (in offsets: to its size). NULL:
 * exhausted, order > max_order, read_only, or (after fork) no process slot left. */
void *lfb_pool_alloc(lfb_pool *pool, unsigned order);

/* A run of any number of pages, aligned to the block that would hold it: lfb_alloc_run. */
void *lfb_pool_alloc_run(lfb_pool *pool, size_t pages);

/* lfb_pool_alloc_run, all bytes 0. Memory that is known to be zero still isn't written. */
void *lfb_pool_alloc_zeroed(lfb_pool *pool, size_t pages);

/* The run at this place: lfb_alloc_at. Returns LFB_OK, LFB_BUSY, LFB_OUT_OF_RANGE,
 * LFB_INVALID_ARGUMENT; LFB_EXHAUSTED: read_only, or no process slot left. */
lfb_status lfb_pool_alloc_at(lfb_pool *pool, void *address, size_t pages);

/*
 * lfb_pool_alloc_run, but sleeps while the pool is exhausted, until a release in any process makes
 * it possible or CLOCK_MONOTONIC reaches *deadline (NULL: never). No wake-up is lost, unless the
 * releasing process dies between release and wake-up; lfb_pool_recover makes up for that. Waiters
 * have no order among them. NULL: the deadline passed, or it can never succeed.
 */
void *lfb_pool_alloc_wait(lfb_pool *pool, size_t pages, const struct timespec *deadline);

/* -------------------------------------------------------------------------------- release ---- */

/* Releases the run that starts at the address. Returns what lfb_free does; LFB_OUT_OF_RANGE: not an
 * address of this pool; LFB_EXHAUSTED: read_only, or no process slot left. Refused, nothing
 * happened. */
lfb_status lfb_pool_free(lfb_pool *pool, void *address);

/* Releases these pages of the caller's runs, which are cut at its ends: lfb_free_range. */
lfb_status lfb_pool_free_range(lfb_pool *pool, void *address, size_t pages);

/* Gives the run another length, in place: lfb_resize. */
lfb_status lfb_pool_resize(lfb_pool *pool, void *address, size_t pages);

/* -------------------------------------------------------------------------------- handles ---- */

/* A run's handle, the same in all processes: bytes from the first page. LFB_NONE: not an address of
 * this pool. */
uintptr_t lfb_pool_offset(const lfb_pool *pool, const void *address);

/* The address that an offset has here. NULL: beyond the pool. */
void *lfb_pool_pointer(const lfb_pool *pool, uintptr_t offset);

/* Of shared and file pools, to be passed on; it belongs to the pool. -1: a private one. */
int lfb_pool_fd(const lfb_pool *pool);

/* ------------------------------------------------------------------------ memory returned ---- */

/*
 * Gives the memory of free blocks of 2^order pages or more back to the system, piece by piece: each
 * piece (2^order pages or 2 MiB, what is more) is allocated, given back, and released, so nobody
 * else has it meanwhile; an allocation that only this piece could serve fails. Returns the bytes
 * given back, not counting what had never been used. Stops at the first refusal of the system,
 * which *error tells; error may be NULL.
 */
size_t lfb_pool_trim(lfb_pool *pool, unsigned order, lfb_pool_error *error);

/* Bytes of memory behind a pool. */
typedef struct lfb_pool_usage {
    size_t size;      /* what it can hand out */
    size_t metadata;  /* all that lies before the first page, touched or not */
    size_t resident;  /* of `size`, in memory now (mincore; shared by all who map it) */
    size_t committed; /* of `size`, that has memory, swap or disk blocks behind it. File and shared
                         pools: blocks of the whole file; private: what is resident */
} lfb_pool_usage;

/* Counts them; takes as long as there are pages. Returns 0, or errno. */
int lfb_pool_get_usage(const lfb_pool *pool, lfb_pool_usage *usage);

/* ------------------------------------------------------------------------------ processes ---- */

/*
 * In a pool with owner tags each run belongs to the process that allocated it, until it is
 * released, another process adopts it, it is kept, or its owner closes the pool.
 *
 * lfb_pool_adopt: the run is the caller's from now on. Whoever is handed a run by another process
 * calls it before the other one may die; if it comes too late, the run is gone:
 * LFB_NOT_ALLOCATED. lfb_pool_keep: the run belongs to the pool, and no death releases it. Both
 * return LFB_OK without owner tags; else also LFB_OUT_OF_RANGE, LFB_INVALID_ARGUMENT,
 * LFB_NOT_ALLOCATED, LFB_NOT_START, LFB_EXHAUSTED as lfb_pool_free does.
 */
lfb_status lfb_pool_adopt(lfb_pool *pool, void *address);
lfb_status lfb_pool_keep(lfb_pool *pool, void *address);

/* What a recovery did. */
typedef struct lfb_pool_recovery {
    size_t processes; /* dead ones, whose slots are free now */
    size_t runs;      /* given back */
    size_t pages;     /* of these runs */
    size_t undecided; /* runs that a dead process may have left, or a live one be allocating */
    size_t foreign;   /* slots of processes in other PID namespaces, which can't be judged here */
} lfb_pool_recovery;

/*
 * Releases what processes held that died, also in the middle of a call, and frees their slots.
 * Nobody waits for it, at whatever instant it stops or dies; another one takes over then. Runs of
 * the dead that bear their tag are released at once. A run without a tag is one that a dead process
 * was allocating or releasing, or that a live one is: it is decided at an instant when no live
 * process is inside a call, which it tries for until *deadline (CLOCK_MONOTONIC; NULL: tries once).
 * Returns LFB_OK: all done; LFB_BUSY: undecided runs are left, or another recovery is under way:
 * call again; LFB_EXHAUSTED: read_only. Without owner tags it frees slots and no runs; private
 * pools have nothing to recover. recovery may be NULL.
 */
lfb_status lfb_pool_recover(lfb_pool *pool, const struct timespec *deadline,
                            lfb_pool_recovery *recovery);

typedef struct lfb_pool_process {
    unsigned slot; /* 1 and up */
    pid_t pid;
    bool dead;    /* to be recovered */
    bool foreign; /* in another PID namespace: pid means nothing here, nor does dead */
} lfb_pool_process;

/* Those that have the pool open, up to `count` into out[]. Returns how many there are. */
size_t lfb_pool_processes(const lfb_pool *pool, lfb_pool_process out[], size_t count);

/* ----------------------------------------------------------------------------------- look ---- */

typedef struct lfb_pool_info {
    lfb_pool_kind kind;
    size_t size; /* bytes to hand out */
    size_t page_size;
    size_t page_count;
    unsigned max_order;
    unsigned lanes;
    unsigned processes; /* slots */
    bool owner_tags;
    bool read_only;
    lfb_pool_huge huge; /* what it got; TRANSPARENT: asked for, and the system allows it */
    void *address;      /* of the first page, here */
    size_t metadata;    /* bytes before it */
    size_t length;      /* of the file, or of the mapping */
} lfb_pool_info;

/* Fills *info; may run beside everything but lfb_pool_close. */
void lfb_pool_get_info(const lfb_pool *pool, lfb_pool_info *info);

/* Pages of the live run that starts at the address; 0: none. */
size_t lfb_pool_size_of(const lfb_pool *pool, const void *address);

/* The core, whose addresses are offsets, for looking: lfb_find, lfb_walk, lfb_get_stats. What would
 * change it must go through the pool. */
const lfb_t *lfb_pool_core(const lfb_pool *pool);

typedef struct lfb_pool_report {
    lfb_report core;
    size_t unowned; /* runs without an owner, in a pool with owner tags: a process died inside a
                       call and wasn't recovered, or one is inside */
} lfb_pool_report;

/* lfb_check, and the owners. Exact if nothing runs beside it. report may be NULL. */
lfb_status lfb_pool_check(const lfb_pool *pool, lfb_pool_report *report);

/*
 * Records what this handle allocates and releases from now on, in memory: 32 bytes an event. The
 * file is made at once, and written by lfb_pool_close, for `lfbuddy replay` (traces/README.md); a
 * process that ends without that leaves it empty. Nothing else of this handle may run beside this.
 * With LFBUDDY_RECORD=NAME in the environment every handle is recorded from its beginning, into
 * NAME.PID.N for the N-th of the process. Returns false and fills *error (which may be NULL):
 * INVALID (the handle is being recorded already, or is read_only), or why the file can't be made.
 */
bool lfb_pool_record(lfb_pool *pool, const char *path, lfb_pool_error *error);

#ifdef __cplusplus
}
#endif

#endif
