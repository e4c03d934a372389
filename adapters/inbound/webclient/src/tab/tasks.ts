// What this tab knows of tasks, and who wants to hear of them. It owns the states, their
// views and the listeners.

import type { TaskView } from '../../types/index.js';
import { concerns } from '../shared/filter.js';
import type { TaskState } from '../shared/protocol.js';
import { hasEnded, isKnown, learn, unknownTask } from '../shared/truth.js';
import { Frame } from './frame.js';
import type { TaskList } from './list.js';
import { viewOf } from './view.js';

/** So many tasks that have ended a list shows at most. */
const MAX_ENDED = 1000;

/** A task that something in this page uses, or that a list shows. */
export class Entry {
  state: TaskState;
  readonly listeners = new Set<() => void>();
  #views: { stale?: TaskView; fresh?: TaskView } = {}; // of what follows
  #shown: TaskState | null = null;

  constructor(readonly id: string) {
    this.state = unknownTask(id);
  }

  /** Whether anything is known of it. */
  get known(): boolean {
    return isKnown(this.state);
  }

  view(stale: boolean): TaskView {
    const isStale = (stale || !this.known) && !hasEnded(this.state.status);
    if (this.state !== this.#shown) {
      this.#shown = this.state;
      this.#views = {};
    }
    // Both are kept: it may be stale for less than a frame, in which somebody looks.
    return (this.#views[isStale ? 'stale' : 'fresh'] ??= viewOf(this.state, isStale));
  }
}

export interface TasksUser {
  follow(id: string): void;
  unfollow(id: string): void;
  /** A task of mine has ended, and its end is shown. */
  ended(id: string): void;
}

export class TabTasks {
  readonly #user: TasksUser;
  readonly #entries = new Map<string, Entry>();
  readonly #ended = new Set<Entry>(); // in the order of their ends
  readonly #lists = new Set<TaskList>();
  readonly #dirty = new Set<Entry>();
  readonly #frame = new Frame(() => this.#tell());
  #stale = true;

  constructor(user: TasksUser) {
    this.#user = user;
  }

  /** Those that are followed. */
  followed(): string[] {
    return [...this.#entries.values()].filter((entry) => entry.listeners.size).map((entry) => entry.id);
  }

  entry(id: string): Entry {
    let entry = this.#entries.get(id);
    if (!entry) this.#entries.set(id, (entry = new Entry(id)));
    return entry;
  }

  all(): Iterable<Entry> {
    return this.#entries.values();
  }

  view(entry: Entry): TaskView {
    return entry.view(this.#stale);
  }

  /** Follows a task; the returned function ends that. */
  follow(entry: Entry, listener: () => void): () => void {
    const own = () => listener();
    if (!entry.listeners.size) {
      if (!this.#entries.has(entry.id)) this.#entries.set(entry.id, entry);
      this.#user.follow(entry.id);
    }
    entry.listeners.add(own);
    return () => {
      if (!entry.listeners.delete(own) || entry.listeners.size) return;
      queueMicrotask(() => { // who subscribes anew at once goes on
        if (entry.listeners.size) return;
        this.#user.unfollow(entry.id);
        this.#prune([entry]);
      });
    };
  }

  addList(list: TaskList): void {
    this.#lists.add(list);
  }

  removeList(list: TaskList): void {
    this.#lists.delete(list);
    this.#prune(this.#entries.values());
  }

  /** Takes what the hub says. */
  take(states: TaskState[]): void {
    for (const state of states) {
      if (!this.#entries.has(state.id) && !this.#isListed(state)) continue; // it was wanted when it was sent
      const entry = this.entry(state.id);
      // Only the hub knows whether a result is being fetched; a new one, or one that has given up, is not.
      const gaveUp = entry.state.resultState === 'loading' && state.resultState === 'omitted' && state.seq >= entry.state.seq;
      const next = learn(gaveUp ? { ...entry.state, resultState: 'omitted' } : entry.state, state, false);
      if (next === entry.state) continue;
      entry.state = next;
      this.#mark(entry);
      if (hasEnded(next.status)) this.#onEnded(entry);
    }
  }

  /** A task is not one of mine any more. */
  forgotten(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry?.state.mine) return;
    entry.state = { ...entry.state, mine: false };
    this.#mark(entry);
  }

  setStale(stale: boolean): void {
    if (stale === this.#stale) return;
    this.#stale = stale;
    for (const entry of this.#entries.values()) if (!hasEnded(entry.state.status)) this.#mark(entry);
  }

  /** Somebody else may be logged in next: lists are empty, and what is followed begins anew. */
  clear(): void {
    for (const entry of this.#entries.values()) {
      entry.state = unknownTask(entry.id);
      this.#mark(entry);
    }
  }

  /** Shows what has changed now instead of in the next frame. */
  flush(): void {
    this.#frame.now();
  }

  close(): void {
    this.#frame.cancel();
  }

  #mark(entry: Entry): void {
    this.#dirty.add(entry);
    for (const list of this.#lists) list.mark(entry);
    this.#frame.schedule();
  }

  #tell(): void {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const entry of dirty) for (const listener of [...entry.listeners]) listener();
    for (const list of [...this.#lists]) list.tell();
  }

  // What nothing shows is not kept up to date, so it is not kept.
  #prune(entries: Iterable<Entry>): void {
    for (const entry of entries) {
      if (!entry.listeners.size && !this.#isListed(entry.state)) this.#drop(entry);
    }
  }

  #isListed(state: TaskState): boolean {
    for (const list of this.#lists) if (concerns(list.filter, state)) return true;
    return false;
  }

  // Of those that have ended, lists show the last ones.
  #onEnded(entry: Entry): void {
    if (entry.state.mine) this.#user.ended(entry.id);
    this.#ended.delete(entry);
    this.#ended.add(entry);
    if (this.#ended.size <= MAX_ENDED) return;
    for (const oldest of this.#ended) if (!oldest.listeners.size) return this.#drop(oldest);
  }

  #drop(entry: Entry): void {
    this.#entries.delete(entry.id);
    this.#ended.delete(entry);
    for (const list of this.#lists) list.remove(entry);
  }
}
