// The public API of the client library. This file is the contract: the sources are
// checked against it, and the npm package ships it as it is.

/**
 * The task types of your service, by name. `heliograph types > tasks.d.ts` writes a file
 * that fills it, so that `start('import', …)` knows its params and its result. While it
 * is empty, every name and every params are accepted.
 */
export interface TaskTypes {}

/** A name that `start` accepts. */
export type TaskName = [keyof TaskTypes] extends [never] ? string : keyof TaskTypes & string;
export type ParamsOf<T extends string> = T extends keyof TaskTypes
  ? TaskTypes[T] extends { params: infer P } ? P : Record<string, unknown>
  : Record<string, unknown>;
export type ResultOf<T extends string> = T extends keyof TaskTypes
  ? TaskTypes[T] extends { result: infer R } ? R : unknown
  : unknown;

// --- stores

/**
 * A value that changes. Its methods need no `this`, so it fits React's
 * `useSyncExternalStore(store.subscribe, store.getSnapshot)`; Svelte, Vue and Solid need
 * two lines.
 */
export interface Store<T> {
  /** The value now. It is the same object until something in it changes. */
  readonly getSnapshot: () => T;
  /** Calls listener after every change, at most once per frame. The returned function ends that. */
  readonly subscribe: (listener: () => void) => () => void;
}

// --- tasks

/** How far a task is. Numbers that the task does not give are null. */
export interface Progress {
  /** From 0 to 1; 1 when the task is completed, null while it has not said any. */
  readonly value: number | null;
  /** What the task says that it does, for a person; '' when it says nothing. */
  readonly text: string;
  readonly stage: number | null;
  readonly stages: number | null;
  readonly done: number | null;
  readonly total: number | null;
  readonly unit: string | null;
  /** Seconds that are left if it goes on as it did, as of the last update; null while that is unknown. */
  readonly eta: number | null;
}

/** Why a task failed, or why it was not started. */
export interface TaskError {
  /** For programs: what the task said, or `TASK_FAILED`, `TIME_LIMIT`, `WORKER_LOST` …; of a start that was refused the service's code, such as `QUEUE_FULL`. */
  readonly code: string;
  /** For a person. */
  readonly message: string;
  /** The field of the params that is wrong (`INVALID_PARAMS`), where the service says it. */
  readonly field?: string;
  /** Seconds after which another start may succeed (`QUEUE_FULL`). */
  readonly retryAfter?: number;
}

interface ViewBase {
  /** The task's ID; null while its start has not been answered. */
  readonly id: string | null;
  /** The task's type; '' while it is unknown, as for an ID that was just given to `follow`. */
  readonly type: string;
  /** Whether the task may still change: it is starting, pending or running. */
  readonly active: boolean;
  /** Whether somebody asked it to stop, and it has not ended. */
  readonly cancelling: boolean;
  /** Whether this may be out of date because the stream is interrupted. */
  readonly stale: boolean;
  /** Whether it was started in this browser. */
  readonly mine: boolean;
  /** How often it was begun, from 1; 0 before that. */
  readonly attempt: number;
  /** Counts the task's events; never falls. */
  readonly seq: number;
  readonly createdAt: Date | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  /** When a pending task may be begun, if not now: at the time that its start said, or after a failed attempt. */
  readonly nextAt: Date | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly progress: Progress;
}

interface NoResult {
  readonly result: undefined;
  readonly resultState: 'none';
}

export interface ActiveView extends ViewBase, NoResult {
  /** `starting`: the service has not answered yet. `pending`: it waits for a worker. */
  readonly status: 'starting' | 'pending' | 'running';
  readonly active: true;
  readonly error: null;
}

/**
 * `resultState` is `ready` when `result` is what the task returned, which may be null;
 * `loading` while a large one is fetched; `omitted` when it is large and nobody follows
 * the task; `gone` when it was removed before it could be fetched.
 */
