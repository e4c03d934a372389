// The credential of all tabs of this hub (rule B8): one owner, one question at a time.

import { type Clock, backoff, sleep } from './clock.js';

/** Why there is no credential. */
export class NoCredential extends Error {
  readonly code: 'SIGNED_OUT' | 'UNAUTHORIZED';
  constructor(code: NoCredential['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Asks a tab. Resolves with a token, or null when nobody is logged in; rejects with
 * NoCredential when asking again is useless, and with anything else when it is not.
 */
export type AskTab = () => Promise<string | null>;

/** none → asking → known, and back to none when it is refused or ends; or ended. */
export class Credential {
  /** Called once when it ends. */
  onended: (why: NoCredential) => void = () => {};

  readonly #ask: AskTab | null;
  readonly #clock: Clock;
  #token: string | null = null;
  #asking: Promise<string | null> | null = null;
  #ended: NoCredential | null = null;
  #generation = 0;

  /** ask is null when the tabs have no getToken: then cookies are all there is. */
  constructor(ask: AskTab | null, clock: Clock) {
    this.#ask = ask;
    this.#clock = clock;
  }

  /** The token, or null when there is none to send. Throws NoCredential. */
  async get(): Promise<string | null> {
    if (this.#ended) throw this.#ended;
    if (!this.#ask) return null;
    return this.#token ?? (this.#asking ??= this.#askUntilAnswered(this.#generation));
  }

  /** A fresh one, for when the known one ends soon. */
  renew(): Promise<string | null> {
    this.#token = null;
    return this.get();
  }

  /** The service refuses token. Returns whether another may be had. */
  refuse(token: string | null): boolean {
    if (!this.#ask || this.#ended) return false;
    if (this.#token === token) this.#token = null; // otherwise there is a newer one already
    return true;
  }

  /** Begins anew, after a log-in. */
  reset(): void {
    this.#generation++;
    this.#token = this.#asking = this.#ended = null;
  }

  async #askUntilAnswered(generation: number): Promise<string | null> {
    const isCurrent = () => generation === this.#generation;
    for (let failures = 0; ; failures++) {
      try {
        const token = await this.#ask!();
        if (!isCurrent()) return this.get();
        this.#asking = null;
        if (token === null) throw new NoCredential('SIGNED_OUT', 'nobody is logged in');
        return (this.#token = token);
      } catch (error) {
        if (!isCurrent()) return this.get();
        if (error instanceof NoCredential) {
          this.#asking = null;
          this.#ended = error;
          this.onended(error);
          throw error;
        }
      }
      await sleep(this.#clock, backoff(this.#clock, failures));
      if (!isCurrent()) return this.get();
    }
  }
}
