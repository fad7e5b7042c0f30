// The view of the invariant: its state, the run under way, what was healed and why, what holds it, and the past runs.

import { heal, integrityEvents, integrityReport } from './api.js';
import { ask } from './ask.js';
import { reasonChart } from './chart.js';
import { card, el, mark, region } from './dom.js';
import { follow } from './events.js';
import { moment, number } from './format.js';
import { layers } from './layers.js';
import { progress } from './progress.js';
import { pastRuns } from './runs.js';

const MARKS = { PENDING: 'unknown', RUNNING: 'busy', VERIFIED: 'good', FAILED: 'bad', UNCHECKED: 'warn' };

/** Shows the view in `main` until `signal` is aborted. */
export function integrityView(main, signal) {
  const state = el('div', { class: 'state' });
  const notice = el('p', { role: 'status', class: 'notice' });
  const buttons = Object.values(ACTIONS).map(button);
  const chart = el('div', { class: 'stack' });
  const rehearsal = el('div', { class: 'stack' });
  const database = el('div', { class: 'stack' });
  const guards = el('div');
  const live = el('p', { class: 'live', role: 'status' });
  const run = progress(signal);
  let asked;
  const runs = pastRuns(signal);

  main.replaceChildren(
    el('div', { class: 'title' }, el('h1', { tabindex: -1 }, 'Integrity'), live),
    el('section', { class: 'card hero', 'aria-label': 'State' },
      state, el('div', { class: 'actions' }, ...buttons), notice, run.node),
    el('div', { class: 'columns' },
      card('Found and healed, by reason', chart),
      card('In the database', database)),
    rehearsal,
    card('What holds it, layer by layer', guards),
    card('Past runs', runs.node),
  );

  const showState = region(state, stateOf);
  const showChart = region(chart, reasonChart);
  const showRehearsal = region(rehearsal, rehearsalOf);
  const showDatabase = region(database, databaseOf);
  const showGuards = region(guards, layers);

  function show(report) {
    const { state, open, since, reason } = report;
    showState({ state, open, since, reason });
    buttons.forEach((b) => { b.disabled = !open; });
    run.show(report);
    showChart(report.progress ?? null);
    showRehearsal(report.rehearsal ?? null);
    showDatabase(report.indexes ? [report.indexes, report.validator, report.notEnforced, report.checkedAt] : null);
    const { progress: _, since: __, rehearsal: ___, ...checked } = report;
    showGuards(checked);
    runs.show(report);
    if (asked?.ended(report, asked.run)) {
      notice.textContent = asked.done;
      asked = null;
    }
  }

  function button(action) {
    const node = el('button', { type: 'button', class: action.dryRun ? 'plain' : null, disabled: true }, action.label);
    node.addEventListener('click', async () => {
      if (await ask(action.title, action.lines, action.verb, signal)) {
        try {
          const { run } = await heal(action.dryRun);
          notice.textContent = action.begun;
          asked = { ...action, run };
        } catch (failure) {
          notice.textContent = failure.message;
        }
      }
    });
    return node;
  }

  follow({
    url: () => integrityEvents,
    listeners: { integrity: show },
    check: () => integrityReport(signal),
    onLive: (isLive) => showLive(live, isLive),
    signal,
  });
}

/** Whether what is shown is what is so now. */
export function showLive(node, isLive) {
  const text = isLive ? 'Live' : 'Connection lost, coming back…';
  if (node.textContent !== text) {
    node.textContent = text;
    node.classList.toggle('lost', !isLive);
  }
}

function stateOf({ state, open, since, reason }) {
  return [
    el('div', { class: `word ${MARKS[state]}` }, mark(MARKS[state]), el('strong', { id: 'state' }, state)),
    el('p', {}, meaning(state, open)),
    reason && el('p', { class: 'reason' }, reason),
    el('p', { class: 'quiet' }, 'Since ', moment(since), '.'),
  ].filter(Boolean);
}

