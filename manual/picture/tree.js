// SPDX-License-Identifier: MIT
//
// A tree of node words with four slots each, and what an access to one of them is. Nodes and pages
// are numbered as in src/core/geometry.h.
'use strict';

const slotOrder = (level) => level * SLOT_ORDER;
const slotPages = (level) => 1 << slotOrder(level);
const nodePages = (level) => slotPages(level) * SLOTS;
const parentOf = (node) => ({level: node.level + 1, number: node.number >> SLOT_ORDER});
const childOf = (node, slot) => ({level: node.level - 1, number: node.number * SLOTS + slot});
const slotInParent = (node) => node.number % SLOTS;
const nodeOfPage = (level, page) => ({level, number: page >> slotOrder(level + 1)});
const slotOfPage = (level, page) => (page >> slotOrder(level)) % SLOTS;
const firstPage = (node) => node.number * nodePages(node.level);

function nodeName(node, top) {
    if (node.level === top) {
        return 'the top node';
    }
    return node.level ? `inner node ${node.number}` : `leaf ${node.number}`;
}

// ---------------------------------------------------------------------------------- accesses ----

const load = (node, why) => ({op: 'load', node, why});
const cas = (node, expected, next, why) => ({op: 'cas', node, expected, next, why});

// -------------------------------------------------------------------------------- the tree ----

class Tree {
    constructor(top) {
        this.top = top;
        this.pages = nodePages(top);
        this.words = [];
        for (let level = 0; level <= top; level++) {
            this.words.push(new Array(this.pages / nodePages(level)).fill(0n));
        }
    }
    wordOf(node) {
        return this.words[node.level][node.number];
    }
    // Makes an access, and says what it found.
    access(request) {
        const {node} = request;
        const seen = this.wordOf(node);
        if (request.op === 'load') {
            return seen;
        }
        const done = seen === request.expected;
        if (done) {
            this.words[node.level][node.number] = request.next;
        }
        return {done, seen};
    }
    isSpoken(node) { // whether its word speaks: at the top, or under an OPEN slot
        if (node.level === this.top) {
            return true;
        }
        const above = this.wordOf(parentOf(node));
        return this.isSpoken(parentOf(node)) && !word.isEmpty(above) &&
            word.code(above, slotInParent(node)) === OPEN;
    }
    stateOf(page) { // 'free', 'run' or 'hole', by the word that speaks for it
        let node = {level: this.top, number: 0};
        for (;;) {
            const seen = this.wordOf(node);
            if (word.isEmpty(seen)) {
                return ['free', 'run', 'hole', 'hole'][word.kind(seen)];
            }
            const code = word.code(seen, slotOfPage(node.level, page));
            if (code !== OPEN || node.level === 0) {
                return ['run', 'run', 'free', 'hole'][code];
            }
            node = childOf(node, slotOfPage(node.level, page));
        }
    }
    looksFree(page, end) {
        for (; page < end; page++) {
            if (this.stateOf(page) !== 'free') {
                return false;
            }
        }
        return true;
    }
    // As hints would have it: nodes that are split before whole ones, and none that has no room.
    nodesForSearch(level) {
        const nodes = this.words[level].map((_, number) => ({level, number}));
        const isFull = (node) => {
            const first = firstPage(node);
            for (let page = first; page < first + nodePages(level); page++) {
                if (this.stateOf(page) === 'free') {
                    return false;
                }
            }
            return true;
        };
        const isWhole = (node) => word.isEmpty(this.wordOf(node));
        return nodes.filter((n) => !isFull(n)).sort((a, b) => isWhole(a) - isWhole(b) || a.number - b.number);
    }
    // T1 and T2 at this instant; null, or what is broken.
    fault() {
        for (let level = 0; level < this.top; level++) {
            for (let number = 0; number < this.words[level].length; number++) {
                const node = {level, number};
                if (!word.isEmpty(this.wordOf(node)) && !this.isSpoken(node)) {
                    return `${nodeName(node, this.top)} is live, but the slot above it isn’t OPEN`;
                }
            }
        }
        return null;
    }
}
