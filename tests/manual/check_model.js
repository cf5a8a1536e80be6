// SPDX-License-Identifier: MIT
//
// Compares the picture's model with what the C core said: dump_words.c and dump_accesses.c. Runs in
// a browser or in node, after word.js, tree.js, lane.js and range.js.
'use strict';

const MISMATCHES_SHOWN = 10;

function big(hex) {
    return BigInt('0x' + hex);
}

function answerOfWord(name, level, w, a, b, c) {
    const tag = BigInt(b) | (BigInt(c) << 32n);
    const calls = {
        isEmpty: () => word.isEmpty(w),
        isPlain: () => word.isPlain(w),
        kind: () => word.kind(w),
        version: () => word.version(w, level),
        isLegal: () => word.isLegal(w, level),
        all: () => word.all(w, level, a),
        isAll: () => word.isAll(w, a),
        findFree: () => word.findFree(w, a, b),
        empty: () => word.empty(w, level, a, tag),
        code: () => word.code(w, a),
        runLength: () => word.runLength(w, a),
        runStart: () => word.runStart(w, a),
        set: () => word.set(w, a, b, c),
        hold: () => word.hold(w, a, b),
        free: () => word.free(w, a, b),
        open: () => word.open(w, a, b),
    };
    return BigInt.asUintN(64, BigInt(calls[name]()));
}

function checkWords(text) {
    const wrong = [], names = new Set();
    let lines = 0;
    for (const line of text.trim().split('\n')) {
        const [name, level, w, a, b, c, expected] = line.split(' ');
        const is = answerOfWord(name, Number(level), big(w), Number(a), Number(b), Number(c));
        lines++;
        names.add(name);
        if (is !== big(expected) && wrong.length < MISMATCHES_SHOWN) {
            wrong.push(`${line}: the model says ${is.toString(16)}`);
        }
    }
    return {lines, kinds: names.size, wrong};
}

// ---------------------------------------------------------------------------------- accesses ----

function startCall(thread, [letter, a, b, c, d]) {
    const node = {level: a, number: b};
    switch (letter) {
    case 't': return thread.take(node, c, d);
    case 'c': return thread.claim(a, b);
    case 'm': return thread.coalesce(node);
    default: return thread.freeRun(a);
    }
}

function resultOf(call, value) {
    switch (call[0]) {
    case 't': return value === null ? -1 : value;
    case 'c': return value ? call[1] : -1;
    case 'm': return 0;
    default: return value.status === 'LFB_OK' ? 0 : 1;
    }
}

// Runs a call to its end; `between` is called before each access.
function run(tree, thread, call, trace, between) {
    const generator = startCall(thread, call);
    let step = generator.next();
    while (!step.done) {
        between();
        const request = step.value;
        const answer = tree.access(request);
        const at = `${request.node.level}.${request.node.number}`;
        trace.push(request.op === 'load' ? `L${at}` : `C${at}${answer.done ? '+' : '-'}`);
        step = generator.next(answer);
    }
    return resultOf(call, step.value);
}

function checkAccesses(text) {
    const tree = new Tree(2);
    const threads = [new Thread(tree, 0), new Thread(tree, 1)];
    const wrong = [];
    let lines = 0, failed = 0;
    for (const line of text.trim().split('\n')) {
        const [calls, accesses, results, words] = line.split(' =').map((part) => part.trim());
        const numbers = calls.split(' ').map((part, i) => (i === 0 || i === 6 ? part : Number(part)));
        let countdown = numbers[5], second = -2;
        const trace = [];
        const first = run(tree, threads[0], numbers.slice(0, 5), trace, () => {
            if (countdown-- === 0) {
                trace.push('(');
                second = run(tree, threads[1], numbers.slice(6), trace, () => {});
                trace.push(')');
            }
        });
        const is = [trace.join(' '), `${first} ${second}`,
                    tree.words.flat().map((w) => w.toString(16)).join(' ')];
        lines++;
        failed += (accesses.match(/-/g) || []).length;
        if (is[0] !== accesses || is[1] !== results || is[2] !== words) {
            wrong.push(`line ${lines}: ${line}`, `the model: ${is.join(' = ')}`);
            break; // all after it differs
        }
    }
    return {lines, failed, wrong};
}

if (typeof module !== 'undefined') {
    module.exports = {checkWords, checkAccesses};
}
