/* SPDX-License-Identifier: MIT */
/*
 * One run: an allocator, fresh, through one workload on a number of CPUs. The workloads are the
 * benchmark's (bench/README.md), with the same part of the range for each CPU however many there
 * are. Every block that is handed out is checked (verify.h).
 *
 * The preparation takes no time, but leaves the caches as its writes would. Then, for each number
 * of sockets apart (in a process of its own, which goes on from there), each CPU warms up and works
 * until it has made its calls; and goes on, so that no other has it easier, until all have. A run
 * in which CPUs get hardly anywhere is cut short.
 */
#ifndef SCALE_DRIVE_H
#define SCALE_DRIVE_H

#include "candidate.h"
#include "cpu.h"

typedef enum drive_workload {
    DRIVE_REPEAT,
    DRIVE_BULK,
    DRIVE_RAND,
    DRIVE_REMOTE,
    DRIVE_WORKLOADS
} drive_workload;

extern const char *const drive_names[DRIVE_WORKLOADS];

typedef struct drive_plan {
    const candidate *candidate;
    drive_workload workload;
    unsigned order;
    unsigned cpus;
    size_t share;        /* pages of the range for each CPU */
    size_t held;         /* pages that it holds, or allocates and releases; at most half of those */
    unsigned operations; /* that a CPU makes in `repeat` and `rand`, each an allocation and a
                            release; in the others, one for each block that it holds */
    uint64_t work;       /* what a run may cost the host before it is cut short, in hits */
    unsigned percent;    /* of the model's times of transfers */
    uint64_t seed;
} drive_plan;

typedef struct drive_result {
    unsigned sockets;
    double rate; /* operations a second, all CPUs together */
    double ns;   /* time of an operation, mean of the CPUs */
    double accesses, updates, transfers, fetches, queued; /* an operation; queued: nanoseconds */
    uint64_t operations;
    uint64_t failures;
    uint64_t faults;  /* blocks that overlapped, or weren't in the range or aligned */
    char fault[128];  /* what the first was */
    char trouble[96]; /* why it could not run, or what the allocator's own check said; "": fine */
    bool cut;
} drive_result;

/* While the lines of a run are still there to be looked at. */
typedef void (*drive_look)(const drive_plan *plan, const drive_result *r);

/* Runs for each number of sockets; results[i].sockets is given. look may be NULL. */
void drive(const drive_plan *plan, drive_result results[], size_t count, drive_look look);

#endif
