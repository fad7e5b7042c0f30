// The layers that hold the invariant: what each does, what is known of it, and from when that is.

import { el, mark } from './dom.js';
import { moment, number } from './format.js';

/** The list of them, from a report. */
export function layers(report) {
  const items = [...inTheApplication(report), inTheDatabase(report), theHeal(report)];
  return el('ol', { class: 'layers' }, ...items.map(item));
}

function item({ name, does, kind, sign, checked, when }) {
  return el(
    'li',
    {},
    el('div', { class: 'layer' }, el('h3', {}, name), el('p', {}, does)),
    el('div', { class: 'checked' },
      el('p', { class: 'sign' }, mark(kind), el('strong', {}, sign)),
      el('p', { class: 'quiet' }, ...checked, ...(when?.() ?? []))),
  );
}

function inTheApplication({ generated, startedAt }) {
  const { hook = 0, codec = 0 } = generated;
  const since = () => [' since ', moment(startedAt), '.'];
  const above = hook + codec === 0
    ? { kind: 'good', sign: 'In force', checked: ['The layers below had to make up none'], when: since }
    : { kind: 'warn', sign: 'Passed by', checked: [`The layers below had to make up ${number(hook + codec)}`], when: since };
  const stopped = (n) => ({
    kind: 'good',
    sign: n === 0 ? 'In force' : 'Was needed',
    checked: [n === 0 ? 'It had to make up none' : `It had to make up ${number(n)}`],
    when: since,
  });
  return [
    { name: 'The record', does: 'A new one gives itself a sessionId.', ...above },
    { name: 'The persist hook', does: 'Before a save, it makes up a missing sessionId, warns and counts.', ...stopped(hook) },
    { name: 'The use cases', does: 'They bring the sessionId themselves.', ...above },
    {
      name: 'Validation',
      does: 'A record without its ids is refused before it is sent.',
      kind: 'good',
      sign: 'In force',
      checked: ['Each record is checked when it is written.'],
    },
    {
      name: 'The codec',
      does: 'What the hook cannot see (streams, bulk writes, upserts) passes here.',
      ...stopped(codec),
    },
  ];
}

const NOT_KNOWN = { kind: 'unknown', sign: 'Not known yet', checked: ['No check has succeeded yet.'] };

function inTheDatabase({ indexes, validator, checkedAt }) {
  const layer = { name: 'The database', does: 'Its validator and unique indexes refuse the same of every other program.' };
  if (!indexes) {
    return { ...layer, ...NOT_KNOWN };
  }
  const fields = ['sessionId', 'conversationId'];
  const indexed = fields.filter((field) => indexes.some((index) => index.ok && field in index.key));
  const whole = indexed.length === fields.length && validator === 'strict';
  return {
    ...layer,
    kind: whole ? 'good' : 'warn',
    sign: whole ? 'In force' : 'In part',
    checked: [`Validator ${validator}, ${indexed.length} of ${fields.length} keys under their declared index`],
    when: () => [', as found ', moment(checkedAt), '.'],
  };
}

function theHeal({ scanned, healed, conversationId, left, duplicatesLeft, checkedAt }) {
  const layer = { name: 'The heal', does: 'Mends what is there already, before the gate opens.' };
  if (checkedAt === undefined) {
    return { ...layer, ...NOT_KNOWN };
  }
  const broken = left + duplicatesLeft;
  const looked = scanned === 0 ? 'The indexes alone answered' : `${number(scanned)} conversations were looked through`;
  return {
    ...layer,
    kind: broken === 0 ? 'good' : 'bad',
    sign: broken === 0 ? 'Nothing broken' : 'Broken',
    checked: [`${looked}: ${number(healed + conversationId.healed)} ids healed, ${number(broken)} left broken`],
    when: () => [', ', moment(checkedAt), '.'],
  };
}
