// What events, snapshots and answers say of a task, in the words of shared/truth.ts.

import type { Progress, SnapshotEntry, TaskRecord, WireProgress } from '../../types/index.js';
import type { RecordStatus } from '../shared/protocol.js';
import { UNKNOWN_PROGRESS, type Word } from '../shared/truth.js';

/** By event_type. */
const STATUS: Record<string, RecordStatus> = {
  task_started: 'running',
  progress_update: 'running',
  task_completed: 'completed',
  task_failed: 'failed',
  task_cancelled: 'cancelled',
  task_queued: 'pending',
  task_retrying: 'pending',
  task_cancel_requested: 'running',
  task_removed: 'expired',
};

/** A task_event as it comes; of an older service without a type. */
export interface AnyEvent {
  event_type: string;
  task_id: string;
  type?: string;
  created_at?: string;
  timestamp?: string;
  seq: number;
  attempt?: number;
  data?: any;
  truncated?: boolean;
}

/** Returns null for an event type that is not known. */
export function wordOfEvent(event: AnyEvent): Word | null {
  const { event_type, type, data, seq, attempt, created_at, timestamp } = event;
  const status = STATUS[event_type];
  if (!status) return null;
  const word: Word = { seq, status, attempt, type, createdAt: created_at };
  switch (event_type) {
    case 'task_started':
      return { ...word, startedAt: timestamp, labels: data?.labels, progress: UNKNOWN_PROGRESS };
    case 'progress_update':
      return { ...word, progress: progressOf(data, true) };
    case 'task_retrying':
      return { ...word, progress: UNKNOWN_PROGRESS, nextAt: data?.next_at };
    case 'task_cancel_requested':
      return { ...word, cancelling: true };
    case 'task_completed':
      return { ...word, endedAt: timestamp, ...resultOf(data, event.truncated) };
    case 'task_failed':
      return { ...word, endedAt: timestamp, error: errorOf(data?.error, data?.code) };
    case 'task_cancelled':
      return { ...word, endedAt: timestamp };
    default:
      return word;
  }
}

/** Of an entry of a snapshot or a list, or of a status. */
export function wordOfRecord(record: SnapshotEntry | TaskRecord): Word {
  const { type, status, seq, attempt, labels } = record;
  const word: Word = { type, status, seq, attempt, labels, cancelling: record.cancel_requested, progress: progressOf(record.progress, false) };
  word.createdAt = record.created_at;
  word.nextAt = record.next_at;
  if ('start_time' in record) word.startedAt = record.start_time;
  if ('end_time' in record) word.endedAt = record.end_time;
  if (status === 'failed') word.error = errorOf((record as TaskRecord).error, (record as TaskRecord).code);
  if (status === 'completed') Object.assign(word, resultOf((record as TaskRecord).result, (record as TaskRecord).truncated));
  return word;
}

const resultOf = (result: unknown, truncated: boolean | undefined): Partial<Word> =>
  truncated ? { resultState: 'omitted' } : { resultState: 'ready', result: result ?? null };

const errorOf = (message: unknown, code?: string | null) => ({ code: code ?? 'TASK_FAILED', message: String(message ?? '') });

// A record says 0 of a task that has not said anything. A progress that was said means it.
function progressOf(progress: WireProgress | undefined, said: boolean): Progress {
  if (!progress) return UNKNOWN_PROGRESS;
  const { text = '', value = 0, stage = null, stages = null, done = null, total = null, unit = null } = progress;
  const known = said || value > 0 || text !== '' || stage !== null || total !== null;
  return { value: known ? value : null, text, stage, stages, done, total, unit, eta: null };
}
