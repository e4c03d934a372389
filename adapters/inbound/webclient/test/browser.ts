// A browser, pretended: several pages of one origin, with what they share.

import { mock } from 'node:test';

import { connect } from '../src/client.js';
import { openHub } from '../src/hub/open.js';
import { PROTOCOL } from '../src/shared/protocol.js';
import type { Client, Options } from '../types/index.js';
import { Service, pass } from './world.js';

type Waiter = { start: () => void };

/** Web Locks. A holder can die without letting go of anything by itself. */
class Locks {
  readonly held = new Map<string, () => void>(); // with what frees each
  readonly #waiting = new Map<string, Waiter[]>();
  readonly #holders = new Map<string, (why: unknown) => void>();

  request = (name: string, ...rest: any[]): Promise<unknown> => {
    const callback = rest.pop() as () => unknown;
    const { signal, steal } = (rest[0] ?? {}) as LockOptions;
    return new Promise((resolve, reject) => {
      if (steal && this.held.has(name)) {
        this.#holders.get(name)!(new DOMException('stolen', 'AbortError'));
        this.held.delete(name);
      }
      const queue = this.#waiting.get(name) ?? [];
      this.#waiting.set(name, queue);
      const waiter: Waiter = {
        start: () => {
          let free!: () => void;
          const freed = new Promise<void>((done) => (free = done));
          this.held.set(name, free);
          this.#holders.set(name, reject);
          void Promise.race([Promise.resolve().then(callback), freed]).then((value) => {
            if (this.held.get(name) !== free) return; // it was stolen
            this.held.delete(name);
            resolve(value);
            queue.shift()?.start();
          });
        },
      };
      signal?.addEventListener('abort', () => {
        const at = queue.indexOf(waiter);
        if (at < 0) return;
        queue.splice(at, 1);
        reject(signal.reason);
      });
      if (this.held.has(name)) queue.push(waiter);
      else waiter.start();
    });
  };

  names(part: string): string[] {
    return [...this.held.keys()].filter((name) => name.includes(part));
  }
}

/** Two ends of what a SharedWorker and a page have between them. posted is called with 1 for each message of the second end, and with 0 for the other's. */
function channel(posted: (end: number) => void = () => {}) {
  const ends = [0, 1].map(() => ({ onmessage: null as any, open: true, postMessage(_: unknown) {}, close() { this.open = false; } }));
  ends.forEach((end, i) => {
    end.postMessage = (data) => {
      const copy = structuredClone(data);
      posted(i);
      if (end.open) queueMicrotask(() => ends[1 - i]!.open && ends[1 - i]!.onmessage?.({ data: copy }));
    };
  });
  return ends as [any, any];
}

/** One SharedWorker that runs. */
interface Worker {
  hub: ReturnType<typeof openHub>;
  lock: string;
  ports: any[];
}

export class Browser {
  readonly service = new Service();
  readonly locks = new Locks();
  readonly workers = new Map<string, Worker>();
  readonly pages: Page[] = [];
  /** Every BroadcastChannel, by the order of their making. */
  readonly channels: any[] = [];
  readonly storage = new Map<string, string>(); // localStorage, of all pages
  /** What becomes of a new SharedWorker. */
  worker: 'works' | 'throws' | 'fails' | 'is silent' | 'is of another protocol' = 'works';
  /** How many messages workers have sent. */
  posts = 0;
  #count = 0;
  #restore: (() => void)[] = [];

