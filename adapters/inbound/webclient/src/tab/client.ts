// The client: what a page calls. It joins its parts, each of which owns its state, and
// speaks for them with the hub.

import type { Client, Connection, Options, StartOptions, Task, TaskFilter, TaskType, TaskView, Store, Version } from '../../types/index.js';
import { HeliographError, Unauthorized, errorOf } from '../errors.js';
import type { Piece } from '../hub/output.js';
import { type Failure, type HubConfig, PROTOCOL, type StartRequest, type StreamReport, type ToHub, type ToTab } from '../shared/protocol.js';
import { randomId } from '../shared/random.js';
import { CallBook } from './calls.js';
import { Cell } from './cell.js';
import { listen } from './lifecycle.js';
import { Link, routesFor } from './link.js';
import { type ListUser, TaskList } from './list.js';
import { Memory } from './memory.js';
import { Starts } from './starts.js';
import { TaskHandle } from './task.js';
import { TabTasks } from './tasks.js';
import { Ending } from './waiting.js';

const NO_CAPABILITIES = { resume: null, heartbeat: null, types: null, batch: null, token: null, limits: [] };
const UNUSED: Connection = { state: 'idle', stale: true, error: null, retryAt: null, sharing: null, capabilities: NO_CAPABILITIES };

type Listeners = { [What in 'reset' | 'event']: Set<(value: any) => void> };

export function connect(options: Options = {}): Client {
  return new TabClient(options);
}

