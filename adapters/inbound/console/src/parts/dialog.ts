// Dialogs: a question before something that cannot be taken back, and whatever else stands
// above the page.

import { type Child, button, h } from './dom.js';

/** Shows a dialog; it is closed with Esc, by close, and when it is done. */
export function dialog(title: string, content: (close: () => void) => Child[]): HTMLDialogElement {
  const before = document.activeElement;
  const made = h('dialog', { 'aria-labelledby': 'dialog-title' });
  made.append(h('h2', { id: 'dialog-title' }, title), ...content(() => made.close()).filter((child) => child instanceof Node));
  const left = new AbortController();
  addEventListener('hashchange', () => made.close(), { signal: left.signal }); // it was about the page that was left
  made.addEventListener('close', () => {
    left.abort();
    made.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
  });
  document.body.append(made);
  made.showModal();
  return made;
}

/** Resolves with whether somebody agreed. */
export function confirmed(title: string, words: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    const made = dialog(title, (close) => [
      h('p', {}, words),
      h('div', { class: 'actions' },
        button('No, go back', close, { autofocus: true }),
        button(yes, () => {
          resolve(true);
          close();
        }, { class: 'danger' })),
    ]);
    made.addEventListener('close', () => resolve(false)); // after a yes it does nothing
  });
}
