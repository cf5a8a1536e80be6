/* SPDX-License-Identifier: MIT */
/*
 * The directory is a hash table of the 4 KiB pages that were touched; each has a record for every
 * line in it.
 */
#include "model.h"

#include <string.h>
#include <sys/mman.h>

/*
 * Latencies of the cache coherence on an 8-socket Intel Xeon E7-8867L (2.13 GHz), in cycles: David,
 * Guerraoui, Trigonakis, "Everything you always wanted to know about synchronization but were
 * afraid to ask", SOSP 2013, section 5, column Xeon: same die, one hop, two hops. In nanoseconds
 * newer machines don't differ much: docs/scaling.md.
 */
enum { CYCLES_OF_MEMORY = 355, MHZ = 2130, DISTANCES = 3, STATES = 4, OPS = 3 };

static const unsigned cycles[OPS][STATES][DISTANCES] = {
    [MODEL_LOAD] = {[MODEL_EXCLUSIVE] = {92, 273, 383},
                    [MODEL_MODIFIED] = {109, 289, 400},
                    [MODEL_SHARED] = {44, 223, 334}},
    [MODEL_STORE] = {[MODEL_EXCLUSIVE] = {115, 315, 425},
                     [MODEL_MODIFIED] = {115, 320, 431},
                     [MODEL_SHARED] = {116, 318, 428}},
    [MODEL_UPDATE] = {[MODEL_EXCLUSIVE] = {120, 324, 430},
                      [MODEL_MODIFIED] = {120, 324, 430},
                      [MODEL_SHARED] = {113, 312, 423}},
};

/* An access to a line of one's own, with the computing around it: fitted to runs of one thread
 * (docs/scaling.md). */
static const model_time hit_times[OPS] = {300, 300, 2700};

enum { PAGE_BITS = 12, PAGE_LINES = (1 << PAGE_BITS) / MODEL_LINE, TABLE_BITS = 19 };

typedef struct page {
    uintptr_t number; /* 0: none */
    model_line *lines;
} page;

static struct {
    page *table;
    model_line *pool; /* PAGE_LINES for each page, in the order of their discovery */
    size_t pages;
    unsigned cpus, sockets;
    model_time move_times[OPS][STATES][DISTANCES];
    model_time memory_time;
    uint64_t at_distance[MODEL_SOCKETS][DISTANCES][MODEL_WORDS]; /* of a socket: sets of CPUs */
    model_counts counts;
    bool counting;
} M;

enum { TABLE_SIZE = 1 << TABLE_BITS, PAGES_MOST = TABLE_SIZE / 2 };
#define POOL_SIZE ((size_t)PAGES_MOST * PAGE_LINES * sizeof(model_line))

/* ------------------------------------------------------------------------------ topology ---- */

unsigned model_socket_of(unsigned cpu)
{
    return cpu * M.sockets / M.cpus;
}

/* Eight sockets with three links each, none farther than two: a ring with diagonals. */
unsigned model_hops(unsigned from, unsigned to)
{
    unsigned apart = (from - to) % MODEL_SOCKETS;
    return apart == 0 ? 0 : apart == 1 || apart == 4 || apart == 7 ? 1 : 2;
}

static void lay_out(void)
{
    memset(M.at_distance, 0, sizeof(M.at_distance));
    for (unsigned socket = 0; socket < M.sockets; socket++) {
        for (unsigned cpu = 0; cpu < M.cpus; cpu++) {
            unsigned hops = model_hops(socket, model_socket_of(cpu));
            M.at_distance[socket][hops][cpu / 64] |= (uint64_t)1 << cpu % 64;
        }
    }
}

static model_time time_of(unsigned count, unsigned percent)
{
    return (model_time)count * 1000000 / MHZ * percent / 100;
}

static void set_times(unsigned percent)
{
    for (size_t i = 0; i < (size_t)OPS * STATES * DISTANCES; i++) {
        (&M.move_times[0][0][0])[i] = time_of((&cycles[0][0][0])[i], percent);
    }
    M.memory_time = time_of(CYCLES_OF_MEMORY, 100);
}

/* ----------------------------------------------------------------------------- directory ---- */

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void model_place(unsigned sockets, unsigned percent)
{
    M.sockets = sockets < M.cpus ? sockets : M.cpus;
    lay_out();
    set_times(percent);
}

bool model_open(unsigned cpus)
{
    memset(&M, 0, sizeof(M));
    M.cpus = cpus;
    model_place(1, 100);
    M.table = map(TABLE_SIZE * sizeof(page));
    M.pool = map(POOL_SIZE);
    if (M.table == NULL || M.pool == NULL) {
        model_close();
        return false;
    }
    return true;
}

