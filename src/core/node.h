/* SPDX-License-Identifier: MIT */
/*
 * The node word: its layout, its legal states, and every transition as a pure function from an old
 * word to a new one. Nothing here is atomic; the tree protocol (tree.c) puts these words in place
 * by compare-and-swap.
 *
 * A node is one word with a 2-bit code for each of its slots. Level 0 is the leaves; their slots
 * are pages. A slot of a node above stands for one node of the level below.
 *
 *   leaf, live     63                                                             0
 *                 | code 31 | code 30 |            ...             | code 1 | code 0 |
 *
 *   inner, live    63                 32 31                                       0
 *                 |       version       | code 15 |      ...       | code 1 | code 0 |
 *
 *   EMPTY          63       (leaf)        |               2 1    0
 *                 | 0 0 |               tag                | kind |     the last slot's code is 00
 *                                       31 (inner: under the version)
 *
 *   code        meaning of the slot
 *   00 HELD     allocated, and the run goes on in the next slot
 *   01 LAST     allocated, the last slot of its run
 *   10 FREE     free, all of it
 *   11 OPEN     inner: the child node speaks for these pages;   leaf: HOLE, out of use
 *
 * So a run of n slots is n-1 HELD and one LAST, and its length can be read from its place. HELD
 * followed by OPEN is a run that goes on in the child, which begins with the rest of it. HELD in
 * the last slot would be a run that leaves the node, which never is; so that code marks an EMPTY
 * node, the other bits of which are a kind and a tag:
 *
 *   kind        meaning, under an OPEN slot (and at the top level)
 *   0 PLAIN     all pages free; zero-filled memory is a tree of these
 *   1 RUN       all pages allocated: one run, or the end of one that began before this node
 *   2 HOLE      all pages out of use
 *
 * Under any other slot an EMPTY node says nothing, whatever its kind. The tag tells two EMPTY
 * states of one node apart, so that a compare-and-swap which expects one can't mistake another
 * for it. An inner node's version survives EMPTY and only grows; it moves whenever a slot becomes
 * OPEN or a child is about to be entered, and when the node itself becomes EMPTY.
 *
 *   transition       from -> to, in the slots concerned           function
 *   take             FREE ...          -> HELD .. LAST             word_hold, _block, _all
 *   release          HELD .. LAST      -> FREE ...                 word_free
 *   trim             HELD .. LAST      -> HELD .. LAST FREE ..     word_hold, word_free
 *   cut              HELD              -> LAST                     word_set
 *   split            FREE              -> OPEN, version + 1        word_open, word_open_free
 *   push down        HELD or LAST      -> OPEN, version + 1        word_open
 *   pull up          OPEN              -> LAST                     word_set
 *   merge            OPEN              -> FREE                     word_merge
 *   retire           live              -> EMPTY, version + 1       word_empty
 *   enter            EMPTY             -> live                     word_all, then any of the above
 *
 * Invariants of a word: (I1) a live word's last slot isn't HELD; (I2) HELD is followed by HELD,
 * LAST or, in an inner node, OPEN; (I3) bits that belong to no field are 0.
 */
#ifndef LFB_CORE_NODE_H
#define LFB_CORE_NODE_H

#include <stdbool.h>

#include "../port/assert.h"
#include "../port/atomic.h"
#include "../port/bits.h"

enum {
    CODE_BITS = 2,
    LEAF_SLOTS = 1 << LFB_LEAF_ORDER,
    NODE_SLOTS = 1 << LFB_NODE_ORDER,
    VERSION_SHIFT = LFB_WORD_BITS / 2, /* codes below, version above; inner nodes only */
};

enum word_code { CODE_HELD, CODE_LAST, CODE_FREE, CODE_OPEN, CODE_HOLE = CODE_OPEN };
enum word_kind { KIND_PLAIN, KIND_RUN, KIND_HOLE };

_Static_assert(LFB_LEAF_ORDER >= 1 && LEAF_SLOTS * CODE_BITS <= LFB_WORD_BITS, "a leaf is a word");
_Static_assert(LFB_NODE_ORDER >= 1 && NODE_SLOTS * CODE_BITS <= VERSION_SHIFT,
               "codes and version share a word");

#define WORD_ONES       (~(lfb_word)0)
#define WORD_EACH(code) (WORD_ONES / 3 * (code)) /* the code in every slot */

/* -------------------------------------------------------------------- fields of a word ---- */

static inline unsigned word_slots(unsigned level)
{
    return level ? (unsigned)NODE_SLOTS : (unsigned)LEAF_SLOTS;
}

/* Bits below the version. */
static inline unsigned word_width(unsigned level)
{
    return level ? (unsigned)VERSION_SHIFT : (unsigned)LFB_WORD_BITS;
}

