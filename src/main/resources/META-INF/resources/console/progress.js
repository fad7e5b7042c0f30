// The progress of the current run: its rate and its remaining time.

import { el } from './dom.js';
import { duration, number } from './format.js';

/** The rate covers this many milliseconds. */
const WINDOW = 5000;

/** The progress region. Call `show` with each new report. */
export function progress(signal) {
  const bar = el('progress', { 'aria-label': 'Healed' });
  const step = el('dd');
  const healed = el('dd', { id: 'healed' });
  const left = el('dd', { id: 'left' });
  const rate = el('dd', { id: 'rate' });
  const time = el('dd', { id: 'time-left' });
  const parts = { Step: step, Healed: healed, Left: left, Rate: rate, 'Time left': time };
  const node = el('div', { class: 'progress', hidden: true }, bar,
    el('dl', { class: 'tiles' }, ...Object.entries(parts).map(([name, value]) => el('div', {}, el('dt', {}, name), value))));

  let run;
  let samples = [];
  let now;

  function show(report) {
    node.hidden = report.state !== 'RUNNING' || !report.progress;
    now = report.progress;
    if (!now) {
      return;
    }
    if (now.run !== run) {
      run = now.run;
      samples = [];
    }
    samples.push({ at: performance.now(), healed: now.healed });
    draw();
  }

  function draw() {
    if (node.hidden) {
      return;
    }
    const counted = now.remaining > 0;
    if (counted) {
      bar.max = now.healed + now.remaining;
      bar.value = now.healed;
    } else {
      bar.removeAttribute('value');
    }
    const perSecond = speed();
    step.textContent = now.step;
    healed.textContent = number(now.healed);
    left.textContent = counted ? number(now.remaining) : 'not counted';
    rate.textContent = perSecond > 0 ? `${number(Math.round(perSecond))} per second` : '–';
    time.textContent = counted && perSecond > 0 ? `about ${duration(now.remaining / perSecond)}` : '–';
  }

  /** Healed keys per second in the window. It falls if no reports arrive. */
  function speed() {
    const until = performance.now();
    while (samples.length > 2 && samples[1].at < until - WINDOW) {
      samples.shift();
    }
    const seconds = (until - samples[0].at) / 1000;
    return seconds < 0.5 ? 0 : (samples.at(-1).healed - samples[0].healed) / seconds;
  }

  const ticking = setInterval(draw, 1000);
  signal.addEventListener('abort', () => clearInterval(ticking));
  return { node, show };
}
