/* SPDX-License-Identifier: MIT */
/*
 * The checker: every word of every level against the invariants of node.h and tree.h, and the hints
 * against the words. It reads all nodes, those under FREE slots too.
 */
#include "../port/likely.h"
#include "../port/memory.h"
#include "hint.h"
#include "setup.h"

typedef struct checker {
    const lfb_t *lfb;
    lfb_report *report;
} checker;

static void fault(const checker *c, lfb_node node, const char *what)
{
    if (c->report->faults++ == 0) {
        c->report->first_fault = what;
        c->report->fault_level = node.level;
        c->report->fault_address = lfb_address_of(c->lfb, lfb_page_of_node(node));
    }
}

static lfb_word word_now(const lfb_t *lfb, lfb_node node)
{
    return lfb_load_relaxed(lfb_word_of(lfb, node)); /* relaxed: nothing runs beside the checker */
}

/* The code of the slot that this node hangs under; OPEN at the top, FREE below an EMPTY parent. */
static enum word_code code_above(const lfb_t *lfb, lfb_node node)
{
    if (node.level == lfb->top) {
        return CODE_OPEN;
    }
    lfb_node parent = lfb_parent(node);
    lfb_word above = word_now(lfb, parent);
    return word_is_empty(above, parent.level) ? CODE_FREE
                                              : word_code(above, lfb_slot_in_parent(node));
}

/* A live word and the ends of the range: what lies outside never becomes free or managed. */
static void check_ends(const checker *c, lfb_node node, lfb_word word)
{
    const lfb_t *lfb = c->lfb;
    for (unsigned slot = 0; slot < word_slots(node.level); slot++) {
        uintptr_t first = lfb_page_of_slot(node, slot);
        uintptr_t last = first + (lfb_slot_pages(node.level) - 1);
        enum word_code code = word_code(word, slot);
        if (last < lfb->first_page || first >= lfb->end_page) {
            if (code != (node.level ? CODE_LAST : CODE_HOLE)) {
                fault(c, node, "pages outside the range are in use");
            } else if (slot > 0 && word_code(word, slot - 1) == CODE_HELD) {
                fault(c, node, "a run leaves the range");
            }
        } else if ((first < lfb->first_page || last >= lfb->end_page) && code != CODE_OPEN) {
            fault(c, node, "a slot reaches over the end of the range");
        }
    }
}

/* Whether a run may go on at the beginning of this word. */
static bool may_continue(lfb_node node, lfb_word word)
{
    if (word_is_empty(word, node.level)) {
        return word_kind(word) == KIND_RUN;
    }
    enum word_code code = word_code(word, 0);
    return code == CODE_HELD || code == CODE_LAST || (node.level && code == CODE_OPEN);
}

/* A node that speaks for its pages: at the top, or under an OPEN slot. */
static void check_speaking(const checker *c, lfb_node node, lfb_word word)
{
    const lfb_t *lfb = c->lfb;
    lfb_piece start = {.node = node};
    if (!may_continue(node, word) && lfb_tree_is_continuation(lfb, &start)) {
        fault(c, node, "a run goes on into pages that it doesn't have");
    }
    uintptr_t first = lfb_page_of_node(node);
    uintptr_t last = first + (lfb_node_pages(node.level) - 1);
    bool whole = first >= lfb->first_page && last < lfb->end_page;
    if (word_is_empty(word, node.level)) {
        if (!whole) {
            fault(c, node, "a node that reaches over the end of the range is EMPTY");
        }
        c->report->warm_nodes += node.level < lfb->top && word_kind(word) == KIND_PLAIN;
        return;
    }
    if (!whole) {
        check_ends(c, node, word);
    }
    c->report->warm_nodes += node.level < lfb->top && word_is_all(word, node.level, CODE_FREE);
}

static void check_node(const checker *c, lfb_node node)
{
    lfb_word word = word_now(c->lfb, node);
    if (!word_is_legal(word, node.level)) {
        fault(c, node, "an illegal word");
        return;
    }
    enum word_code above = code_above(c->lfb, node);
    if (above == CODE_OPEN) {
        check_speaking(c, node, word);
    } else if (!word_is_empty(word, node.level)) {
        fault(c, node, "a live node that its parent doesn't know of");
    }
    if (node.level > 0) {
        /* Under FREE the hint must be right by the time that the slot is split. */
        int order = above == CODE_OPEN   ? lfb_hint_survey(c->lfb, node)
                    : above == CODE_FREE ? (int)lfb_node_order(node.level)
                                         : -1;
        c->report->low_hints += lfb_hint_order(c->lfb, node) < order;
    }
}

/* Apart: its frame and a report would be too much for one. */
static LFB_APART lfb_status check_all(const lfb_t *lfb, lfb_report *report)
{
    checker c = {lfb, report};
    lfb_fill(report, 0, sizeof(*report));
    if (!lfb_header_matches(lfb)) {
        fault(&c, (lfb_node){lfb->top, lfb->levels[lfb->top].first}, "the header was changed");
    }
    for (unsigned level = lfb->top + 1; level-- > 0;) {
        for (uintptr_t i = 0; i < lfb->levels[level].count; i++) {
            check_node(&c, (lfb_node){level, lfb->levels[level].first + i});
        }
    }
    lfb_get_stats(lfb, &report->stats);
    return report->faults ? LFB_DAMAGED : LFB_OK;
}

lfb_status lfb_check(const lfb_t *lfb, lfb_report *report)
{
    lfb_report own;
    return check_all(lfb, report ? report : &own);
}
