// What a page sees of a task (rule B11).

import type { TaskError, TaskView } from '../../types/index.js';
import type { TaskState } from '../shared/protocol.js';
import { UNKNOWN_PROGRESS, hasEnded } from '../shared/truth.js';

const date = (text: string | null): Date | null => (text ? new Date(text) : null);

export function viewOf(state: TaskState, stale: boolean): TaskView {
  const { status, resultState } = state;
  const active = !hasEnded(status);
  const { createdAt, startedAt, endedAt, nextAt, error, result, ...same } = state;
  return Object.freeze({
    ...same,
    active,
    stale,
    createdAt: date(createdAt),
    startedAt: date(startedAt),
    endedAt: date(endedAt),
    nextAt: date(nextAt),
    labels: Object.freeze(state.labels),
    progress: Object.freeze(state.progress),
    error: status === 'failed' ? Object.freeze(error) : null,
    result: resultState === 'ready' ? result : undefined,
  }) as TaskView;
}

/** Of a task whose start has not been answered, or was refused. */
export function startingView(type: string, labels: Record<string, string>, error: TaskError | null): TaskView {
  return Object.freeze({
    id: null, type, status: error ? 'failed' : 'starting', active: !error, cancelling: false, stale: false, mine: true,
    attempt: 0, seq: 0, createdAt: null, startedAt: null, endedAt: null, nextAt: null, labels: Object.freeze({ ...labels }),
    progress: UNKNOWN_PROGRESS, error: error && Object.freeze(error), result: undefined, resultState: 'none',
  }) as TaskView;
}
