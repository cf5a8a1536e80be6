// SPDX-License-Identifier: MIT
//
// A stage: a tree, its threads, what they do next and what they did. The reader decides who makes the
// next step.
'use strict';

function button(text, className, onClick, key) {
    const b = element('button', className, text);
    b.type = 'button';
    if (key) {
        b.append(element('kbd', '', key));
    }
    b.addEventListener('click', onClick);
    return b;
}

class Stage {
    // `root` is filled; `options`: free: the reader adds calls; follow: an order is suggested.
    constructor(root, scenarios, options = {}) {
        this.root = root;
        this.scenarios = scenarios;
        this.options = options;
        root.classList.add('stage');
        root.addEventListener('keydown', (event) => this.onKey(event));
        this.parts = {
            choice: element('div', 'choice'), lead: element('p', 'lead'), tree: element('div', 'tree-frame'),
            verdict: element('p', 'verdict'), bar: element('div', 'bar'), cards: element('div', 'cards'),
            log: element('ol', 'log'), live: element('p', 'visually-hidden'),
        };
        this.parts.live.setAttribute('aria-live', 'polite');
        const {choice, lead, tree, verdict, bar, cards, log, live} = this.parts;
        const logFrame = element('div', 'log-frame', element('h3', '', 'What has happened'), log);
        root.append(choice, lead, element('div', 'columns',
            element('div', 'board', tree, verdict, bar, cards), logFrame), live);
        this.drawChoice();
        this.open(scenarios[0]);
    }
    open(scenario) {
        this.session = new Session(scenario);
        this.draw();
    }
    drawChoice() {
        if (this.scenarios.length < 2) {
            return;
        }
        const select = element('select', '');
        select.setAttribute('aria-label', 'scenario');
        this.scenarios.forEach((s, i) => select.append(new Option(s.title, i)));
        select.addEventListener('change', () => this.open(this.scenarios[select.value]));
        this.parts.choice.append(element('label', '', 'Scenario ', select));
    }

    // ---------------------------------------------------------------------- what one can do ----

    step(name) {
        if (this.session.step(name)) {
            this.draw();
        }
    }
    next() {
        const suggested = this.session.suggested();
        if (suggested) {
            this.step(suggested);
        }
    }
    // Lets a thread finish the call that it is in.
    finish(name) {
        const actor = this.session.actor(name);
        let step = this.session.step(name);
        while (step && !step.ended && !actor.isIdle()) {
            step = this.session.step(name);
        }
        this.draw();
    }
    back() {
        this.session.back();
        this.draw();
    }
    restart() {
        this.session.restart();
        this.draw();
    }
    call(name, call) {
        this.session.add(name, call);
        if (this.options.whole && this.options.whole()) {
            this.finish(name);
        } else {
            this.draw();
        }
    }
    onKey(event) {
        if (event.ctrlKey || event.altKey || event.metaKey || /^(INPUT|SELECT)$/.test(event.target.tagName)) {
            return;
        }
        const key = event.key.toUpperCase();
        const actions = {N: () => this.next(), ArrowRight: () => this.next(), U: () => this.back(),
                         ArrowLeft: () => this.back(), R: () => this.restart()};
        const action = actions[key] || actions[event.key] ||
            (this.session.actor(key) ? () => this.step(key) : null);
        if (action) {
            event.preventDefault();
            action();
        }
    }

    // -------------------------------------------------------------------------------- drawing ----

