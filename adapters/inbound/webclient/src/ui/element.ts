// What the custom elements have in common: each shows a store, in a shadow root that is made
// without HTML text and without inline styles, so that no Content-Security-Policy is in the
// way (require-trusted-types-for, style-src 'self').

import type { Client, Store } from '../../types/index.js';
import { connect } from '../client.js';

/** There are no elements on a server, but what imports them can run there. */
const Base = (globalThis.HTMLElement ?? class {}) as typeof HTMLElement;

const shown = new Set<StoreElement>();
let client = connect(); // it opens nothing until it is used

export function useClient(other: Client): void {
  client = other;
  for (const element of shown) element.show();
}

/** Creates an element with attributes and children. */
export function create<Name extends keyof HTMLElementTagNameMap>(name: Name, attributes: Record<string, string>, ...children: (Node | string)[]): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  element.append(...children);
  return element;
}

/** A slot with what it says if the page has no other words. */
export const slot = (name: string, words: string): HTMLSlotElement => create('slot', { name }, words);

export const button = (part: string, words: string, click: () => void): HTMLButtonElement => {
  const made = create('button', { part, type: 'button' }, slot(part, words));
  made.addEventListener('click', click);
  return made;
};

/** out of the page ⇄ in the page, where it shows its store. */
export abstract class StoreElement extends Base {
  #stop = () => {};
  #drawn: unknown;

  /** What it shows; null while it has nothing to show. */
  abstract store(client: Client): Store<unknown> | null;
  abstract draw(value: any): void;

  fill(css: string, ...children: Node[]): void {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(':host{display:block}:host([hidden]),[hidden]{display:none}' + css);
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];
    root.append(...children);
  }

  connectedCallback(): void {
    shown.add(this);
    this.show();
  }

  disconnectedCallback(): void {
    shown.delete(this);
    this.#stop();
  }

  attributeChangedCallback(): void {
    if (shown.has(this)) this.show();
  }

  /** Begins anew: another store may be the one. */
  show(): void {
    this.#stop();
    const store = this.store(client);
    this.#stop = store?.subscribe(() => this.#draw(store.getSnapshot())) ?? (() => {});
    this.draw((this.#drawn = store?.getSnapshot() ?? null)); // an attribute may be new though the value is not
  }

  #draw(value: unknown): void {
    if (value !== this.#drawn) this.draw((this.#drawn = value));
  }
}
