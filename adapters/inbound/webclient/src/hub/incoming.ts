// Reads what comes over the stream, and brings tasks up to date after each opening
// (rules B4, B5). It owns which tasks the snapshot that is coming in has listed.

import type { Version } from '../../types/index.js';
import { hasEnded } from '../shared/truth.js';
import type { CapabilityNotes } from './capabilities.js';
import type { Clock } from './clock.js';
import type { NamedEvent } from './envelope.js';
import type { Tasks } from './tasks.js';
import { type AnyEvent, wordOfEvent, wordOfRecord } from './words.js';

/** A service whose snapshot has not come after so many milliseconds sends none. */
const SNAPSHOT_LIMIT = 3000;
/** A stream on which no ping or heartbeat came in so many milliseconds has none. */
const PACE_LIMIT = 60_000;

export interface IncomingUser {
  /** A task has changed. */
  learned(id: string): void;
  /** The task is to be read: no snapshot lists it. */
  read(id: string): void;
  version(version: Version): void;
  reset(reason: string): void;
  own(event: NamedEvent): void;
  output(data: any): void;
  /** The snapshot is complete, or none is to be had. */
  settled(): void;
  isFollowed(id: string): boolean;
  /** Whether a list is shown that depends on labels. */
  areLabelsWanted(): boolean;
  hasPace(): boolean;
}

/** unsettled → settled when the snapshot is complete, or none is to be had. */
export class Incoming {
  readonly #clock: Clock;
  readonly #tasks: Tasks;
  readonly #notes: CapabilityNotes;
  readonly #user: IncomingUser;
  #settled = false;
  #listed = new Set<string>();
  #cancels: (() => void)[] = [];

  constructor(clock: Clock, tasks: Tasks, notes: CapabilityNotes, user: IncomingUser) {
    this.#clock = clock;
    this.#tasks = tasks;
    this.#notes = notes;
    this.#user = user;
  }

  /** Whether a task that is unknown now has to be read. */
  get settled(): boolean {
    return this.#settled;
  }

  opened(): void {
    this.#stopWaiting();
    this.#settled = false;
    this.#listed.clear(); // half a snapshot of the stream before counts for nothing
    this.#cancels = [
      this.#clock.after(SNAPSHOT_LIMIT, () => this.#settle(() => true)),
      this.#clock.after(PACE_LIMIT, () => this.#notes.note('heartbeat', this.#user.hasPace())),
    ];
  }

  /** There is no stream: those that are followed are read, so that nobody waits for ever. */
  unavailable(): void {
    this.#stopWaiting();
    this.#settle((id) => this.#user.isFollowed(id));
  }

  event(event: NamedEvent): void {
    const { name, data } = event;
    if (name === 'task_event') this.#onTask(data, event.id);
    else if (name === 'task_snapshot') this.#onSnapshot(data);
    else if (name === 'task_output') this.#user.output(data);
    else if (name === 'version') this.#user.version(data);
    else if (name === 'stream_reset') this.#user.reset(data.reason);
    else if (name !== 'ready') this.#user.own(event);
  }

  #onTask(event: AnyEvent, id: string): void {
    this.#notes.note('resume', id !== '');
    this.#notes.note('types', event.type !== undefined);
    const known = this.#tasks.get(event.task_id);
    const word = wordOfEvent(event) ?? (known && { seq: event.seq, status: known.status }); // of an unknown type: only its seq counts
    if (!word) return;
    const task = this.#tasks.learn(event.task_id, word, true);
    // Of a task that waits the event does not say the labels.
    if (!task.type || (event.event_type === 'task_queued' && this.#user.areLabelsWanted() && !Object.keys(task.labels).length)) this.#user.read(task.id);
    this.#user.learned(task.id);
  }

  #onSnapshot({ tasks, more }: { tasks: any[]; more?: boolean }): void {
    for (const entry of tasks) {
      this.#listed.add(entry.task_id);
      this.#tasks.learn(entry.task_id, wordOfRecord(entry), false);
      this.#user.learned(entry.task_id);
    }
    if (!more) this.#settle(() => true);
  }

  // What is thought to be running and is in no part may have ended while nobody listened,
  // or have been started a moment ago: the service knows.
  #settle(isWanted: (id: string) => boolean): void {
    this.#settled = true;
    for (const { id, status } of this.#tasks.all()) {
      if (!hasEnded(status) && !this.#listed.has(id) && isWanted(id)) this.#user.read(id);
    }
    this.#cancels[0]?.();
    this.#user.settled();
  }

  #stopWaiting(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
  }
}
