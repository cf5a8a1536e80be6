// SPDX-License-Identifier: MIT
//
// The races that the page shows. `order` names who makes each step; `says` explains the steps at which
// something is decided, counted from 1.
'use strict';

const LEAF = (number) => ({level: 0, number});

// Pages 5 and 8 in use, so leaves 1 and 2 are live.
const ONE_PAGE_IN_LEAF_1 = [{alloc: 1, at: 5}];

// Leaf 1 EMPTY under an OPEN slot: its release met an entry into leaf 2, and left the merge.
const EMPTY_UNDER_OPEN = {
    calls: {P: [{alloc: 1, at: 5}, {free: 5}], Q: [{alloc: 1, in: LEAF(2)}]},
    order: 'P'.repeat(12) + 'QQQQQ' + 'P',
};

const RACES = [
    {
        id: 'both-fail', title: 'Enterer against merger: both are defeated', kind: 'lfb', top: 1,
        lead: 'Leaf 1 is EMPTY under an OPEN slot: free, and not merged. A wants a page in it, B wants to merge it. ' +
            'This is the drawing in the design’s guide.',
        setup: EMPTY_UNDER_OPEN,
        threads: {A: [{alloc: 1, in: LEAF(1)}], B: [{merge: LEAF(1)}]},
        order: 'AABBABABAAAA',
        says: {
            2: 'A has seen EMPTY under OPEN: it may enter. So has everybody else.',
            4: 'B has read the parent’s word. If it is exactly the same later, B may close the slot.',
            5: 'The step of the version. From here on, B’s merge can’t succeed: its expectation has the old version.',
            6: 'A tag never used before. From here on, A’s entry can’t succeed: its expectation has the old tag.',
            7: 'A is defeated by the tag. Nothing is lost: it looks again.',
            8: 'B is defeated by the version. It gives up, and does not try again: somebody is entering.',
            12: 'A enters, under an OPEN slot. Had B’s merge gone through, the page would now be in use under a FREE slot.',
        },
    },
    {
        id: 'version', title: 'A release meets an entry: the version decides', kind: 'lfb', top: 1,
        lead: 'Page 5 is the only one in use in leaf 1. B releases it, which would merge the leaf. A allocates there meanwhile.',
        setup: ONE_PAGE_IN_LEAF_1,
        threads: {A: [{alloc: 1, in: LEAF(1)}], B: [{free: 5}]},
        order: 'BBBAAABA',
        says: {
            3: 'One update releases the page and tags the node. Everybody may allocate here from now on.',
            6: 'A announces itself in the parent: version + 1.',
            7: 'B finds another version than it read: it gives up. What it leaves, EMPTY under OPEN, is free.',
            8: 'The tag is still the one that A read, so A is in.',
        },
    },
    {
        id: 'merge-first', title: 'The merge comes first: the slot closes and opens again', kind: 'lfb', top: 1,
        lead: 'The same two calls. This time B is done with its merge before A looks at the parent.',
        setup: ONE_PAGE_IN_LEAF_1,
        threads: {A: [{alloc: 1, in: LEAF(1)}], B: [{free: 5}]},
        order: 'BBBABAAAA',
        says: {
            5: 'Merged: one FREE slot in the parent stands for four pages.',
            6: 'A finds the slot FREE. It could have been allocated and released in between, so A looks at the child again (T6).',
            8: 'FREE to OPEN, with a version step: merges prepared earlier are defeated.',
        },
    },
    {
        id: 'retry', title: 'Another slot changes: a merge tries again with a new tag', kind: 'lfb', top: 1,
        lead: 'Three threads. C takes a whole block of four pages in the parent while B is merging and A is entering.',
        setup: ONE_PAGE_IN_LEAF_1,
        threads: {A: [{alloc: 1, in: LEAF(1)}], B: [{free: 5}], C: [{alloc: 4}]},
        order: 'BBBAACCBBAAABAAAA',
        says: {
            7: 'Four pages, one update of the parent. No slot was opened, so the version stays.',
            8: 'B’s word isn’t there any more, but the version is the same: nobody is entering. Worth another try.',
            9: 'The order is parent first, then tag: so B puts a fresh tag on the child before it tries again.',
            11: 'A’s first try failed because of C; its second one steps the version.',
            12: 'The new tag defeats A’s entry...',
            13: '... and A’s version step defeats B’s merge.',
        },
    },
    {
        id: 'two-enterers', title: 'Two enterers help each other', kind: 'lfb', top: 1,
        lead: 'A and B both want a page in leaf 0, which nobody has split. Page 8 is in use.',
        setup: [{alloc: 1, at: 8}],
        threads: {A: [{alloc: 1, in: LEAF(0)}], B: [{alloc: 1, in: LEAF(0)}]},
        order: 'AAABBBABBABBB',
        says: {
            8: 'A has opened the slot already.',
            9: 'B steps the version once more. A’s entry isn’t harmed: only merges look at the version.',
            11: 'A is in, so the leaf isn’t EMPTY any more.',
            13: 'In a live node an allocation is one update.',
        },
    },
    {
        id: 'block-or-page', title: 'A block of four pages, or one page below it', kind: 'lfb', top: 1,
        lead: 'A wants the whole of slot 0; B wants one page of leaf 0, below it. Only one of them can have it.',
        setup: [{alloc: 1, at: 8}],
        threads: {A: [{alloc: 4}], B: [{alloc: 1, in: LEAF(0)}]},
        order: 'ABBBAB',
        says: {
            5: 'A has it: LAST. A block is taken from a FREE slot only, and below those nothing is allocated (T2).',
            6: 'B’s update of the parent fails, and the slot is closed: taken.',
        },
    },
    {
        id: 'own', title: 'Your own race', kind: 'lfb', top: 1, free: true,
        lead: 'Give the threads calls, and let them get on in any order. A release is of what the thread itself allocated last; ' +
            'a drain merges what is free and not merged. Can you break it?',
        setup: [{alloc: 1, at: 8}],
        threads: {A: [{alloc: 1}], B: [{alloc: 1}], C: []},
    },
];