export type CompletedView<R = unknown> = ViewBase & {
  readonly status: 'completed';
  readonly active: false;
  readonly error: null;
} & (
  | { readonly resultState: 'ready'; readonly result: R }
  | { readonly resultState: 'loading' | 'omitted' | 'gone'; readonly result: undefined }
);

export interface FailedView extends ViewBase, NoResult {
  readonly status: 'failed';
  readonly active: false;
  readonly error: TaskError;
}

export interface EndedView extends ViewBase, NoResult {
  /** `expired`: the service does not know the task any more, or never did. */
  readonly status: 'cancelled' | 'expired';
  readonly active: false;
  readonly error: null;
}

/** All that is known of a task, frozen. It is the same object until something changes. */
export type TaskView<R = unknown> = ActiveView | CompletedView<R> | FailedView | EndedView;
export type TaskStatus = TaskView['status'];

/** How a task ended. */
export type Outcome = 'completed' | 'failed' | 'cancelled' | 'expired';

/**
 * A task. It is followed while something uses it: a loop, a subscriber, a promise. Leaving
 * the loop or unsubscribing ends following, and cancels nothing.
 *
 * A loop gets the state first, then each newer one (never an older one; when several came
 * since, the newest), and ends by itself when the task has ended and its result is there.
 */
export interface Task<R = unknown> extends Store<TaskView<R>>, AsyncIterable<TaskView<R>> {
  /** Null while the start has not been answered; see `started`. */
  readonly id: string | null;
  /** Resolves with the ID; rejects with StartRefused. */
  readonly started: Promise<string>;
  /**
   * Resolves with what the task returned; a large result is fetched. Rejects with
   * TaskFailed, TaskCancelled, TaskExpired, StartRefused, or with the signal's reason.
   */
  readonly result: Promise<R>;
  /**
   * Asks the service to stop the task, and resolves with how it ended, which may be
   * `completed` if it was faster. Asking again does no harm. Rejects when the service
   * refuses.
   */
  cancel(): Promise<Outcome>;
  /**
   * The text that the task writes, from a byte offset on (0 by default), once and in
   * order, across reconnects. It ends with the task.
   */
  output(options?: { offset?: number; signal?: AbortSignal }): AsyncIterable<OutputChunk>;
}

/** A piece of a task's output: text, or how many bytes at that place are not there any more. */
export type OutputChunk =
  | { readonly offset: number; readonly text: string; readonly gap?: undefined }
  | { readonly offset: number; readonly gap: number; readonly text?: undefined };

/** Which tasks; all that is named must hold. */
export interface TaskFilter {
  readonly type?: string;
  readonly status?: TaskStatus | readonly TaskStatus[];
  readonly labels?: Readonly<Record<string, string>>;
  /** Only those that were started in this browser. They survive a reload. */
  readonly mine?: boolean;
  /** Only those that have not ended, or only those that have. */
  readonly active?: boolean;
}

export interface StartOptions {
  /** Up to 16, to find the task by. */
  labels?: Record<string, string>;
  /**
   * Names this start. Starts with the same key are one task, for as long as the service
   * remembers it. Without one, a second start of the same type, params and labels is the
   * same one while the first is unanswered and for a second, so that a double click
   * starts one task; to start several alike at once, give each a key.
   */
  key?: string;
  /** When it ends, the task is not followed any more. It cancels nothing. */
  signal?: AbortSignal;
  /** False: do not remember it as one of mine. */
  remember?: boolean;
  /** Not before this time. */
  runAt?: Date;
  /** Not before so many seconds from now. */
  delay?: number;
  /** Whom the task is for; see the service's documentation on access. */
  audience?: unknown;
}

type StartArguments<T extends string> = {} extends ParamsOf<T>
  ? [params?: ParamsOf<T>, options?: StartOptions]
  : [params: ParamsOf<T>, options?: StartOptions];

/** A type of tasks that the service can run. */
export interface TaskType {
  readonly type: string;
  readonly description: string;
  /** A JSON Schema of the params, or null. */
  readonly params_schema: unknown;
}

// --- the connection

