// Reads the newest tasks of a list that a tab shows, for those that ended before it came.

import type { TaskFilter, TaskRecord } from '../../types/index.js';
import type { Api } from './http.js';
import type { Tasks } from './tasks.js';
import { wordOfRecord } from './words.js';

/** The longest page that the service gives. */
const LIMIT = '200';

export class Lists {
  readonly #api: Api;
  readonly #tasks: Tasks;
  readonly #shown: () => TaskFilter[];
  readonly #flush: () => void;
  #read = new Set<string>(); // queries

  constructor(api: Api, tasks: Tasks, shown: () => TaskFilter[], flush: () => void) {
    this.#api = api;
    this.#tasks = tasks;
    this.#shown = shown;
    this.#flush = flush;
  }

  /** Reads a list, unless events have kept it up to date since it was read. */
  want({ type, labels }: TaskFilter): void {
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
