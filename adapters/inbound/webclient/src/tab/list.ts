// The tasks that a filter names, newest first, as a store.

import type { Store, TaskFilter, TaskView } from '../../types/index.js';
import { concerns } from '../shared/filter.js';
import { hasEnded } from '../shared/truth.js';
import type { Entry, TabTasks } from './tasks.js';

export interface ListUser {
  watch(list: TaskList): void;
  unwatch(list: TaskList): void;
}

let count = 0;

/** unused ⇄ used, while somebody subscribes to it. */
export class TaskList implements Store<readonly TaskView[]> {
  readonly n = ++count;
  readonly #tasks: TabTasks;
  readonly #user: ListUser;
  readonly #listeners = new Set<() => void>();
  #members = new Set<Entry>();
  #views: readonly TaskView[] = Object.freeze([]);
  #dirty = false;

  constructor(readonly filter: TaskFilter, tasks: TabTasks, user: ListUser) {
    this.#tasks = tasks;
    this.#user = user;
  }

  readonly getSnapshot = (): readonly TaskView[] => this.#views;

  readonly subscribe = (listener: () => void): (() => void) => {
    const own = () => listener();
    this.#listeners.add(own);
    if (this.#listeners.size === 1) {
      this.#tasks.addList(this);
      for (const entry of this.#tasks.all()) this.mark(entry);
      this.tell();
      this.#user.watch(this);
    }
    return () => {
      if (!this.#listeners.delete(own) || this.#listeners.size) return;
      queueMicrotask(() => {
        if (this.#listeners.size) return;
        this.#user.unwatch(this);
        this.#tasks.removeList(this);
      });
    };
  };

  /** A task has changed. */
  mark(entry: Entry): void {
    const was = this.#members.has(entry);
    const is = entry.known && this.#matches(entry);
    if (!was && !is) return;
    this.#dirty = true;
    if (was === is) return;
    if (is) this.#members.add(entry);
    else this.#members.delete(entry);
  }

  /** A task is not known any more. */
  remove(entry: Entry): void {
    this.#dirty = this.#members.delete(entry) || this.#dirty;
  }

  /** Shows what was marked. */
  tell(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    // Each time: when a task was created may be learned after it is in the list. Nearly always it is sorted already, which costs one pass.
    this.#members = new Set([...this.#members].sort(newestFirst));
    this.#views = Object.freeze(Array.from(this.#members, (entry) => this.#tasks.view(entry)));
    for (const listener of [...this.#listeners]) listener();
  }

  #matches({ state }: Entry): boolean {
    const { status, active } = this.filter;
    return (
      concerns(this.filter, state) &&
      (status === undefined || (typeof status === 'string' ? [status] : status).includes(state.status)) &&
      (active === undefined || active !== hasEnded(state.status))
    );
  }
}

/** By when they were created. One of which that is not known yet was started a moment ago. */
const newestFirst = ({ state: a }: Entry, { state: b }: Entry): number => {
  const [x, y] = [a.createdAt ?? a.startedAt ?? '~', b.createdAt ?? b.startedAt ?? '~'];
  return x < y ? 1 : x > y ? -1 : 0;
};
