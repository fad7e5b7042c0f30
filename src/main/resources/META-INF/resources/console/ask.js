// Asks for confirmation.

import { el } from './dom.js';

/** Describes the action, and resolves to whether the user confirms it; to false if the user leaves the view. */
export function ask(title, lines, action, signal) {
  return new Promise((resolve) => {
    const dialog = el(
      'dialog',
      { 'aria-labelledby': 'ask-title', 'aria-describedby': 'ask-text', onclose: closed },
      el('h2', { id: 'ask-title' }, title),
      el('div', { id: 'ask-text' }, ...lines.map((line) => el('p', {}, line))),
      el(
        'div',
        { class: 'actions' },
        el('button', { type: 'button', class: 'plain', onclick: () => dialog.close() }, 'Cancel'),
        el('button', { type: 'button', onclick: () => dialog.close('yes') }, action),
      ),
    );

    function closed() {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    }

    signal.addEventListener('abort', () => dialog.close(), { once: true });
    document.body.append(dialog);
    dialog.showModal();
  });
}
