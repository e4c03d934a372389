// Requests to the API, for what the client library has no word for.

/** The service's error: code and message are its own. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** What the error says beside its message. */
    readonly details: Record<string, unknown>,
  ) {
    super(message);
  }
}

type Query = Record<string, string | number | readonly string[] | undefined> | URLSearchParams;

/** Ask says what a request has beside its path, which begins after /api. */
export interface Ask {
  method?: string;
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export class Api {
  readonly #token: () => string | null;
  readonly #unauthorized: (why: Refused) => void;

  /** unauthorized is called when the service wants another credential. */
  constructor(token: () => string | null, unauthorized: (why: Refused) => void) {
    this.#token = token;
    this.#unauthorized = unauthorized;
  }

  /** Reads JSON: get('/tasks', { status: 'failed' }). Throws Refused, or a TypeError when there is no answer. */
  get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    return this.ask<T>(path, { query, signal });
  }

  post<T>(path: string, body?: unknown, query: Query = {}): Promise<T> {
    return this.ask<T>(path, { method: 'POST', query, body });
  }

  delete<T>(path: string): Promise<T> {
    return this.ask<T>(path, { method: 'DELETE' });
  }

  async ask<T>(path: string, ask: Ask = {}): Promise<T> {
    return (await this.fetch(path, ask)).json() as Promise<T>;
  }

  /** The answer itself, for what is not JSON. */
  async fetch(path: string, { method = 'GET', query = {}, body, headers = {}, signal }: Ask = {}): Promise<Response> {
    const token = this.#token();
    const response = await fetch('/api' + path + questionMark(query), {
      method,
      headers: { ...headers, ...(body !== undefined && { 'Content-Type': 'application/json' }), ...(token && { Authorization: 'Bearer ' + token }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      signal,
    });
    if (response.ok) return response;
    const { error } = await response.json().catch(() => ({ error: {} }));
    const refused = new Refused(response.status, error?.code ?? '', error?.message ?? `the service answered ${response.status}`, error?.details ?? {});
    if (refused.status === 401) this.#unauthorized(refused);
    throw refused;
  }
}

function questionMark(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of query instanceof URLSearchParams ? query : Object.entries(query)) {
    for (const one of [value ?? ''].flat()) if (one !== '') parameters.append(name, String(one));
  }
  const text = parameters.toString();
  return text && '?' + text;
}

/** An error in words that say what to do. */
export function inWords(error: unknown): string {
  if (!(error instanceof Refused)) {
    return error instanceof TypeError ? 'The service does not answer. It is asked again.' : String((error as Error)?.message ?? error);
  }
  const { status, message, details } = error;
  if (status === 403 && details.scope) return `Your credential may not do this: it lacks the scope ${String(details.scope)}.`;
  return message.charAt(0).toUpperCase() + message.slice(1) + (message.endsWith('.') ? '' : '.');
}