void model_close(void)
{
    if (M.table != NULL) {
        munmap(M.table, TABLE_SIZE * sizeof(page));
    }
    if (M.pool != NULL) {
        munmap(M.pool, POOL_SIZE);
    }
    M.table = NULL;
    M.pool = NULL;
}

static page *add_page(page *at, uintptr_t number)
{
    if (M.pages == PAGES_MOST) {
        return NULL;
    }
    *at = (page){number, M.pool + M.pages * PAGE_LINES};
    M.pages++;
    for (unsigned i = 0; i < PAGE_LINES; i++) {
        at->lines[i].waiters = MODEL_NOBODY;
    }
    return at;
}

model_line *model_find(uintptr_t address)
{
    uintptr_t number = address >> PAGE_BITS;
    size_t i = (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> (64 - TABLE_BITS));
    while (M.table[i].number != number) {
        if (M.table[i].number == 0) {
            if (add_page(&M.table[i], number) == NULL) {
                return NULL;
            }
            break;
        }
        i = (i + 1) % TABLE_SIZE;
    }
    return &M.table[i].lines[address / MODEL_LINE % PAGE_LINES];
}

void model_each_line(void (*visit)(void *context, uintptr_t address, const model_line *line),
                     void *context)
{
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        for (unsigned j = 0; M.table[i].number != 0 && j < PAGE_LINES; j++) {
            const model_line *line = &M.table[i].lines[j];
            if (line->loads + line->writes > 0) {
                visit(context, (M.table[i].number << PAGE_BITS) + j * MODEL_LINE, line);
            }
        }
    }
}

/* ------------------------------------------------------------------------------ accesses ---- */

/* The distance to the nearest holder, or to the farthest. */
static unsigned distance(const model_line *line, unsigned cpu, bool farthest)
{
    unsigned found = 0;
    for (unsigned d = 0; d < DISTANCES; d++) {
        const uint64_t *there = M.at_distance[model_socket_of(cpu)][d];
        for (unsigned i = 0; i < MODEL_WORDS; i++) {
            if ((line->holders[i] & there[i]) != 0) {
                if (!farthest) {
                    return d;
                }
                found = d;
            }
        }
    }
    return found;
}

static void count(model_op op)
{
    M.counts.accesses += M.counting;
    M.counts.updates += M.counting && op == MODEL_UPDATE;
}

model_time model_hit(model_line *line, model_op op)
{
    count(op);
    line->state = op == MODEL_LOAD ? line->state : MODEL_MODIFIED;
    return hit_times[op];
}

model_time model_late_hit(model_op op)
{
    count(op);
    return hit_times[op];
}

static void count_move(model_line *line, model_op op, model_time queued)
{
    if (line->state == MODEL_INVALID) {
        M.counts.fetches++;
        return;
    }
    M.counts.transfers++;
    M.counts.queued += queued;
    line->loads += op == MODEL_LOAD;
    line->writes += op != MODEL_LOAD;
}

/* A line that was read only by its one holder is Exclusive there. */
static void change_hands(model_line *line, unsigned cpu, model_op op)
{
    if (op != MODEL_LOAD) {
        memset(line->holders, 0, sizeof(line->holders));
        line->state = MODEL_MODIFIED;
    } else {
        line->state = line->state == MODEL_INVALID ? MODEL_EXCLUSIVE : MODEL_SHARED;
    }
    line->holders[cpu / 64] |= (uint64_t)1 << cpu % 64;
}

static int16_t sole_holder(const model_line *line)
{
    for (unsigned i = 0; line->state != MODEL_SHARED && i < MODEL_WORDS; i++) {
        if (line->holders[i] != 0) {
            return (int16_t)(64 * i + (unsigned)__builtin_ctzll(line->holders[i]));
        }
    }
    return MODEL_NOBODY;
}

model_moved model_move(model_line *line, unsigned cpu, model_op op, model_time now)
{
    bool copies = op == MODEL_LOAD && line->state == MODEL_SHARED;
    model_time begin = now > line->busy ? now : line->busy;
    model_time way = line->state == MODEL_INVALID
                         ? M.memory_time
                         : M.move_times[op][line->state][distance(line, cpu, op != MODEL_LOAD)];
    model_moved moved = {begin + way + hit_times[op], sole_holder(line), begin + way / 2};
    count(op);
    if (M.counting) {
        count_move(line, op, begin - now);
    }
    line->busy = copies ? line->busy : moved.end;
    change_hands(line, cpu, op);
    return moved;
}

model_time model_lookahead(void)
{
    return M.move_times[MODEL_LOAD][MODEL_SHARED][0];
}

void model_count(bool on)
{
    M.counting = on;
}

const model_counts *model_counted(void)
{
    return &M.counts;
}
