/* SPDX-License-Identifier: MIT */
/*
 * See range.h. The loops here look at the word that speaks for the next page, make one change, and
 * look again; nothing read before a failed compare-and-swap is used after it. A loop that finds a
 * page which its caller doesn't own stops: the caller broke the contract, or the metadata is
 * damaged.
 */
#include "range.h"
#include "../port/probe.h"

static uintptr_t range_end(lfb_range range)
{
    return range.page + range.pages;
}

static lfb_range range_between(uintptr_t page, uintptr_t end)
{
    return (lfb_range){page, end - page};
}

/* Where a walk up to `end` goes on behind the piece, which may end with the address space. */
static uintptr_t behind(const lfb_piece *piece, uintptr_t end)
{
    uintptr_t next = lfb_piece_end(piece);
    return next - 1 < end - 1 ? next : end;
}

bool lfb_range_can_be_run(const lfb_t *lfb, lfb_range range)
{
    uintptr_t last = range_end(range) - 1;
    unsigned level = 0;
    while (range.page >> lfb_node_order(level) != last >> lfb_node_order(level)) {
        if (++level > lfb->top) {
            return false;
        }
    }
    return (range.page & (lfb_slot_pages(level) - 1)) == 0;
}

bool lfb_range_is(const lfb_t *lfb, lfb_range range, lfb_state state, lfb_state *other)
{
    for (uintptr_t page = range.page, end = range_end(range); page < end;) {
        lfb_piece piece = lfb_tree_locate(lfb, page);
        if (piece.state != state) {
            *other = piece.state;
            return false;
        }
        page = behind(&piece, end);
    }
    return true;
}

/* ---------------------------------------------------------------------------------- runs ---- */

lfb_status lfb_run_status(const lfb_t *lfb, const lfb_piece *piece, uintptr_t page)
{
    if (piece->state != STATE_RUN) {
        return LFB_NOT_ALLOCATED;
    }
    if (page != lfb_piece_page(piece) || lfb_tree_is_continuation(lfb, piece)) {
        return LFB_NOT_START;
    }
    return LFB_OK;
}

uintptr_t lfb_run_pages(const lfb_t *lfb, lfb_piece piece)
{
    uintptr_t room = lfb->end_page - lfb_piece_page(&piece);
    uintptr_t pages = lfb_piece_pages(&piece);
    /* Each piece of a run lies deeper than the one before. */
    for (unsigned depth = piece.node.level; depth > 0 && lfb_piece_continues(&piece); depth--) {
        uintptr_t next = lfb_piece_end(&piece);
        if (!lfb_page_in_range(lfb, next)) {
            break; /* damage */
        }
        piece = lfb_tree_locate(lfb, next);
        if (piece.state != STATE_RUN || lfb_piece_page(&piece) != next) {
            break; /* by now the run's owner has joined it into a higher word, or cut it */
        }
        pages += lfb_piece_pages(&piece);
    }
    return pages < room ? pages : room; /* more: damage */
}

/* ------------------------------------------------------------------------------ claiming ---- */

/* The highest level, up to `level`, of which a slot begins at the page and lies in the range. */
static unsigned level_that_fits(unsigned level, lfb_range range)
{
    while (level > 0 &&
           (range.page & (lfb_slot_pages(level) - 1) || lfb_slot_pages(level) > range.pages)) {
        level--;
    }
    return level;
}

/* Slots of this level that begin at the range's first page and lie in it and in one node. */
static unsigned slots_that_fit(unsigned level, lfb_range range)
{
    uintptr_t slots = range.pages >> lfb_slot_order(level);
    unsigned room = word_slots(level) - lfb_slot_of_page(level, range.page);
    return slots < room ? (unsigned)slots : room;
}

/* Whether the word that speaks for the page is the same as it was. */
static bool is_unchanged(const lfb_t *lfb, const lfb_piece *piece, uintptr_t page)
{
    lfb_piece now = lfb_tree_locate(lfb, page);
    return now.node.level == piece->node.level && now.word == piece->word;
}

