// A clock that stands still until it is told to go on.

interface Timer {
  at: number;
  run: () => void;
}

/** So many turns are enough for what follows from one timer: a chain of promises. */
const TURNS = 100;

export class FakeClock {
  /** Milliseconds since 1970. */
  now: number;
  #timers: Timer[] = [];

  constructor(now: number) {
    this.now = now;
  }

  /** Calls run when so many milliseconds have passed; the returned function prevents that. */
  after(ms: number, run: () => void): () => void {
    const timer = { at: this.now + Math.max(0, ms), run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** Resolves after so many milliseconds, or rejects with the signal's reason. */
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        cancel();
        reject(signal.reason);
      };
      const cancel = this.after(ms, () => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
  }

  async advance(ms: number): Promise<void> {
    const until = this.now + ms;
    for (;;) {
      await settle();
      const next = this.#timers.reduce<Timer | null>((first, timer) => (timer.at <= until && (!first || timer.at < first.at) ? timer : first), null);
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.now = Math.max(this.now, next.at);
      next.run();
    }
    this.now = Math.max(this.now, until);
  }

  stop(): void {
    this.#timers = [];
  }
}

/** Only promises are waited for, so that it works where timers are faked too. */
async function settle(): Promise<void> {
  for (let i = 0; i < TURNS; i++) await null;
}
