// What is known of a task: its record as it was read, and the library's view of it, which
// is live.

import type { TaskRecord, TaskView } from '../../../webclient/types/index.js';
import { h, link } from './dom.js';
import { ago, duration, secondsSince } from './format.js';
import { linkTo } from './place.js';
import { type Tone, bar } from './state.js';

/** A task's record; params are there if they were asked for and its type does not hide them. */
export interface Read extends TaskRecord {
  readonly node?: string | null;
  readonly worker?: string | null;
  readonly params?: unknown;
}

export interface Item {
  readonly id: string;
  readonly type: string;
  /** For people and for filters; 'cancelling' and 'scheduled' are running and pending ones. */
  readonly status: string;
  readonly state: TaskRecord['status'] | 'expired';
  readonly value: number | null;
  readonly text: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly attempt: number;
  readonly seq: number;
  readonly where: string | null;
  readonly created: string;
  /** created in milliseconds, to compare. */
  readonly at: number;
  readonly started: string | null;
  readonly ended: string | null;
  readonly next: string | null;
  readonly error: string | null;
}

const time = (at: Date | null): string | null => at?.toISOString() ?? null;

/** Joins what was read with what is live; at least one of them must be there. The newer one counts. */
export function itemOf(read: Read | undefined, view: TaskView | undefined): Item {
  const where = read?.worker ?? read?.node ?? null;
  if (!view || !view.id || (read && read.seq > view.seq)) {
    const { task_id, type, status, progress, labels, attempt, seq, created_at, start_time, end_time, next_at, error, cancel_requested } = read!;
    const unsaid = progress.value === 0 && !progress.text && status !== 'completed';
    return {
      id: task_id, type, state: status, status: word(status, cancel_requested, next_at ?? null), labels, attempt, seq, where, created: created_at, at: Date.parse(created_at),
      started: start_time, ended: end_time, next: status === 'pending' ? next_at ?? null : null, error,
      value: status === 'completed' ? 1 : unsaid ? null : progress.value, text: progress.text,
    };
  }
  const { id, type, status, cancelling, progress, labels, attempt, seq, createdAt, startedAt, endedAt, nextAt, error } = view;
  return {
    id, type, state: status as Item['state'], status: word(status, cancelling, time(nextAt)), attempt, seq, where,
    labels: Object.keys(labels).length ? labels : read?.labels ?? labels, // which no event says of one that waits
    created: time(createdAt) ?? read?.created_at ?? '', at: createdAt?.getTime() ?? Date.parse(read?.created_at ?? ''), started: time(startedAt) ?? read?.start_time ?? null, ended: time(endedAt),
    next: time(nextAt), error: error?.message ?? null, value: progress.value, text: progress.text,
  };
}

const word = (status: string, cancelling: boolean, next: string | null): string =>
  cancelling && status === 'running' ? 'cancelling' : status === 'pending' && next && secondsSince(next) < 0 ? 'scheduled' : status;

export const isActive = ({ state }: Item): boolean => state === 'pending' || state === 'running';

/** How long it ran, or runs. */
export function took({ state, started, ended }: Item): string {
  if (!started || state === 'pending') return '—';
  return duration((new Date(ended ?? Date.now()).getTime() - new Date(started).getTime()) / 1000);
}

const TONES: Record<string, Tone> = { completed: 'good', failed: 'bad', cancelled: 'stopped' };

/** The bar of a task, and beside it what the task says. */
export function progressOf({ state, value, text, error, next }: Item, label: string): HTMLElement {
  const made = bar(state === 'pending' ? 0 : value ?? (state === 'running' ? null : 0), label);
  if (TONES[state]) made.classList.add(TONES[state]);
  const said = state === 'failed' && error ? error : next ? `${ago(next)}${error ? ': ' + error : ''}` : text;
  return h('div', { class: 'progress' }, made, h('span', { class: 'says' }, said));
}

/** Labels as links to the tasks that have them too. */
export const labelsOf = (labels: Readonly<Record<string, string>>): HTMLElement =>
  h('span', { class: 'labels' }, ...Object.entries(labels).map(([key, value]) => link(linkTo('tasks', '', { label: `${key}:${value}` }), value ? `${key}:${value}` : key, { class: 'label' })));