bool lfb_range_claim(const lfb_t *lfb, lfb_lane *lane, lfb_range range, bool joined)
{
    /* A look first: claiming part of what is in use would make others fail for nothing. */
    lfb_state other;
    if (!lfb_range_is(lfb, range, STATE_FREE, &other)) {
        return false;
    }
    lfb_range left = range;
    unsigned pieces = 0;
    bool taken = false;
    while (left.pages > 0) {
        lfb_piece piece = lfb_tree_locate(lfb, left.page);
        if (taken || piece.state != STATE_FREE) {
            if (left.page > range.page) {
                lfb_range_release(lfb, lane, range_between(range.page, left.page));
            }
            return false;
        }
        unsigned level = level_that_fits(piece.node.level, left);
        unsigned slot = lfb_slot_of_page(level, left.page);
        unsigned count = slots_that_fit(level, left);
        if (level == piece.node.level && count > piece.slot + piece.count - slot) {
            count = piece.slot + piece.count - slot;
        }
        lfb_node node = lfb_node_of_page(level, left.page);
        lfb_outcome outcome = lfb_tree_take_slots(lfb, lane, node, slot, count);
        /* In use for a moment, unless the slot was split since (T5); else a live node that its
         * parent doesn't know of: damage. */
        taken = outcome == LFB_TAKEN && is_unchanged(lfb, &piece, left.page);
        if (outcome == LFB_DONE) {
            uintptr_t got = (uintptr_t)count << lfb_slot_order(level);
            left = (lfb_range){left.page + got, left.pages - got};
            pieces++;
        }
    }
    if (joined && pieces > 1) {
        lfb_range_join(lfb, lane, range);
    }
    return true;
}

/* --------------------------------------------------------------------------------- marks ---- */

/* Marks the EMPTY node under a slot that the caller owns, while the parent's word is `above`.
 * CHANGED: that has changed, or something else marked the node first: another thread may own, and
 * push down, another part of the same run. TAKEN: the node is live, or doesn't exist: damage. */
static lfb_outcome mark(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_word above,
                        enum word_kind kind)
{
    if (!lfb_node_exists(lfb, node)) {
        return LFB_TAKEN;
    }
    lfb_word seen = lfb_tree_load(lfb, node);
    if (lfb_tree_load(lfb, lfb_parent(node)) != above) {
        return LFB_CHANGED;
    }
    if (!word_is_empty(seen, node.level)) {
        return LFB_TAKEN; /* against T2: the slot wasn't OPEN, for that moves the version */
    }
    /* Always a new tag: a wash() that saw the old one must not undo this. E4 */
    lfb_word marked = lfb_tree_empty(lfb, lane, node, seen, kind);
    return lfb_tree_replace(lfb, node, &seen, marked) ? LFB_DONE : LFB_CHANGED;
}

/* Wipes a mark off the EMPTY node under a slot that the caller owns. No mark may be left behind: a
 * slot that opens over one would lose its pages. */
static void unmark(const lfb_t *lfb, lfb_lane *lane, lfb_node node)
{
    if (!lfb_node_exists(lfb, node)) {
        return; /* under a slot outside the range: damage */
    }
    lfb_word seen = lfb_tree_load(lfb, node);
    while (word_is_empty(seen, node.level) && word_kind(seen) != KIND_PLAIN) {
        lfb_tree_replace(lfb, node, &seen, lfb_tree_empty(lfb, lane, node, seen, KIND_PLAIN));
        seen = lfb_tree_load(lfb, node);
    }
}

/* ------------------------------------------------------------------------------- joining ---- */

/* A RUN node will be whole when the search meets it again; its hint must not be lower by then. */
static void raise_to_whole(const lfb_t *lfb, lfb_node node)
{
    lfb_hint_raise_to(lfb, node, (int)lfb_node_order(node.level));
}

static bool pull_up(const lfb_t *lfb, lfb_lane *lane, lfb_node node, unsigned slot);

/* Turns a node whose pages are all in runs of the caller into one RUN word. */
static bool fold(const lfb_t *lfb, lfb_lane *lane, lfb_node node)
{
    lfb_word seen = lfb_tree_load(lfb, node);
    while (!word_is_empty(seen, node.level)) {
        lfb_word open = node.level ? word_with_code(seen, node.level, CODE_OPEN) : 0;
        if (open) {
            if (!pull_up(lfb, lane, node, word_bit_slot(open))) {
                return false;
            }
        } else if (seen & WORD_EACH((lfb_word)CODE_FREE) & word_codes(node.level)) {
            return false; /* a slot that isn't the caller's */
        } else {
            lfb_word run = lfb_tree_empty(lfb, lane, node, seen, KIND_RUN);
            lfb_tree_replace(lfb, node, &seen, run);
        }
        seen = lfb_tree_load(lfb, node);
    }
    raise_to_whole(lfb, node);
    return word_kind(seen) == KIND_RUN;
}

/* Takes an OPEN slot back from its child, all pages of which are in runs of the caller. */
static bool pull_up(const lfb_t *lfb, lfb_lane *lane, lfb_node node, unsigned slot)
{
    if (!fold(lfb, lane, lfb_child(node, slot))) {
        return false;
    }
    lfb_word seen = lfb_tree_load(lfb, node);
    do {
        if (word_is_empty(seen, node.level) || word_code(seen, slot) != CODE_OPEN) {
            return false;
        }
    } while (!lfb_tree_replace(lfb, node, &seen, word_set(seen, slot, 1, CODE_LAST)));
    LFB_PROBE_MERGE(lfb, lfb_page_of_slot(node, slot), lfb_slot_order(node.level), 1U);
    unmark(lfb, lane, lfb_child(node, slot));
    return true;
}

