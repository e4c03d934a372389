// Requests to the API, with the credential of the moment.

import type { Failure } from '../shared/protocol.js';
import type { Clock } from './clock.js';
import type { Credential } from './credential.js';

/** An answer that is not what was asked for. */
export interface Refusal extends Failure {
  status: number;
}

/** Reads what an answer says is wrong; an answer of a proxy has a status only. */
export async function refusalOf(response: Response): Promise<Refusal> {
  const said = await response.json().catch(() => null);
  const error = said?.error ?? {};
  const seconds = Number(response.headers.get('Retry-After') || NaN);
  return {
    status: response.status,
    code: error.code ?? 'HTTP_' + response.status,
    message: error.message ?? `the service answered ${response.status}`,
    ...(seconds >= 0 && { retryAfter: seconds }),
    ...fieldOf(error),
  };
}

/** INVALID_PARAMS names the field in its details, or as a path in its message. */
function fieldOf(error: { message?: string; details?: { field?: string } }): { field?: string } {
  const field = error.details?.field ?? /\/properties\/([^:/"\s]+)/.exec(error.message ?? '')?.[1];
  return field ? { field } : {};
}

/** Whether the same request may well succeed later: nothing was decided about it. */
export function isTransient(refusal: Refusal): boolean {
  const { status, code } = refusal;
  return status === 408 || status === 502 || status === 504 || (status === 503 && code !== 'QUEUE_FULL' && code !== 'TOO_MANY_CONNECTIONS');
}

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

export type Answer<T> = { ok: true; value: T } | { ok: false; refusal: Refusal };

/** A request that was not answered after so many milliseconds is given up. */
const ANSWER_LIMIT = 30_000;

/** The API. Its methods throw only when there was no answer, or there is no credential. */
export class Api {
  readonly #fetch: typeof globalThis.fetch;
  readonly #base: string;
  readonly #credentials: RequestCredentials;
  readonly #credential: Credential;
  readonly #clock: Clock;
  readonly #underWay = new Set<AbortController>();

  constructor(fetch: typeof globalThis.fetch, base: string, credentials: RequestCredentials, credential: Credential, clock: Clock) {
    this.#fetch = fetch;
    this.#base = base;
    this.#credentials = credentials;
    this.#credential = credential;
    this.#clock = clock;
  }

  /** Sends a request; a credential that is refused is asked for again, once (rule B7). */
  async ask<T>(path: string, ask: Ask = {}): Promise<Answer<T>> {
    for (let again = true; ; again = false) {
      const token = await this.#credential.get();
      const answer = await this.#send<T>(path, ask, token);
      if (answer.ok || answer.refusal.status !== 401 || !again || !this.#credential.refuse(token)) return answer;
    }
  }

  /** Ends what is under way. */
  close(): void {
    for (const stop of this.#underWay) stop.abort();
  }

  async #send<T>(path: string, ask: Ask, token: string | null): Promise<Answer<T>> {
    const stop = new AbortController();
    const cancel = this.#clock.after(ANSWER_LIMIT, () => stop.abort());
    this.#underWay.add(stop);
    try {
      const response = await this.#fetch(this.#base + path, {
        method: ask.method ?? 'GET',
        headers: {
          ...ask.headers,
          ...(ask.body !== undefined && { 'Content-Type': 'application/json' }),
          ...(token && { Authorization: 'Bearer ' + token }),
        },
        body: ask.body === undefined ? undefined : JSON.stringify(ask.body),
        credentials: this.#credentials,
        cache: 'no-store',
        signal: stop.signal,
      });
      if (!response.ok) return { ok: false, refusal: await refusalOf(response) };
      return { ok: true, value: (await response.json()) as T };
    } finally {
      cancel();
      this.#underWay.delete(stop);
    }
  }
}
