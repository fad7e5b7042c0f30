// Which view is shown, and to whom.

import { integrityReport, untilDone } from './api.js';
import { conversationsView } from './conversations.js';
import { card, el } from './dom.js';
import { zone } from './format.js';
import { integrityView } from './integrity.js';

const main = document.getElementById('main');
const links = document.querySelectorAll('nav a');
const TITLE = document.title;

/** Whether the caller has the role admin; found out by asking for the report, which is open even while the gate is shut. */
let admin;
let leaving = new AbortController();
let shown = {};

document.getElementById('zone').textContent = `Times are in ${zone}.`;
document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
document.addEventListener('signedout', () => replaceBy('Sign in', signIn));
window.addEventListener('hashchange', () => show(true));
begin();

async function begin() {
  try {
    await untilDone(() => integrityReport(leaving.signal), leaving.signal, (failure) => {
      main.replaceChildren(message('One moment', `${failure.message} It is tried again by itself.`));
    });
    admin = true;
  } catch (failure) {
    if (failure.status === 401) {
      return;
    }
    admin = false;
  }
  show(false);
}

/** Shows what the address names; `#/conversations/{id}` is a conversation. */
function show(moved) {
  const [name, ...rest] = location.hash.replace(/^#\/?/, '').split('/');
  const view = name === 'conversations' || (name === '' && !admin) ? 'conversations' : 'integrity';
  const id = rest.length > 0 ? decodeURIComponent(rest.join('/')) : null;
  if (view === shown.view && shown.update) {
    shown.update(id);
    return;
  }
  links.forEach((link) => {
    const current = link.getAttribute('href') === `#/${view}`;
    current ? link.setAttribute('aria-current', 'page') : link.removeAttribute('aria-current');
  });
  replaceBy(view === 'integrity' ? 'Integrity' : 'Conversations', (signal) => {
    if (view === 'conversations') {
      shown = { view, update: conversationsView(main, id, signal) };
    } else {
      shown = { view };
      admin ? integrityView(main, signal) : needsAdmin();
    }
  });
  if (moved) {
    main.querySelector('h1')?.focus();
  }
}

function replaceBy(title, view) {
  leaving.abort();
  leaving = new AbortController();
  shown = {};
  document.title = `${title} · ${TITLE}`;
  view(leaving.signal);
}

function message(title, ...lines) {
  return el('div', { class: 'message-page' }, el('h1', { tabindex: -1 }, title), ...lines.map((line) => el('p', {}, line)));
}

function needsAdmin() {
  main.replaceChildren(message(
    'Integrity',
    'This view needs the role admin, which your token does not name among its groups.',
    'Your conversations are yours to see without it.',
  ));
}

function signIn() {
  main.replaceChildren(el(
    'div',
    { class: 'message-page' },
    el('h1', { tabindex: -1 }, 'Sign in first'),
    card(
      'How to',
      el('ol', { class: 'steps' },
        el('li', {}, 'Sign in at your application’s frontend, on the same host as this page.'),
        el('li', {}, 'It leaves the cookie ', el('code', {}, 'auth-token'), ', which tells this service who you are.'),
        el('li', {}, 'Come back here. Integrity besides needs the role ', el('code', {}, 'admin'), ' in your token.')),
      el('div', { class: 'actions' },
        el('button', { type: 'button', onclick: () => location.reload() }, 'I have signed in')),
    ),
  ));
}
