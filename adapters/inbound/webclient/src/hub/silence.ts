// Notices a stream that is open and dead (rule B6). It owns what is known of the stream's
// pace: the answer and pings say the interval; without either heartbeat comments show theirs.

import type { Clock } from './clock.js';

/** After so many intervals without a byte the stream is taken for dead. */
const PATIENCE = 2.5;
/** Until it is known, in milliseconds: a stream can die young, of a gateway that does not say it. */
const GUESS = 24_000;
/** A shorter pace than this is the network's, not the server's, in milliseconds. */
const MIN_INTERVAL = 1000;

/** stopped ⇄ watching; it calls onSilent once and is stopped then. */
export class SilenceWatch {
  readonly #clock: Clock;
  readonly #onSilent: () => void;
  readonly #onLate: (ms: number) => void;
  #interval = GUESS; // milliseconds; 0 if none came even so, and then nobody can be missed
  #known = false;
  #told = false;
  #heard = 0; // when bytes came last, or the stream was let off
  #due = 0; // when the timer is
  #deadline = Infinity; // an earlier end of patience, after the page was away
  #cancel: (() => void) | null = null;

  /** onLate is told by how many milliseconds a timer was late: for so long nothing ran. */
  constructor(clock: Clock, onSilent: () => void, onLate: (ms: number) => void) {
    this.#clock = clock;
    this.#onSilent = onSilent;
    this.#onLate = onLate;
  }

  /** Whether the pace is known. */
  get knows(): boolean {
    return this.#known;
  }

  /** The interval in milliseconds. */
  get interval(): number {
    return this.#interval;
  }

  start(): void {
    this.activity();
    this.#schedule();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  activity(): void {
    this.#heard = this.#clock.now();
    this.#deadline = Infinity;
  }

  /** The service has said the interval, in seconds. */
  told(interval: number): void {
    if (!(interval > 0)) return;
    this.#told = true;
    this.#setInterval(interval * 1000);
  }

  /** A comment came, after a silence that is the interval unless the service says it. */
  commented(): void {
    const silence = this.#clock.now() - this.#heard;
    if (!this.#told && silence >= MIN_INTERVAL) this.#setInterval(silence);
  }

  /**
   * The page was away and is back. A stream that has been silent for longer than it may
   * is dead; one that has not gets one interval to prove itself.
   */
  wake(): void {
    if (!this.#cancel || !this.#interval) return;
    this.#tellLate(); // the timer may not come any more
    this.#deadline = this.#clock.now() + this.#interval;
    this.#check();
  }

  #setInterval(ms: number): void {
    this.#known = true;
    if (ms === this.#interval) return;
    this.#interval = ms;
    if (this.#cancel) {
      this.stop();
      this.#schedule();
    }
  }

  // It looks twice per interval, and by the wall clock: a timer that was set before the
  // machine slept counts on from there, and would come late.
  #schedule(): void {
    if (!this.#interval) {
      this.#cancel = () => {};
      return;
    }
    this.#due = this.#clock.now() + this.#interval / 2;
    this.#cancel = this.#clock.after(this.#interval / 2, () => {
      this.#tellLate();
      this.#schedule();
      this.#check();
    });
  }

  #tellLate(): void {
    const now = this.#clock.now();
    this.#onLate(now - this.#due);
    this.#due = Math.max(this.#due, now); // it is told once
  }

  #check(): void {
    const now = this.#clock.now();
    if (now - this.#heard <= PATIENCE * this.#interval && now < this.#deadline) return;
    this.stop();
    if (!this.#known) this.#interval = 0;
    this.#onSilent();
  }
}
