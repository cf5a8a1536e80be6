// SPDX-License-Identifier: MIT
//
// The protocol of src/core/tree.c, function by function. A function is a generator: it yields each
// access to a node word that it wants to make, and is handed what it read, or whether its
// compare-and-swap succeeded. So whoever runs it decides what happens between two accesses.
//
// Left out: nodes that a lane keeps warm. A tag comes from the thread's own counter, which no other
// thread touches; drawing one isn't counted as an access.
'use strict';

const DONE = 'done', CHANGED = 'changed', TAKEN = 'taken';
const LANE_BITS = 2; // four lanes

// One thread's view of a tree: `lane` numbers it, `tags` counts what it has given out.
class Lane {
    constructor(tree, number) {
        this.tree = tree;
        this.number = number;
        this.tags = 0n;
    }
    get top() {
        return this.tree.top;
    }
    freshEmpty(node, old, kind) {
        this.tags += 1n; // from 1: tag 0 is that of zero-filled memory
        return word.empty(old, node.level, kind, (this.tags << BigInt(LANE_BITS)) | BigInt(this.number));
    }
    name(node) {
        return nodeName(node, this.top);
    }

    // -------------------------------------------------------------------------- locating ----

    levelOfPage(page) {
        let level = this.top;
        while (level > 0 && page % slotPages(level)) {
            level--;
        }
        return level;
    }
    * locate(page, why) {
        for (;;) {
            let above = null;
            let node = nodeOfPage(this.levelOfPage(page), page);
            let seen = yield load(node, why);
            while (word.isEmpty(seen) && node.level < this.top) {
                node = parentOf(node);
                seen = yield load(node, 'EMPTY speaks only under an OPEN slot: look above.');
            }
            while (!word.isEmpty(seen)) {
                const slot = slotOfPage(node.level, page);
                if (node.level === 0 || word.code(seen, slot) !== OPEN) {
                    return this.pieceOfLive(node, seen, slot);
                }
                above = seen;
                node = childOf(node, slot);
                seen = yield load(node, 'The slot is OPEN, so the child speaks for these pages.');
            }
            const piece = {node, word: seen, whole: true, slot: 0, count: SLOTS,
                           state: ['free', 'run', 'hole', 'hole'][word.kind(seen)]};
            if (node.level === this.top ||
                (yield load(parentOf(node), 'Is the slot over the EMPTY node OPEN as before?')) === above) {
                return piece;
            }
        }
    }
    pieceOfLive(node, seen, slot) {
        const code = word.code(seen, slot);
        if (code === HELD || code === LAST) {
            const start = word.runStart(seen, slot);
            return {node, word: seen, whole: false, state: 'run', slot: start,
                    count: word.runLength(seen, start)};
        }
        let start = slot, end = slot + 1;
        while (start > 0 && word.code(seen, start - 1) === code) {
            start--;
        }
        while (end < SLOTS && word.code(seen, end) === code) {
            end++;
        }
        return {node, word: seen, whole: false, state: code === FREE ? 'free' : 'hole', slot: start,
                count: end - start};
    }
    pieceStart(piece) {
        return firstPage(piece.node) + piece.slot * slotPages(piece.node.level);
    }
    pieceEnd(piece) {
        return this.pieceStart(piece) + piece.count * slotPages(piece.node.level);
    }
    * isContinuation(piece) {
        let node = piece.node;
        for (let first = piece.slot === 0; first && node.level < this.top; node = parentOf(node)) {
            const slot = slotInParent(node);
            const above = yield load(parentOf(node), 'Does a run that began earlier go on here?');
            if (word.isEmpty(above)) {
                return false;
            }
            if (slot > 0) {
                return word.code(above, slot - 1) === HELD;
            }
        }
        return false;
    }
    * runPages(piece) {
        let pages = this.pieceEnd(piece) - this.pieceStart(piece);
        for (let depth = piece.node.level; depth > 0; depth--) {
            if (piece.whole || word.code(piece.word, piece.slot + piece.count - 1) !== HELD) {
                break;
            }
            const next = this.pieceEnd(piece);
            piece = yield* this.locate(next, 'HELD before OPEN: the run goes on in the child.');
            if (piece.state !== 'run' || this.pieceStart(piece) !== next) {
                break;
            }
            pages += this.pieceEnd(piece) - this.pieceStart(piece);
        }
        return pages;
    }

