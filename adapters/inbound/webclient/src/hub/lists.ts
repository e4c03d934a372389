// Reads the newest tasks of a list that a tab shows, for those that ended before it came.

import type { TaskFilter, TaskRecord } from '../../types/index.js';
import type { Clock } from './clock.js';
import type { Api } from './http.js';
import type { Tasks } from './tasks.js';
import { wordOfRecord } from './words.js';

/** The longest page that the service gives. */
const LIMIT = '200';
/** A list is read without waiting any longer for the stream after so many milliseconds; and once more with it. */
const EARLY = 500;

export class Lists {
  readonly #api: Api;
  readonly #clock: Clock;
  readonly #tasks: Tasks;
  readonly #shown: () => TaskFilter[];
  readonly #flush: () => void;
  #read = new Set<string>(); // queries
  #live = false; // the stream brings what changes after a list was read

  constructor(api: Api, clock: Clock, tasks: Tasks, shown: () => TaskFilter[], flush: () => void) {
    this.#api = api;
    this.#clock = clock;
    this.#tasks = tasks;
    this.#shown = shown;
    this.#flush = flush;
  }

  /** Reads a list, unless events have kept it up to date since it was read. */
  want(filter: TaskFilter): void {
    if (this.#live) this.#ask(filter);
    else this.#clock.after(EARLY, () => this.#ask(filter));
  }

  /** The stream brings what changes from now on: what was read before it did may be out of date. */
  live(): void {
    if (!this.#live) this.#read.clear();
    this.#live = true;
    this.readShown();
  }

  /** The next stream does not bring what has changed since the last. */
  pause(): void {
    this.#live = false;
  }

  #ask({ type, labels }: TaskFilter): void {
    const query = new URLSearchParams({ limit: LIMIT });
    if (type !== undefined) query.set('type', type);
    for (const [key, value] of Object.entries(labels ?? {})) query.append('label', `${key}:${value}`);
    const path = '/tasks?' + query;
    const read = this.#read;
    if (read.has(path)) return;
    read.add(path);
    this.#api.ask<{ tasks: TaskRecord[] }>(path).then(
      (answer) => {
        if (!answer.ok) return void read.delete(path);
        if (read !== this.#read) return; // of the time before
        for (const record of answer.value.tasks) this.#tasks.learn(record.task_id, wordOfRecord(record), false);
        this.#flush();
      },
      () => read.delete(path),
    );
  }

  /** Events were lost, or somebody else has logged in: what was read counts no more. */
  forget(): void {
    this.#read = new Set();
  }

  /** Reads the lists that are shown and were not read. */
  readShown(): void {
    for (const filter of this.#shown()) if (!filter.mine) this.want(filter);
  }
}
