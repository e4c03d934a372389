// The events of one task, and what they say of its attempts.

import type { TaskEvent } from '../../../../webclient/types/index.js';

import { clock } from '../../parts/format.js';
import type { Item } from '../../parts/task.js';

/** One event of the task. */
export interface Logged {
  /** '' when it was not read from the log. */
  readonly id: string;
  readonly seq: number;
  readonly type: string;
  readonly at: string;
  readonly attempt: number;
  readonly data: any;
}

export const loggedOf = (id: string, event: TaskEvent): Logged => ({
  id, seq: event.seq, type: event.event_type, at: event.timestamp, attempt: event.attempt, data: event.data,
});

/** What an event says, for a line of a table. */
export function inOneLine({ type, data }: Logged): string {
  switch (type) {
    case 'progress_update': {
      const percent = data?.value > 0 || !data?.text ? `${Math.round((data?.value ?? 0) * 100)} %` : '';
      return [percent, data?.text].filter(Boolean).join(' · ');
    }
    case 'task_retrying':
      return `${failureOf(data)}. Attempt ${data.attempt} from ${clock(data.next_at)} on`;
    case 'task_failed':
      return failureOf(data);
    case 'task_completed':
      return JSON.stringify(data ?? null).slice(0, 200);
    default:
      return '';
  }
}

/** Code and message; a message that begins with its code needs no other. */
const failureOf = ({ code, error }: { code: string; error: string }): string =>
  error.toUpperCase().startsWith(`${code}:`) ? error : `${code}: ${error}`;

export interface Attempt {
  readonly attempt: number;
  began: string | null;
  ended: string | null;
  why: string;
}

/** The attempts that events tell of, with the one that is known of the task itself. */
export function attemptsOf(events: readonly Logged[], item: Item | null): Attempt[] {
  const attempts = new Map<number, Attempt>();
  const at = (attempt: number): Attempt => {
    const known = attempts.get(attempt) ?? { attempt, began: null, ended: null, why: '' };
    attempts.set(attempt, known);
    return known;
  };
  for (const { type, at: time, attempt, data } of events) {
    if (attempt < 1) continue;
    if (type === 'task_started') Object.assign(at(attempt), { began: time, why: 'runs' });
    else if (type === 'task_retrying') Object.assign(at(attempt === data.attempt ? attempt - 1 : attempt), { ended: time, why: failureOf(data) });
    else if (type === 'task_failed') Object.assign(at(attempt), { ended: time, why: failureOf(data) });
    else if (type === 'task_completed' || type === 'task_cancelled') Object.assign(at(attempt), { ended: time, why: type.slice('task_'.length) });
    else if (type === 'task_queued' && attempts.has(attempt)) Object.assign(at(attempt), { ended: time, why: 'given back by its worker' });
  }
  if (item && item.attempt > 0 && !attempts.has(item.attempt)) {
    Object.assign(at(item.attempt), { began: item.started, ended: item.ended, why: item.error ?? item.status });
  }
  for (let n = 1; n < (item?.attempt ?? 0); n++) if (!attempts.has(n)) at(n).why = 'its events are not in the log any more';
  return [...attempts.values()].sort((a, b) => a.attempt - b.attempt);
}