function meaning(state, open) {
  const shut = 'Until it is proved, every other route answers 503.';
  switch (state) {
    case 'PENDING':
      return `The stored conversations are about to be checked. ${shut}`;
    case 'RUNNING':
      return open
        ? 'A run is under way beside the traffic. The service stays open.'
        : `The stored conversations are being checked, and healed where they are broken. ${shut}`;
    case 'VERIFIED':
      return 'Every conversation has a sessionId and a conversationId of its own.';
    case 'FAILED':
      return open
        ? 'The heal that was asked for did not come to its end. The service stays open.'
        : `The last check failed, and is made again by itself. ${shut}`;
    default:
      return 'Nothing was checked, since conversations.integrity.on-start is off. Broken conversations may be there.';
  }
}

/** What can be asked for; `ended` tells from a report whether that run is over. */
const ACTIONS = {
  heal: {
    label: 'Heal now…',
    title: 'Heal now?',
    lines: [
      'Each conversation whose sessionId or conversationId is missing, null, blank, no string, or that of an older one is '
        + 'given a new one, and keeps a note of what was done. Unique indexes and the validator are made where they are not '
        + 'as declared.',
      'It writes to the database, beside the traffic. The service stays open whatever comes of it.',
    ],
    verb: 'Heal now',
    begun: 'The heal has begun.',
    done: 'The heal has ended.',
    dryRun: false,
    ended: ({ state, progress }, run) => state !== 'RUNNING' && progress.run === run,
  },
  rehearsal: {
    label: 'Rehearse…',
    title: 'Rehearse a heal?',
    lines: [
      'It counts what a heal would find, and writes nothing at all.',
      'Where the indexes do not vouch for the conversations, all of them are read, which the database will feel.',
    ],
    verb: 'Rehearse',
    begun: 'The rehearsal has begun.',
    done: 'The rehearsal has ended.',
    dryRun: true,
    ended: ({ rehearsal }, run) => rehearsal?.run === run && rehearsal.endedAt !== undefined,
  },
};

function databaseOf(found) {
  if (!found) {
    return el('p', { class: 'quiet' }, 'Not known before a check has succeeded.');
  }
  const [indexes, validator, notEnforced, checkedAt] = found;
  const rows = indexes.map((index) => el(
    'tr',
    {},
    el('th', { scope: 'row' }, el('code', {}, index.name)),
    el('td', {}, index.unique ? 'unique' : 'not unique'),
    el('td', {}, el('span', { class: 'sign' }, mark(index.ok ? 'good' : 'warn'), index.ok ? 'yes' : 'no')),
  ));
  return [
    el('table', {},
      el('thead', {}, el('tr', {}, ...['Index', 'Values', 'As declared'].map((name) => el('th', { scope: 'col' }, name)))),
      el('tbody', {}, ...rows)),
    el('dl', { class: 'facts' },
      el('div', {}, el('dt', {}, 'Validator'), el('dd', {}, el('strong', {}, validator), ` – ${VALIDATORS[validator] ?? ''}`)),
      notEnforced.length > 0
        ? el('div', {}, el('dt', {}, 'Not enforced'), el('dd', {}, `The server has no ${notEnforced.join(', ')}.`))
        : null),
    el('p', { class: 'quiet' }, 'As found ', moment(checkedAt), '.'),
  ];
}

const VALIDATORS = {
  strict: 'every write is held to the invariant',
  moderate: 'new and sound documents are held to it',
  warn: 'broken writes pass, and are logged at the server',
  none: 'the database itself refuses nothing',
};

function rehearsalOf(rehearsal) {
  if (!rehearsal) {
    return [];
  }
  const { startedAt, endedAt, reason, report } = rehearsal;
  const body = report ? rehearsed(report) : [el('p', {}, endedAt ? reason : 'It is under way.')];
  return card('Last rehearsal', ...body, el('p', { class: 'quiet' }, endedAt ? 'Ended ' : 'Begun ', moment(endedAt ?? startedAt), '.'));
}

function rehearsed(report) {
  const { left, duplicatesLeft, broken, conversationId } = report;
  if (left + duplicatesLeft === 0) {
    return [el('p', {}, 'A heal would find nothing to mend.')];
  }
  const found = { ...broken };
  Object.entries(conversationId.broken).forEach(([reason, n]) => { found[reason] = (found[reason] ?? 0) + n; });
  return [
    el('p', {}, `A heal would mend ${number(left + duplicatesLeft)} ids. Nothing was written.`),
    reasonChart({ found }),
  ];
}
