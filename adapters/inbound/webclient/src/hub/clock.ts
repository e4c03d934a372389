// Time, so that tests can have one of their own, and how long to wait before another try.

export interface Clock {
  now(): number;
  /** Calls f after ms; the returned function takes that back. */
  after(ms: number, f: () => void): () => void;
  random(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, f) {
    const timer = setTimeout(f, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/** A clock whose timers end together, so that none is left (rule B15). */
export class Timers implements Clock {
  readonly #clock: Clock;
  readonly #cancels = new Set<() => void>();
  #closed = false;
  constructor(clock: Clock) {
    this.#clock = clock;
  }
  now = () => this.#clock.now();
  random = () => this.#clock.random();
  after = (ms: number, f: () => void) => {
    if (this.#closed) return () => {}; // what was under way would go on
    const cancel = this.#clock.after(ms, () => {
      this.#cancels.delete(cancel);
      f();
    });
    this.#cancels.add(cancel);
    return () => {
      this.#cancels.delete(cancel);
      cancel();
    };
  };
  close() {
    this.#closed = true;
    for (const cancel of this.#cancels) cancel();
    this.#cancels.clear();
  }
}

/** Resolves after ms. */
export const sleep = (clock: Clock, ms: number): Promise<void> => new Promise((done) => clock.after(ms, done));

const SHORTEST = 500;
const LONGEST = 20_000;

/**
 * How many milliseconds to wait after so many failures in a row (rule B7): between half a
 * second and 20 s, at random, doubling, and no less than the server asks for.
 */
export function backoff(clock: Clock, failures: number, retryAfter = 0): number {
  const longest = Math.min(LONGEST, SHORTEST * 2 ** (failures + 1));
  const wait = SHORTEST + clock.random() * (longest - SHORTEST);
  // A second at most on top, so that those that were told the same do not come together.
  return Math.max(wait, retryAfter && retryAfter * 1000 + clock.random() * 1000);
}