/* The bits of `count` slots from `slot` on; count >= 1. */
static inline lfb_word word_mask(unsigned slot, unsigned count)
{
    return WORD_ONES >> (LFB_WORD_BITS - CODE_BITS * count) << (CODE_BITS * slot);
}

static inline lfb_word word_codes(unsigned level)
{
    return word_mask(0, word_slots(level));
}

static inline enum word_code word_code(lfb_word word, unsigned slot)
{
    return (enum word_code)(word >> (CODE_BITS * slot) & 3);
}

static inline bool word_is_empty(lfb_word word, unsigned level)
{
    return word_code(word, word_slots(level) - 1) == CODE_HELD;
}

static inline enum word_kind word_kind(lfb_word word)
{
    return (enum word_kind)(word & 3);
}

static inline bool word_is_plain(lfb_word word, unsigned level)
{
    return word_is_empty(word, level) && word_kind(word) == KIND_PLAIN;
}

static inline lfb_word word_version(lfb_word word, unsigned level)
{
    return level ? word >> VERSION_SHIFT : 0;
}

static inline lfb_word word_step(lfb_word word)
{
    return word + ((lfb_word)1 << VERSION_SHIFT);
}

/* The tag's bits: between the kind and the last slot's code, or, where nodes are so small that the
 * word has unused bits, in those. */
static inline unsigned word_tag_shift(unsigned level)
{
    unsigned codes = CODE_BITS * word_slots(level);
    return codes == word_width(level) ? (unsigned)CODE_BITS : codes;
}

static inline unsigned word_tag_bits(unsigned level)
{
    unsigned codes = CODE_BITS * word_slots(level);
    return codes == word_width(level) ? codes - 2 * CODE_BITS : word_width(level) - codes;
}

/* --------------------------------------------------------------------- looking at slots ---- */

/* A set bit (the low one of the slot) for each slot of a live word that has this code. */
static inline lfb_word word_with_code(lfb_word word, unsigned level, enum word_code code)
{
    lfb_word different = word ^ WORD_EACH((lfb_word)code);
    return ~(different | different >> 1) & WORD_EACH(1) & word_codes(level);
}

static inline unsigned word_bit_slot(lfb_word bits)
{
    return lfb_low_bit(bits) / CODE_BITS;
}

/* The lowest `most` of the set bits; most >= 1. */
static inline lfb_word word_lowest(lfb_word bits, unsigned most)
{
    if (most == 1) {
        return bits & (~bits + 1);
    }
    lfb_word rest = most < LFB_WORD_BITS / CODE_BITS ? bits : 0;
    for (; most > 0 && rest; most--) {
        rest &= rest - 1;
    }
    return bits & ~rest;
}

enum { GROUP_ORDERS = 16 }; /* a power of 2; far more than a word has */

/* The lowest bit of each aligned group of 2^order slots; order < GROUP_ORDERS. */
static inline lfb_word word_aligned(unsigned order)
{
    static const lfb_word lowest[GROUP_ORDERS] = {
        WORD_ONES / 3,     WORD_ONES / 15,         WORD_ONES / 255,
        WORD_ONES / 65535, WORD_ONES / 0xffffffff, LFB_WORD_BITS > 32,
    };
    return lowest[order];
}

/* The highest bit of each. */
static inline lfb_word word_group_ends(unsigned order)
{
    static const lfb_word highest[GROUP_ORDERS] = {
        WORD_ONES / 3 * 2,
        WORD_ONES / 15 * 8,
        WORD_ONES / 255 * 128,
        WORD_ONES / 65535 * 32768,
        WORD_ONES / 0xffffffff * 0x80000000,
        (lfb_word)(LFB_WORD_BITS > 32) << (LFB_WORD_BITS - 1),
    };
    return highest[order];
}

/* Of the slots in `bits`, those with which `count` neighbours begin; count >= 1. */
static inline lfb_word word_streaks(lfb_word bits, unsigned count)
{
    for (unsigned have = 1, more; have < count; have += more) {
        more = have < count - have ? have : count - have;
        bits &= bits >> (CODE_BITS * more);
    }
    return bits;
}

/* Where blocks of 2^group FREE slots begin in a live word. 0: nowhere. */
static inline lfb_word word_find_block(lfb_word word, unsigned level, unsigned group)
{
    lfb_word bits = (word >> 1) & ~word & WORD_EACH(1) & word_codes(level);
    if (group == 0) {
        return bits;
    }
    /* No loop: which way each of these goes is easily foretold. */
    bits &= bits >> CODE_BITS;
    if (group > 1) {
        bits &= bits >> 2 * CODE_BITS;
    }
    if (group > 2) {
        bits &= bits >> 4 * CODE_BITS;
    }
    if (group > 3) {
        bits &= bits >> 8 * CODE_BITS;
    }
    if (group > 4) {
        bits &= bits >> (16 * CODE_BITS) % LFB_WORD_BITS; /* 64-bit words only */
    }
    return bits & word_aligned(group);
}

