// SPDX-License-Identifier: MIT
//
// NBBS, from which lfbuddy descends, with one level a word, after tests/ancestors/nbbs.c, flaw
// included: step 3 of a release takes a COAL for its own that another release has set. Four pages;
// node n has children 2n and 2n + 1, node 1 is the root, nodes 4 to 7 are the pages.
'use strict';

const NBBS_PAGES = 4;
const OCC_RIGHT = 1n, OCC_LEFT = 2n, COAL_RIGHT = 4n, COAL_LEFT = 8n, OCC = 16n;
const BUSY = OCC | OCC_LEFT | OCC_RIGHT;

const occOf = (child) => (child & 1 ? OCC_RIGHT : OCC_LEFT);
const coalOf = (child) => (child & 1 ? COAL_RIGHT : COAL_LEFT);
const sideOf = (child) => (child & 1 ? 'right' : 'left');

function nbbsNodeName(number) {
    return number === 1 ? 'the root' : number < NBBS_PAGES ? `node ${number}` : `page ${number - NBBS_PAGES}`;
}

class NbbsTree {
    constructor() {
        this.words = new Array(2 * NBBS_PAGES).fill(0n);
        this.pages = NBBS_PAGES;
    }
    wordOf(node) {
        return this.words[node.number];
    }
    access({op, node, expected, next, bits}) {
        const seen = this.words[node.number];
        if (op === 'load') {
            return seen;
        }
        const done = op !== 'cas' || seen === expected;
        if (done) {
            this.words[node.number] = op === 'or' ? seen | bits : next;
        }
        return op === 'or' ? seen : {done, seen};
    }
    fault() {
        return null;
    }
}

class NbbsThread {
    constructor(tree) {
        this.tree = tree;
    }
    name(node) {
        return nbbsNodeName(node.number);
    }
    // Step 1 of a release: announce it to each ancestor.
    * announce(node, upper) {
        for (let child = node; child !== upper; child >>= 1) {
            const before = yield {op: 'or', node: {number: child >> 1}, bits: coalOf(child),
                why: `Release, step 1: say “a release is under way on the ${sideOf(child)}” (COAL).`};
            const buddy = child ^ 1;
            if ((before & occOf(buddy)) !== 0n && (before & coalOf(buddy)) === 0n) {
                return;
            }
        }
    }
    // Step 3: take the marks back.
    * unmark(node, upper) {
        for (let child = node; child !== upper; child >>= 1) {
            const above = {number: child >> 1};
            let seen = yield load(above, `Release, step 3: is the COAL on the ${sideOf(child)} still there?`);
            let next;
            for (;;) {
                if ((seen & coalOf(child)) === 0n) {
                    return 'Its COAL is gone: an allocation has come by.';
                }
                next = seen & ~(occOf(child) | coalOf(child));
                const result = yield cas(above, seen, next,
                    `Release, step 3: there is a COAL. It takes it for its own, and clears the ${sideOf(child)} side.`);
                if (result.done) {
                    break;
                }
                seen = result.seen;
            }
            if ((next & occOf(child ^ 1)) !== 0n) {
                return 'The buddy is occupied: the marks above stay.';
            }
        }
        return 'All marks are taken back.';
    }
    * freeNode(node, upper) {
        yield* this.announce(node, upper);
        yield {op: 'store', node: {number: node}, next: 0n, why: 'Release, step 2: the page itself is free.'};
        return yield* this.unmark(node, upper);
    }
    // Tells the parent that this side is occupied; false: it is allocated as a whole.
    * mark(child) {
        const above = {number: child >> 1};
        let seen = yield load(above, `Allocate, step 2: what does ${nbbsNodeName(above.number)} say?`);
        for (;;) {
            if (seen & OCC) {
                return false;
            }
            const next = (seen | occOf(child)) & ~coalOf(child);
            if (next === seen) {
                return true; // it says so already: nothing to write
            }
            const result = yield cas(above, seen, next,
                `Allocate, step 2: the ${sideOf(child)} side is occupied; a COAL on this side is cleared.`);
            if (result.done) {
                return true;
            }
            seen = result.seen;
        }
    }
    * tryAlloc(node) {
        const own = {number: node};
        if ((yield load(own, `Allocate: is ${nbbsNodeName(node)} free?`)) !== 0n) {
            return false;
        }
        if (!(yield cas(own, 0n, BUSY, 'Allocate, step 1: take the node.')).done) {
            return false;
        }
        for (let child = node; child !== 1; child >>= 1) {
            if (!(yield* this.mark(child))) {
                yield* this.freeNode(node, child);
                return false;
            }
        }
        return true;
    }
    // A block of so many pages at this page. Returns the page, or null.
    * allocAt(page, pages) {
        return (yield* this.tryAlloc((NBBS_PAGES + page) / pages)) ? page : null;
    }
    * freeRun(page) {
        return {status: 'released', outcome: yield* this.freeNode(NBBS_PAGES + page, 1)};
    }
}
