// SPDX-License-Identifier: MIT
//
// Runs of any length, after src/core/range.c and alloc.c: claimed piece by piece, joined, released.
// Where to look is simpler than in src/core/search.c: one place after the other, by what the tree
// says, instead of hints.
'use strict';

const orderOf = (pages) => Math.ceil(Math.log2(pages));

class Thread extends Lane {
    // free_run of alloc.c. Returns the status and what became of the merge.
    * freeRun(page) {
        for (;;) {
            const piece = yield* this.locate(page, `Which word speaks for page ${page}?`);
            if (piece.state !== 'run') {
                return {status: 'LFB_NOT_ALLOCATED'};
            }
            if (page !== this.pieceStart(piece) || (yield* this.isContinuation(piece))) {
                return {status: 'LFB_NOT_START'};
            }
            const length = yield* this.runPages(piece);
            const live = piece.whole ? word.all(piece.word, piece.node.level, FREE)
                : word.free(piece.word, piece.slot, piece.count);
            const released = yield* this.release(piece.node, piece.word, live);
            if (released.done) {
                const end = this.pieceEnd(piece);
                if (length > end - page) {
                    yield* this.releaseRange(end, page + length);
                }
                return {status: 'LFB_OK', outcome: released.outcome};
            }
        }
    }
    * releaseRange(page, end) {
        while (page < end) {
            const piece = yield* this.locate(page, 'The rest of the run: which word has it?');
            if (piece.state !== 'run' || this.pieceStart(piece) !== page) {
                return;
            }
            for (let i = 0; !piece.whole && piece.node.level && i < piece.count; i++) {
                yield* this.unmark(childOf(piece.node, piece.slot + i), 'Has a dead owner left a mark here?');
            }
            const next = Math.min(this.pieceEnd(piece), end);
            const live = piece.whole ? word.all(piece.word, piece.node.level, FREE)
                : word.free(piece.word, piece.slot, (next - page) / slotPages(piece.node.level));
            if ((yield* this.release(piece.node, piece.word, live)).done) {
                page = next;
            }
        }
    }

    // -------------------------------------------------------------------------- claiming ----