/** A version of the frontend, as it was announced; other fields are the announcer's own. */
export interface Version {
  readonly version: string;
  readonly changelog?: string | null;
  readonly [field: string]: unknown;
}

/**
 * - `idle`: nothing has been asked for yet.
 * - `connecting`: the first stream is being opened.
 * - `open`: all is well.
 * - `silent`: the stream is open, but nothing has come for 2.5 of its intervals; it is opened anew.
 * - `reconnecting`: it broke, and is opened anew; `error` says why, `retryAt` when.
 * - `full`: the service has as many streams as it may; it is asked again.
 * - `unauthorized`: the credential is missing, has ended or is refused; call `reconnect()` after a log-in.
 * - `signed-out`: `getToken` returned null.
 * - `refused`: the service cannot give this stream; `error` says why. Not tried again.
 * - `replaced`: another page took the `requestId`; `reconnect()` takes it back.
 * - `closed`: `close()` was called.
 */
export type ConnectionState =
  | 'idle' | 'connecting' | 'open' | 'silent' | 'reconnecting' | 'full'
  | 'unauthorized' | 'signed-out' | 'refused' | 'replaced' | 'closed';

export interface Connection {
  readonly state: ConnectionState;
  /** Whether what is shown may be out of date. Interruptions of up to a second do not count. */
  readonly stale: boolean;
  /** What is wrong; null while nothing is. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** When the stream is opened again; null when it is not waiting for that. */
  readonly retryAt: Date | null;
  /** Which part of the browser holds the stream; null while that is being found out. */
  readonly sharing: 'worker' | 'leader' | 'follower' | 'own' | null;
  /** What the service or the gateway cannot do. */
  readonly capabilities: Capabilities;
}

/** What the service and its gateway can do; null while that is unknown. */
export interface Capabilities {
  /** Events have IDs: after an interruption nothing is missed. */
  readonly resume: boolean | null;
  /** Pings or heartbeats come: a stream that is dead but open is noticed. */
  readonly heartbeat: boolean | null;
  /** Events name the task's type. */
  readonly types: boolean | null;
  /** Many tasks can be read with one request. */
  readonly batch: boolean | null;
  /** The token of `getToken` goes along with the stream; null without `getToken`. */
  readonly token: boolean | null;
  /** One sentence for each thing that is missing: what follows from it. */
  readonly limits: readonly string[];
}

export interface Options {
  /** Where the API is; `/api` of the page's origin by default. */
  api?: string | URL;
  /** Where the stream is, if an external gateway serves it elsewhere; `/sse/stream` of the API by default. */
  stream?: string | URL;
  /**
   * Returns a credential that is sent as `Authorization: Bearer`, or null when nobody is
   * logged in: then the stream ends, in all tabs. One that throws is asked again later,
   * unless what it throws is an Unauthorized. It is called when a credential is needed,
   * before one ends, and after one was refused; in one tab at a time.
   */
  getToken?: () => string | null | Promise<string | null>;
  /** Whether cookies go along; `same-origin` by default. */
  credentials?: RequestCredentials;
  /** Pages of one origin with the same name share a stream and remembered tasks. For example the user's ID; '' by default. */
  name?: string;
  /** `none`: this page has a stream of its own. */
  share?: 'auto' | 'none';
  /** A name of the stream that the announcer of versions knows; by default a new random one. */
  requestId?: string;
  /** False: the service is not told when something is wrong with the stream, such as a proxy that holds it back. By default it is, for its operators. */
  report?: boolean;
  /** Another fetch, for tests and old programs; the page then has a stream of its own. */
  fetch?: typeof fetch;
}

