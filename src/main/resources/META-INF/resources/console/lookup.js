// Finds the conversation of any user by an id: whose it is and what a heal changed, never its content.

import { conversationsWithId } from './api.js';
import { repairs } from './conversation.js';
import { el, fact } from './dom.js';
import { moment, number } from './format.js';

/** A field for a conversationId or sessionId, and what was found with it. */
export function lookUp(signal) {
  const id = el('input', { 'aria-label': 'conversationId or sessionId', placeholder: 'conversationId or sessionId' });
  const result = el('div', { class: 'stack', role: 'status' });

  async function submit(event) {
    event.preventDefault();
    try {
      const { data } = await conversationsWithId(id.value.trim(), signal);
      result.replaceChildren(...(data.length > 0 ? data.map(found) : [el('p', {}, 'No conversation has this id.')]));
    } catch (failure) {
      if (failure.name !== 'AbortError') {
        result.replaceChildren(el('p', { class: 'reason' }, failure.message));
      }
    }
  }

  return el('div', { class: 'stack' },
    el('form', { class: 'look-up', onsubmit: submit }, id, el('button', { type: 'submit', class: 'plain' }, 'Find')),
    result);
}

function found(conversation) {
  const { conversationId, sessionId, userId, archived, messageCount, createdAt, updatedAt } = conversation;
  const ids = { conversationId, sessionId, owner: userId };
  return el('div', { class: 'stack' },
    el('dl', { class: 'ids' },
      ...Object.entries(ids).map(([name, value]) => fact(name, el('code', {}, value ?? 'none'))),
      fact('messages', number(messageCount)),
      createdAt && fact('created', moment(createdAt)),
      updatedAt && fact('updated', moment(updatedAt)),
      archived ? fact('archived', 'yes') : null),
    ...repairs(conversation));
}