class TabClient implements Client {
  readonly #options: Options;
  readonly #connection = new Cell<Connection>(UNUSED, () => this.#use());
  readonly #version = new Cell<Version | null>(null, () => this.#use());
  readonly #memory: Memory;
  readonly #tasks = new TabTasks({
    follow: (id) => this.#say({ t: 'follow', id }),
    unfollow: (id) => this.#say({ t: 'unfollow', id }),
    ended: (id) => this.#memory.ended(id),
  });
  readonly #calls = new CallBook((message) => this.#say(message));
  readonly #lists = new Map<number, TaskList>(); // that are used
  readonly #outputs = new Map<number, { id: string; next: number; take: (piece: Piece) => void }>();
  readonly #listeners: Listeners = { reset: new Set(), event: new Set() };
  readonly #starts = new Starts<Task<any>>((request, signal) => this.#begin(request, signal));
  readonly #ending = new Ending();
  #link: Link | null = null; // once something is used
  #stopListening = () => {};
  #lastId = '';
  #fresh = true;
  #outputCount = 0;

  readonly connection: Store<Connection> = this.#connection;
  readonly version: Store<Version | null> = this.#version;

  constructor(options: Options) {
    this.#options = options;
    this.#memory = new Memory(options.name ?? '');
  }

  start(type: string, params?: unknown, options: StartOptions = {}): Task<any> {
    this.#use(); // which sends again what a page before had asked for: this may be the same
    return this.#starts.start(type, params, options);
  }

  follow<R>(id: string, { signal }: { signal?: AbortSignal } = {}): Task<R> {
    return new TaskHandle<R>(this.#taskUser, id, signal);
  }

  tasks(filter: TaskFilter = {}): Store<readonly TaskView[]> {
    return new TaskList(filter, this.#tasks, this.#listUser);
  }

  types(): Promise<readonly TaskType[]> {
    return this.#call('types');
  }

  async once(key: string): Promise<boolean> {
    const isFirst = await this.#call('once', key) && !this.#memory.happened(key); // a new hub does not know
    if (isFirst) this.#memory.happens(key);
    return isFirst;
  }

  on(what: keyof Listeners, listener: (value: any) => void): () => void {
    this.#use();
    const own = (value: unknown) => listener(value);
    this.#listeners[what].add(own);
    return () => void this.#listeners[what].delete(own);
  }

  forget(id: string): void {
    this.#memory.forget(id);
    this.#say({ t: 'forget', id });
  }

  reconnect(): void {
    this.#say({ t: 'reconnect' });
  }

  close(): void {
    this.#stopListening();
    this.#link?.leave();
    this.#show({ state: 'closed', error: null, retryAt: null });
    this.#tasks.close();
    this.#ending.end(new HeliographError('CLOSED', 'the client was closed'));
    this.#calls.close();
  }

  // --- the hub

  /** Joins the others, at the first use. */
  #use(): void {
    if (this.#link || this.#ending.reason) return;
    const { api = '/api', stream, credentials = 'same-origin', getToken, name = '', requestId, share = 'auto', report, fetch } = this.#options;
    const absolute = (url: string | URL) => new URL(url, globalThis.location?.href).href.replace(/\/$/, '');
    const base = absolute(api);
    const config: HubConfig = {
      name, api: base, stream: stream ? absolute(stream) : base + '/sse/stream', credentials, asksToken: !!getToken, ...(requestId && { requestId }), ...(report === false && { report }),
    };
    this.#link = new Link({ config, tab: randomId(), fetch }, routesFor(share, fetch), {
      greet: (post, lock) => this.#greet(post, lock),
      message: (message) => this.#take(message),
      sharing: (sharing) => this.#connection.set({ ...this.#connection.getSnapshot(), sharing }),
    });
    this.#show({ state: 'connecting', error: null, retryAt: null });
    this.#stopListening = listen({
      away: () => this.#link!.leave(),
      back: () => void this.#link!.join(),
      wake: () => this.#say({ t: 'wake' }),
    });
    void this.#link.join();
    for (const request of this.#memory.unanswered()) this.#starts.send(request);
  }

  #say(message: ToHub): void {
    this.#use();
    this.#link?.post(message);
  }

  async #call(name: 'types' | 'once' | 'start' | 'cancel', ...args: any[]): Promise<any> {
    this.#use();
    if (this.#ending.reason) throw this.#ending.reason;
    return this.#calls.call(name, ...(args as [any])).catch((failure: Failure) => {
      throw errorOf(failure);
    });
  }

  // Says all that this tab wants: the hub may be a new one.
  #greet(post: (message: ToHub) => void, lock: string): void {
    post({ t: 'hello', protocol: PROTOCOL, lock, lastId: this.#lastId, mine: this.#memory.mine(), fresh: this.#fresh });
    this.#fresh = false;
    for (const id of this.#tasks.followed()) post({ t: 'follow', id });
    for (const { n, filter } of this.#lists.values()) post({ t: 'watch', n, filter });
    for (const [n, { id, next }] of this.#outputs) post({ t: 'output', n, id, offset: next });
    for (const message of this.#calls.open()) post(message);
  }

  #take(message: ToTab): void {
    switch (message.t) {
      case 'state':
        if (message.report.state === 'signed-out') {
          this.#lastId = '';
          this.#memory.clear();
        }
        return this.#show(message.report, message.capabilities);
      case 'tasks':
        this.#lastId = message.lastId;
        return this.#tasks.take(message.tasks);
      case 'cleared':
        return this.#tasks.clear();
      case 'version':
        return this.#version.set(Object.freeze(message.version));
      case 'reset':
        return this.#emit('reset', { reason: message.reason });
      case 'events':
        for (const event of message.events) {
          this.#lastId = event.id || this.#lastId; // with a new hub it does not come again
          this.#emit('event', event);
        }
        return;
      case 'forgotten':
        this.#memory.forget(message.id);
        if (message.hide) this.#tasks.forgotten(message.id);
        return;
      case 'askToken':
        return void this.#answerToken(message.n);
      case 'answer':
        return this.#calls.answered(message.n, message.value, message.failure);
      case 'output': {
        const output = this.#outputs.get(message.n);
        if (!output) return;
        output.next = message.next;
        return output.take(message);
      }
    }
  }

  #show(report: StreamReport, capabilities = this.#connection.getSnapshot().capabilities): void {
    const { state, error, retryAt } = report;
    const stale = state !== 'open';
    this.#tasks.setStale(stale);
    const { sharing } = this.#connection.getSnapshot();
    this.#connection.set(Object.freeze({ state, stale, error, retryAt: retryAt === null ? null : new Date(retryAt), sharing, capabilities }));
  }

  #emit(what: keyof Listeners, value: unknown): void {
    for (const listener of [...this.#listeners[what]]) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => { // to the page's own handlers; the others get theirs
          throw error;
        });
      }
    }
  }

  async #answerToken(n: number): Promise<void> {
    try {
      this.#say({ t: 'token', n, token: await this.#options.getToken!() });
    } catch (error) {
      const code = error instanceof Unauthorized ? 'UNAUTHORIZED' : 'TOKEN_FAILED';
      this.#say({ t: 'token', n, failure: { code, message: String((error as Error)?.message ?? error) } });
    }
  }

  // --- what its parts call

  readonly #taskUser = {
    tasks: this.#tasks,
    ending: this.#ending,
    cancel: (id: string): Promise<void> => this.#call('cancel', id),
    output: (id: string, offset: number, take: (piece: Piece) => void) => {
      const n = ++this.#outputCount;
      this.#outputs.set(n, { id, next: offset, take });
      this.#say({ t: 'output', n, id, offset });
      return () => {
        this.#outputs.delete(n);
        this.#say({ t: 'endOutput', n });
      };
    },
  };

  readonly #listUser: ListUser = {
    watch: (list) => {
      this.#lists.set(list.n, list);
      this.#say({ t: 'watch', n: list.n, filter: list.filter });
    },
    unwatch: ({ n }) => {
      this.#lists.delete(n);
      this.#say({ t: 'unwatch', n });
    },
  };

  #begin(request: StartRequest, signal?: AbortSignal): { handle: Task<any>; answered: Promise<unknown> } {
    const { key, remember, body } = request;
    this.#memory.starting(request);
    const id = this.#calls.call('start', request).then(({ id }) => {
      if (remember) this.#memory.remember(id);
      return id;
    });
    const answered = id.finally(() => this.#memory.answered(key));
    return { handle: new TaskHandle<any>(this.#taskUser, id, signal, { type: body.type, labels: body.labels ?? {} }), answered };
  }
}
