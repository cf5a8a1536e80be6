// SPDX-License-Identifier: MIT
//
// Words, trees and steps as elements of the page.
'use strict';

const CODE_CLASSES = ['held', 'last', 'free', 'open'];
const LANE_NAMES = ['A', 'B', 'C', '·'];

function element(tag, className, ...children) {
    const e = document.createElement(tag);
    if (className) {
        e.className = className;
    }
    e.append(...children);
    return e;
}

function tagText(w, level) {
    const tag = word.tag(w, level);
    return tag === 0n ? 'tag 0' : `tag ${tag >> BigInt(LANE_BITS)}${LANE_NAMES[Number(tag & 3n)]}`;
}

function codeName(code, level) {
    return code === OPEN && level === 0 ? 'HOLE' : CODE_NAMES[code];
}

// A word in plain text: "OPEN FREE FREE FREE, version 3".
function wordText(w, level) {
    const version = level ? `, version ${word.version(w, level)}` : '';
    if (word.isEmpty(w)) {
        return `EMPTY ${KIND_NAMES[word.kind(w)]}, ${tagText(w, level)}${version}`;
    }
    return [0, 1, 2, 3].map((s) => codeName(word.code(w, s), level)).join(' ') + version;
}

function wordCells(w, level) {
    const cells = element('span', 'cells');
    if (word.isEmpty(w)) {
        cells.append(element('span', `cell empty kind-${KIND_NAMES[word.kind(w)].toLowerCase()}`,
            element('b', '', 'EMPTY'), word.kind(w) ? ` ${KIND_NAMES[word.kind(w)]}` : '',
            element('span', 'tag', ` ${tagText(w, level)}`)));
        return cells;
    }
    for (let slot = 0; slot < SLOTS; slot++) {
        const code = word.code(w, slot);
        const cell = element('span', `cell ${CODE_CLASSES[code]}`, codeName(code, level));
        cell.title = `slot ${slot}: ${codeName(code, level)}`;
        cells.append(cell);
    }
    return cells;
}

// A word by itself, as in the log: its slots, and its version.
function wordChip(w, level) {
    const chip = element('span', 'chip', wordCells(w, level));
    if (level) {
        chip.append(element('span', 'version', `v${word.version(w, level)}`));
    }
    chip.setAttribute('role', 'img');
    chip.setAttribute('aria-label', wordText(w, level));
    return chip;
}

// ------------------------------------------------------------------------------ NBBS's words ----

const NBBS_MARKS = [['COAL◂', COAL_LEFT, 'coal'], ['OCC◂', OCC_LEFT, 'last'],
                    ['▸OCC', OCC_RIGHT, 'last'], ['▸COAL', COAL_RIGHT, 'coal']];

function nbbsText(w) {
    if (w & OCC) {
        return 'allocated';
    }
    const names = ['COAL left', 'OCC left', 'OCC right', 'COAL right'];
    const set = NBBS_MARKS.map(([, bit], i) => (w & bit ? names[i] : null)).filter(Boolean);
    return set.length ? set.join(', ') : 'all free';
}

function nbbsCells(w, isPage) {
    const cells = element('span', 'cells');
    if (isPage || w & OCC) {
        cells.append(element('span', `cell ${w & OCC ? 'last' : 'free'}`, w & OCC ? 'BUSY' : 'free'));
        return cells;
    }
    for (const [name, bit, className] of NBBS_MARKS) {
        cells.append(element('span', `cell ${w & bit ? className : 'off'}`, name));
    }
    return cells;
}

function nbbsChip(w, isPage) {
    const chip = element('span', 'chip', nbbsCells(w, isPage));
    chip.setAttribute('role', 'img');
    chip.setAttribute('aria-label', nbbsText(w));
    return chip;
}

// ------------------------------------------------------------------------------------- trees ----

// What lies where, as rows of {node, first, pages}.
function rowsOf(session) {
    if (session.isNbbs) {
        return [1, 2, 4].map((first) => [...Array(first).keys()].map((i) => ({
            node: {number: first + i}, first: i * NBBS_PAGES / first, pages: NBBS_PAGES / first})));
    }
    const rows = [];
    for (let level = session.tree.top; level >= 0; level--) {
        rows.push(session.tree.words[level].map((_, number) => ({
            node: {level, number}, first: number * nodePages(level), pages: nodePages(level)})));
    }
    return rows;
}

const sameNode = (a, b) => a.level === b.level && a.number === b.number;