/* Where, at a multiple of 2^group slots, `count` FREE slots begin in a live word; count is at most
 * 2^group. */
static inline lfb_word word_find_free(lfb_word word, unsigned level, unsigned group, unsigned count)
{
    return count == 1U << group
               ? word_find_block(word, level, group)
               : word_streaks(word_with_code(word, level, CODE_FREE), count) & word_aligned(group);
}

/*
 * The highest bit of each aligned group of 2^group slots in a live word of which those in `wanted`
 * are FREE, the first of them among those; 0: there is none. Only the lowest bit of the result is
 * sure to be right. Without a branch, for which order comes next can't be foretold: groups are
 * fields, and subtracting 1 from a field that is 0 sets its highest bit; the borrow spoils only
 * fields behind the first such. (Zero-byte test: A. Mycroft, 1987; H. Warren, "Hacker's Delight",
 * 6-1.)
 */
static inline lfb_word word_first_group(lfb_word word, unsigned level, unsigned group,
                                        lfb_word wanted)
{
    lfb_word other = (word ^ WORD_EACH((lfb_word)CODE_FREE)) & wanted;
    lfb_word codes = word_codes(level);
    return (other - (word_aligned(group) & codes)) & ~other & word_group_ends(group) & codes;
}

/* The same for blocks of 2^group slots. */
static inline lfb_word word_first_block(lfb_word word, unsigned level, unsigned group)
{
    return word_first_group(word, level, group, WORD_ONES);
}

/* The same for runs of `count` slots, up to 2^group, each at the start of a group. */
static inline lfb_word word_first_run(lfb_word word, unsigned level, unsigned group, unsigned count)
{
    return word_first_group(word, level, group, word_aligned(group) * word_mask(0, count));
}

/* log2 of the largest aligned group of FREE slots in a live word; -1: none is FREE. */
static inline int word_largest_free(lfb_word word, unsigned level)
{
    lfb_word groups = word_with_code(word, level, CODE_FREE);
    int order = -1;
    for (unsigned group = 1; groups; group *= 2) {
        order++;
        if (group == word_slots(level)) {
            break;
        }
        groups &= groups >> (CODE_BITS * group) & word_aligned((unsigned)order + 1);
    }
    return order;
}

/* From a slot that is HELD or LAST: the slots of this word that its run has from here on. */
static inline unsigned word_run_length(lfb_word word, unsigned slot)
{
    lfb_word ends = (word | word >> 1) & WORD_EACH(1) & ~(word_mask(0, slot + 1) >> CODE_BITS);
    unsigned end = word_bit_slot(ends);
    return end - slot + (word_code(word, end) == CODE_LAST);
}

/* The bits of the run that begins at a slot and ends in this word; 0: none does. */
static inline lfb_word word_run_mask(lfb_word word, unsigned slot)
{
    lfb_word first = (lfb_word)1 << (CODE_BITS * slot);
    lfb_word ends = (word | word >> 1) & WORD_EACH(1) & ~(first - 1);
    lfb_word end = ends & (~ends + 1);
    /* LAST is 01: the end's low bit is set and its high one isn't. */
    return word & end & ~(word >> 1) ? (end << CODE_BITS) - first : 0;
}

/* How many slots a mask of neighbours has that begins at a slot; at least one. */
static inline unsigned word_mask_slots(lfb_word mask, unsigned slot)
{
    return (lfb_high_bit(mask) + 1) / CODE_BITS - slot;
}

/* The bits of the runs that begin at these slots (their low bits) of a live word; 0: not at each
 * of them begins a run that ends in this word. Additions carry through what is HELD to its end. */
static inline lfb_word word_run_masks(lfb_word word, unsigned level, lfb_word starts)
{
    lfb_word held = word_with_code(word, level, CODE_HELD);
    lfb_word last = word_with_code(word, level, CODE_LAST);
    lfb_word may_start = (held | last) & ~(held << CODE_BITS);
    lfb_word chains = held * 3;
    lfb_word sum = chains + starts;
    lfb_word ends = sum & ~chains;
    return (starts & ~may_start) | (ends & ~last) ? 0 : (chains & ~sum) | ends * 3;
}

