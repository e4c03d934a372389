// What the hub has seen of its stream that should not be: the service is told, for the
// operator who asks why this browser did not see an event (rule W6). A stream that is well
// costs no request.

import type { Clock } from './clock.js';

/** The service is told once in so many milliseconds at most. */
const PACE = 10_000;
/** A first byte that takes longer, in milliseconds, was held back: a stream begins with one. */
const SLOW = 3000;
/** A page that did not run for longer, in milliseconds, was frozen or asleep. */
const FROZEN = 10_000;
/** A clock may be wrong by so much, in milliseconds. */
const SKEW = 60_000;

export interface SelfReportBody {
  first_byte_ms?: number;
  held_back_ms?: number;
  frozen_ms?: number;
  encoding?: string;
  last_error?: string;
  reconnects?: number;
}

export class SelfReport {
  readonly #clock: Clock;
  readonly #body: SelfReportBody = {};
  #news = false;
  #told = -Infinity;
  #asked = 0; // when the stream was asked for; 0 once its first byte is there
  #pings = 0; // that came with the bytes that are being read

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What there is to tell now, or null. It counts as told. */
  take(): SelfReportBody | null {
    const now = this.#clock.now();
    if (!this.#news || now - this.#told < PACE) return null;
    this.#news = false;
    this.#told = now;
    return this.#body;
  }

  /** Something is to be told. */
  note(news: SelfReportBody): void {
    this.#news = true;
    Object.assign(this.#body, news);
  }

  opening(): void {
    this.#asked = this.#clock.now();
  }

  answered(headers: Headers): void {
    const encoding = headers.get('Content-Encoding');
    if (encoding) this.note({ encoding });
    if (Math.abs(this.#clock.now() - Date.parse(headers.get('Date') ?? '')) > SKEW) this.note({}); // the service compares
  }

  pinged(): void {
    this.#pings++;
  }

  /** Bytes were read; interval is that of pings, in milliseconds. */
  activity(interval: number): void {
    const waited = this.#clock.now() - this.#asked;
    if (this.#asked && waited > SLOW) this.note({ first_byte_ms: waited });
    if (this.#pings > 1) this.note({ held_back_ms: (this.#pings - 1) * interval });
    this.#asked = this.#pings = 0;
  }

  /** A timer came so many milliseconds late. */
  late(ms: number): void {
    if (ms > FROZEN) this.note({ frozen_ms: ms });
  }

  broke(message: string): void {
    this.note({ last_error: message.slice(0, 200), reconnects: (this.#body.reconnects ?? 0) + 1 });
  }
}
