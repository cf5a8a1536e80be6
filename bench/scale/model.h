/* SPDX-License-Identifier: MIT */
/*
 * What an access to memory costs on a machine with many CPUs: a directory that knows, for each
 * cache line of 64 bytes, which CPUs hold it and in which state (MESI), and the time that it takes
 * to bring it to one more. model.c has the figures with their source, docs/scaling.md what is left
 * out.
 *
 *   Invalid     in no cache: comes from memory
 *   Exclusive   in one cache, as in memory;  Modified: in one cache, newer than memory
 *   Shared      in several caches, to be read; whoever writes waits until all others have dropped
 * it
 *
 * Caches are private and never full: a line that a CPU holds stays there until another one writes
 * it (or, Exclusive or Modified, reads it). What is moved is moved for one CPU after the other:
 * each line has a time up to which it is on its way, and later requests queue. Only copies of a
 * Shared line are handed out side by side.
 */
#ifndef SCALE_MODEL_H
#define SCALE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MODEL_CPUS = 256,
    MODEL_SOCKETS = 8,
    MODEL_LINE = 64,
    MODEL_WORDS = MODEL_CPUS / 64, /* of a set of CPUs */
    MODEL_NOBODY = -1,
};

typedef uint64_t model_time; /* picoseconds */

#define MODEL_NS ((model_time)1000)

typedef enum model_op { MODEL_LOAD, MODEL_STORE, MODEL_UPDATE } model_op;
typedef enum model_state {
    MODEL_INVALID,
    MODEL_EXCLUSIVE,
    MODEL_MODIFIED,
    MODEL_SHARED
} model_state;

typedef struct model_line {
    uint64_t holders[MODEL_WORDS];
    model_time busy; /* on its way until then */
    uint32_t loads;  /* transfers that were counted, to be read */
    uint32_t writes; /* ... to be written */
    int16_t waiters; /* cpu.c's: the first of the CPUs that wait for a write; MODEL_NOBODY */
    uint8_t state;   /* model_state */
} model_line;

/* Added up while counting is on. */
typedef struct model_counts {
    uint64_t accesses;
    uint64_t updates;   /* of them: read-modify-writes */
    uint64_t transfers; /* accesses that another cache had a part in */
    uint64_t fetches;   /* lines that came from memory */
    model_time queued;  /* time that requests waited for a line on its way to others */
} model_counts;

/* Starts with all caches empty, and one socket. Returns false: no memory. */
bool model_open(unsigned cpus);
void model_close(void);

/* Spreads the CPUs evenly over the sockets, neighbours together, one to a socket if there are more
 * sockets than CPUs. `percent` scales the times of transfers. The caches stay as they are. */
void model_place(unsigned sockets, unsigned percent);

/* The line of an address. NULL: more memory was touched than the directory has room for. */
model_line *model_find(uintptr_t address);

/* Whether the CPU has what it takes in its own cache. */
static inline bool model_is_hit(const model_line *line, unsigned cpu, model_op op)
{
    return (line->holders[cpu / 64] >> cpu % 64 & 1) != 0 &&
           (op == MODEL_LOAD || line->state != MODEL_SHARED);
}

/* Makes an access that is a hit. Returns how long it takes. */
model_time model_hit(model_line *line, model_op op);

/* The same by a CPU that the line is about to be taken from. */
model_time model_late_hit(model_op op);

/* What a transfer did. The CPU that had the line to itself, if one had, keeps it until the request
 * comes to it; it may itself be about to get the line. */
typedef struct model_moved {
    model_time end; /* when the access is done */
    int16_t loser;  /* that CPU, or MODEL_NOBODY */
    model_time until;
} model_moved;

/* Makes any other access, requested at `now`. What the directory says of the line is from then on
 * what will be at the end. */
model_moved model_move(model_line *line, unsigned cpu, model_op op, model_time now);

/* The shortest way from one cache to another: no CPU learns of a write sooner. */
model_time model_lookahead(void);

/* Counts from here on, or no more. */
void model_count(bool on);
const model_counts *model_counted(void);

/* Shows each line with counted transfers, in no particular order. */
void model_each_line(void (*visit)(void *context, uintptr_t address, const model_line *line),
                     void *context);

unsigned model_socket_of(unsigned cpu);

/* 0: the same socket; 1 and 2: links between the two. */
unsigned model_hops(unsigned from, unsigned to);

#endif
