// The output of a task as a store: the newest of it, in one piece (rule B12).

import type { Client, HeliographError, OutputChunk, Store } from '../../types/index.js';
import type { Output } from '../../types/react.js';

export const NO_OUTPUT: Output = { text: '', chunks: [], done: false, error: null };

/** Pieces of text are put together up to so many characters. */
const PIECE = 4096;
/** It is shown at most once in so many milliseconds: a frame. */
const FRAME = 16;

/** unused ⇄ reading → done, for one subscriber. What is read again goes on where it was. */
export function outputOf(client: Client, id: string, offset: number, limit: number): Store<Output> {
  let tell: () => void;
  let snapshot = NO_OUTPUT;
  let chunks: OutputChunk[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const show = (change: Partial<Output>) => {
    snapshot = { ...snapshot, ...change };
    timer ??= setTimeout(() => {
      timer = undefined;
      chunks = chunks.slice(-limit / PIECE - 9);
      const text = chunks.map(({ text }) => text).join('').slice(-limit);
      snapshot = { ...snapshot, chunks, text };
      tell();
    }, FRAME);
  };
  const read = async (signal: AbortSignal) => {
    try {
      for await (const chunk of client.follow(id).output({ offset, signal })) {
        if (signal.aborted) return;
        const { text, gap = new TextEncoder().encode(text).length } = chunk;
        const last = chunks.at(-1);
        offset = chunk.offset + gap;
        const joined = text && last?.text && last.text.length < PIECE && { ...last, text: last.text + text };
        chunks = joined ? chunks.with(-1, joined) : [...chunks, chunk];
        show({});
      }
      if (!signal.aborted) show({ done: true });
    } catch (error) {
      show({ error: error as HeliographError });
    }
  };
  return {
    getSnapshot: () => snapshot,
    subscribe: (listener) => {
      const reading = new AbortController();
      tell = listener;
      if (!snapshot.done) void read(reading.signal);
      return () => reading.abort();
    },
  };
}
