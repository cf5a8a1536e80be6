/* SPDX-License-Identifier: MIT */
/*
 * lfbuddy, the shipped source, with names for its cache lines.
 */
#include "../alloc_lfbuddy.h"
#include "candidate.h"

enum { LINE = 64, LEVELS = 8 };

typedef struct part {
    const char *name;
    const void *start;
} part;

static const char *const word_names[LEVELS] = {
    "words of level 0", "words of level 1", "words of level 2", "words of level 3",
    "words of level 4", "words of level 5", "words of level 6", "words of level 7",
};

static const char *const hint_names[LEVELS] = {
    "", /* leaves have none */
    "hints of level 1",
    "hints of level 2",
    "hints of level 3",
    "hints of level 4",
    "hints of level 5",
    "hints of level 6",
    "hints of level 7",
};

static const char *part_of(uintptr_t address, size_t *number)
{
    part parts[2 * LEVELS + 6];
    size_t count = 0;
    parts[count++] = (part){"handle", &subject};
    parts[count++] = (part){"others", &subject + 1};
    parts[count++] = (part){"header", subject_metadata};
    parts[count++] = (part){"exhaustion note", subject.shared};
    parts[count++] = (part){"lanes", subject.lanes};
    for (unsigned level = 0; level <= subject.top && level < LEVELS; level++) {
        parts[count++] = (part){word_names[level], subject.levels[level].words};
        if (level > 0) {
            parts[count++] = (part){hint_names[level], subject.levels[level].hints};
        }
    }
    parts[count++] = (part){"rooms", subject.rooms};
    const part *best = &parts[1];
    for (size_t i = 0; i < count; i++) {
        uintptr_t start = (uintptr_t)parts[i].start & ~(uintptr_t)(LINE - 1);
        if (start <= address && (best == &parts[1] || start > (uintptr_t)best->start)) {
            best = &parts[i];
        }
    }
    *number = (address - ((uintptr_t)best->start & ~(uintptr_t)(LINE - 1))) / LINE;
    return best->name;
}

static const allocator core = {
    .name = "lfbuddy",
    .about = "this library, a lane a CPU",
    .kind = ALLOCATOR_RANGE,
    .init = subject_init,
    .get = subject_get,
    .put = subject_put,
    .fini = subject_fini,
    .get_run = subject_get_run,
    .put_run = subject_put_run,
    .metadata = subject_metadata_bytes,
    .check = subject_check,
};

const candidate candidate_lfbuddy = {&core, part_of};
