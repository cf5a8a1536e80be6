/* SPDX-License-Identifier: MIT */
/*
 * Threads, pinning and the gate: see team.h.
 */
#include "team.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct team_shared {
    team_work work;
    void *context;
    atomic_int signal; /* 0: wait; 1: work; -1: go home */
} team_shared;

struct team_member {
    pthread_t thread;
    unsigned number;
    team_shared *shared;
};

/* ----------------------------------------------------------------------------------- gate ---- */

void team_gate_open(team_gate *gate, unsigned size)
{
    gate->size = size;
    atomic_init(&gate->waiting, 0);
    atomic_init(&gate->round, 0);
}

void team_gate_pass(team_gate *gate)
{
    unsigned round = atomic_load(&gate->round);
    if (atomic_fetch_add(&gate->waiting, 1) + 1 == gate->size) {
        atomic_store(&gate->waiting, 0);
        atomic_store(&gate->round, round + 1);
        return;
    }
    while (atomic_load(&gate->round) == round) {
        sched_yield();
    }
}

/* ------------------------------------------------------------------------------------ CPUs ---- */

unsigned team_cpus(void)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) {
        return (unsigned)CPU_COUNT(&allowed);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

/* Puts the caller on the allowed CPU of that rank, round robin. Failing is harmless. */
static void pin(unsigned number)
{
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) == 0) {
        return;
    }
    unsigned rank = number % (unsigned)CPU_COUNT(&allowed);
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &allowed) || rank-- > 0) {
        cpu++;
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
}

/* --------------------------------------------------------------------------------- threads ---- */

static void *member_main(void *argument)
{
    struct team_member *member = argument;
    team_shared *shared = member->shared;
    pin(member->number);
    int signal;
    while ((signal = atomic_load(&shared->signal)) == 0) {
        sched_yield();
    }
    if (signal > 0) {
        shared->work(shared->context, member->number);
    }
    return NULL;
}

static unsigned start_members(team *t, team_shared *shared, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        t->members[i].number = i;
        t->members[i].shared = shared;
        if (pthread_create(&t->members[i].thread, NULL, member_main, &t->members[i]) != 0) {
            return i;
        }
    }
    return size;
}

bool team_start(team *t, unsigned size, team_work work, void *context)
{
    t->members = calloc(size, sizeof(*t->members));
    team_shared *shared = malloc(sizeof(*shared));
    t->size = 0;
    if (t->members == NULL || shared == NULL) {
        free(t->members);
        free(shared);
        return false;
    }
    shared->work = work;
    shared->context = context;
    atomic_init(&shared->signal, 0);
    t->members[0].shared = shared;
    t->size = start_members(t, shared, size);
    bool complete = t->size == size;
    atomic_store(&shared->signal, complete ? 1 : -1);
    if (!complete) {
        team_join(t);
    }
    return complete;
}

void team_join(team *t)
{
    for (unsigned i = 0; i < t->size; i++) {
        pthread_join(t->members[i].thread, NULL);
    }
    free(t->members[0].shared);
    free(t->members);
    t->members = NULL;
    t->size = 0;
}
