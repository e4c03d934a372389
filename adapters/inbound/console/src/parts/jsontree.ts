// JSON as a tree that opens and closes.

import { h } from './dom.js';

/** Objects and arrays are open to this depth, if they are not longer than LONG. */
const DEPTH = 2;
const LONG = 50;
/** Of longer ones so many entries are drawn at a time. */
const STEP = 200;

export function jsonTree(value: unknown): HTMLElement {
  return h('div', { class: 'tree mono' }, node(value, 0));
}

function node(value: unknown, depth: number): HTMLElement {
  if (value === null || typeof value !== 'object') return h('span', { class: typeof value === 'string' ? 'json-text' : 'json-word' }, JSON.stringify(value) ?? 'undefined');
  const list = Array.isArray(value);
  const entries: [string, unknown][] = list ? value.map((one, n) => [String(n), one]) : Object.entries(value);
  if (!entries.length) return h('span', { class: 'json-word' }, list ? '[]' : '{}');
  const open = depth < DEPTH && entries.length <= LONG;
  const items = h('ul');
  const made = h('details', { open }, h('summary', {}, list ? `[ ${entries.length} ]` : `{ ${entries.length} }`), items);
  let drawn = 0;
  const draw = () => {
    for (const [name, one] of entries.slice(drawn, drawn + STEP)) items.append(h('li', {}, h('span', { class: 'json-name' }, name), ': ', node(one, depth + 1)));
    drawn += STEP;
    if (drawn < entries.length) {
      const more = h('button', { type: 'button', class: 'small' }, `${entries.length - drawn} more`);
      more.addEventListener('click', () => {
        more.parentElement!.remove();
        draw();
      });
      items.append(h('li', {}, more));
    }
  };
  if (open) draw();
  else made.addEventListener('toggle', () => !drawn && draw());
  return made;
}

/** Has the browser save text as a file. */
export function download(name: string, text: string, type = 'application/json'): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
