// Starting and cancelling (rules B9, B10): each request is repeated until it is answered,
// and does its work once.

import type { RecordStatus, StartRequest } from '../shared/protocol.js';
import { type Clock, backoff, sleep } from './clock.js';
import { NoCredential } from './credential.js';
import { type Answer, type Api, type Ask, type Refusal, isTransient } from './http.js';

/** The answer to a start. */
export interface Started {
  task_id: string;
  status: RecordStatus;
}

export class Actions {
  readonly #api: Api;
  readonly #clock: Clock;
  readonly #starting = new Map<string, Promise<Answer<Started>>>();

  constructor(api: Api, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** Starts a task. The same key is the same start, whichever tab asks. */
  start({ key, body }: StartRequest): Promise<Answer<Started>> {
    let start = this.#starting.get(key);
    if (!start) {
      const ask = { method: 'POST', headers: { 'Idempotency-Key': key }, body };
      start = this.#untilAnswered<Started>('/tasks', ask).finally(() => this.#starting.delete(key));
      this.#starting.set(key, start);
    }
    return start;
  }

  /** Asks a task to stop. Returns null, or why not. */
  async cancel(id: string): Promise<Refusal | null> {
    const answer = await this.#untilAnswered(`/tasks/${encodeURIComponent(id)}/cancel`, { method: 'POST' });
    return answer.ok ? null : answer.refusal;
  }

  /** Rejects only when there is no credential, and none is to be had. */
  async #untilAnswered<T>(path: string, ask: Ask): Promise<Answer<T>> {
    for (let failures = 0; ; failures++) {
      let retryAfter;
      try {
        const answer = await this.#api.ask<T>(path, ask);
        if (answer.ok || !isTransient(answer.refusal)) return answer;
        retryAfter = answer.refusal.retryAfter;
      } catch (error) {
        if (error instanceof NoCredential) throw error;
      }
      await sleep(this.#clock, backoff(this.#clock, failures, retryAfter));
    }
  }
}
