// SPDX-License-Identifier: MIT
//
// Puts the page's three stages in place.
'use strict';

const ALONE = {
    16: {id: 'alone', title: '', kind: 'lfb', top: 1, threads: {A: []},
         lead: 'Sixteen pages, all free: the top node is EMPTY, as zero-filled memory is, and nothing below it speaks.'},
    64: {id: 'alone-64', title: '', kind: 'lfb', top: 2, threads: {A: []},
         lead: 'Sixty-four pages on three levels, all free. A page now takes two splits, and its release two merges.'},
};

function aloneTools(stage) {
    const tools = element('div', 'tools');
    const length = element('input', '');
    Object.assign(length, {type: 'number', min: 1, max: 64, value: 5, id: 'run-length'});
    const allocate = (pages) => stage().call('A', {alloc: pages});
    const blocks = element('div', 'group', element('span', 'group-name', 'Allocate a block of'));
    for (const order of [0, 1, 2, 3, 4]) {
        const b = button(`${1 << order}`, '', () => allocate(1 << order));
        b.title = `order ${order}: ${1 << order} page${order ? 's' : ''}`;
        b.setAttribute('aria-label', `allocate ${1 << order} page${order ? 's' : ''}`);
        b.dataset.action = `order-${order}`;
        blocks.append(b);
    }
    const run = element('form', 'group', element('label', 'group-name', 'or a run of '), length,
        button('Allocate', '', () => {}));
    run.firstChild.htmlFor = 'run-length';
    run.lastChild.type = 'submit';
    run.addEventListener('submit', (event) => {
        event.preventDefault();
        const pages = Math.floor(length.valueAsNumber);
        if (pages >= 1 && pages <= 64) {
            allocate(pages);
        }
    });
    const whole = element('input', '');
    Object.assign(whole, {type: 'checkbox', id: 'whole-calls'});
    const wholeLabel = element('label', '', ' whole calls at once');
    wholeLabel.htmlFor = 'whole-calls';
    const size = element('select', '', new Option('16 pages, two levels', 16), new Option('64 pages, three levels', 64));
    size.setAttribute('aria-label', 'size of the range');
    size.addEventListener('change', () => stage().open(ALONE[size.value]));
    tools.append(blocks, run, element('div', 'group', whole, wholeLabel), element('div', 'group', size));
    return {tools, isWhole: () => whole.checked};
}

function startAlone(root) {
    let stage = null;
    const {tools, isWhole} = aloneTools(() => stage);
    root.append(tools);
    stage = new Stage(root, [ALONE[16]], {
        whole: isWhole,
        onPick: (where, run) => {
            const waiting = where.session.actor('A').calls.some((call) => call.free === run.page);
            if (!waiting) {
                where.call('A', {free: run.page});
            }
        },
        nothing: 'Nothing yet. Allocate something above, then take it step by step. Click a page in use to release its run.',
    });
}

document.addEventListener('DOMContentLoaded', () => {
    startAlone(document.getElementById('alone'));
    const race = new Stage(document.getElementById('race'), RACES);
    const ancestor = new Stage(document.getElementById('ancestor'), [ANCESTOR, SAME_ON_LFBUDDY]);
    // Keys reach the stage that has the focus; without one, the stage in the middle of the window.
    document.addEventListener('keydown', (event) => {
        if (event.target === document.body) {
            const stage = [race, ancestor].find(({root}) => {
                const box = root.getBoundingClientRect();
                return box.top < window.innerHeight / 2 && box.bottom > window.innerHeight / 2;
            });
            if (stage && !event.key.startsWith('Arrow')) {
                stage.onKey(event);
            }
        }
    });
});
