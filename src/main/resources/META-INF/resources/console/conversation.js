// One conversation: its messages, older ones on scrolling, new ones as they come, and a box to write.

import {
  change, conversation, exportOf, messageEvents, messagesBefore, newKey, remove, send, untilDone,
} from './api.js';
import { ask } from './ask.js';
import { el, fact, mark, showLive } from './dom.js';
import { follow } from './events.js';
import { moment, number } from './format.js';

/** How far from its end, in pixels, the list still counts as read to the end. */
const NEAR = 80;

/**
 * Shows the conversation in `pane` until `signal` is aborted; with `focus` the reader goes on there. `onChange` gets the fields
 * of the conversation that changed, or null if it was deleted.
 */
export async function conversationPane(pane, id, signal, onChange, focus = false) {
  const notice = el('p', { class: 'notice', role: 'status' }, 'Loading…');
  pane.replaceChildren(back(), notice);
  try {
    const found = await untilDone(() => conversation(id, signal), signal, (failure) => {
      notice.textContent = `${failure.message} This page tries again.`;
    });
    opened(pane, found, signal, onChange);
    if (focus) {
      pane.querySelector(found.messageCount === 0 ? 'textarea' : 'h2').focus();
    }
  } catch (failure) {
    if (failure.name !== 'AbortError') {
      notice.textContent = failure.status === 404 ? 'You have no such conversation.' : failure.message;
    }
  }
}

function back() {
  return el('a', { class: 'back', href: '#/conversations' }, '← All conversations');
}

function opened(pane, found, outer, onChange) {
  const ended = new AbortController();
  const signal = AbortSignal.any([outer, ended.signal]);
  const live = el('p', { class: 'live', role: 'status' });
  const list = messageList(found, signal);
  const title = el('h2', { tabindex: -1, dir: 'auto' });
  showTitle(found.title);
  pane.replaceChildren(
    back(),
    head(found, title, live),
    actions(found, showTitle, signal, onChange),
    ...repairs(found),
    list.node,
    box(found.conversationId, list),
  );
  list.toEnd();

  function showTitle(text) {
    title.textContent = text ?? 'Untitled';
    title.classList.toggle('untitled', !text);
  }

  function reopen() {
    ended.abort();
    conversationPane(pane, found.conversationId, outer, onChange);
  }

  follow({
    url: () => messageEvents(found.conversationId, list.last()),
    listeners: {
      message: (message) => {
        if (list.arrived(message)) {
          onChange({ lastMessage: message });
        } else {
          reopen();
        }
      },
      truncated: reopen,
      deleted: () => {
        ended.abort();
        onChange(null);
        pane.replaceChildren(back(), el('p', { class: 'notice', role: 'status' }, 'The conversation was deleted.'));
      },
    },
    check: () => conversation(found.conversationId, signal),
    onLive: (isLive) => showLive(live, isLive),
    signal,
  });
}

function head({ conversationId, sessionId, createdAt }, title, live) {
  return el(
    'header',
    {},
    el('div', { class: 'title' }, title, live),
    el('dl', { class: 'ids' },
      ...Object.entries({ conversationId, sessionId }).map(([name, value]) => fact(name, el('code', {}, value))),
      createdAt ? fact('begun', moment(createdAt)) : null),
  );
}

/** What the reader can do with the whole conversation. A deletion shows when the live events report it. */
function actions({ conversationId, title, archived }, showTitle, signal, onChange) {
  const problem = el('p', { class: 'reason', role: 'alert' });
  const toggle = el('button', { type: 'button', class: 'plain', onclick: () => run(toggleArchived) });
  show();

  function show() {
    toggle.textContent = archived ? 'Unarchive' : 'Archive';
  }

  async function run(action) {
    problem.textContent = '';
    try {
      await action();
    } catch (failure) {
      problem.textContent = failure.message;
    }
  }

  async function rename() {
    const name = el('input', { 'aria-label': 'Title', dir: 'auto', value: title ?? '' });
    if (await ask('Rename this conversation', [name], 'Rename', signal)) {
      ({ title } = await change(conversationId, { title: name.value.trim() || null }));
      showTitle(title);
      onChange({ title });
    }
  }

  async function toggleArchived() {
    ({ archived } = await change(conversationId, { archived: !archived }));
    show();
    onChange({ archived });
  }

  async function deleteIt() {
    const lines = ['The conversation and all its messages are deleted. Nobody can restore them.'];
    if (await ask('Delete this conversation?', lines, 'Delete', signal)) {
      await remove(conversationId);
    }
  }

  return el('div', {},
    el('div', { class: 'actions' },
      el('button', { type: 'button', class: 'plain', onclick: () => run(rename) }, 'Rename…'),
      toggle,
      el('a', { class: 'plain', href: exportOf(conversationId), download: true }, 'Export'),
      el('button', { type: 'button', class: 'plain', onclick: () => run(deleteIt) }, 'Delete…')),
    problem);
}

const WAS_WRONG = {
  missing: 'was missing',
  null: 'was null',
  blank: 'was blank',
  'binary-uuid': 'was a binary UUID',
  'not-a-string': 'was no string',
  duplicate: 'was that of an older conversation',
};

