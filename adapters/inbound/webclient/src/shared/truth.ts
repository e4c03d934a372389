// The one place that decides which of two things that were said of a task is true (rule
// B5). The hub uses it for whatever the service says, in whichever order that arrives;
// a tab for what hubs say, since a new hub may know less than one of before.

import type { Progress, TaskError } from '../../types/index.js';
import type { RecordStatus, TaskState } from './protocol.js';

const ENDED: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'expired']);

export const hasEnded = (status: string): boolean => ENDED.has(status);

/** Whether anything is known of a task but its ID. */
export const isKnown = ({ seq, status }: TaskState): boolean => seq >= 0 || hasEnded(status);

export const UNKNOWN_PROGRESS: Progress = { value: null, text: '', stage: null, stages: null, done: null, total: null, unit: null, eta: null };

/** A task of which nothing is known but its ID. */
export function unknownTask(id: string): TaskState {
  return {
    id, type: '', status: 'pending', seq: -1, attempt: 0, cancelling: false, mine: false,
    createdAt: null, startedAt: null, endedAt: null, nextAt: null, labels: {}, progress: UNKNOWN_PROGRESS,
    error: null, result: undefined, resultState: 'none',
  };
}

/** What was said of a task: a part of its state, as of seq. */
export interface Word {
  seq: number;
  status: RecordStatus;
  attempt?: number;
  type?: string;
  cancelling?: boolean;
  mine?: boolean;
  createdAt?: string | null;
  startedAt?: string | null;
  endedAt?: string | null;
  nextAt?: string | null;
  labels?: Record<string, string>;
  progress?: Progress;
  error?: TaskError | null;
  result?: unknown;
  resultState?: TaskState['resultState'];
}

/** Results that are at hand say more than that there is one. */
const RESULT_RANK = { none: 0, omitted: 1, loading: 2, gone: 3, ready: 4 };

/**
 * Returns what is known after word was said; known itself if that is nothing new. An
 * event counts if its seq is higher. A state (of a snapshot, a list, an answer) counts
 * unless its seq is lower: it may say more than the event of the same seq. An end is
 * final, except that the service may have forgotten the task since.
 */
export function learn(known: TaskState, word: Word, isEvent: boolean): TaskState {
  if (isEvent ? word.seq <= known.seq : word.seq < known.seq) return known;
  if (hasEnded(known.status) && word.status !== known.status && word.status !== 'expired') return known;
  const next = { ...known };
  for (const [name, value] of Object.entries(word)) {
    if (value !== undefined && value !== null) (next as Record<string, unknown>)[name] = value;
  }
  // What says nothing in this status is the same in all states, since a page cannot see it.
  if (next.status !== 'pending') next.nextAt = null;
  if (hasEnded(next.status)) {
    next.cancelling = false;
    next.progress = { ...next.progress, ...(next.status === 'completed' && { value: 1 }), eta: null };
  }
  if (RESULT_RANK[known.resultState] > RESULT_RANK[next.resultState]) {
    next.result = known.result;
    next.resultState = known.resultState;
  } else if (word.resultState === 'ready') next.result = word.result; // null is one, too
  return keepSame(known, next);
}

/** Returns known if next says the same, and keeps the parts that are the same (rule B11). */
function keepSame(known: TaskState, next: TaskState): TaskState {
  let same = true;
  for (const name of Object.keys(next) as (keyof TaskState)[]) {
    if (Object.is(known[name], next[name])) continue;
    if (name !== 'seq' && isEqual(known[name], next[name])) (next as unknown as Record<string, unknown>)[name] = known[name];
    else same = false;
  }
  return same ? known : next;
}

const isEqual = (a: unknown, b: unknown): boolean => typeof a === 'object' && typeof b === 'object' && JSON.stringify(a) === JSON.stringify(b);
