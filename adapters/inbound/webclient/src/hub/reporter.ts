// What is said of the stream's state. Interruptions of up to a second are not (rule B7).

import type { StreamReport } from '../shared/protocol.js';
import type { Clock } from './clock.js';

/** In milliseconds. */
const GRACE = 1000;

export class Reporter {
  readonly #clock: Clock;
  readonly #say: (report: StreamReport) => void;
  #now: StreamReport = { state: 'idle', error: null, retryAt: null };
  #cancel: (() => void) | null = null; // of an interruption that is not said yet

  constructor(clock: Clock, say: (report: StreamReport) => void) {
    this.#clock = clock;
    this.#say = say;
  }

  get now(): StreamReport {
    return this.#now;
  }

  show(state: StreamReport['state'], error: StreamReport['error'] = null, retryAt: number | null = null): void {
    const was = this.#now;
    this.#now = { state, error, retryAt };
    const brief = state === 'reconnecting' || state === 'silent';
    if (brief && this.#cancel) return;
    if (brief && was.state === 'open') {
      this.#cancel = this.#clock.after(GRACE, () => {
        this.#cancel = null;
        this.#say(this.#now);
      });
      return;
    }
    this.#cancel?.();
    this.#cancel = null;
    this.#say(this.#now);
  }
}
