// A task from the side of the fake's service. It owns the task's state and output.

import type { Progress, TaskView } from '../../types/index.js';
import type { FakeRecord, FakeTask } from '../../types/testing.js';
import type { Piece } from '../hub/output.js';
import type { TaskState } from '../shared/protocol.js';
import { UNKNOWN_PROGRESS, hasEnded, learn, unknownTask } from '../shared/truth.js';
import { viewOf } from '../tab/view.js';
import type { FakeClock } from './clock.js';

const bytes = new TextEncoder();
const text = new TextDecoder();

export interface FakeTaskUser {
  clock: FakeClock;
  changed(task: Task): void;
}

/** pending → running → ended. What would leave an end throws: the test is wrong. */
export class Task implements FakeTask {
  readonly params: unknown;
  readonly #user: FakeTaskUser;
  readonly #stop = new AbortController();
  readonly #pieces: Piece[] = [];
  readonly #readers = new Set<(piece: Piece) => void>();
  #state: TaskState;

  constructor(id: string, record: FakeRecord, user: FakeTaskUser) {
    const { type, status = 'running', params, progress, result, error, labels = {}, mine = false, createdAt, startedAt, endedAt } = record;
    this.params = params;
    this.#user = user;
    const time = (date?: Date) => (date ?? new Date(user.clock.now)).toISOString();
    const begun = status !== 'pending';
    const ended = hasEnded(status);
    this.#state = {
      ...unknownTask(id), type, status, labels, mine, seq: begun ? 1 : 0, attempt: begun ? 1 : 0, createdAt: time(createdAt),
      startedAt: begun ? time(startedAt ?? createdAt) : null, endedAt: ended ? time(endedAt) : null,
      progress: { ...UNKNOWN_PROGRESS, ...progress },
      error: status === 'failed' ? error ?? { code: 'TASK_FAILED', message: 'it failed' } : null,
      ...(status === 'completed' && { result: result ?? null, resultState: 'ready' }),
    };
  }

  get id(): string {
    return this.#state.id;
  }
  get type(): string {
    return this.#state.type;
  }
  get state(): TaskState {
    return this.#state;
  }
  get view(): TaskView {
    return viewOf(learn(unknownTask(this.id), this.#state, false), false);
  }
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  sleep(ms: number): Promise<void> {
    return this.#user.clock.sleep(ms, this.signal);
  }

  begin(): void {
    if (this.#state.status === 'pending') this.#change({ status: 'running', attempt: 1, startedAt: this.#now() });
  }

  progress(value: number | null, what: string | Partial<Progress> = {}): void {
    this.begin();
    const more = typeof what === 'string' ? { text: what } : what;
    this.#change({ progress: { ...UNKNOWN_PROGRESS, ...more, value } });
  }

  write(text: string): void {
    this.begin();
    const { length } = bytes.encode(text);
    this.#append({ offset: this.#length, next: this.#length + length, text });
  }

  lose(gap: number): void {
    this.#append({ offset: this.#length, next: this.#length + gap, gap });
  }

  complete(result: unknown = null, { loading }: { loading?: number } = {}): void {
    this.begin();
    if (loading === undefined) return this.#end({ status: 'completed', result, resultState: 'ready' });
    this.#end({ status: 'completed', resultState: 'loading' });
    this.#user.clock.after(loading, () => {
      this.#state = { ...this.#state, result, resultState: 'ready' };
      this.#user.changed(this);
    });
  }

  fail(message: string, code = 'TASK_FAILED'): void {
    this.begin();
    this.#end({ status: 'failed', error: { code, message } });
  }

  stop(): void {
    this.#end({ status: 'cancelled' });
  }

  expire(): void {
    this.#state = { ...this.#state, status: 'expired', cancelling: false, seq: this.#state.seq + 1 };
    this.#user.changed(this);
  }

  /** The page asks it to stop. */
  cancel(): void {
    if (hasEnded(this.#state.status)) return;
    this.#change({ cancelling: true });
    this.#stop.abort(new DOMException('the task was asked to stop', 'AbortError'));
  }

  forget(): void {
    this.#state = { ...this.#state, mine: false };
  }

  /** Gives take the output from an offset on; the returned function ends that. */
  read(offset: number, take: (piece: Piece) => void): () => void {
    const reader = (piece: Piece) => {
      if (piece.next > offset || piece.closed) take(from(piece, offset));
    };
    for (const piece of this.#pieces) reader(piece);
    if (hasEnded(this.#state.status)) reader(this.#closed);
    else this.#readers.add(reader);
    return () => void this.#readers.delete(reader);
  }

  get #length(): number {
    return this.#pieces.at(-1)?.next ?? 0;
  }

  get #closed(): Piece {
    return { offset: this.#length, next: this.#length, closed: true };
  }

  #append(piece: Piece): void {
    this.#pieces.push(piece);
    for (const read of this.#readers) read(piece);
  }

  #end(end: Partial<TaskState>): void {
    this.#change({ ...end, endedAt: this.#now(), cancelling: false });
    for (const read of this.#readers) read(this.#closed);
    this.#readers.clear();
  }

  #change(change: Partial<TaskState>): void {
    if (hasEnded(this.#state.status)) throw new Error(`task ${this.id} has ended: it is ${this.#state.status}`);
    this.#state = { ...this.#state, ...change, seq: this.#state.seq + 1 };
    this.#user.changed(this);
  }

  #now(): string {
    return new Date(this.#user.clock.now).toISOString();
  }
}

/** The part of a piece that comes after an offset. */
function from(piece: Piece, offset: number): Piece {
  if (piece.offset >= offset) return piece;
  const cut = { ...piece, offset };
  if (piece.gap !== undefined) cut.gap = piece.next - offset;
  if (piece.text !== undefined) cut.text = text.decode(bytes.encode(piece.text).subarray(offset - piece.offset));
  return cut;
}