    // -------------------------------------------------------------------------- entering ----

    // Wipes a mark off an EMPTY node where the slot above says that its pages are free.
    * wash(node, seen) {
        if (node.level === this.top) {
            return TAKEN;
        }
        const above = yield load(parentOf(node), 'The node is marked. Is it free, by the slot above?');
        if (word.isEmpty(above)) {
            if (word.kind(above) !== PLAIN) {
                return yield* this.wash(parentOf(node), above);
            }
        } else if (word.code(above, slotInParent(node)) !== FREE) {
            return TAKEN;
        }
        yield cas(node, seen, this.freshEmpty(node, seen, PLAIN), 'The mark is a dead one: wipe it off.');
        return CHANGED;
    }
    // S1: the slot above is OPEN, and no merge that was prepared earlier can succeed.
    * stepParent(node, child) {
        if (node.level === this.top) {
            return DONE;
        }
        const parent = parentOf(node), slot = slotInParent(node);
        let seen = yield load(parent, 'Enter, step 1: how does the slot above stand?');
        for (;;) {
            const empty = word.isEmpty(seen);
            const code = empty ? FREE : word.code(seen, slot);
            if (code !== OPEN && code !== FREE) {
                return TAKEN;
            }
            if (code === FREE &&
                (yield load(node, 'The slot was FREE: is the child still what it was? (T6)')) !== child) {
                return CHANGED;
            }
            if (empty) {
                const live = word.open(word.all(seen, parent.level, FREE), slot, 1);
                return yield* this.enter(parent, seen, live);
            }
            const why = code === OPEN
                ? 'Enter, step 2: the slot is OPEN already; step the version, which defeats every merge prepared before.'
                : 'Enter, step 2: open the slot, and step the version, which defeats every merge prepared before.';
            const result = yield cas(parent, seen, word.open(seen, slot, 1), why);
            if (result.done) {
                return DONE;
            }
            seen = result.seen;
        }
    }
    // Puts `live` in the place of the EMPTY word `seen`, which the caller read before.
    * enter(node, seen, live) {
        if (word.kind(seen) !== PLAIN) {
            return yield* this.wash(node, seen);
        }
        const stepped = yield* this.stepParent(node, seen);
        if (stepped !== DONE) {
            return stepped;
        }
        const why = node.level === this.top ? 'Nothing is above the top node: make it live, with the allocation in it.'
            : 'Enter, step 3: make the node live. It fails if a merger has put a new tag here.';
        return (yield cas(node, seen, live, why)).done ? DONE : CHANGED;
    }

    // ---------------------------------------------------------------------------- taking ----

    // Takes `count` slots at a multiple of 2^group of one node. Returns the page, or null.
    * take(node, group, count) {
        let seen = yield load(node, `Look for ${count === 1 ? 'a FREE slot' : count + ' FREE slots'} in ${this.name(node)}.`);
        for (;;) {
            const empty = word.isEmpty(seen);
            const live = empty ? word.all(seen, node.level, FREE) : seen;
            const slot = word.findFree(live, group, count);
            if (slot < 0) {
                return null;
            }
            const next = word.hold(live, slot, count);
            const page = firstPage(node) + slot * slotPages(node.level);
            if (!empty) {
                const result = yield cas(node, seen, next, 'Take. The whole allocation is this one update.');
                if (result.done) {
                    return page;
                }
                seen = result.seen;
                continue;
            }
            const entered = yield* this.enter(node, seen, next);
            if (entered !== CHANGED) {
                return entered === DONE ? page : null;
            }
            seen = yield load(node, 'Somebody changed the node first: look again.');
        }
    }
    // Takes these slots of this node if they are FREE.
    * takeSlots(node, slot, count) {
        const seen = yield load(node, `Claim a piece of the run in ${this.name(node)}.`);
        if (word.isEmpty(seen)) {
            const live = word.hold(word.all(seen, node.level, FREE), slot, count);
            return yield* this.enter(node, seen, live);
        }
        if (!word.are(seen, slot, count, FREE)) {
            return TAKEN;
        }
        const result = yield cas(node, seen, word.hold(seen, slot, count), 'Claim these slots.');
        return result.done ? DONE : CHANGED;
    }