export interface Client {
  /**
   * Starts a task. The handle works at once; the request is repeated until it is answered,
   * and starts one task however often it is sent.
   */
  start<T extends TaskName>(type: T, ...rest: StartArguments<T>): Task<ResultOf<T>>;
  /** Follows a task that exists: after a reload, in another tab, on another device. */
  follow<R = unknown>(id: string, options?: { signal?: AbortSignal }): Task<R>;
  /** The tasks that match, newest first. Without `mine` it begins with the service's newest 200. */
  tasks(filter?: TaskFilter): Store<readonly TaskView[]>;
  /** What can be started. */
  types(): Promise<readonly TaskType[]>;
  readonly connection: Store<Connection>;
  /** The current version of the frontend; null while none is known. */
  readonly version: Store<Version | null>;
  /** Events were lost, or may have been: with the reason `away` while other tabs had some, and this page was frozen, cached or between two workers. Tasks and version are brought up to date by themselves; fetch again what else you made of events. */
  on(what: 'reset', listener: (reset: { readonly reason: string }) => void): () => void;
  /** An event of the application's own (`POST /api/events`). */
  on(what: 'event', listener: (event: { readonly name: string; readonly data: unknown; readonly id: string }) => void): () => void;
  /** Resolves with true in one tab of the browser for each key: for what is to happen once. */
  once(key: string): Promise<boolean>;
  /** Forgets one of mine, in all tabs. It does not cancel it. */
  forget(id: string): void;
  /** Opens the stream anew, after a log-in, or when it was replaced. */
  reconnect(): void;
  /** Ends everything that this client does in this page. */
  close(): void;
}

/** Connects the page. Nothing is opened until something is used, so it can be called anywhere, on a server too. */
export function connect(options?: Options): Client;

// --- errors

/** What the library throws has a code for programs and a message for people. */
export class HeliographError extends Error {
  constructor(code: string, message: string);
  readonly code: string;
}
/** The service does not start the task: `code` and `message` are its own. */
export class StartRefused extends HeliographError {
  readonly field?: string;
  readonly retryAfter?: number;
}
export class TaskFailed extends HeliographError {
  readonly task: FailedView;
}
export class TaskCancelled extends HeliographError {
  readonly task: EndedView;
}
export class TaskExpired extends HeliographError {
  readonly task: TaskView;
}
/** Throw it in getToken when asking again is useless; requests that are refused reject with it. */
export class Unauthorized extends HeliographError {
  constructor(message?: string);
}

// --- the wire, for those who read events themselves

export interface WireProgress {
  text: string;
  value: number;
  stage?: number;
  stages?: number;
  done?: number;
  total?: number;
  unit?: string;
}

interface WireEvent {
  task_id: string;
  type: string;
  created_at: string;
  timestamp: string;
  seq: number;
  attempt: number;
}

/** The data of the event `task_event`, by `event_type`. More types may come: ignore those that you do not know, but for their `seq`. */
export type TaskEvent = WireEvent & (
  | { event_type: 'task_queued'; data: null }
  | { event_type: 'task_started'; data: { labels: Record<string, string> } | null }
  | { event_type: 'progress_update'; data: WireProgress }
  | { event_type: 'task_retrying'; data: { error: string; code: string; attempt: number; next_at: string } }
  | { event_type: 'task_cancel_requested'; data: null }
  | { event_type: 'task_completed'; data: unknown; truncated?: true }
  | { event_type: 'task_failed'; data: { error: string; code: string } }
  | { event_type: 'task_cancelled'; data: null }
  | { event_type: 'task_removed'; data: null }
);

/** An entry of the event `task_snapshot`. */
export interface SnapshotEntry {
  task_id: string;
  type: string;
  created_at: string;
  status: 'pending' | 'running';
  cancel_requested: boolean;
  progress: WireProgress;
  seq: number;
  attempt: number;
  labels: Record<string, string>;
  run_at?: string;
  next_at?: string;
}

/** What `GET /api/tasks/{id}` and lists say of a task. */
export interface TaskRecord {
  task_id: string;
  type: string;
  status: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled';
  cancel_requested: boolean;
  created_at: string;
  start_time: string | null;
  end_time: string | null;
  result: unknown;
  truncated?: true;
  error: string | null;
  code: string | null;
  progress: WireProgress;
  seq: number;
  attempt: number;
  labels: Record<string, string>;
  run_at?: string | null;
  next_at?: string | null;
}
