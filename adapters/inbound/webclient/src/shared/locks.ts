// A Web Lock says that its holder lives: who waits for it learns of the end, however that
// comes about (rule B3).

import { randomId } from './random.js';

export interface HeldLock {
  /** '' where there are no Web Locks. */
  name: string;
  release(): void;
}

/** Takes a lock with a new name. */
export function holdLock(kind: string): Promise<HeldLock> {
  const { locks } = globalThis.navigator ?? {};
  if (!locks) return Promise.resolve({ name: '', release() {} });
  const name = `heliograph-${kind}-${randomId()}`;
  return new Promise((held) => {
    void locks.request(name, () => new Promise<void>((release) => held({ name, release })));
  });
}

/** Calls f when the holder of a lock is gone; the returned function ends the waiting. */
export function whenFree(locks: LockManager | undefined, name: string, f: () => void): () => void {
  if (!locks || !name) return () => {};
  const stop = new AbortController();
  locks.request(name, { signal: stop.signal }, f).catch(() => {});
  return () => stop.abort();
}
