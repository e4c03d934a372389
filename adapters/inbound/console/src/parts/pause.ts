// What is live can be held still: a button in the heading, and the key p.

import { button } from './dom.js';
import type { Key } from './page.js';

export class Pause {
  readonly button = button('Pause', () => this.set(!this.on), { 'aria-keyshortcuts': 'p' });
  readonly key: Key = { key: 'p', does: 'pause, go on', run: () => this.set(!this.on) };
  readonly #changed: () => void;
  /** Whether it is held still. */
  on = false;

  /** changed is called after a change. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  set(on: boolean): void {
    this.on = on;
    this.button.textContent = on ? 'Go on' : 'Pause';
    this.button.setAttribute('aria-pressed', String(on));
    this.#changed();
  }
}
