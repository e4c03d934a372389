// A service, time and a page, all pretended, for the tests of the library.

import { mock } from 'node:test';

import { connect } from '../src/client.js';
import type { Client, Options, TaskRecord } from '../types/index.js';

/** One answer that the service is to give. */
export type Reply = Response | Promise<Response>;

export const ID = '0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a';
export const OTHER = '1c1f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0b';
export const THIRD = '2d2f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0c';

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i++) await new Promise((done) => realImmediate(done));
}
const realImmediate = setImmediate;

/** Lets time pass, in steps in which everything settles. */
export async function pass(ms: number, step = 50): Promise<void> {
  await settle();
  for (let left = ms; left > 0; left -= step) {
    mock.timers.tick(Math.min(step, left));
    await settle();
  }
}

/** A stream that is open, from the service's side. */
export class ServiceStream {
  readonly url: URL;
  readonly headers: Headers;
  ended = false; // by the page
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly body: ReadableStream<Uint8Array>;

  constructor(url: URL, init: RequestInit) {
    this.url = url;
    this.headers = new Headers(init.headers);
    this.body = new ReadableStream({ start: (controller) => void (this.#controller = controller) });
    init.signal!.addEventListener('abort', () => {
      this.ended = true;
      try {
        this.#controller.error(init.signal!.reason);
      } catch {
        // it has ended already
      }
    });
  }

  write(text: string): void {
    this.#controller.enqueue(new TextEncoder().encode(text));
  }
  send(name: string, data: unknown, id = ''): void {
    this.write(`${id && `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }
  snapshot(tasks: unknown[] = [], more = false): void {
    this.send('task_snapshot', { tasks, ...(more && { more }) }, 'e-1');
  }
  /** Ends it in order. */
  close(): void {
    this.#controller.close();
  }
  /** Breaks it. */
  fail(): void {
    this.#controller.error(new TypeError('the connection broke'));
  }
}

export interface Request {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Headers;
  body: any;
}

/** The service. Unless a test says otherwise it opens streams and knows the tasks in records. */
export class Service {
  readonly streams: ServiceStream[] = [];
  readonly requests: Request[] = [];
  readonly records = new Map<string, TaskRecord>();
  /** By "METHOD path": what to answer instead, the next times. */
  readonly replies = new Map<string, (() => Reply)[]>();
  started = 0;
  /** How often something comes, as the answers of streams say it; '' when they do not. */
  interval = '';

  /** The newest stream. */
  get stream(): ServiceStream {
    return this.streams.at(-1)!;
  }

  reply(what: string, ...replies: (() => Reply)[]): void {
    this.replies.set(what, [...(this.replies.get(what) ?? []), ...replies]);
  }

  asked(what: string): Request[] {
    return this.requests.filter(({ method, path }) => `${method} ${path}` === what);
  }

  readonly fetch = async (input: any, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(String(input));
    const path = url.pathname.replace(/^\/api/, '');
    const method = init.method ?? 'GET';
    const request = { method, path, query: url.searchParams, headers: new Headers(init.headers), body: init.body ? JSON.parse(String(init.body)) : undefined };
    this.requests.push(request);
    await Promise.resolve();
    const reply = this.replies.get(`${method} ${path}`)?.shift();
    if (reply) {
      const aborted = new Promise<never>((_, fail) => init.signal?.addEventListener('abort', () => fail(init.signal!.reason)));
      return Promise.race([reply(), aborted]);
    }
    if (path === '/sse/stream') {
      const stream = new ServiceStream(url, init);
      this.streams.push(stream);
      return new Response(stream.body, {
        headers: { 'Content-Type': 'text/event-stream', ...(this.interval && { 'Heliograph-Interval': this.interval }) },
      });
    }
    return this.#answer(request);
  };

  #answer({ method, path, query, body }: Request): Response {
    const [, , id, action] = path.split('/');
    if (path === '/tasks' && method === 'POST') {
      this.started++;
      return Response.json({ task_id: ID, status: 'pending', stream_url: '' }, { status: 202 });
    }
    if (path === '/tasks') {
      const ids = query.get('ids')?.split(',');
      const tasks = [...this.records.values()].filter((record) => !ids || ids.includes(record.task_id));
      return Response.json({ tasks, next_cursor: null });
    }
    if (path === '/task-types') return Response.json({ task_types: [{ type: 'import', description: '', params_schema: null }] });
    if (path.startsWith('/tasks/') && action === 'cancel') {
      return this.records.has(id!) ? Response.json({ success: true, message: '' }) : refusal(404, 'TASK_NOT_FOUND');
    }
    if (path.startsWith('/tasks/')) return this.records.has(id!) ? Response.json(this.records.get(id!)) : refusal(404, 'TASK_NOT_FOUND');
    if (path.startsWith('/connections/')) return Response.json({ success: true, ...body });
    return refusal(404, 'NOT_FOUND');
  }
}

export function refusal(status: number, code: string, headers: Record<string, string> = {}, message = code): Response {
  return Response.json({ error: { code, message } }, { status, headers });
}

/** A record of a task that runs. */
export function record(id: string, seq: number, more: Partial<TaskRecord> = {}): TaskRecord {
  return {
    task_id: id, type: 'import', status: 'running', created_at: '2026-01-02T03:04:04Z', cancel_requested: false, start_time: '2026-01-02T03:04:05Z', end_time: null,
    result: null, error: null, code: null, progress: { text: '', value: 0 }, seq, attempt: 1, labels: {}, ...more,
  };
}

/** An entry of a snapshot. */
export function listed(id: string, seq: number, more: object = {}) {
  return {
    task_id: id, type: 'import', created_at: '2026-01-02T03:04:04Z', status: 'running', cancel_requested: false,
    progress: { text: '', value: 0 }, seq, attempt: 1, labels: {}, ...more,
  };
}

let clock = 1_800_000_000_000;

/** The data of a task_event. */
export function event(id: string, seq: number, event_type: string, data: unknown = null, more: object = {}) {
  return {
    event_type, task_id: id, type: 'import', created_at: '2026-01-02T03:04:04Z', timestamp: '2026-01-02T03:04:06Z', seq, attempt: 1, data, ...more,
  };
}
export const progress = (id: string, seq: number, value: number, text = '') => event(id, seq, 'progress_update', { text, value });

/** A service, and a page that uses it, with a stream of its own. Time stands still. */
export class World {
  readonly service = new Service();
  readonly clients: Client[] = [];

  constructor() {
    mock.timers.reset();
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: (clock += 10_000_000) });
  }

  connect(options: Options = {}): Client {
    const client = connect({ api: 'http://service/api', fetch: this.service.fetch as typeof fetch, ...options });
    this.clients.push(client);
    return client;
  }

  /** A client whose stream is open, with its snapshot. */
  async open(options: Options = {}, tasks: unknown[] = []): Promise<Client> {
    const client = this.connect(options);
    client.connection.subscribe(() => {});
    await pass(20);
    this.service.stream.snapshot(tasks);
    await pass(20);
    return client;
  }

  end(): void {
    for (const client of this.clients) client.close();
    mock.timers.reset();
  }
}

/** Collects what a loop gets; done when it has ended. */
export function collect<T>(iterable: AsyncIterable<T>): { got: T[]; done: Promise<void>; ended: boolean } {
  const all = { got: [] as T[], done: Promise.resolve(), ended: false };
  all.done = (async () => {
    for await (const item of iterable) all.got.push(item);
    all.ended = true;
  })();
  return all;
}