    draw() {
        const {session, parts} = this;
        const held = document.activeElement && this.root.contains(document.activeElement)
            ? document.activeElement.dataset.action : null;
        parts.lead.textContent = session.scenario.lead;
        parts.tree.replaceChildren(drawTree(session, this.options.onPick &&
            ((run) => this.options.onPick(this, run))));
        this.drawVerdict();
        this.drawBar();
        parts.cards.replaceChildren(...session.actors.map((actor) => this.card(actor)));
        this.drawLog();
        if (held) { // drawn anew, a button would lose the focus
            const again = this.root.querySelector(`[data-action="${held}"]`);
            (again && !again.disabled ? again : this.root.querySelector('.bar button:not(:disabled)') || this.root).focus();
        }
    }
    drawVerdict() {
        const broken = this.session.steps.map((s) => s.broken || s.fault).find(Boolean);
        this.parts.verdict.className = `verdict ${broken ? 'bad' : 'good'}`;
        this.parts.verdict.textContent = broken ? `Broken: ${broken}.`
            : 'No page has two owners' + (this.session.isNbbs ? '.' : ', and every live node lies under an OPEN slot.');
    }
    drawBar() {
        const {session} = this;
        const suggested = session.suggested();
        const mark = (b, action, disabled) => {
            b.dataset.action = action;
            b.disabled = disabled;
            return b;
        };
        const items = [];
        if (session.scenario.order) {
            const text = suggested ? `Next: ${suggested}` : session.steps.length ? 'End of the story' : 'Next';
            items.push(mark(button(text, `next ${suggested ? `thread-${suggested}` : ''}`, () => this.next(), 'N'), 'next', !suggested));
        }
        items.push(mark(button('Back', '', () => this.back(), 'U'), 'back', session.choices.length === 0));
        items.push(mark(button('Restart', '', () => this.restart(), 'R'), 'restart', session.choices.length === 0));
        items.push(element('span', 'count', `step ${session.steps.length}${session.scenario.order ? ` of ${session.scenario.order.length}` : ''}`));
        if (session.scenario.order && !suggested && session.steps.length < session.scenario.order.length) {
            items.push(element('span', 'count', 'your own order'));
        }
        this.parts.bar.replaceChildren(...items);
    }
    card(actor) {
        const {session} = this;
        const next = actor.next();
        const idle = actor.isIdle();
        const card = element('article', `card thread-${actor.name}`);
        const doing = actor.call ? actor.describe(actor.call) : 'nothing left to do';
        card.append(element('h4', '', element('span', `badge thread-${actor.name}`, actor.name), doing));
        if (next) {
            card.append(element('p', 'why', next.why));
            card.append(this.preview(next));
        } else if (!idle) {
            card.append(element('p', 'why', actor.pending.value.text));
        }
        const queue = actor.calls.map((call) => actor.describe(call));
        if (queue.length) {
            card.append(element('p', 'queue', `then: ${queue.join('; ')}`));
        }
        const step = button(`Step ${actor.name}`, 'step-button', () => this.step(actor.name), actor.name);
        step.dataset.action = `step-${actor.name}`;
        step.disabled = idle;
        const rest = button('Whole call', 'quiet', () => this.finish(actor.name));
        rest.dataset.action = `finish-${actor.name}`;
        rest.disabled = idle;
        card.append(element('div', 'card-buttons', step, rest));
        if (session.scenario.free) {
            card.append(this.callButtons(actor));
        }
        return card;
    }
    // Where the reader says what threads do.
    callButtons(actor) {
        const open = (session) => session.tree.words[0].map((_, number) => ({level: 0, number}))
            .filter((leaf) => session.tree.isSpoken(leaf));
        const choices = [['1 page', () => [{alloc: 1}]], ['4 pages', () => [{alloc: 4}]], ['run of 6', () => [{alloc: 6}]],
                         ['release', () => [{free: 'own'}]],
                         ['drain', () => open(this.session).map((leaf) => ({merge: leaf}))]];
        const row = element('div', 'card-buttons', element('span', 'count', 'give it:'));
        for (const [text, calls] of choices) {
            const b = button(text, 'quiet', () => {
                calls().forEach((call) => this.session.add(actor.name, call));
                this.draw();
            });
            b.dataset.action = `give-${actor.name}-${text.replace(/ /g, '-')}`;
            row.append(b);
        }
        return row;
    }
    // The access to come: what it would do, and whether it would succeed now.
    preview(next) {
        const {session} = this;
        const found = session.tree.wordOf(next.node);
        const preview = element('div', 'preview', element('p', 'access',
            `${OPERATIONS[next.op]} ${nameIn(session, next.node)}`));
        if (next.op === 'cas') {
            const good = found === next.expected;
            preview.append(element('div', 'words', element('span', 'word-label', 'expects'), chipOf(session, next.node, next.expected)),
                element('div', 'words', element('span', 'word-label', 'writes'), chipOf(session, next.node, next.next)),
                element('p', good ? 'would good' : 'would bad', good ? 'would succeed now'
                    : `would fail now: ${failure(session, next, found)}`));
        }
        return preview;
    }
    drawLog() {
        const {session, parts} = this;
        const follows = session.steps.every((s, i) => s.thread === (session.scenario.order || '')[i]);
        const entries = session.steps.map((step, i) =>
            stepEntry(session, step, i + 1, follows && session.scenario.says ? session.scenario.says[i + 1] : null));
        parts.log.replaceChildren(...entries.reverse()); // the newest first: it stays in sight
        if (!entries.length) {
            parts.log.append(element('li', 'nothing', this.options.nothing ||
                'Nothing yet. “Next” follows the story; “Step A” or “Step B” lets that thread make its next access, in any order you like.'));
        }
        parts.live.textContent = entries.length ? entries[0].textContent : '';
    }
}
