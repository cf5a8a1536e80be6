/* SPDX-License-Identifier: MIT */
#include "judge.h"

typedef enum voice { SILENT, SPEAKS, GOES_ON } voice; /* GOES_ON: speaks, and a run goes on here */

typedef struct judged {
    unsigned level;
    unsigned slots;
    unsigned codes[32];
    uintptr_t first;      /* page of the node */
    uintptr_t slot_pages; /* pages a slot */
} judged;

static judged judged_node(const world *w, unsigned level, uintptr_t page)
{
    static const uintptr_t slot_pages[] = {1, 32, 512};
    judged j = {.level = level, .slots = level ? 16 : 32, .slot_pages = slot_pages[level]};
    uintptr_t node_pages = j.slots * j.slot_pages;
    j.first = page / node_pages * node_pages;
    lfb_word word = lfb_load_relaxed(lfb_word_of(&w->lfb, (lfb_node){level, page / node_pages}));
    for (unsigned slot = 0; slot < j.slots; slot++) {
        j.codes[slot] = (unsigned)(word >> (2 * slot)) & 3;
    }
    return j;
}

static bool is_inside(const world *w, uintptr_t page)
{
    uintptr_t first = w->config.base / PAGE;
    return page >= first && page < first + w->config.page_count;
}

bool may_follow_held(unsigned level, unsigned code)
{
    return code == CODE_HELD || code == CODE_LAST || (level > 0 && code == CODE_OPEN);
}

static bool slot_is_sound(const world *w, const judged *j, unsigned slot)
{
    uintptr_t first = j->first + slot * j->slot_pages;
    bool starts_inside = is_inside(w, first);
    bool ends_inside = is_inside(w, first + (j->slot_pages - 1));
    unsigned code = j->codes[slot];
    if (!starts_inside && !ends_inside) {
        return code == (j->level ? CODE_LAST : CODE_HOLE) &&
               (slot == 0 || j->codes[slot - 1] != CODE_HELD);
    }
    if (slot + 1 < j->slots && code == CODE_HELD &&
        !may_follow_held(j->level, j->codes[slot + 1])) {
        return false;
    }
    return (starts_inside && ends_inside) || code == CODE_OPEN;
}

static bool judge(const world *w, unsigned level, uintptr_t page, voice role);

static bool judge_children(const world *w, const judged *j, bool live, voice above)
{
    for (unsigned slot = 0; j->level > 0 && slot < j->slots; slot++) {
        uintptr_t first = j->first + slot * j->slot_pages;
        voice child = SILENT;
        if (live && j->codes[slot] == CODE_OPEN) {
            bool goes_on_here = slot ? j->codes[slot - 1] == CODE_HELD : above == GOES_ON;
            child = goes_on_here ? GOES_ON : SPEAKS;
        }
        bool exists = is_inside(w, first) || is_inside(w, first + (j->slot_pages - 1));
        if (exists && !judge(w, j->level - 1, first, child)) {
            return false;
        }
    }
    return true;
}

/* Whether the node and all below it are a legal state, of a tree that has one top node. */
static bool judge(const world *w, unsigned level, uintptr_t page, voice role)
{
    judged j = judged_node(w, level, page);
    bool live = j.codes[j.slots - 1] != CODE_HELD;
    uintptr_t last = j.first + j.slots * j.slot_pages - 1;
    if (!live) {
        bool whole = is_inside(w, j.first) && is_inside(w, last);
        return j.codes[0] <= KIND_HOLE && (role != GOES_ON || j.codes[0] == KIND_RUN) &&
               (role == SILENT || whole) && judge_children(w, &j, false, role);
    }
    if (role == SILENT || (role == GOES_ON && !may_follow_held(level, j.codes[0]))) {
        return false;
    }
    for (unsigned slot = 0; slot < j.slots; slot++) {
        if (!slot_is_sound(w, &j, slot)) {
            return false;
        }
    }
    return judge_children(w, &j, true, role);
}

bool check_and_judge(const world *w, lfb_report *report)
{
    bool legal = judge(w, TOP, w->config.base / PAGE, SPEAKS);
    lfb_status status = lfb_check(&w->lfb, report);
    if (status != (legal ? LFB_OK : LFB_DAMAGED)) {
        print_error("the judge says %s, the checker: %s\n", legal ? "legal" : "damaged",
                    report->first_fault ? report->first_fault : "ok");
        fail();
    }
    return legal;
}
