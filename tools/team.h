/* SPDX-License-Identifier: MIT */
/*
 * A number of threads that do one job together, each on a CPU of its own where the system allows
 * it, and a gate at which they wait for each other.
 */
#ifndef TEAM_H
#define TEAM_H

#include <stdatomic.h>
#include <stdbool.h>

/* All pass when the last has come. Waiting threads yield instead of sleeping: a sleeper's waking
 * up would count as time of the work behind the gate. */
typedef struct team_gate {
    unsigned size;
    atomic_uint waiting;
    atomic_uint round;
} team_gate;

void team_gate_open(team_gate *gate, unsigned size);
void team_gate_pass(team_gate *gate);

typedef void (*team_work)(void *context, unsigned member);

/* A started team; `members` is private. */
typedef struct team {
    struct team_member *members;
    unsigned size;
} team;

/* Starts `size` threads, each of which calls work(context, 0 to size - 1) once all have started.
 * false: no memory, or no more threads; then none calls it. */
bool team_start(team *t, unsigned size, team_work work, void *context);

/* Waits until all have returned. */
void team_join(team *t);

/* CPUs that this process may run on. */
unsigned team_cpus(void);

#endif