static void join_in(const lfb_t *lfb, lfb_lane *lane, lfb_node node, lfb_range range)
{
    unsigned slot = lfb_slot_of_page(node.level, range.page);
    unsigned count = (unsigned)(range.pages >> lfb_slot_order(node.level));
    uintptr_t whole = (uintptr_t)count << lfb_slot_order(node.level);
    bool tail = range.pages > whole;
    if (tail) {
        lfb_range rest = {range.page + whole, range.pages - whole};
        join_in(lfb, lane, lfb_child(node, slot + count), rest);
    }
    while (count > 0) {
        lfb_word seen = lfb_tree_load(lfb, node);
        if (word_is_empty(seen, node.level)) {
            return; /* a RUN node is joined already */
        }
        lfb_word open = node.level ? word_with_code(seen, node.level, CODE_OPEN) : 0;
        open &= word_mask(slot, count);
        if (open) {
            if (!pull_up(lfb, lane, node, word_bit_slot(open))) {
                return;
            }
            continue;
        }
        lfb_word next = word_hold(seen, slot, count);
        next = tail ? word_set(next, slot + count - 1, 1, CODE_HELD) : next;
        if (lfb_tree_replace(lfb, node, &seen, next)) {
            return;
        }
    }
}

void lfb_range_join(const lfb_t *lfb, lfb_lane *lane, lfb_range range)
{
    uintptr_t last = range_end(range) - 1;
    unsigned level = 0;
    while (range.page >> lfb_node_order(level) != last >> lfb_node_order(level)) {
        level++;
    }
    join_in(lfb, lane, lfb_node_of_page(level, range.page), range);
}

/* ----------------------------------------------------------------------------- releasing ---- */

/* Releases the part of the piece, a run or a hole, that begins at `page` and lies before `end`. */
static uintptr_t release_piece(const lfb_t *lfb, lfb_lane *lane, const lfb_piece *piece,
                               uintptr_t page, uintptr_t end)
{
    unsigned level = piece->node.level;
    lfb_word live = word_all(piece->word, level, CODE_FREE);
    lfb_range part = range_between(page, end);
    if (piece->whole) {
        part.pages = part.pages < lfb_node_pages(level) ? part.pages : lfb_node_pages(level);
    } else {
        unsigned slot = lfb_slot_of_page(level, page);
        unsigned count = slots_that_fit(level, part);
        unsigned most = piece->slot + piece->count - slot;
        count = count < most ? count : most;
        if (count == 0) {
            return end; /* the range ends inside a slot: damage */
        }
        live = word_free(piece->word, slot, count);
        part.pages = (uintptr_t)count << lfb_slot_order(level);
    }
    lfb_freed freed;
    if (!lfb_tree_release(lfb, lane, piece->node, piece->word, live, &freed)) {
        return page;
    }
    lfb_hint_raise(lfb, &freed);
    return range_end(part);
}

void lfb_range_release(const lfb_t *lfb, lfb_lane *lane, lfb_range range)
{
    for (uintptr_t page = range.page, end = range_end(range); page < end;) {
        lfb_piece piece = lfb_tree_locate(lfb, page);
        if (piece.state != STATE_RUN || lfb_piece_page(&piece) != page) {
            return;
        }
        /* Marks that the owner left who stopped in the middle of a push_down. */
        for (unsigned i = 0; !piece.whole && piece.node.level && i < piece.count; i++) {
            unmark(lfb, lane, lfb_child(piece.node, piece.slot + i));
        }
        page = release_piece(lfb, lane, &piece, page, end);
    }
}

/* ------------------------------------------------------------------------------- cutting ---- */

/* A RUN word is spelled out, so that its slots can be told apart. */
static void spell_out(const lfb_t *lfb, const lfb_piece *piece)
{
    unsigned level = piece->node.level;
    lfb_word seen = piece->word;
    lfb_word live = word_hold(word_all(seen, level, CODE_FREE), 0, word_slots(level));
    lfb_tree_replace(lfb, piece->node, &seen, live);
}

/* Hands slots of a piece, a run or a whole hole, to their children, which are marked first (E4).
 * Returns false if the children are damaged; else look again. */