const ANCESTOR = {
    id: 'nbbs', title: 'NBBS: three threads, one page handed out twice', kind: 'nbbs',
    lead: 'Four pages, page 0 in use. A releases it. B allocates it and releases it. C allocates page 1. Then A asks for all four.',
    setup: [{alloc: 1, at: 0}],
    threads: {A: [{free: 0}, {alloc: 4, at: 0}], B: [{alloc: 1, at: 0}, {free: 'own'}], C: [{alloc: 1, at: 1}]},
    order: 'AAAAABBBBBBBCCCCCBBBBAAAA',
    says: {
        2: 'A’s announcement is at the root now. The bit says “a release is under way on the left”. It doesn’t say whose.',
        5: 'A stops here for a while. It still has to clear the left side of the root.',
        11: 'B’s allocation clears A’s COAL at the root. That is how A would notice, and end.',
        12: 'B releases again: its own COAL.',
        17: 'C allocates page 1. The root says “left occupied” already, so C writes nothing there: it leaves no trace at the root.',
        18: 'B’s COAL at the root. It looks exactly like A’s.',
        21: 'B sees that the buddy is occupied, and leaves the root alone.',
        22: 'A comes back, finds a COAL on the left, and takes it for its own.',
        23: 'The root now says that all is free. Page 1 is in use.',
        25: 'Four pages handed out, one of which C is using.',
    },
};

const SAME_ON_LFBUDDY = {
    id: 'same', title: 'lfbuddy: the same three threads', kind: 'lfb', top: 1,
    lead: 'The same program, a size larger: leaf 0 in the place of page 0’s side, leaf 1 in the place of page 1. ' +
        'A releases page 0. B allocates in leaf 0 and releases it. C allocates in leaf 1. Then A asks for all 16 pages.',
    setup: [{alloc: 1, at: 0}],
    threads: {A: [{free: 0}, {alloc: 16}], B: [{alloc: 1, in: LEAF(0)}, {free: 'own'}], C: [{alloc: 1, in: LEAF(1)}]},
    order: 'AAAAABBBBBBBBBCCCCCBAA',
    says: {
        5: 'A’s claim to the merge has a name: this tag on the child, and the version of the parent that A read.',
        8: 'B enters: a step of the version. A’s merge is void from here on, and A will see that.',
        14: 'B releases again, with a tag and a reading of its own.',
        18: 'C opens slot 1: another step. Unlike NBBS’s C it leaves a trace, because each entry does.',
        20: 'B is told: the version moved.',
        21: 'So is A. The slot stays OPEN, and what lies below it speaks for itself.',
        22: 'Not all 16 pages are free, and the word says so.',
    },
};
