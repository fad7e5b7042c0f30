// The layers that enforce the invariant: what each does, its state, and when that was checked.

import { el, mark } from './dom.js';
import { moment, number } from './format.js';

/** The list of layers, from a report. */
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
    ? { kind: 'good', sign: 'In force', checked: ['The layers below generated none'], when: since }
    : { kind: 'warn', sign: 'Bypassed', checked: [`The layers below generated ${number(hook + codec)}`], when: since };
  const stopped = (n) => ({
    kind: 'good',
    sign: n === 0 ? 'In force' : 'Was needed',
    checked: [n === 0 ? 'It generated none' : `It generated ${number(n)}`],
    when: since,
  });
  return [
    { name: 'Entity', does: 'A new conversation generates its sessionId.', ...above },
    { name: 'Persist hook', does: 'Generates a missing sessionId before each save, warns and counts.', ...stopped(hook) },
    { name: 'Use cases', does: 'Set the sessionId explicitly.', ...above },
    {
      name: 'Validation',
      does: 'Refuses a conversation without its ids before it is sent.',
      kind: 'good',
      sign: 'In force',
      checked: ['Checks each conversation when it is written.'],
    },
    {
      name: 'Codec',
      does: 'Covers the writes that bypass the hook: streams, bulk writes and upserts.',
      ...stopped(codec),
    },
  ];
}

const UNKNOWN = { kind: 'unknown', sign: 'Unknown', checked: ['No check has succeeded yet.'] };

function inTheDatabase({ indexes, validator, checkedAt }) {
  const layer = { name: 'Database', does: 'Its validator and unique indexes reject broken writes of every program.' };
  if (!indexes) {
    return { ...layer, ...UNKNOWN };
  }
  const fields = ['sessionId', 'conversationId'];
  const indexed = fields.filter((field) => indexes.some((index) => index.ok && field in index.key));
  const complete = indexed.length === fields.length && validator === 'strict';
  return {
    ...layer,
    kind: complete ? 'good' : 'warn',
    sign: complete ? 'In force' : 'Partly in force',
    checked: [`Validator ${validator}, declared index on ${indexed.length} of ${fields.length} keys`],
    when: () => [', checked ', moment(checkedAt), '.'],
  };
}

function theHeal({ scanned, healed, conversationId, left, duplicatesLeft, checkedAt }) {
  const layer = { name: 'Heal', does: 'Repairs existing conversations before the service opens.' };
  if (checkedAt === undefined) {
    return { ...layer, ...UNKNOWN };
  }
  const broken = left + duplicatesLeft;
  const looked = scanned === 0 ? 'Read indexes only' : `Read ${number(scanned)} conversations`;
  return {
    ...layer,
    kind: broken === 0 ? 'good' : 'bad',
    sign: broken === 0 ? 'Nothing broken' : 'Broken',
    checked: [`${looked}: ${number(healed + conversationId.healed)} ids healed, ${number(broken)} still broken`],
    when: () => [', ', moment(checkedAt), '.'],
  };
}
