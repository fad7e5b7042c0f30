// Numbers and times as the reader writes them, in the reader's own zone.

import { el } from './dom.js';

const NUMBER = new Intl.NumberFormat();
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

export const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;

export function number(n) {
  return NUMBER.format(n);
}

/** Date and time of an instant in ISO 8601. */
export function moment(iso) {
  return stamp(iso, MOMENT.format(new Date(iso)));
}

/** The same, as short as it can be understood: the time today, else the day. */
export function shortMoment(iso) {
  const at = new Date(iso);
  const today = DAY.format(at) === DAY.format(new Date());
  return stamp(iso, today ? CLOCK.format(at) : DAY.format(at));
}

function stamp(iso, text) {
  return el('time', { datetime: iso, title: `${MOMENT.format(new Date(iso))}, ${zone}` }, text);
}

/** A span of time, rounded as one would say it. */
export function duration(seconds) {
  if (seconds < 10) {
    return `${NUMBER.format(Math.round(seconds * 10) / 10)} s`;
  }
  if (seconds < 100) {
    return `${Math.round(seconds)} s`;
  }
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