    // Wipes a mark off the EMPTY node under a slot that the caller owns.
    * unmark(node, why) {
        let seen = yield load(node, why);
        while (word.isEmpty(seen) && word.kind(seen) !== PLAIN) {
            yield cas(node, seen, this.freshEmpty(node, seen, PLAIN), why);
            seen = yield load(node, 'Is the mark gone?');
        }
    }
    // Takes all of [page, end) piece by piece and joins it; or nothing. Returns whether it did.
    * claim(page, end) {
        for (let at = page; at < end;) {
            const piece = yield* this.locate(at, 'A look first: is every page of the run free?');
            if (piece.state !== 'free') {
                return false;
            }
            at = this.pieceEnd(piece);
        }
        let at = page, pieces = 0, taken = false;
        while (at < end) {
            const piece = yield* this.locate(at, 'Which word has the next piece?');
            if (taken || piece.state !== 'free') {
                if (at > page) {
                    yield* this.releaseRange(page, at);
                }
                return false;
            }
            let level = piece.node.level;
            while (level > 0 && (at % slotPages(level) || slotPages(level) > end - at)) {
                level--;
            }
            const slot = slotOfPage(level, at);
            let count = Math.min(Math.floor((end - at) / slotPages(level)), SLOTS - slot);
            if (level === piece.node.level) {
                count = Math.min(count, piece.slot + piece.count - slot);
            }
            const outcome = yield* this.takeSlots(nodeOfPage(level, at), slot, count);
            if (outcome === TAKEN) {
                const now = yield* this.locate(at, 'Taken: is the word the one that was looked at?');
                taken = now.node.level === piece.node.level && now.word === piece.word;
            }
            if (outcome === DONE) {
                at += count * slotPages(level);
                pieces++;
            }
        }
        if (pieces > 1) {
            yield* this.join(page, end);
        }
        return true;
    }
    // Turns a node whose pages are all in runs of the caller into one RUN word.
    * fold(node) {
        let seen = yield load(node, 'Fold the child, which belongs to the run as a whole.');
        while (!word.isEmpty(seen)) {
            const open = node.level ? [0, 1, 2, 3].find((s) => word.code(seen, s) === OPEN) : undefined;
            if (open !== undefined) {
                if (!(yield* this.pullUp(node, open))) {
                    return false;
                }
            } else if ([0, 1, 2, 3].some((s) => word.code(seen, s) >= FREE)) {
                return false;
            } else {
                yield cas(node, seen, this.freshEmpty(node, seen, KIND_RUN), 'All of it is one run: EMPTY, marked RUN.');
            }
            seen = yield load(node, 'How does it stand now?');
        }
        return word.kind(seen) === KIND_RUN;
    }
    // Takes an OPEN slot back from its child, all pages of which are in runs of the caller.
    * pullUp(node, slot) {
        const child = childOf(node, slot);
        if (!(yield* this.fold(child))) {
            return false;
        }
        let seen = yield load(node, 'Pull up: the slot above takes the pages back.');
        for (;;) {
            if (word.isEmpty(seen) || word.code(seen, slot) !== OPEN) {
                return false;
            }
            const result = yield cas(node, seen, word.set(seen, slot, 1, LAST), 'Pull up: OPEN becomes LAST.');
            if (result.done) {
                break;
            }
            seen = result.seen;
        }
        yield* this.unmark(child, 'Wipe the mark off: no slot may open over one (T6).');
        return true;
    }
    * join(page, end) {
        let level = 0;
        while (page >> slotOrder(level + 1) !== (end - 1) >> slotOrder(level + 1)) {
            level++;
        }
        yield* this.joinIn(nodeOfPage(level, page), page, end);
    }
    * joinIn(node, page, end) {
        const slot = slotOfPage(node.level, page);
        const count = Math.floor((end - page) / slotPages(node.level));
        const whole = count * slotPages(node.level);
        const tail = end - page > whole;
        if (tail) {
            yield* this.joinIn(childOf(node, slot + count), page + whole, end);
        }
        while (count > 0) {
            const seen = yield load(node, 'Join the pieces: children first, the highest word last.');
            if (word.isEmpty(seen)) {
                return;
            }
            const open = node.level
                ? [...Array(count).keys()].map((i) => slot + i).find((s) => word.code(seen, s) === OPEN) : undefined;
            if (open !== undefined) {
                if (!(yield* this.pullUp(node, open))) {
                    return;
                }
                continue;
            }
            const next = tail ? word.set(seen, slot, count, HELD) : word.hold(seen, slot, count);
            if ((yield cas(node, seen, next, tail ? 'Now the run goes on in the child: LAST becomes HELD.' : 'Now it is one run.')).done) {
                return;
            }
        }
    }

    // ------------------------------------------------------------------- looking for a place ----

    // A run of any length (2^k pages: a block), aligned to its ceiling order. Returns page or null.
    * alloc(pages) {
        const order = orderOf(pages);
        if (nodePages(this.top) < pages) {
            return null;
        }
        let level = 0;
        while (level < this.top && order >= slotOrder(level + 1)) {
            level++;
        }
        if (level > 0 && order === slotOrder(level) && pages < 1 << order) {
            level--;
        }
        for (const node of this.tree.nodesForSearch(level)) {
            if (pages % slotPages(level)) {
                const first = firstPage(node);
                for (let page = first; page < first + nodePages(level); page += 1 << order) {
                    if (this.tree.looksFree(page, page + pages) && (yield* this.claim(page, page + pages))) {
                        return page;
                    }
                }
            } else {
                const page = yield* this.take(node, order - slotOrder(level), pages / slotPages(level));
                if (page !== null) {
                    return page;
                }
            }
        }
        return null;
    }
}