function nodeBox(session, {node, first, pages}, changed) {
    const w = session.tree.wordOf(node);
    const box = element('div', 'node');
    box.style.gridColumn = `${first + 1} / span ${pages}`;
    const name = session.isNbbs ? nbbsNodeName(node.number) : nodeName(node, session.tree.top);
    const label = element('div', 'node-name', element('span', '', name.replace(/^the /, '')));
    if (!session.isNbbs && node.level) {
        label.append(element('span', 'version', `version ${word.version(w, node.level)}`));
    }
    box.append(label, session.isNbbs ? nbbsCells(w, node.number >= NBBS_PAGES) : wordCells(w, node.level));
    box.setAttribute('role', 'group');
    box.setAttribute('aria-label', `${name}: ${session.isNbbs ? nbbsText(w) : wordText(w, node.level)}`);
    if (!session.isNbbs && !session.tree.isSpoken(node)) {
        box.classList.add('silent');
        box.title = 'The slot above is closed, so this word says nothing.';
    }
    if (changed && sameNode(changed, node)) {
        box.classList.add('changed');
    }
    const visitors = element('div', 'visitors');
    for (const actor of session.actors) {
        const next = actor.next();
        if (next && sameNode(next.node, node)) {
            const badge = element('span', `badge thread-${actor.name}`, actor.name);
            badge.title = `thread ${actor.name} is about to ${next.op === 'load' ? 'read' : 'change'} this word`;
            visitors.append(badge);
        }
    }
    box.append(visitors);
    return box;
}

function pageCells(session, onPick) {
    const row = element('div', 'row pages');
    for (let page = 0; page < session.tree.pages; page++) {
        const owners = session.ownerOf(page);
        const owner = owners.length ? owners[owners.length - 1] : null;
        const cell = element(onPick && owner ? 'button' : 'div', 'page', String(page));
        if (owner) {
            cell.classList.add(`thread-${owner.owner}`, 'used');
            cell.classList.toggle('starts', owner.page === page);
            cell.title = `page ${page}: ${owner.owner === 'S' ? 'in use' : `thread ${owner.owner}’s`}`;
        }
        if (owners.length > 1) {
            cell.classList.add('twice');
        }
        if (onPick && owner) {
            cell.title = `release ${pagesText(owner.page, owner.pages)}`;
            cell.setAttribute('aria-label', cell.title);
            cell.addEventListener('click', () => onPick(owner));
        }
        row.append(cell);
    }
    return row;
}

function drawTree(session, onPick) {
    const tree = element('div', 'tree');
    tree.style.setProperty('--pages', session.tree.pages);
    tree.classList.toggle('large', session.tree.pages > 16);
    tree.classList.toggle('small', session.tree.pages < 16);
    const last = session.steps[session.steps.length - 1];
    const changed = last && last.request && last.before !== last.after ? last.request.node : null;
    for (const nodes of rowsOf(session)) {
        const row = element('div', 'row');
        row.append(...nodes.map((n) => nodeBox(session, n, changed)));
        tree.append(row);
    }
    tree.append(pageCells(session, onPick));
    return tree;
}

// ------------------------------------------------------------------------------------- steps ----

const OPERATIONS = {load: 'read', cas: 'compare-and-swap', or: 'fetch-or', store: 'store'};

function chipOf(session, node, w) {
    return session.isNbbs ? nbbsChip(w, node.number >= NBBS_PAGES) : wordChip(w, node.level);
}

function nameIn(session, node) {
    return session.isNbbs ? nbbsNodeName(node.number) : nodeName(node, session.tree.top);
}

// Why a compare-and-swap failed.
function failure(session, request, found) {
    if (session.isNbbs) {
        return 'the word isn’t what was read';
    }
    const {node, expected} = request;
    const moved = word.version(found, node.level) - word.version(expected, node.level);
    if (moved) {
        return `the version is ${word.version(found, node.level)}, not ${word.version(expected, node.level)}`;
    }
    if (word.isEmpty(found) && word.isEmpty(expected)) {
        return `${tagText(found, node.level)} is there, not ${tagText(expected, node.level)}`;
    }
    return word.isEmpty(expected) ? 'the node isn’t EMPTY any more' : 'other slots have changed';
}

function outcomeText(session, step) {
    const {request} = step;
    if (request.op === 'load') {
        return `It reads ${session.isNbbs ? nbbsText(step.before) : wordText(step.before, request.node.level)}.`;
    }
    if (request.op !== 'cas') {
        return 'Done.';
    }
    return step.done ? 'It succeeds.' : `It fails: ${failure(session, request, step.before)}.`;
}

function stepEntry(session, step, number, says) {
    const entry = element('li', `step thread-${step.thread}`);
    const head = element('div', 'step-head', element('span', `badge thread-${step.thread}`, step.thread),
        element('span', 'number', String(number)));
    if (step.request) {
        head.append(element('span', 'access', `${OPERATIONS[step.request.op]} ${nameIn(session, step.request.node)}`));
    }
    entry.append(head);
    if (step.begins) {
        entry.append(element('p', 'call', `begins: ${step.call}`));
    }
    if (step.request) {
        const {op, node} = step.request;
        const words = element('div', 'words', chipOf(session, node, step.before));
        if (op !== 'load') {
            words.append(element('span', 'arrow', step.done ? '→' : '↛'),
                chipOf(session, node, step.done ? step.after : step.request.next));
        }
        entry.append(element('p', 'why', step.request.why), words,
            element('p', step.done ? 'outcome' : 'outcome failed', outcomeText(session, step)));
    }
    if (step.ended) {
        entry.append(element('p', 'ended', `Ends: ${step.ended}`));
    }
    if (step.broken || step.fault) {
        entry.append(element('p', 'broken', `Broken: ${step.broken || step.fault}.`));
    }
    if (says) {
        entry.append(element('p', 'says', says));
    }
    return entry;
}
