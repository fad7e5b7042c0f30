// The integrity view: the state, the current run, what was healed and why, and the layers that enforce the invariant.

import { heal, integrityEvents, integrityReport } from './api.js';
import { ask } from './ask.js';
import { reasonChart } from './chart.js';
import { card, el, fact, mark, region, showLive } from './dom.js';
import { follow } from './events.js';
import { moment, number } from './format.js';
import { layers } from './layers.js';
import { lookUp } from './lookup.js';
import { progress } from './progress.js';

const MARKS = { PENDING: 'unknown', RUNNING: 'busy', VERIFIED: 'good', FAILED: 'bad', UNCHECKED: 'warn' };

/** Shows the view in `main` until `signal` is aborted. */
export function integrityView(main, signal) {
  const state = el('div', { class: 'state' });
  const notice = el('p', { role: 'status', class: 'notice' });
  const buttons = Object.values(ACTIONS).map(button);
  const chart = el('div', { class: 'stack' });
  const dryRun = el('div', { class: 'stack' });
  const database = el('div', { class: 'stack' });
  const guards = el('div');
  const live = el('p', { class: 'live', role: 'status' });
  const run = progress(signal);
  let asked;

  main.replaceChildren(
    el('div', { class: 'title' }, el('h1', { tabindex: -1 }, 'Integrity'), live),
    el('section', { class: 'card hero', 'aria-label': 'State' },
      state, el('div', { class: 'actions' }, ...buttons), notice, run.node),
    el('div', { class: 'columns' },
      card('Found and healed, by reason', chart),
      card('In the database', database)),
    dryRun,
    card('Layers that enforce the invariant', guards),
    card('Find a conversation', lookUp(signal)),
  );

  const showState = region(state, stateOf);
  const showChart = region(chart, reasonChart);
  const showDryRun = region(dryRun, dryRunOf);
  const showDatabase = region(database, databaseOf);
  const showGuards = region(guards, layers);

  function show(report) {
    const { state, open, since, reason } = report;
    showState({ state, open, since, reason });
    buttons.forEach((b) => { b.disabled = !open; });
    run.show(report);
    showChart(report.progress ?? null);
    showDryRun(report.dryRun ?? null);
    showDatabase(report.indexes ? [report.indexes, report.validator, report.notEnforced, report.checkedAt] : null);
    const { progress: _, since: __, dryRun: ___, ...checked } = report;
    showGuards(checked);
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

function stateOf({ state, open, since, reason }) {
  return [
    el('div', { class: `word ${MARKS[state]}` }, mark(MARKS[state]), el('strong', { id: 'state' }, state)),
    el('p', {}, meaning(state, open)),
    reason && el('p', { class: 'reason' }, reason),
    el('p', { class: 'quiet' }, 'Since ', moment(since), '.'),
  ].filter(Boolean);
}

function meaning(state, open) {
  const shut = 'Until the check succeeds, every other route answers 503.';
  switch (state) {
    case 'PENDING':
      return `The service is about to check the stored conversations. ${shut}`;
    case 'RUNNING':
      return open
        ? 'A heal is running. The service stays open.'
        : `The service is checking the stored conversations and heals what is broken. ${shut}`;
    case 'VERIFIED':
      return 'Every conversation has a unique sessionId and conversationId.';
    case 'FAILED':
      return open
        ? 'The requested heal failed. The service stays open.'
        : `The last check failed. The service retries it. ${shut}`;
    default:
      return 'The service checked nothing, because conversations.integrity.on-start is off. Some conversations may be broken.';
  }
}

/** The actions of the view. `ended` finds out from a report whether the run has ended. */
const ACTIONS = {
  heal: {
    label: 'Heal now…',
    title: 'Heal now?',
    lines: [
      'A heal gives each conversation a new sessionId or conversationId if the value is missing, null, blank, not a string or '
        + 'a duplicate. It records each repair in the conversation, and creates the unique indexes and the validator if they '
        + 'are not as declared.',
      'It writes to the database while the service stays open, whatever the result is.',
    ],
    verb: 'Heal now',
    begun: 'The heal has started.',
    done: 'The heal has ended.',
    dryRun: false,
    ended: ({ state, progress }, run) => state !== 'RUNNING' && progress.run === run,
  },
  dryRun: {
    label: 'Dry run…',
    title: 'Start a dry run?',
    lines: [
      'A dry run counts what a heal would find, and writes nothing.',
      'If the indexes do not give the answer, it reads all conversations, which loads the database.',
    ],
    verb: 'Start dry run',
    begun: 'The dry run has started.',
    done: 'The dry run has ended.',
    dryRun: true,
    ended: ({ dryRun }, run) => dryRun?.run === run && dryRun.endedAt !== undefined,
  },
};

function databaseOf(found) {
  if (!found) {
    return el('p', { class: 'quiet' }, 'Unknown until a check succeeds.');
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
      fact('Validator', el('strong', {}, validator), ` – ${VALIDATORS[validator] ?? ''}`),
      notEnforced.length > 0
        ? fact('Not enforced', `The server lacks ${notEnforced.join(', ')}.`)
        : null),
    el('p', { class: 'quiet' }, 'Checked ', moment(checkedAt), '.'),
  ];
}

const VALIDATORS = {
  strict: 'checks every write',
  moderate: 'checks new and valid documents',
  warn: 'accepts and logs broken writes',
  none: 'the database rejects nothing',
};

function dryRunOf(dryRun) {
  if (!dryRun) {
    return [];
  }
  const { startedAt, endedAt, reason, report } = dryRun;
  const body = report ? resultOf(report) : [el('p', {}, endedAt ? reason : 'The dry run is running.')];
  return card('Last dry run', ...body, el('p', { class: 'quiet' }, endedAt ? 'Ended ' : 'Started ', moment(endedAt ?? startedAt), '.'));
}

function resultOf(report) {
  const { left, duplicatesLeft, broken, conversationId } = report;
  if (left + duplicatesLeft === 0) {
    return [el('p', {}, 'A heal would find nothing to repair.')];
  }
  const found = { ...broken };
  Object.entries(conversationId.broken).forEach(([reason, n]) => { found[reason] = (found[reason] ?? 0) + n; });
  return [
    el('p', {}, `A heal would repair ${number(left + duplicatesLeft)} ids. Nothing was written.`),
    reasonChart({ found }),
  ];
}
