// Which view is shown, and to whom.

import { integrityReport, untilDone } from './api.js';
import { conversationsView } from './conversations.js';
import { card, el } from './dom.js';
import { zone } from './format.js';
import { integrityView } from './integrity.js';

const main = document.getElementById('main');
const links = document.querySelectorAll('nav a');
const TITLE = document.title;

/** Whether the caller has the role admin; known once it was asked for. */
let admin;
let leaving = new AbortController();
let shown = {};

document.getElementById('zone').textContent = `Times are in ${zone}.`;
document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
document.addEventListener('signedout', () => replaceBy('Sign in', signIn));
window.addEventListener('hashchange', async () => {
  const before = shown;
  await show();
  if (shown !== before) {
    main.querySelector('h1')?.focus(); // where a reader goes on
  }
});
show();

/** Shows what the address names: `#/integrity`, `#/conversations`, or of those one, `#/conversations/{id}`. */
async function show() {
  const [name, ...rest] = location.hash.replace(/^#\/?/, '').split('/');
  if (name === 'conversations') {
    showConversations(rest.length > 0 ? decoded(rest.join('/')) : null);
  } else {
    await showIntegrity(name === '');
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // an address that somebody wrote by hand
  }
}

function showConversations(id) {
  if (shown.update) {
    shown.update(id);
    return;
  }
  replaceBy('Conversations', (signal) => {
    shown.update = conversationsView(main, id, signal);
  });
}

/** Where the caller may not see it, it says so; what nobody asked for by name gives way to the conversations. */
async function showIntegrity(byDefault) {
  try {
    admin ??= await mayAdminister();
  } catch (failure) {
    if (failure.status >= 500) {
      main.replaceChildren(message('Integrity', failure.message));
    }
    return; // else signed out, which is told already, or left
  }
  if (admin) {
    replaceBy('Integrity', (signal) => integrityView(main, signal));
  } else if (byDefault) {
    showConversations(null);
  } else {
    replaceBy('Integrity', needsAdmin);
  }
}

/** Found out by asking for the report, which is open even while the gate is shut. */
async function mayAdminister() {
  leaving.abort();
  leaving = new AbortController();
  shown = {};
  const { signal } = leaving;
  try {
    await untilDone(() => integrityReport(signal), signal, (failure) => {
      main.replaceChildren(message('One moment', `${failure.message} This page tries again.`));
    });
    return true;
  } catch (failure) {
    if (failure.status === 403) {
      return false;
    }
    throw failure;
  }
}

function replaceBy(title, view) {
  leaving.abort();
  leaving = new AbortController();
  shown = {};
  document.title = `${title} · ${TITLE}`;
  links.forEach((link) => {
    link.textContent === title ? link.setAttribute('aria-current', 'page') : link.removeAttribute('aria-current');
  });
  view(leaving.signal);
}

function message(title, ...lines) {
  return el('div', { class: 'message-page' }, el('h1', { tabindex: -1 }, title), ...lines.map((line) => el('p', {}, line)));
}

function needsAdmin() {
  main.replaceChildren(message(
    'Integrity',
    'This view needs the role admin, which your token does not contain.',
    'You can see your conversations without it.',
  ));
}

function signIn() {
  main.replaceChildren(el(
    'div',
    { class: 'message-page' },
    el('h1', { tabindex: -1 }, 'Sign in first'),
    card(
      'Steps',
      el('ol', { class: 'steps' },
        el('li', {}, 'Sign in at your application’s frontend, on the same host as this page.'),
        el('li', {}, 'The frontend sets the cookie ', el('code', {}, 'auth-token'), ', which tells this service who you are.'),
        el('li', {}, 'Return to this page. The view Integrity also needs the role ', el('code', {}, 'admin'), ' in your token.')),
      el('div', { class: 'actions' },
        el('button', { type: 'button', onclick: () => location.reload() }, 'I have signed in')),
    ),
  ));
}
