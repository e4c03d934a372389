// The fake client: the page's side is the real one's code, the service is pretended. It
// owns the tasks that there are.

import type { Connection, StartOptions, Store, Task as Handle, TaskError, TaskFilter, TaskType, TaskView, Version } from '../../types/index.js';
import type { FakeClient, FakeOptions, FakeRecord, FakeStart, FakeTask } from '../../types/testing.js';
import { HeliographError } from '../errors.js';
import type { Piece } from '../hub/output.js';
import type { StartRequest } from '../shared/protocol.js';
import { hasEnded, unknownTask } from '../shared/truth.js';
import { Cell } from '../tab/cell.js';
import { TaskList } from '../tab/list.js';
import { Starts } from '../tab/starts.js';
import { TaskHandle } from '../tab/task.js';
import { TabTasks } from '../tab/tasks.js';
import { Ending } from '../tab/waiting.js';
import { FakeClock } from './clock.js';
import { Task } from './task.js';

const OPEN: Connection = Object.freeze({
  state: 'open', stale: false, error: null, retryAt: null, sharing: 'own',
  capabilities: Object.freeze({ resume: true, heartbeat: true, types: true, batch: true, token: null, limits: [] }),
});

/** How often the clock of stories goes on, in milliseconds. */
const STEP = 50;

export function fakeClient(options: FakeOptions = {}): FakeClient {
  return new Fake(options);
}