/** A note on each id of the conversation that a heal repaired. */
export function repairs({ sessionIdRepair, conversationIdRepair }) {
  return [repair(sessionIdRepair, 'sessionId'), repair(conversationIdRepair, 'conversationId')].filter(Boolean);
}

function repair(done, field) {
  if (!done) {
    return null;
  }
  const { reason, was, at } = done;
  return el(
    'div',
    { class: 'repair', role: 'note', 'aria-label': `Repair of the ${field}` },
    mark('good'),
    el('p', {},
      el('strong', {}, 'Healed. '),
      `The ${field} ${WAS_WRONG[reason] ?? reason}`,
      ...(was === undefined ? [] : [': ', el('code', {}, JSON.stringify(was))]),
      reason === 'binary-uuid' ? '. It was written as text' : '. It was given a new one', ...(at ? [' on ', moment(at)] : []), '.'),
  );
}

/** The messages that are shown, in the order of their index and without doubles. */
function messageList({ conversationId, messages, messageCount }, signal) {
  const list = el('ol', { class: 'messages' });
  const older = el('button', { type: 'button', class: 'plain', onclick: loadOlder }, 'Older messages');
  const node = el('div', { class: 'scroll', role: 'log', tabindex: 0, 'aria-label': 'Messages' }, older, list);
  const texts = new Map();
  let first = messageCount - messages.length;
  let last = messageCount - 1;
  let loading = false;

  messages.forEach(add);
  older.hidden = first === 0;
  const sight = new IntersectionObserver(
    ([entry]) => entry.isIntersecting && loadOlder(), { root: node, rootMargin: '200px 0px 0px' });
  signal.addEventListener('abort', () => sight.disconnect());

  function add(message) {
    texts.set(message.index, message);
    list.append(messageItem(message));
  }

  async function loadOlder() {
    if (loading || first === 0) {
      return;
    }
    loading = true;
    node.setAttribute('aria-busy', 'true');
    try {
      const page = await messagesBefore(conversationId, first, signal);
      const fromEnd = node.scrollHeight - node.scrollTop;
      page.data.forEach((message) => texts.set(message.index, message));
      list.prepend(...page.data.map(messageItem));
      first = page.data.length > 0 ? page.data[0].index : 0;
      node.scrollTop = node.scrollHeight - fromEnd;
      older.hidden = first === 0;
      older.textContent = 'Older messages';
      sight.unobserve(older);
      sight.observe(older);
    } catch (failure) {
      older.textContent = `${failure.message} Try again`;
    }
    node.removeAttribute('aria-busy');
    loading = false;
  }

  /** Shows a new one; false where it contradicts what is shown, since it is of another conversation under the same id. */
  function arrived(message) {
    const known = texts.get(message.index);
    if (known || message.index < first) {
      return known?.content === message.content && known?.timestamp === message.timestamp;
    }
    const atEnd = node.scrollHeight - node.scrollTop - node.clientHeight < NEAR;
    add(message);
    last = message.index;
    if (atEnd) {
      toEnd();
    }
    return true;
  }

  function toEnd() {
    node.scrollTop = node.scrollHeight;
    sight.observe(older);
  }

  return { node, arrived, toEnd, last: () => last };
}

function messageItem({ role, content, timestamp, index }) {
  return el(
    'li',
    { class: role === 'user' ? 'own' : null, 'data-index': index },
    el('p', { class: 'quiet' }, role ?? 'unknown', timestamp ? ' · ' : '', timestamp ? moment(timestamp) : ''),
    el('p', { class: 'text', dir: 'auto' }, content ?? '(no text is stored)'),
  );
}

/** The box to write in. What is sent shows when it comes back over the live events, or with the answer, whichever is first. */
function box(id, list) {
  const text = el('textarea', { rows: 2, 'aria-label': 'Message', 'aria-describedby': 'hint', placeholder: 'Write a message' });
  const button = el('button', { type: 'submit' }, 'Send');
  const problem = el('p', { class: 'reason', role: 'alert' });
  const form = el('form', { class: 'box', onsubmit: submit },
    text, button, el('p', { class: 'quiet', id: 'hint' }, 'Enter sends the message. Shift+Enter starts a new line.'), problem);
  let attempt = { content: '', key: '' };

  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  async function submit(event) {
    event.preventDefault();
    const content = text.value;
    if (content.trim() === '' || button.disabled) {
      return;
    }
    if (attempt.content !== content) {
      attempt = { content, key: newKey() }; // the same text again is a retry, until it has been taken
    }
    button.disabled = true;
    problem.textContent = '';
    try {
      const { message } = await send(id, content, attempt.key);
      attempt = { content: '', key: '' };
      if (text.value === content) {
        text.value = '';
      }
      if (message.index === list.last() + 1) {
        list.arrived(message);
      }
      list.toEnd();
    } catch (failure) {
      problem.textContent = failure.message;
    }
    button.disabled = false;
    text.focus();
  }

  return form;
}