  constructor() {
    const browser = this;
    mock.timers.reset();
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_900_000_000_000 });
    const casts = new Map<string, Set<any>>();
    this.#set('fetch', this.service.fetch);
    this.#set('navigator', { locks: { request: this.locks.request } });
    this.#set('location', { href: 'http://service/page' });
    this.#set('localStorage', storage(this.storage));
    this.#set('SharedWorker', class {
      onerror: (() => void) | null = null;
      port: any;
      constructor(url: string, { name }: { name: string }) {
        if (browser.worker === 'throws') throw new DOMException('another origin', 'SecurityError');
        const [page, other] = channel((end) => (browser.posts += end));
        this.port = page;
        if (browser.worker === 'fails') queueMicrotask(() => this.onerror?.());
        else if (browser.worker === 'is of another protocol') {
          other.onmessage = () => other.postMessage({ t: 'hello', protocol: PROTOCOL + 1, lock: '' });
        } else if (browser.worker === 'works') browser.#connect(url + name, name, other);
      }
    });
    this.#set('BroadcastChannel', class {
      onmessage: any = null;
      #all: Set<any>;
      constructor(name: string) {
        this.#all = casts.get(name) ?? new Set();
        casts.set(name, this.#all.add(this));
        browser.channels.push(this);
      }
      postMessage(data: unknown) {
        if (!this.#all.has(this)) throw new DOMException('closed', 'InvalidStateError');
        const others = [...this.#all].filter((other) => other !== this);
        const copy = structuredClone(data);
        queueMicrotask(() => others.forEach((other) => this.#all.has(other) && other.onmessage?.({ data: copy })));
      }
      close() {
        this.#all.delete(this);
      }
    });
  }

  /** Opens a page. */
  page(options: Options = {}): Page {
    const page = new Page(this, options);
    this.pages.push(page);
    return page;
  }

  /** Opens a page and its stream, if no other has. */
  async open(options: Options = {}, tasks: unknown[] = []): Promise<Page> {
    const page = this.page(options);
    const count = this.service.streams.length;
    page.client.connection.subscribe(() => {});
    await pass(200);
    if (this.service.streams.length > count) this.service.stream.snapshot(tasks);
    await pass(100);
    return page;
  }

  /** The streams that the service has. */
  get streams(): number {
    return this.service.streams.filter((stream) => !stream.ended).length;
  }

  /** The worker crashes. */
  crash(): void {
    for (const [name, { hub, lock, ports }] of this.workers) {
      this.workers.delete(name);
      for (const port of ports) port.open = false;
      hub.close(); // the system ends its sockets
      this.locks.held.get(lock)!();
    }
  }

  end(): void {
    for (const page of this.pages) page.client.close();
    for (const { hub } of this.workers.values()) hub.close();
    for (const restore of this.#restore) restore();
    mock.timers.reset();
  }

  #connect(key: string, name: string, port: any): void {
    let worker = this.workers.get(key);
    if (!worker) {
      const lock = `heliograph-hub-${++this.#count}`;
      void this.locks.request(lock, () => new Promise(() => {}));
      worker = { hub: openHub(JSON.parse(name), lock, 2000), lock, ports: [] };
      this.workers.set(key, worker);
    }
    worker.ports.push(port);
    const wrapped: any = { onmessage: null, post: (message: unknown) => port.postMessage(message), close: () => port.close() };
    port.onmessage = ({ data }: any) => wrapped.onmessage?.(data);
    worker.hub.serve(wrapped);
  }

  #set(name: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    this.#restore.push(() => {
      if (before) Object.defineProperty(globalThis, name, before);
      else delete (globalThis as any)[name];
    });
  }

  set(name: string, value: unknown): void {
    this.#set(name, value);
  }
}

/** One page, with a window and a document of its own. */
export class Page {
  readonly client: Client;
  readonly window = new EventTarget();
  readonly document = Object.assign(new EventTarget(), { hidden: false });
  readonly session: Map<string, string>;
  readonly lock: Promise<string>;

  constructor(browser: Browser, options: Options, session = new Map<string, string>()) {
    this.session = session;
    browser.set('window', this.window);
    browser.set('document', this.document);
    browser.set('sessionStorage', storage(session));
    const before = new Set(browser.locks.names('tab'));
    this.client = connect({ api: '/api', ...options });
    this.lock = pass(100).then(() => browser.locks.names('tab').find((name) => !before.has(name))!);
  }

  fire(where: 'window' | 'document', name: string): void {
    this[where].dispatchEvent(new Event(name));
  }
}

function storage(items: Map<string, string>) {
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
}
