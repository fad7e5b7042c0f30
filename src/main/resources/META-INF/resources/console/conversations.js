// The caller's conversations: the list of them, and beside it the one that was chosen.

import { conversations, start, untilDone } from './api.js';
import { conversationPane } from './conversation.js';
import { el } from './dom.js';
import { shortMoment } from './format.js';

/** Shows the view in `main`, with the conversation `id` where one is named; what it returns shows another one. */
export function conversationsView(main, id, signal) {
  const items = el('ul', { class: 'list' });
  const notice = el('p', { class: 'notice', role: 'status' }, 'Loading…');
  const more = el('button', { type: 'button', class: 'plain', hidden: true, onclick: page }, 'Older conversations');
  const begin = el('button', { type: 'button', disabled: true, onclick: beginOne }, 'New conversation');
  const pane = el('section', { class: 'pane', 'aria-label': 'Conversation' });
  const shown = new Map();
  let cursor;
  let chosen;
  let leaving = new AbortController();
  signal.addEventListener('abort', () => leaving.abort());

  const view = el('div', { class: 'conversations' },
    el('div', { class: 'title' }, el('h1', { tabindex: -1 }, 'Conversations'), el('div', { class: 'actions' }, begin)),
    el('div', { class: 'panes' },
      el('section', { class: 'side', 'aria-label': 'Your conversations' }, items, notice, more), pane));
  main.replaceChildren(view);
  open(id, false);
  page();

  async function page() {
    more.disabled = true;
    try {
      const found = await untilDone(() => conversations(cursor, signal), signal, waiting);
      const first = items.children.length;
      items.append(...found.data.map(item));
      cursor = found.nextCursor;
      more.hidden = !found.hasMore;
      begin.disabled = false;
      notice.textContent = items.children.length === 0 ? 'You have no conversations yet.' : '';
      if (document.activeElement === document.body && first > 0) {
        items.children[first]?.querySelector('a').focus();
      }
    } catch (failure) {
      if (failure.name !== 'AbortError') {
        notice.textContent = failure.message;
      }
    }
    more.disabled = false;
  }

  function waiting(failure) {
    notice.textContent = `Your conversations wait. ${failure.message} This page goes on by itself.`;
  }

  async function beginOne() {
    begin.disabled = true;
    try {
      const { conversation } = await start();
      items.prepend(item(conversation));
      notice.textContent = '';
      location.hash = address(conversation.conversationId);
    } catch (failure) {
      notice.textContent = failure.message;
    }
    begin.disabled = false;
  }

  function item(conversation) {
    const { conversationId, title, updatedAt, archived, lastMessage } = conversation;
    const node = el(
      'li',
      {},
      el('a', { href: address(conversationId), 'data-id': conversationId, 'aria-current': conversationId === chosen && 'true' },
        title
          ? el('span', { class: 'name', dir: 'auto' }, title)
          : el('span', { class: 'name untitled' }, 'Untitled'),
        lastMessage?.content ? el('span', { class: 'excerpt quiet', dir: 'auto' }, lastMessage.content) : null,
        el('span', { class: 'quiet' }, updatedAt ? shortMoment(updatedAt) : '', ' · ',
          el('code', {}, conversationId.slice(0, 8)), archived ? ' · archived' : '')),
    );
    shown.set(conversationId, { node, conversation });
    return node;
  }

  /** Shows these changes of a conversation in the list; null removes it. */
  function changed(id, changes) {
    const before = shown.get(id);
    if (before && changes) {
      before.node.replaceWith(item({ ...before.conversation, ...changes }));
    } else if (before) {
      before.node.remove();
      shown.delete(id);
    }
  }

  function choose(id) {
    chosen = id;
    view.classList.toggle('chosen', chosen !== null);
    items.querySelectorAll('a').forEach((link) => {
      link.dataset.id === chosen ? link.setAttribute('aria-current', 'true') : link.removeAttribute('aria-current');
    });
  }

  /** `byHand` where the reader chose it, who then goes on reading there. */
  function open(id, byHand) {
    const before = chosen;
    leaving.abort();
    leaving = new AbortController();
    choose(id);
    if (id === null) {
      pane.replaceChildren(el('p', { class: 'quiet empty' }, 'Choose a conversation, or start a new one.'));
      items.querySelector(`a[data-id="${CSS.escape(before ?? '')}"]`)?.focus();
    } else {
      conversationPane(pane, id, leaving.signal, (changes) => changed(id, changes), byHand);
    }
  }

  return (id) => open(id, true);
}

function address(id) {
  return `#/conversations/${encodeURIComponent(id)}`;
}
