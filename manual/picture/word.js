// SPDX-License-Identifier: MIT
//
// The node word of src/core/node.h, with 4 slots in each node (LFB_LEAF_ORDER and LFB_NODE_ORDER 2)
// and words of 64 bits. The same names, less the prefix, and the same results: tests/manual compares
// them with the C functions, word by word.
//
//   live     | version (32, inner nodes) | 0 ... | code 3 | code 2 | code 1 | code 0 |
//   EMPTY    | version (32, inner nodes) | tag   | 00                      |  kind  |
'use strict';

const SLOTS = 4;
const SLOT_ORDER = 2; // log2 of the slots of a node
const CODE_MASK = 0xffn;
const TAG_SHIFT = 8n;
const VERSION_SHIFT = 32n;
const WORD_MASK = (1n << 64n) - 1n;

const HELD = 0, LAST = 1, FREE = 2, OPEN = 3, HOLE = 3;
const PLAIN = 0, KIND_RUN = 1, KIND_HOLE = 2;
const CODE_NAMES = ['HELD', 'LAST', 'FREE', 'OPEN'];
const KIND_NAMES = ['PLAIN', 'RUN', 'HOLE', '?'];

const word = {
    // ------------------------------------------------------------------ fields of a word ----
    code: (w, slot) => Number((w >> BigInt(2 * slot)) & 3n),
    isEmpty: (w) => word.code(w, SLOTS - 1) === HELD,
    kind: (w) => Number(w & 3n),
    isPlain: (w) => word.isEmpty(w) && word.kind(w) === PLAIN,
    version: (w, level) => (level ? w >> VERSION_SHIFT : 0n),
    step: (w) => (w + (1n << VERSION_SHIFT)) & WORD_MASK,
    tagBits: (level) => (level ? VERSION_SHIFT : 64n) - TAG_SHIFT,
    tag: (w, level) => (w >> TAG_SHIFT) & ((1n << word.tagBits(level)) - 1n),
    mask: (slot, count) => ((1n << BigInt(2 * count)) - 1n) << BigInt(2 * slot),
    each: (code) => 0x55n * BigInt(code), // this code in every slot

    // ------------------------------------------------------------------ looking at slots ----
    // Whether `count` slots from `slot` on have this code.
    are(w, slot, count, code) {
        for (let i = slot; i < slot + count; i++) {
            if (i >= SLOTS || word.code(w, i) !== code) {
                return false;
            }
        }
        return true;
    },
    // The first multiple of 2^group slots where `count` FREE slots begin in a live word; -1: none.
    findFree(w, group, count) {
        for (let slot = 0; slot + count <= SLOTS; slot += 1 << group) {
            if (word.are(w, slot, count, FREE)) {
                return slot;
            }
        }
        return -1;
    },
    // From a slot that is HELD or LAST: the slots of this word that its run has from here on.
    runLength(w, slot) {
        let end = slot;
        while (word.code(w, end) === HELD) {
            end++;
        }
        return end - slot + (word.code(w, end) === LAST ? 1 : 0);
    },
    // The slot of this word in which the run at `slot` begins.
    runStart(w, slot) {
        while (slot > 0 && word.code(w, slot - 1) === HELD) {
            slot--;
        }
        return slot;
    },

    // ------------------------------------------------------------------- new live words ----
    all: (old, level, code) =>
        (level ? (old >> VERSION_SHIFT) << VERSION_SHIFT : 0n) | word.each(code),
    isAll: (w, code) => (w & CODE_MASK) === word.each(code),
    set(w, slot, count, code) {
        const mask = word.mask(slot, count);
        return (w & ~mask & WORD_MASK) | (word.each(code) & mask);
    },
    // A run of `count` slots.
    hold: (w, slot, count) => word.set(word.set(w, slot, count, HELD), slot + count - 1, 1, LAST),
    free: (w, slot, count) => word.set(w, slot, count, FREE),
    // Hands slots to their children; the version step defeats every merge prepared before.
    open: (w, slot, count) => word.step(word.set(w, slot, count, OPEN)),

    // ------------------------------------------------------------------ new EMPTY words ----
    // EMPTY, under the version of `old` plus one (inner nodes), with a tag never used before.
    empty(old, level, kind, tag) {
        const version = level ? (word.step(old) >> VERSION_SHIFT) << VERSION_SHIFT : 0n;
        const bits = (1n << word.tagBits(level)) - 1n;
        return version | ((tag & bits) << TAG_SHIFT) | BigInt(kind);
    },

    // ------------------------------------------------------------------------- legality ----
    isLegal(w, level) {
        if (word.isEmpty(w)) {
            return word.kind(w) <= KIND_HOLE && (w & CODE_MASK) <= 3n;
        }
        const above = level ? (w >> TAG_SHIFT) & ((1n << 24n) - 1n) : w >> TAG_SHIFT;
        for (let slot = 0; slot + 1 < SLOTS; slot++) {
            const next = word.code(w, slot + 1);
            if (word.code(w, slot) === HELD && next !== HELD && next !== LAST &&
                !(level && next === OPEN)) {
                return false;
            }
        }
        return above === 0n;
    },
};
