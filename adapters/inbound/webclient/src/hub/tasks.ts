// What the hub knows of tasks. It owns the states; shared/truth.ts decides between them.

import type { TaskState } from '../shared/protocol.js';
import { type Word, hasEnded, learn, unknownTask } from '../shared/truth.js';
import type { Clock } from './clock.js';

/** So many tasks are known at most; those that nobody needs go first, the oldest first. */
const MAX_TASKS = 10_000;
/** Of those that have ended. */
const MAX_ENDED = 1000;
/** Results of tasks that nobody follows are kept up to this size, in bytes of JSON. */
const SMALL_RESULT = 2048;

export class Tasks {
  readonly #clock: Clock;
  readonly #isNeeded: (task: TaskState) => boolean;
  readonly #known = new Map<string, TaskState>();
  readonly #paces = new Map<string, Pace>();
  #ended = 0;
  #changed = new Map<string, TaskState>(); // since the last take

  /** isNeeded says whether somebody follows a task. */
  constructor(clock: Clock, isNeeded: (task: TaskState) => boolean) {
    this.#clock = clock;
    this.#isNeeded = isNeeded;
  }

  get(id: string): TaskState | undefined {
    return this.#known.get(id);
  }

  all(): IterableIterator<TaskState> {
    return this.#known.values();
  }

  /** Takes what was said of a task. Returns its state now. */
  learn(id: string, word: Word, isEvent: boolean): TaskState {
    const known = this.#known.get(id);
    if (known?.cancelling) word.cancelling = true; // until it ends, even if the service says it later
    let next = learn(known ?? unknownTask(id), word, isEvent);
    if (next === known) return known;
    if (word.progress) next = this.#withEta(known, next);
    this.#set(known, next);
    return next;
  }

  /** Returns the task; one that is unknown is one of which nothing is known. */
  ensure(id: string): TaskState {
    const known = this.#known.get(id) ?? unknownTask(id);
    this.#known.set(id, known);
    return known;
  }

  /** Marks a task as started in this browser. */
  claim(id: string): void {
    const known = this.ensure(id);
    if (!known.mine) this.#set(known, { ...known, mine: true });
  }

  /** The opposite: to tabs that ask from now on it is like any other. */
  disclaim(id: string): void {
    const known = this.#known.get(id);
    if (known?.mine) this.#known.set(id, { ...known, mine: false });
  }

  /** Shows that somebody asked the task to stop, or takes that back. */
  setCancelling(id: string, cancelling: boolean): void {
    const known = this.ensure(id);
    if (!hasEnded(known.status) && known.cancelling !== cancelling) this.#set(known, { ...known, cancelling });
  }

  /** What became of a result that is fetched apart. */
  setResult(id: string, resultState: TaskState['resultState']): void {
    const known = this.#known.get(id);
    if (known?.status === 'completed' && known.resultState !== 'ready') this.#set(known, { ...known, resultState });
  }

  /** The service does not know the task. */
  expire(id: string): void {
    const known = this.ensure(id);
    if (!hasEnded(known.status)) this.#set(known, { ...known, status: 'expired', cancelling: false });
  }

  drop(id: string): void {
    const known = this.#known.get(id);
    if (!known) return;
    this.#known.delete(id);
    this.#paces.delete(id);
    if (hasEnded(known.status)) this.#ended--;
  }

  /** Drops a large result that nobody needs any more. */
  release(id: string): void {
    const known = this.#known.get(id);
    if (!known || known.resultState !== 'ready' || this.#isNeeded(known)) return;
    if (JSON.stringify(known.result).length > SMALL_RESULT) this.#known.set(id, { ...known, result: undefined, resultState: 'omitted' });
  }

  /** Returns the tasks that changed since the last call. */
  takeChanged(): Map<string, TaskState> {
    const changed = this.#changed;
    if (changed.size) this.#changed = new Map();
    return changed;
  }

  /** Forgets all: they are another user's. */
  clear(): void {
    this.#known.clear();
    this.#paces.clear();
    this.#changed.clear();
    this.#ended = 0;
  }

  #set(known: TaskState | undefined, next: TaskState): void {
    const ends = hasEnded(next.status) && !(known && hasEnded(known.status));
    if (ends) {
      this.#ended++;
      this.#paces.delete(next.id);
      this.#known.delete(next.id); // and to the end: the order is that of their ends
    }
    this.#known.set(next.id, next);
    this.#changed.set(next.id, next);
    if (ends) this.release(next.id);
    if (this.#ended > MAX_ENDED) this.#forget((task) => hasEnded(task.status));
    else if (this.#known.size > MAX_TASKS) this.#forget(() => true);
  }

  #forget(may: (task: TaskState) => boolean): void {
    for (const task of this.#known.values()) {
      if (!may(task) || this.#isNeeded(task)) continue;
      return this.drop(task.id);
    }
  }

  // The time that is left, at the pace since the attempt's first progress was seen here:
  // by this machine's clock alone.
  #withEta(known: TaskState | undefined, next: TaskState): TaskState {
    const { value } = next.progress;
    if (value === null || hasEnded(next.status)) return next;
    const now = this.#clock.now();
    let pace = this.#paces.get(next.id);
    if (!pace || pace.attempt !== next.attempt) this.#paces.set(next.id, (pace = { attempt: next.attempt, value, at: now }));
    const took = (now - pace.at) / 1000;
    const gained = value - pace.value;
    const eta = took >= 1 && gained > 0 ? Math.round((took / gained) * (1 - value)) : known?.progress.eta ?? null;
    return eta === null ? next : { ...next, progress: { ...next.progress, eta } };
  }
}

interface Pace {
  attempt: number;
  value: number;
  at: number; // milliseconds
}
