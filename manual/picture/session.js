// SPDX-License-Identifier: MIT
//
// Threads, their calls, and the order in which they get on: a scenario played step by step. A step
// is one access of one thread. Generators can't be copied, so to go back is to play anew.
//
// A scenario: {kind: 'lfb' or 'nbbs', top, setup: [calls] or {calls: {thread: [calls]}, order},
// threads: {A: [calls], ...}, order: 'AAB...', says: {step: text}}. A call: {alloc: pages, in: node,
// at: page}, {free: page}, {free: 'own'}, {merge: node}.
'use strict';

const THREAD_NAMES = ['A', 'B', 'C'];
const SETUP_LANE = 3;

const pagesText = (page, pages) => (pages === 1 ? `page ${page}` : `pages ${page}–${page + pages - 1}`);

class Actor {
    constructor(session, name, lane, calls) {
        this.session = session;
        this.name = name;
        this.thread = session.isNbbs ? new NbbsThread(session.tree) : new Thread(session.tree, lane);
        this.calls = [...calls];
        this.own = [];      // {page, pages} that this thread has
        this.call = null;   // under way
        this.begun = false; // whether it has made an access
    }
    describe(call) {
        if (call.alloc) {
            const size = call.alloc === 1 ? '1 page' : `${call.alloc} pages`;
            const place = call.at !== undefined ? ` at page ${call.at}`
                : call.in ? ` in ${this.thread.name(call.in)}` : '';
            return `allocate ${size}${place}`;
        }
        if (call.merge) {
            return `drain: merge ${this.thread.name(call.merge)}`;
        }
        return `release ${this.isOwn(call) ? 'what it allocated' : `page ${call.free}`}`;
    }
    isOwn(call) {
        return call.free === 'own';
    }
    pageOf(call) {
        return this.isOwn(call) ? (this.own.length ? this.own[this.own.length - 1].page : null) : call.free;
    }
    * start(call) {
        if (call.merge) {
            return {text: yield* this.thread.coalesce(call.merge)};
        }
        if (call.alloc) {
            return yield* this.allocate(call);
        }
        const page = this.pageOf(call);
        if (page === null) {
            return {text: 'Nothing to release.'};
        }
        const run = this.session.runAt(page); // it is the caller's until now, and no longer
        const {status, outcome} = yield* this.thread.freeRun(page);
        const what = run ? pagesText(run.page, run.pages) : `page ${page}`;
        return {text: `${what}: ${status}. ${outcome || ''}`.trim()};
    }
    * allocate(call) {
        let page;
        if (call.at !== undefined && this.session.isNbbs) {
            page = yield* this.thread.allocAt(call.at, call.alloc);
        } else if (call.at !== undefined) {
            page = (yield* this.thread.claim(call.at, call.at + call.alloc)) ? call.at : null;
        } else if (call.in) {
            const group = orderOf(call.alloc) - slotOrder(call.in.level);
            page = yield* this.thread.take(call.in, group, call.alloc / slotPages(call.in.level));
        } else {
            page = yield* this.thread.alloc(call.alloc);
        }
        if (page === null) {
            return {text: call.in || call.at !== undefined ? 'In use: a search goes on elsewhere.' : 'LFB_NONE: no such block is free.'};
        }
        return {got: {page, pages: call.alloc}, text: `${pagesText(page, call.alloc)} allocated.`};
    }
    // The access that this thread would make next; null: it has nothing to do.
    next() {
        if (this.call === null && this.calls.length) {
            this.call = this.calls.shift();
            this.begun = false;
        }
        if (this.call === null) {
            return null;
        }
        if (!this.begun) { // where it looks depends on what it finds when it begins
            this.generator = this.start(this.call);
            this.pending = this.generator.next();
        }
        return this.pending.done ? null : this.pending.value;
    }
    isIdle() {
        this.next();
        return this.call === null;
    }
    step() {
        const request = this.next();
        const call = this.call;
        if (call === null) {
            return null;
        }
        const record = {thread: this.name, call: this.describe(call), begins: !this.begun};
        if (request === null) { // it ended without an access
            this.finish(record, this.pending.value);
            return record;
        }
        if (!this.begun && call.free !== undefined) {
            this.session.disown(this.pageOf(call));
        }
        this.begun = true;
        const before = this.session.tree.wordOf(request.node);
        const answer = this.session.tree.access(request);
        Object.assign(record, {request, before, after: this.session.tree.wordOf(request.node),
            done: request.op === 'cas' ? answer.done : true});
        this.pending = this.generator.next(answer);
        if (this.pending.done) {
            this.finish(record, this.pending.value);
        }
        return record;
    }
    finish(record, result) {
        record.ended = result.text;
        if (result.got) {
            record.broken = this.session.take(this, result.got);
        }
        this.call = null;
        this.begun = false;
        this.pending = null;
    }
}

