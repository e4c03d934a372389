// The output of tasks for those who asked for it (rule B12): each reader gets every byte
// from its offset on once and in order, whatever comes twice, and is told of gaps.

import { type Clock, backoff } from './clock.js';
import { NoCredential } from './credential.js';
import type { Answer, Refusal } from './http.js';
import type { Failure } from '../shared/protocol.js';

/** The data of the event task_output. Offsets count bytes of UTF-8. */
export interface OutputEvent {
  task_id: string;
  offset: number;
  text?: string;
  gap?: number;
  closed?: boolean;
}

export interface Piece {
  offset: number;
  /** The offset of what comes after it. */
  next: number;
  text?: string;
  gap?: number;
  closed?: boolean;
  failure?: Failure;
}

interface OutputReader {
  offset: number;
  take: (piece: Piece) => void;
}

/** Asks for a task's output on the stream that is open; null when none is. */
export type Follow = (id: string, offset: number) => Promise<Answer<unknown>> | null;

/** A stream that is not known yet may be in a moment, and so may what another limit allows. */
const isFinal = ({ status, code }: Refusal): boolean => status < 500 && status !== 401 && status !== 429 && code !== 'UNKNOWN_CONNECTION';

const bytes = new TextEncoder();
const text = new TextDecoder();

/** The readers of one task: asking → following → closed. */
class Output {
  readonly readers = new Set<OutputReader>();
  readonly #id: string;
  readonly #follow: Follow;
  readonly #clock: Clock;
  #round = 0; // counts the questions, so that an old one does not go on
  #failures = 0;

  constructor(id: string, follow: Follow, clock: Clock) {
    this.#id = id;
    this.#follow = follow;
    this.#clock = clock;
  }

  /** Asks for what the reader that is furthest behind needs. */
  async ask(): Promise<void> {
    const round = ++this.#round;
    const asked = this.#follow(this.#id, Math.min(...Array.from(this.readers, (r) => r.offset)));
    if (!asked) return; // the next stream asks
    const answer = await asked.catch((error) => (error instanceof NoCredential ? error : null));
    if (round !== this.#round || answer instanceof NoCredential) return;
    if (answer?.ok) {
      this.#failures = 0;
    } else if (answer && isFinal(answer.refusal)) {
      const { code, message } = answer.refusal;
      this.#end(code === 'NOT_FOUND' ? { code, message: 'this service has no output of tasks' } : { code, message });
    } else {
      this.#clock.after(backoff(this.#clock, this.#failures++), () => round === this.#round && this.readers.size && this.ask());
    }
  }

  take(event: OutputEvent): void {
    const data = event.text === undefined ? null : bytes.encode(event.text);
    const end = event.offset + (data?.length ?? event.gap ?? 0);
    for (const reader of this.readers) {
      if (event.offset > reader.offset) return void this.ask(); // something before it is missing
      if (end > reader.offset) {
        const { offset } = reader;
        reader.offset = end;
        if (!data) reader.take({ offset, next: end, gap: end - offset });
        else reader.take({ offset, next: end, text: offset === event.offset ? event.text! : text.decode(data.subarray(offset - event.offset)) });
      }
      if (event.closed) reader.take({ offset: end, next: end, closed: true });
    }
    if (event.closed) this.readers.clear();
  }

  #end(failure: Failure): void {
    for (const reader of this.readers) reader.take({ offset: reader.offset, next: reader.offset, failure, closed: true });
    this.readers.clear();
  }
}

export class Outputs {
  readonly #clock: Clock;
  readonly #follow: Follow;
  readonly #unfollow: (id: string) => void;
  readonly #outputs = new Map<string, Output>();

  constructor(clock: Clock, follow: Follow, unfollow: (id: string) => void) {
    this.#clock = clock;
    this.#follow = follow;
    this.#unfollow = unfollow;
  }

  /** Gives take the output from offset on; the returned function ends that. */
  read(id: string, offset: number, take: (piece: Piece) => void): () => void {
    const output = this.#outputs.get(id) ?? new Output(id, this.#follow, this.#clock);
    const reader = { offset, take };
    output.readers.add(reader);
    this.#outputs.set(id, output);
    void output.ask();
    return () => {
      output.readers.delete(reader);
      if (output.readers.size || this.#outputs.get(id) !== output) return;
      this.#outputs.delete(id);
      this.#unfollow(id);
    };
  }

  /** A new stream follows nothing yet. */
  opened(): void {
    for (const output of this.#outputs.values()) if (output.readers.size) void output.ask();
  }

  event(event: OutputEvent): void {
    const output = this.#outputs.get(event.task_id);
    output?.take(event);
    if (output && !output.readers.size) this.#outputs.delete(event.task_id);
  }
}
