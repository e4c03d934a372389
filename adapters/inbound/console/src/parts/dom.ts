// Making elements. Nothing here takes HTML as text, so that Trusted Types have nothing to
// object to, and nothing sets a style attribute.

export type Child = Node | string | number | null | undefined | false;
type Attributes = Record<string, unknown>;

function fill(element: Element, attributes: Attributes, children: Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...shown(children));
}

const shown = (children: Child[]): (Node | string)[] =>
  children.flatMap((child) => (child === null || child === undefined || child === false ? [] : [child instanceof Node ? child : String(child)]));

/**
 * Creates an element: h('button', { class: 'primary', onclick: start }, 'Start'). An
 * attribute that is null, undefined or false is left out; 'on…' adds a listener.
 */
export function h<Name extends keyof HTMLElementTagNameMap>(name: Name, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  fill(element, attributes, children);
  return element;
}

/** The same for SVG. */
export function svg(name: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  fill(element, attributes, children);
  return element;
}

/** Puts these in the place of what is in an element. */
export const show = (element: Element, ...children: Child[]): void => element.replaceChildren(...shown(children));

export const button = (words: Child, click: (event: Event) => void, attributes: Attributes = {}): HTMLButtonElement =>
  h('button', { type: 'button', onclick: click, ...attributes }, words);

export const link = (href: string, words: Child, attributes: Attributes = {}): HTMLAnchorElement => h('a', { href, ...attributes }, words);

/** What is read aloud and not seen. */
export const unseen = (words: string): HTMLElement => h('span', { class: 'unseen' }, words);

/** A note beside a heading's text, or in place of a list that is empty. */
export const note = (...words: Child[]): HTMLElement => h('p', { class: 'note' }, ...words);

/** A list of names and values. */
export const facts = (entries: [name: string, value: Child][]): HTMLElement =>
  h('dl', { class: 'facts' }, ...entries.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value ?? '—'))));
