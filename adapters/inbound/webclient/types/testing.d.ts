// `heliograph-client/testing`: a client that needs no service, for unit tests, stories and
// prototypes. It makes the views of the real one, with the same code.

import type { Client, Connection, Progress, TaskError, TaskType, TaskView, Version } from './index.js';

/** What a task of a type does: it may use the task's methods, and what it returns is the result. */
export type FakeHandler = (task: FakeTask, params: any) => unknown;

export interface FakeOptions {
  /**
   * What tasks do, by type. One that returns completes the task, one that throws fails it,
   * and when the task is cancelled its `sleep` throws. A task of a type that is not here
   * does only what the test says.
   */
  handlers?: Record<string, FakeHandler>;
  /** What `types()` answers; the names of the handlers by default. */
  types?: readonly TaskType[];
  /** When the clock begins; now by default. */
  now?: Date;
  /** How many milliseconds of the clock the answer to a start takes; 0 by default. */
  latency?: number;
}

/** A task, from the side of the service. Each method is one change that the page sees. */
export interface FakeTask {
  readonly id: string;
  readonly type: string;
  readonly params: unknown;
  readonly view: TaskView;
  /** Aborted when the page asked the task to stop. */
  readonly signal: AbortSignal;
  /** Resolves when the clock has gone on so far; rejects when the task is asked to stop. */
  sleep(milliseconds: number): Promise<void>;
  /** A worker begins with it; the other methods do that by themselves. */
  begin(): void;
  progress(value: number | null, what?: string | Partial<Progress>): void;
  /** Appends to the output. */
  write(text: string): void;
  /** So many bytes of the output are lost. */
  lose(bytes: number): void;
  /** loading: the result is large and comes so many milliseconds of the clock later. */
  complete(result?: unknown, options?: { loading?: number }): void;
  fail(message: string, code?: string): void;
  /** It has stopped, as it was asked to. */
  stop(): void;
  /** The service has forgotten it. */
  expire(): void;
}

/** A start as the page asked for it. */
export interface FakeStart {
  readonly type: string;
  readonly params: unknown;
  readonly labels: Readonly<Record<string, string>>;
  /** Where the page gave one. */
  readonly key?: string;
}

/** A task that exists without having been started by the page. */
export interface FakeRecord {
  type: string;
  id?: string;
  /** `running` by default. */
  status?: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';
  params?: unknown;
  progress?: Partial<Progress>;
  result?: unknown;
  error?: TaskError;
  labels?: Record<string, string>;
  mine?: boolean;
  createdAt?: Date;
  startedAt?: Date;
  endedAt?: Date;
}

export interface FakeClient extends Client {
  /** What was started, the first one first. */
  readonly starts: readonly FakeStart[];
  /** The tasks that there are, the oldest first. */
  readonly all: readonly FakeTask[];
  /** The time of its clock. It stands still but for advance and play. */
  readonly now: Date;
  /** Lets time pass, in order: whatever was due on the way has happened when it resolves. */
  advance(milliseconds: number): Promise<void>;
  /** Lets time pass by itself, for stories; speed times as fast as the real one. The returned function ends that. */
  play(speed?: number): () => void;
  /** The newest task, or the one with that ID. Throws if there is none. */
  task(id?: string): FakeTask;
  /** Adds a task that somebody started before or elsewhere. */
  add(record: FakeRecord): FakeTask;
  /** The next start is refused with that. */
  refuse(error: TaskError): void;
  /** Announces a version of the frontend. */
  announce(version: string | Version): void;
  /** Changes the state of the connection; the views of active tasks are stale unless it is open. */
  connect(state: Partial<Connection>): void;
  /** Events were lost. */
  reset(reason?: string): void;
  /** An event of the application's own. */
  emit(name: string, data: unknown): void;
}

export function fakeClient(options?: FakeOptions): FakeClient;