class Fake implements FakeClient {
  readonly #options: FakeOptions;
  readonly #clock: FakeClock;
  readonly #existing = new Map<string, Task>();
  readonly #once = new Set<string>();
  readonly #listeners = { reset: new Set<(value: any) => void>(), event: new Set<(value: any) => void>() };
  readonly #ending = new Ending();
  readonly #connection = new Cell<Connection>(OPEN);
  readonly #version = new Cell<Version | null>(null);
  readonly #tasks = new TabTasks({
    follow: (id) => queueMicrotask(() => this.#tell(id)), // listeners are not told while they subscribe
    unfollow: () => {},
    ended: () => {},
  });
  readonly #starts: Starts<Handle<any>>;
  #refusal: TaskError | null = null;
  #events = 0;

  readonly starts: FakeStart[] = [];
  readonly connection: Store<Connection> = this.#connection;
  readonly version: Store<Version | null> = this.#version;

  constructor(options: FakeOptions) {
    this.#options = options;
    this.#clock = new FakeClock((options.now ?? new Date()).getTime());
    this.#starts = new Starts((request, signal) => this.#begin(request, signal), () => this.#clock.now);
    this.#tasks.setStale(false);
  }

  // --- for the page

  start(type: string, params?: unknown, options: StartOptions = {}): Handle<any> {
    return this.#starts.start(type, params, options);
  }

  follow<R>(id: string, { signal }: { signal?: AbortSignal } = {}): Handle<R> {
    return new TaskHandle<R>(this.#user, id, signal);
  }

  tasks(filter: TaskFilter = {}): Store<readonly TaskView[]> {
    return new TaskList(filter, this.#tasks, {
      watch: () => queueMicrotask(() => {
        for (const id of this.#existing.keys()) this.#tell(id);
      }),
      unwatch: () => {},
    });
  }

  async types(): Promise<readonly TaskType[]> {
    const { types, handlers = {} } = this.#options;
    return types ?? Object.keys(handlers).map((type) => ({ type, description: '', params_schema: null }));
  }

  async once(key: string): Promise<boolean> {
    return !this.#once.has(key) && !!this.#once.add(key);
  }

  on(what: 'reset' | 'event', listener: (value: any) => void): () => void {
    const own = (value: unknown) => listener(value);
    this.#listeners[what].add(own);
    return () => void this.#listeners[what].delete(own);
  }

  forget(id: string): void {
    this.#existing.get(id)?.forget();
    this.#tasks.forgotten(id);
    this.#tasks.flush();
  }

  reconnect(): void {
    this.connect(OPEN);
  }

  close(): void {
    this.#clock.stop();
    this.#tasks.close();
    this.#connection.set({ ...OPEN, state: 'closed', stale: true });
    this.#ending.end(new HeliographError('CLOSED', 'the client was closed'));
  }

  // --- for the test

  get all(): readonly FakeTask[] {
    return [...this.#existing.values()];
  }

  get now(): Date {
    return new Date(this.#clock.now);
  }

  advance(milliseconds: number): Promise<void> {
    return this.#clock.advance(milliseconds);
  }

  play(speed = 1): () => void {
    let last = Date.now();
    const timer = setInterval(() => {
      const now = Date.now();
      void this.advance((now - last) * speed);
      last = now;
    }, STEP);
    return () => clearInterval(timer);
  }

  task(id?: string): FakeTask {
    const task = id === undefined ? [...this.#existing.values()].at(-1) : this.#existing.get(id);
    if (!task) throw new Error(id === undefined ? 'no task was started or added' : `there is no task ${id}`);
    return task;
  }

  add(record: FakeRecord): FakeTask {
    const id = record.id ?? `00000000-0000-4000-8000-${String(this.#existing.size + 1).padStart(12, '0')}`;
    const task = new Task(id, record, { clock: this.#clock, changed: () => this.#tell(id) });
    this.#existing.set(id, task);
    this.#tell(id);
    return task;
  }

  refuse(error: TaskError): void {
    this.#refusal = error;
  }

  announce(version: string | Version): void {
    this.#version.set(Object.freeze(typeof version === 'string' ? { version } : version));
  }

  connect(change: Partial<Connection>): void {
    const { stale = (change.state ?? this.#connection.getSnapshot().state) !== 'open' } = change;
    this.#connection.set(Object.freeze({ ...this.#connection.getSnapshot(), ...change, stale }));
    this.#tasks.setStale(stale);
    this.#tasks.flush();
  }

  reset(reason = 'expired'): void {
    for (const listener of [...this.#listeners.reset]) listener({ reason });
  }

  emit(name: string, data: unknown): void {
    const event = { name, data, id: `fake-${++this.#events}` };
    for (const listener of [...this.#listeners.event]) listener(event);
  }

  // --- the service

  readonly #user = {
    tasks: this.#tasks,
    ending: this.#ending,
    cancel: async (id: string) => {
      const task = this.#existing.get(id);
      if (!task) throw new HeliographError('TASK_NOT_FOUND', 'there is no such task');
      task.cancel();
    },
    output: (id: string, offset: number, take: (piece: Piece) => void) => {
      const task = this.#existing.get(id);
      if (task) return task.read(offset, take);
      take({ offset, next: offset, failure: { code: 'TASK_NOT_FOUND', message: 'there is no such task' } });
      return () => {};
    },
  };

  #tell(id: string): void {
    this.#tasks.take([this.#existing.get(id)?.state ?? { ...unknownTask(id), status: 'expired', seq: 0 }]);
    this.#tasks.flush();
  }

  #begin({ body, key, named, remember }: StartRequest, signal?: AbortSignal): { handle: Handle<any>; answered: Promise<string> } {
    const { type, params, labels = {}, run_at, delay = 0 } = body;
    this.starts.push({ type, params, labels, ...(named && { key }) });
    const refusal = this.#refusal;
    this.#refusal = null;
    const { latency = 0 } = this.#options;
    const answered = (async () => {
      if (latency) await this.#clock.sleep(latency, new AbortController().signal);
      if (refusal) throw refusal;
      const task = this.add({ type, params, labels, status: 'pending', mine: remember }) as Task;
      const handler = this.#options.handlers?.[type];
      const wait = run_at ? new Date(run_at).getTime() - this.#clock.now : delay * 1000;
      if (handler) this.#clock.after(wait, () => void run(task, handler));
      if (wait <= 0) queueMicrotask(() => void this.#clock.advance(0)); // the page has the answer first
      return task.id;
    })();
    return { handle: new TaskHandle<any>(this.#user, answered, signal, { type, labels }), answered };
  }
}

/** Runs a handler; what it returns or throws is how the task ends, unless it ended it itself. */
async function run(task: Task, handler: (task: FakeTask, params: any) => unknown): Promise<void> {
  let end: () => void;
  try {
    task.begin();
    const result = await handler(task, task.params);
    end = () => task.complete(result ?? null);
  } catch (error) {
    end = () => (task.signal.aborted ? task.stop() : task.fail(error instanceof Error ? error.message : String(error)));
  }
  if (!hasEnded(task.state.status)) end();
}
