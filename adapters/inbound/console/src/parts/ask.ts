// Dialogs that ask for a few texts and send them.

import { inWords } from './api.js';
import { dialog } from './dialog.js';
import { button, h, show } from './dom.js';

export interface Field {
  readonly name: string;
  readonly label: string;
  /** Below the field, for what the label cannot say. */
  readonly hint?: string;
  readonly value?: string;
  readonly required?: boolean;
  /** More than one line. */
  readonly long?: boolean;
}

/**
 * Shows the fields and sends what was written, by name. The dialog stays, with the error in
 * it, as long as send rejects, so that nothing has to be written twice.
 */
export function ask(title: string, fields: readonly Field[], yes: string, send: (texts: Record<string, string>) => Promise<unknown>): void {
  const error = h('p', { class: 'trouble', role: 'alert', hidden: true });
  dialog(title, (close) => {
    const form = h('form', { class: 'fields', onsubmit: async (event: Event) => {
      event.preventDefault();
      const texts = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value)]));
      submit.disabled = true;
      try {
        await send(texts);
        close();
      } catch (refused) {
        show(error, inWords(refused));
        error.hidden = false;
      } finally {
        submit.disabled = false;
      }
    } });
    const submit = h('button', { type: 'submit', class: 'primary' }, yes);
    form.append(...fields.map(fieldOf), error, h('div', { class: 'actions' }, submit, button('Close', close)));
    return [form];
  });
}

function fieldOf({ name, label, hint, value = '', required, long }: Field): HTMLElement {
  const attributes = { id: `ask-${name}`, name, required, spellcheck: 'false', autocomplete: 'off', 'aria-describedby': hint ? `ask-${name}-hint` : null };
  const input = long ? h('textarea', { ...attributes, rows: 5 }) : h('input', { ...attributes, type: 'text' });
  input.value = value;
  return h('div', { class: 'field' }, h('label', { for: `ask-${name}` }, label), input, hint && h('p', { class: 'note small', id: `ask-${name}-hint` }, hint));
}

/** The JSON that somebody wrote; throws an error that names the field. */
export function jsonOf(text: string, label: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${label} is not JSON: ${(error as Error).message}`);
  }
}
