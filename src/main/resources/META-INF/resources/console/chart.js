// What was found and healed, by reason: a table with a bar in each row, which screen readers can read.

import { el, svg } from './dom.js';
import { number } from './format.js';

const REASONS = {
  missing: 'missing',
  null: 'null',
  blank: 'blank',
  'binary-uuid': 'binary UUID',
  'not-a-string': 'not a string',
  duplicate: 'duplicate',
};

/** The readable form of a reason. */
function reasonWord(reason) {
  return REASONS[reason] ?? reason;
}

/** A chart of `{found, healedByReason}`, each by reason; without `healedByReason` it shows only what was found. */
export function reasonChart(run) {
  if (!run) {
    return el('p', { class: 'quiet' }, 'No run has started yet.');
  }
  const { found, healedByReason: healed } = run;
  const most = Math.max(...Object.values(found), 1);
  const rows = Object.keys(REASONS).map((reason) => el(
    'tr',
    {},
    el('th', { scope: 'row' },
      el('div', { class: 'reason-bar' }, el('span', {}, reasonWord(reason)), bar(found[reason] ?? 0, healed?.[reason] ?? 0, most))),
    el('td', { class: 'number' }, number(found[reason] ?? 0)),
    healed && el('td', { class: 'number' }, number(healed[reason] ?? 0)),
  ));
  const head = el('tr', {},
    el('th', { scope: 'col' }, 'Reason'),
    el('th', { scope: 'col', class: 'number' }, swatch('found'), 'Found'),
    healed && el('th', { scope: 'col', class: 'number' }, swatch('healed'), 'Healed'));
  const nothing = Object.values(found).every((n) => n === 0);
  return [
    el('table', { class: 'chart' }, el('thead', {}, head), el('tbody', {}, ...rows)),
    healed && nothing ? el('p', { class: 'quiet' }, 'The last run of this process found nothing broken.') : null,
  ].filter(Boolean);
}

function bar(found, healed, most) {
  const width = (n) => (n === 0 ? 0 : Math.max(0.8, (100 * n) / most));
  return svg(
    'svg',
    { viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('rect', { class: 'ground', width: 100, height: 10 }),
    svg('rect', { class: 'found', width: width(found), height: 10 }),
    svg('rect', { class: 'healed', width: width(healed), height: 10 }),
  );
}

function swatch(kind) {
  return svg('svg', { class: 'swatch', viewBox: '0 0 10 10', 'aria-hidden': 'true' },
    svg('rect', { class: kind, width: 10, height: 10, rx: 2 }));
}
