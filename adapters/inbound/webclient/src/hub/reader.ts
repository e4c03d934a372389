// Reads the states of tasks that no snapshot lists: many with one request (rules B4, B5).

import type { TaskRecord } from '../../types/index.js';
import { type Clock, backoff } from './clock.js';
import type { Api } from './http.js';

/** So many tasks the service reads at once (T17). */
const BATCH = 100;
/** Those that are asked for within so many milliseconds go together. */
const GATHER = 10;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface ReaderUser {
  found(record: TaskRecord): void;
  /** The service does not know the task, or the caller may not see it. */
  missing(id: string): void;
  /** The caller may read no tasks at all. */
  denied(id: string): void;
  flush(): void;
  /** Whether the service can read many at once. */
  batches(can: boolean): void;
}

/** idle → gathering → reading → idle, or waiting for another try. */
export class Reader {
  readonly #api: Api;
  readonly #clock: Clock;
  readonly #user: ReaderUser;
  #wanted = new Set<string>();
  #busy = false;
  #failures = 0;
  #canBatch = true;

  constructor(api: Api, clock: Clock, user: ReaderUser) {
    this.#api = api;
    this.#clock = clock;
    this.#user = user;
  }

  /** Reads a task, soon. */
  want(id: string): void {
    this.#wanted.add(id);
    if (this.#busy) return;
    this.#busy = true;
    this.#clock.after(GATHER, () => this.#run());
  }

  async #run(): Promise<void> {
    while (this.#wanted.size) {
      const ids = this.#next();
      for (const id of ids) this.#wanted.delete(id);
      if (await this.#read(ids).catch(() => false)) {
        this.#failures = 0;
        this.#user.flush();
        continue;
      }
      for (const id of ids) this.#wanted.add(id);
      this.#clock.after(backoff(this.#clock, this.#failures++), () => this.#run());
      return;
    }
    this.#busy = false;
  }

  #next(): string[] {
    if (!this.#canBatch) return [...this.#wanted].slice(0, 1);
    const batch = [...this.#wanted].filter((id) => UUID.test(id)).slice(0, BATCH);
    return batch.length ? batch : [...this.#wanted].slice(0, 1);
  }

  /** Returns whether it was answered. */
  #read(ids: string[]): Promise<boolean> {
    return this.#canBatch && UUID.test(ids[0]!) ? this.#readBatch(ids) : this.#readOne(ids[0]!);
  }

  async #readBatch(ids: string[]): Promise<boolean> {
    const answer = await this.#api.ask<{ tasks: TaskRecord[] }>(`/tasks?ids=${ids.join()}&include=result`);
    if (!answer.ok && answer.refusal.status === 403) {
      for (const id of ids) this.#user.denied(id);
      return true;
    }
    if (!answer.ok && answer.refusal.status !== 400) return false;
    const asked = new Set(ids);
    if (!answer.ok || !answer.value.tasks.every((record) => asked.has(record.task_id))) {
      this.#canBatch = false; // an older service: it ignores ids, or knows no such query
      this.#user.batches(false);
      return false;
    }
    this.#user.batches(true);
    for (const record of answer.value.tasks) {
      asked.delete(record.task_id);
      this.#user.found(record);
    }
    for (const id of asked) this.#user.missing(id);
    return true;
  }

  async #readOne(id: string): Promise<boolean> {
    const answer = await this.#api.ask<TaskRecord>(`/tasks/${encodeURIComponent(id)}/status`);
    if (answer.ok) this.#user.found(answer.value);
    else if (answer.refusal.status === 404 || answer.refusal.status === 400) this.#user.missing(id);
    else if (answer.refusal.status === 403) this.#user.denied(id);
    else return false;
    return true;
  }
}