/* The slot of this word in which the run at `slot` (HELD or LAST) begins. */
static inline unsigned word_run_start(lfb_word word, unsigned slot)
{
    lfb_word others = (word | word >> 1) & WORD_EACH(1) & (word_mask(0, slot + 1) >> CODE_BITS);
    return others ? lfb_high_bit(others) / CODE_BITS + 1 : 0;
}

/* ------------------------------------------------------------------------ new live words ---- */

/* All slots with one code, under the version of `old`. */
static inline lfb_word word_all(lfb_word old, unsigned level, enum word_code code)
{
    lfb_word version = level ? old >> VERSION_SHIFT << VERSION_SHIFT : 0;
    return version | (WORD_EACH((lfb_word)code) & word_codes(level));
}

static inline bool word_is_all(lfb_word word, unsigned level, enum word_code code)
{
    return ((word ^ WORD_EACH((lfb_word)code)) & word_codes(level)) == 0;
}

static inline lfb_word word_set(lfb_word word, unsigned slot, unsigned count, enum word_code code)
{
    lfb_word mask = word_mask(slot, count);
    return (word & ~mask) | (WORD_EACH((lfb_word)code) & mask);
}

/* A run of `count` slots. */
static inline lfb_word word_hold(lfb_word word, unsigned slot, unsigned count)
{
    lfb_word last = (lfb_word)CODE_LAST << (CODE_BITS * (slot + count - 1));
    return (word & ~word_mask(slot, count)) | last;
}

static inline lfb_word word_free(lfb_word word, unsigned slot, unsigned count)
{
    return word_set(word, slot, count, CODE_FREE);
}

/* Makes a block of the `count` FREE slots up to the one with this (high) bit. */
static inline lfb_word word_hold_block(lfb_word word, lfb_word last, unsigned count)
{
    lfb_word first = last >> (CODE_BITS * count - 1);
    lfb_word free_to_held = (last - first) & WORD_EACH((lfb_word)CODE_FREE);
    return word ^ free_to_held ^ (last | last >> 1); /* FREE to LAST */
}

/* Makes runs of `count` slots each of FREE slots, where these (low) bits say that runs begin. */
static inline lfb_word word_hold_all(lfb_word word, lfb_word starts, unsigned count)
{
    lfb_word slots =
        starts * (word_mask(0, count) & WORD_EACH(1)); /* no carry: runs don't overlap */
    return word ^ slots * (CODE_FREE ^ CODE_HELD) ^ starts << (CODE_BITS * (count - 1)) * CODE_LAST;
}

/* Hands slots of an inner node to their children. The version step defeats every merge that was
 * prepared before (tree.c, S2). */
static inline lfb_word word_open(lfb_word word, unsigned slot, unsigned count)
{
    return word_step(word_set(word, slot, count, CODE_OPEN));
}

/* The same for FREE slots with these low bits. */
static inline lfb_word word_open_free(lfb_word word, lfb_word slots)
{
    return word_step(word | slots * CODE_OPEN);
}

/* Takes the slots with these low bits back from their children: OPEN to FREE. */
static inline lfb_word word_merge(lfb_word word, lfb_word slots)
{
    return word ^ slots * (CODE_OPEN ^ CODE_FREE);
}

/* ----------------------------------------------------------------------- new EMPTY words ---- */

/* The node EMPTY, under the version of `old` plus one (inner), with a tag never used before. */
static inline lfb_word word_empty(lfb_word old, unsigned level, enum word_kind kind, lfb_word tag)
{
    lfb_word version = level ? word_step(old) >> VERSION_SHIFT << VERSION_SHIFT : 0;
    unsigned bits = word_tag_bits(level);
    return version | (tag & (WORD_ONES >> (LFB_WORD_BITS - bits))) << word_tag_shift(level) |
           (lfb_word)kind;
}

/* ------------------------------------------------------------------------------ legality ---- */

/* Whether the codes of a word obey I1 to I3; what children say of them is lfb_check's to judge. */
static inline bool word_is_legal(lfb_word word, unsigned level)
{
    lfb_word codes = word_codes(level);
    lfb_word below_version = level ? ((lfb_word)1 << VERSION_SHIFT) - 1 : WORD_ONES;
    if (word_is_empty(word, level)) {
        lfb_word tag = (WORD_ONES >> (LFB_WORD_BITS - word_tag_bits(level)))
                       << word_tag_shift(level);
        return word_kind(word) <= KIND_HOLE && (word & below_version & ~tag & ~(lfb_word)3) == 0;
    }
    lfb_word held = word_with_code(word, level, CODE_HELD);
    lfb_word may_follow = held | word_with_code(word, level, CODE_LAST) |
                          (level ? word_with_code(word, level, CODE_OPEN) : 0);
    return (held << CODE_BITS & ~may_follow) == 0 && (word & below_version & ~codes) == 0;
}

#endif