    // ------------------------------------------------------------------------- releasing ----

    // S2. `node` is EMPTY by this thread's hand; `above` was read before `mine` was in place.
    * merge(node, mine, above) {
        for (;;) {
            const parent = parentOf(node), slot = slotInParent(node);
            if (word.isEmpty(above) || word.code(above, slot) !== OPEN) {
                return 'Another thread has merged it already.';
            }
            let next = word.free(above, slot, 1);
            let grand = null;
            const retires = parent.level < this.top && word.isAll(next, FREE);
            if (retires) {
                grand = yield load(parentOf(parent), 'The parent will be all FREE: read what is above it, before its tag.');
                next = this.freshEmpty(parent, above, PLAIN);
            }
            const why = retires ? 'Merge, step 3: the last slot in use. The parent becomes EMPTY, and the merge goes on above it.'
                : 'Merge, step 3: OPEN becomes FREE, if the parent is exactly as it was read.';
            const result = yield cas(parent, above, next, why);
            if (result.done) {
                if (!retires) {
                    return 'Merged.';
                }
                node = parent;
                mine = next;
                above = grand;
                continue;
            }
            const seen = result.seen;
            if (word.isEmpty(seen) || word.version(seen, parent.level) !== word.version(above, parent.level)) {
                return 'The version moved: somebody is entering. Give up the merge; the pages are free all the same.';
            }
            above = seen;
            const fresh = this.freshEmpty(node, mine, PLAIN);
            const again = yield cas(node, mine, fresh,
                'Another slot changed, the version didn’t: try again, with a tag younger than this reading.');
            if (!again.done) {
                return 'Somebody has entered: nothing to merge.';
            }
            mine = fresh;
        }
    }
    // Replaces `seen` by `live`; if that leaves the node all FREE, it retires and merges upward.
    * release(node, seen, live) {
        if (node.level === this.top || !word.isAll(live, FREE)) {
            return {done: (yield cas(node, seen, live, 'Release. The whole release is this one update.')).done};
        }
        const above = yield load(parentOf(node), 'Nothing will be left in this node. Merge, step 1: read the parent.');
        const mine = this.freshEmpty(node, seen, PLAIN);
        if (!(yield cas(node, seen, mine, 'Release, and merge, step 2: the node becomes EMPTY, with a tag never used before.')).done) {
            return {done: false};
        }
        return {done: true, outcome: yield* this.merge(node, mine, above)};
    }
    // lfb_tree_coalesce: merges a node that is all FREE, or EMPTY under an OPEN slot.
    * coalesce(node) {
        if (node.level === this.top) {
            return 'Nothing to merge.';
        }
        const above = yield load(parentOf(node), 'Merge, step 1: read the parent.');
        const seen = yield load(node, 'And the node, as it is now.');
        const mergeable = word.isEmpty(seen)
            ? word.isPlain(seen) && !word.isEmpty(above) && word.code(above, slotInParent(node)) === OPEN
            : word.isAll(seen, FREE);
        if (!mergeable) {
            return 'Nothing to merge.';
        }
        const mine = this.freshEmpty(node, seen, PLAIN);
        if (!(yield cas(node, seen, mine, 'Merge, step 2: a tag never used before.')).done) {
            return 'Somebody came first.';
        }
        return yield* this.merge(node, mine, above);
    }
}
