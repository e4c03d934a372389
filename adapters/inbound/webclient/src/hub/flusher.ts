// When changes go to the tabs: at once, but no more often than pages draw (rule B14).

import type { Clock } from './clock.js';

/** In milliseconds: a frame. */
const PACE = 16;

export class Flusher {
  readonly #clock: Clock;
  readonly #send: () => void;
  #last = -Infinity;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, send: () => void) {
    this.#clock = clock;
    this.#send = send;
  }

  request(): void {
    const wait = this.#last + PACE - this.#clock.now();
    if (wait <= 0) this.#run(); // also past a timer that is late, as in a hidden tab
    else this.#cancel ??= this.#clock.after(wait, () => this.#run());
  }

  #run(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#last = this.#clock.now();
    this.#send();
  }
}
