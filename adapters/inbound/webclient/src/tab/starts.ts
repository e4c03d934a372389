// Which starts are the same one (rule B9): a double click, and what a page before a reload
// had asked for. It owns the starts of the last second and those that are unanswered.

import type { StartOptions } from '../../types/index.js';
import type { StartRequest } from '../shared/protocol.js';
import { randomId } from '../shared/random.js';

/** A second start that is alike counts as the same one within so many milliseconds. */
const DOUBLE_CLICK = 1000;

export class Starts<Handle> {
  readonly #recent = new Map<string, { handle: Handle; at: number; answered: boolean }>();
  readonly #begin: (request: StartRequest, signal?: AbortSignal) => { handle: Handle; answered: Promise<unknown> };
  readonly #now: () => number;

  constructor(begin: (request: StartRequest, signal?: AbortSignal) => { handle: Handle; answered: Promise<unknown> }, now = () => Date.now()) {
    this.#begin = begin;
    this.#now = now;
  }

  start(type: string, params: unknown, options: StartOptions): Handle {
    const { labels, key, signal, remember = true, runAt, delay, audience } = options;
    const body = {
      type,
      ...(params !== undefined && { params }),
      ...(labels && { labels }),
      ...(runAt && { run_at: runAt.toISOString() }),
      ...(delay !== undefined && { delay }),
      ...(audience !== undefined && { audience }),
    };
    return this.send({ key: key ?? randomId(), named: key !== undefined, remember, body }, signal);
  }

  /** Sends a start, unless it is one that was sent. */
  send(request: StartRequest, signal?: AbortSignal): Handle {
    const name = request.named ? request.key : JSON.stringify(request.body);
    const now = this.#now();
    for (const [other, { at, answered }] of this.#recent) if (answered && now - at >= DOUBLE_CLICK) this.#recent.delete(other);
    const before = this.#recent.get(name);
    if (before) return before.handle;
    const { handle, answered } = this.#begin(request, signal);
    const start = { handle, at: now, answered: false };
    this.#recent.set(name, start);
    const settle = (ok: boolean) => {
      start.answered = true;
      if (!ok) this.#recent.delete(name); // what was refused can be tried again at once
    };
    answered.then(() => settle(true), () => settle(false));
    return handle;
  }
}