class Session {
    constructor(scenario) {
        this.scenario = scenario;
        this.isNbbs = scenario.kind === 'nbbs';
        this.extra = {}; // calls that the reader added, by thread
        this.restart();
    }
    restart(choices = []) {
        this.tree = this.isNbbs ? new NbbsTree() : new Tree(this.scenario.top);
        this.runs = [];  // live: {page, pages, owner}
        this.choices = [];
        this.steps = [];
        this.setUp(this.scenario.setup || []);
        this.actors = Object.entries(this.scenario.threads).map(([name, calls], lane) =>
            new Actor(this, name, lane, calls));
        choices.forEach((choice) => this.replay(choice));
    }
    setUp(setup) {
        const programs = Array.isArray(setup) ? {S: setup} : setup.calls;
        const actors = Object.entries(programs).map(([name, calls]) => new Actor(this, name, SETUP_LANE, calls));
        actors.slice(1).forEach((actor) => { actor.thread = actors[0].thread; }); // one counter of tags
        for (const name of setup.order || '') {
            actors.find((actor) => actor.name === name).step();
        }
        for (const actor of actors) {
            while (!actor.isIdle()) {
                actor.step();
            }
        }
        this.runs.forEach((run) => { run.owner = 'S'; });
    }
    replay(choice) {
        if (choice.add) {
            this.add(choice.thread, choice.add);
        } else {
            this.step(choice.thread);
        }
    }
    actor(name) {
        return this.actors.find((actor) => actor.name === name);
    }
    add(name, call) {
        this.actor(name).calls.push(call);
        this.choices.push({thread: name, add: call});
    }
    step(name) {
        const record = this.actor(name).step();
        if (record) {
            record.fault = this.tree.fault();
            this.choices.push({thread: name});
            this.steps.push(record);
        }
        return record;
    }
    back() {
        const choices = this.choices.slice(0, -1);
        while (choices.length && choices[choices.length - 1].add) {
            choices.pop();
        }
        this.restart(choices);
    }
    // The thread whose turn it is by the scenario; null: the order is left, or at its end.
    suggested() {
        const order = this.scenario.order || '';
        const followed = this.steps.every((step, i) => step.thread === order[i]);
        return followed && this.steps.length < order.length ? order[this.steps.length] : null;
    }
    runAt(page) {
        return this.runs.find((run) => run.page === page);
    }
    ownerOf(page) {
        return this.runs.filter((run) => page >= run.page && page < run.page + run.pages);
    }
    disown(page) {
        const run = this.runAt(page);
        this.runs = this.runs.filter((each) => each !== run);
        this.actors && this.actors.forEach((a) => { a.own = a.own.filter((each) => each !== run); });
    }
    // An allocation has returned. Returns what is broken by that; null: nothing.
    take(actor, {page, pages}) {
        const run = {page, pages, owner: actor.name};
        const over = this.runs.find((r) => page < r.page + r.pages && r.page < page + pages);
        this.runs.push(run);
        actor.own.push(run);
        return over ? `${pagesText(page, pages)} handed out over ${pagesText(over.page, over.pages)}, which is in use` : null;
    }
}
