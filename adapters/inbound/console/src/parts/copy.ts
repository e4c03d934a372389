// Text to take away, as a curl command.

import { button, h } from './dom.js';

/** Copies text, also where the clipboard is not open to pages (no HTTPS). */
export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h('textarea', { class: 'unseen', readonly: true });
    area.value = text;
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

/** A button that copies what text returns, and says for a moment that it has. */
export function copyButton(words: string, text: () => string): HTMLButtonElement {
  const made = button(words, async () => {
    await copy(text());
    made.textContent = 'Copied';
    setTimeout(() => (made.textContent = words), 1500);
  }, { class: 'quiet' });
  return made;
}

/** A command with a button that copies it. */
export const command = (text: string): HTMLElement => h('div', { class: 'command' }, h('pre', { tabindex: '0' }, h('code', {}, text)), copyButton('Copy', () => text));

/** The curl command of a request to the API. A credential is named, not shown. */
export function curl(method: string, path: string, body?: unknown): string {
  const parts = ['curl'];
  if (method !== 'GET') parts.push('-X', method);
  parts.push(quoted(location.origin + '/api' + path));
  if (needsCredential) parts.push('-H', '"Authorization: Bearer $TOKEN"');
  if (body !== undefined) parts.push('-H', "'Content-Type: application/json'", '-d', quoted(JSON.stringify(body)));
  return parts.join(' ');
}

let needsCredential = false;

/** Says whether requests carry a credential. */
export function setNeedsCredential(needs: boolean): void {
  needsCredential = needs;
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