static bool push_down(const lfb_t *lfb, lfb_lane *lane, const lfb_piece *piece, unsigned slot,
                      unsigned count, enum word_kind kind)
{
    lfb_node node = piece->node;
    lfb_word seen = piece->word;
    for (unsigned i = slot; i < slot + count; i++) {
        lfb_outcome outcome = mark(lfb, lane, lfb_child(node, i), seen, kind);
        if (outcome != LFB_DONE) {
            return outcome == LFB_CHANGED;
        }
    }
    lfb_word live = piece->whole ? word_all(seen, node.level, CODE_FREE) : seen;
    if (lfb_tree_replace(lfb, node, &seen, word_open(live, slot, count))) {
        LFB_PROBE_SPLIT(lfb, lfb_page_of_slot(node, slot), lfb_slot_order(node.level), count);
        /* The children's hints say "all free"; those above may not be lower (H2). */
        lfb_hint_raise_to(lfb, node, (int)lfb_slot_order(node.level));
    }
    return true;
}

/* The run that goes on at the first slot of this node ends before it: HELD -> LAST above. */
static bool end_run_before(const lfb_t *lfb, lfb_node node)
{
    while (lfb_slot_in_parent(node) == 0) {
        node = lfb_parent(node);
    }
    unsigned slot = lfb_slot_in_parent(node) - 1;
    lfb_word seen = lfb_tree_load(lfb, lfb_parent(node));
    return !word_is_empty(seen, node.level + 1) && word_code(seen, slot) == CODE_HELD &&
           lfb_tree_replace(lfb, lfb_parent(node), &seen, word_set(seen, slot, 1, CODE_LAST));
}

void lfb_range_cut(const lfb_t *lfb, lfb_lane *lane, uintptr_t page)
{
    for (;;) {
        lfb_piece piece = lfb_tree_locate(lfb, page);
        if (piece.state != STATE_RUN) {
            return;
        }
        if (page == lfb_piece_page(&piece)) {
            if (!lfb_tree_is_continuation(lfb, &piece) || end_run_before(lfb, piece.node)) {
                return;
            }
            continue;
        }
        unsigned slot = lfb_slot_of_page(piece.node.level, page);
        if (piece.whole) {
            spell_out(lfb, &piece);
        } else if (page == lfb_page_of_slot(piece.node, slot)) {
            lfb_word seen = piece.word;
            lfb_word next = word_set(seen, slot - 1, 1, CODE_LAST);
            if (lfb_tree_replace(lfb, piece.node, &seen, next)) {
                return;
            }
        } else if (!push_down(lfb, lane, &piece, slot, 1, KIND_RUN)) {
            return;
        }
    }
}

/* --------------------------------------------------------------------------------- holes ---- */

/* One change toward the piece, the caller's, being out of use. */
static bool piece_to_hole(const lfb_t *lfb, lfb_lane *lane, const lfb_piece *piece)
{
    LFB_ASSERT(!piece->whole);
    if (piece->node.level > 0) {
        return push_down(lfb, lane, piece, piece->slot, piece->count, KIND_HOLE);
    }
    lfb_word seen = piece->word;
    lfb_word holes = word_set(seen, piece->slot, piece->count, CODE_HOLE);
    lfb_tree_replace(lfb, piece->node, &seen, holes);
    return true;
}

void lfb_range_to_holes(const lfb_t *lfb, lfb_lane *lane, lfb_range range)
{
    for (uintptr_t page = range.page, end = range_end(range); page < end;) {
        lfb_piece piece = lfb_tree_locate(lfb, page);
        if (piece.state == STATE_HOLE) {
            page = behind(&piece, end);
        } else if (piece.state == STATE_RUN && piece.whole) {
            spell_out(lfb, &piece);
        } else if (piece.state != STATE_RUN || !piece_to_hole(lfb, lane, &piece)) {
            return;
        }
    }
}

/* A HOLE word is spelled out, so that a part of the pages can come into use. */
static bool spell_out_hole(const lfb_t *lfb, lfb_lane *lane, const lfb_piece *piece)
{
    if (piece->node.level > 0) {
        return push_down(lfb, lane, piece, 0, word_slots(piece->node.level), KIND_HOLE);
    }
    lfb_word seen = piece->word;
    lfb_tree_replace(lfb, piece->node, &seen, word_all(seen, 0, CODE_HOLE));
    return true;
}

void lfb_range_from_holes(const lfb_t *lfb, lfb_lane *lane, lfb_range range)
{
    for (uintptr_t page = range.page, end = range_end(range); page < end;) {
        lfb_piece piece = lfb_tree_locate(lfb, page);
        if (piece.state != STATE_HOLE) {
            return;
        }
        if (piece.whole &&
            (page > lfb_piece_page(&piece) || end - page < lfb_node_pages(piece.node.level))) {
            if (!spell_out_hole(lfb, lane, &piece)) {
                return;
            }
        } else {
            page = release_piece(lfb, lane, &piece, page, end);
        }
    }
}
