// A task as a page holds it: a store, a loop, promises (rules B9–B12).

import type { CompletedView, EndedView, FailedView, Outcome, OutputChunk, Task, TaskView } from '../../types/index.js';
import { HeliographError, StartRefused, TaskCancelled, TaskExpired, TaskFailed } from '../errors.js';
import type { Failure } from '../shared/protocol.js';
import type { Piece } from '../hub/output.js';
import type { Entry, TabTasks } from './tasks.js';
import { type Ending, Waiting } from './waiting.js';
import { startingView } from './view.js';

export interface TaskUser {
  tasks: TabTasks;
  ending: Ending;
  cancel(id: string): Promise<void>;
  output(id: string, offset: number, take: (piece: Piece) => void): () => void;
}

/** Of a start: starting → bound to a task, or refused. Of an ID: bound. */
export class TaskHandle<R = unknown> implements Task<R> {
  readonly #user: TaskUser;
  readonly #signal: AbortSignal | undefined;
  readonly #starting: Promise<string>;
  readonly #listeners = new Set<() => void>();
  #entry: Entry | null = null;
  #startView: TaskView<R> | null = null;
  #unfollow: (() => void) | null = null;
  #result: Promise<R> | null = null;

  /** id is a promise for a task that is being started. */
  constructor(user: TaskUser, id: string | Promise<string>, signal?: AbortSignal, start?: { type: string; labels: Record<string, string> }) {
    this.#user = user;
    this.#signal = signal;
    if (typeof id === 'string') {
      this.#starting = Promise.resolve(id);
      this.#entry = user.tasks.entry(id);
      return;
    }
    const { type, labels } = start!;
    this.#startView = startingView(type, labels, null) as TaskView<R>;
    this.#starting = id;
    id.then(
      (id) => this.#bind(user.tasks.entry(id)),
      (failure: Failure) => {
        this.#startView = startingView(type, labels, failure) as TaskView<R>;
        this.#tell();
      },
    );
  }

  get id(): string | null {
    return this.#entry?.id ?? null;
  }

  get started(): Promise<string> {
    return this.#starting.catch((failure) => {
      throw new StartRefused(failure);
    });
  }

  get result(): Promise<R> {
    return (this.#result ??= this.#settled().then(resultOf<R>));
  }

  readonly getSnapshot = (): TaskView<R> => (this.#entry && (this.#entry.known || !this.#startView) ? (this.#user.tasks.view(this.#entry) as TaskView<R>) : this.#startView!);

  readonly subscribe = (listener: () => void): (() => void) => {
    const own = () => listener();
    this.#listeners.add(own);
    this.#follow();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size) return;
      this.#unfollow?.();
      this.#unfollow = null;
    };
  };

  async *[Symbol.asyncIterator](): AsyncGenerator<TaskView<R>, void, undefined> {
    const wait = new Waiting(this.#user.ending, [this.#signal]);
    const unsubscribe = this.subscribe(wait.wake);
    try {
      for (let last: TaskView<R> | null = null; !wait.over; ) {
        const view = this.getSnapshot();
        if (view === last || !(this.#startView || this.#entry!.known)) {
          await wait.next();
          continue;
        }
        yield (last = view);
        if (isSettled(view)) return;
      }
    } finally {
      unsubscribe();
      wait.close();
    }
  }

  async cancel(): Promise<Outcome> {
    const { active, status } = this.getSnapshot();
    if (!active) return status as Outcome;
    const settled = this.#settled(); // from now on, so that it is followed
    settled.catch(() => {});
    await this.#user.cancel(await this.started);
    return (await settled).status as Outcome;
  }

  async *output({ offset = 0, signal }: { offset?: number; signal?: AbortSignal } = {}): AsyncGenerator<OutputChunk, void, undefined> {
    const id = await this.started;
    const wait = new Waiting(this.#user.ending, [this.#signal, signal]);
    const pieces: Piece[] = [];
    const end = this.#user.output(id, offset, (piece) => {
      pieces.push(piece);
      wait.wake();
    });
    try {
      while (!wait.over) {
        const piece = pieces.shift();
        if (!piece) {
          await wait.next();
          continue;
        }
        if (piece.failure) throw new HeliographError(piece.failure.code, piece.failure.message);
        const { offset, text, gap, closed } = piece;
        if (text !== undefined) yield { offset, text };
        else if (gap !== undefined) yield { offset, gap };
        if (closed) return;
      }
    } finally {
      end();
      wait.close();
    }
  }

  async #settled(): Promise<TaskView<R>> {
    let view: TaskView<R> | undefined;
    for await (view of this) if (isSettled(view)) return view;
    throw this.#signal?.aborted ? this.#signal.reason : this.#user.ending.reason;
  }

  #bind(entry: Entry): void {
    this.#entry = entry;
    this.#follow();
    this.#tell();
  }

  #follow(): void {
    if (this.#entry && this.#listeners.size) this.#unfollow ??= this.#user.tasks.follow(this.#entry, () => this.#tell());
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

const isSettled = ({ status, active, resultState }: TaskView): boolean => !active && (status !== 'completed' || resultState === 'ready' || resultState === 'gone');

function resultOf<R>(view: TaskView<R>): R {
  if (view.id === null) throw new StartRefused((view as FailedView).error);
  if (view.status === 'failed') throw new TaskFailed(view);
  if (view.status === 'cancelled') throw new TaskCancelled(view as EndedView);
  if (view.status === 'expired' || view.resultState === 'gone') throw new TaskExpired(view);
  return (view as CompletedView<R> & { result: R }).result;
}
