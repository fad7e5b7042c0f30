// The past runs of all replicas, from the database.

import { pastRuns as read, untilDone } from './api.js';
import { reasonWord } from './chart.js';
import { el, mark } from './dom.js';
import { duration, moment, number } from './format.js';

const MARKS = { RUNNING: 'busy', VERIFIED: 'good', FAILED: 'bad', ABANDONED: 'warn' };

/** The region of them; `show` takes each new report, and reads them again where a run has begun or ended. */
export function pastRuns(signal) {
  const node = el('div', {}, el('p', { class: 'quiet' }, 'Loading…'));
  let shownFor;

  async function show({ open, since }) {
    if (!open) {
      node.replaceChildren(el('p', { class: 'quiet' }, 'They are read when the gate is open.'));
      return;
    }
    if (since === shownFor) {
      return;
    }
    shownFor = since;
    try {
      const { data } = await untilDone(() => read(signal), signal, () => {});
      if (since === shownFor) {
        node.replaceChildren(listOf(data));
      }
    } catch (failure) {
      if (failure.name !== 'AbortError') {
        node.replaceChildren(el('p', { class: 'reason' }, failure.message));
      }
    }
  }

  return { node, show };
}

function listOf(runs) {
  return runs.length === 0
    ? el('p', { class: 'quiet' }, 'No run has had anything to do yet.')
    : el('ol', { class: 'runs' }, ...runs.map(item));
}

function item({ host, startedAt, endedAt, state, found, healed, reasons, seconds }) {
  const why = Object.entries(reasons)
    .filter(([, n]) => n > 0)
    .map(([reason, n]) => `${number(n)} ${reasonWord(reason)}`)
    .join(', ');
  return el(
    'li',
    {},
    el('p', { class: 'sign' }, mark(MARKS[state] ?? 'unknown'), el('strong', {}, state)),
    el('div', {},
      el('p', {}, `${number(found)} found, ${number(healed)} conversations healed${why ? `: ${why}` : ''}.`),
      el('p', { class: 'quiet' }, 'By ', el('code', {}, host), endedAt ? `, writing for ${duration(seconds)}.` : '.')),
    el('p', { class: 'quiet when' }, moment(startedAt)),
  );
}
