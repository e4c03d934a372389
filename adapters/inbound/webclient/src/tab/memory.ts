// What survives a reload (rules B4, B9): the IDs of tasks that were started here, and
// starts that were not answered. It owns the page's storage, which may be full, forbidden
// or missing: then nothing is remembered.

import type { StartRequest } from '../shared/protocol.js';

/** So many tasks are remembered; the oldest are forgotten first. */
const MAX_MINE = 100;
/** So many things that are to happen once are remembered. */
const MAX_ONCE = 100;
/** A start that is larger is not sent again after a reload, in characters of JSON. */
const MAX_START = 8192;
/** One that is older, in milliseconds, neither. */
const START_LIMIT = 60_000;

export type Mine = [id: string, seenEnded: boolean];

class Shelf<T> {
  constructor(readonly key: string, readonly storage: () => Storage | undefined) {}

  read(): T[] {
    try {
      const read = JSON.parse(this.storage()?.getItem(this.key) ?? '[]');
      return Array.isArray(read) ? read : [];
    } catch {
      return [];
    }
  }

  write(items: T[]): void {
    try {
      if (items.length) this.storage()?.setItem(this.key, JSON.stringify(items));
      else this.storage()?.removeItem(this.key);
    } catch {
      // see above
    }
  }
}

export class Memory {
  readonly #mine: Shelf<Mine>;
  readonly #starts: Shelf<{ at: number; request: StartRequest }>;
  readonly #once: Shelf<string>;

  constructor(name: string) {
    // localStorage is shared by the tabs, sessionStorage is this tab's.
    this.#mine = new Shelf(`heliograph:${name}:mine`, () => globalThis.localStorage);
    this.#starts = new Shelf(`heliograph:${name}:starts`, () => globalThis.sessionStorage);
    this.#once = new Shelf(`heliograph:${name}:once`, () => globalThis.localStorage);
  }

  /** Whether something that is to happen once in the browser did, whichever hub was asked. */
  happened(key: string): boolean {
    return this.#once.read().includes(key);
  }

  happens(key: string): void {
    this.#once.write([...this.#once.read(), key].slice(-MAX_ONCE));
  }

  mine(): Mine[] {
    return this.#mine.read();
  }

  remember(id: string): void {
    const others = this.mine().filter(([other]) => other !== id);
    this.#mine.write([...others, [id, false] as Mine].slice(-MAX_MINE));
  }

  /** The end of the task was shown: if it is gone after a reload, nobody wonders. */
  ended(id: string): void {
    const mine = this.mine();
    const item = mine.find((item) => item[0] === id);
    if (!item || item[1]) return;
    item[1] = true;
    this.#mine.write(mine);
  }

  forget(id: string): void {
    this.#mine.write(this.mine().filter(([other]) => other !== id));
  }

  /** Starts that a page before this one sent, and whose answer it did not see. */
  unanswered(): StartRequest[] {
    return this.#starts.read().filter(({ at }) => Date.now() - at < START_LIMIT).map(({ request }) => request);
  }

  starting(request: StartRequest): void {
    const starts = this.#starts.read();
    if (starts.some((start) => start.request.key === request.key) || JSON.stringify(request).length > MAX_START) return;
    this.#starts.write([...starts, { at: Date.now(), request }]);
  }

  answered(key: string): void {
    this.#starts.write(this.#starts.read().filter(({ request }) => request.key !== key));
  }

  clear(): void {
    this.#mine.write([]);
    this.#starts.write([]);
    this.#once.write([]);
  }
}
