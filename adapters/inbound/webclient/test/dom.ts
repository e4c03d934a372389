// A document for tests that need one: happy-dom's, as if node were a page.

import { Window } from 'happy-dom';

export const page = new Window({ url: 'http://localhost/' });
const names = [
  'navigator',   'document', 'location', 'localStorage', 'sessionStorage', 'addEventListener', 'removeEventListener', 'dispatchEvent', 'Event', 'CustomEvent',
  'StorageEvent', 'HTMLElement', 'Element', 'Node', 'customElements', 'CSSStyleSheet', 'HTMLIFrameElement', 'AbortController', 'AbortSignal',
] as const;
for (const name of names) {
  const value = (page as any)[name];
  const isMethod = /^[a-z]+EventListener$|^dispatch/.test(name);
  Object.defineProperty(globalThis, name, { value: isMethod ? value.bind(page) : value, configurable: true, writable: true });
}
Object.defineProperty(globalThis, 'window', { value: globalThis, configurable: true });

/** Lets whatever waits for timers of so many milliseconds happen. */
export const wait = (ms = 0): Promise<void> => new Promise((done) => setTimeout(done, ms));
