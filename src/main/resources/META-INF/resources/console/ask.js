// Asks for confirmation.

import { el } from './dom.js';

/**
 * Describes the action, and resolves to whether the user confirms it; to false if the user leaves the view. A line may be an
 * input, in which Enter confirms.
 */
export function ask(title, lines, action, signal) {
  return new Promise((resolve) => {
    const dialog = el(
      'dialog',
      { 'aria-labelledby': 'ask-title', 'aria-describedby': 'ask-text', onclose: closed, onkeydown: typed },
      el('h2', { id: 'ask-title' }, title),
      el('div', { id: 'ask-text' }, ...lines.map((line) => el('p', {}, line))),
      el(
        'div',
        { class: 'actions' },
        el('button', { type: 'button', class: 'plain', onclick: () => dialog.close() }, 'Cancel'),
        el('button', { type: 'button', onclick: () => dialog.close('yes') }, action),
      ),
    );

    function typed(event) {
      if (event.key === 'Enter' && event.target.matches('input') && !event.isComposing) {
        dialog.close('yes');
      }
    }

    function closed() {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    }

    signal.addEventListener('abort', () => dialog.close(), { once: true });
    document.body.append(dialog);
    dialog.showModal();
  });
}
