// Fetches results that were too large for an event, of tasks that somebody follows.

import type { TaskRecord } from '../../types/index.js';
import { type Clock, backoff } from './clock.js';
import type { Api } from './http.js';
import type { Tasks } from './tasks.js';
import { wordOfRecord } from './words.js';

export class Results {
  readonly #api: Api;
  readonly #clock: Clock;
  readonly #tasks: Tasks;
  readonly #isFollowed: (id: string) => boolean;
  readonly #flush: () => void;

  constructor(api: Api, clock: Clock, tasks: Tasks, isFollowed: (id: string) => boolean, flush: () => void) {
    this.#api = api;
    this.#clock = clock;
    this.#tasks = tasks;
    this.#isFollowed = isFollowed;
    this.#flush = flush;
  }

  /** Fetches the result of a task if it has one that is not here. */
  want(id: string): void {
    if (this.#tasks.get(id)?.resultState !== 'omitted' || !this.#isFollowed(id)) return;
    this.#tasks.setResult(id, 'loading');
    void this.#load(id, 0);
  }

  async #load(id: string, failures: number): Promise<void> {
    const answer = await this.#api.ask<TaskRecord>('/tasks/' + id).catch(() => null);
    if (answer?.ok) this.#tasks.learn(id, wordOfRecord(answer.value), false);
    else if (answer && [403, 404].includes(answer.refusal.status)) this.#tasks.setResult(id, 'gone');
    else if (this.#isFollowed(id)) return void this.#clock.after(backoff(this.#clock, failures), () => this.#load(id, failures + 1));
    else this.#tasks.setResult(id, 'omitted');
    this.#flush();
  }
}
