// How loops wait: for news, for their own signal, and for the end of the client.

/** The end of a client: an AbortSignal that any number may wait for. */
export class Ending {
  /** Null until the end. */
  reason: unknown = null;
  readonly waiting = new Set<() => void>();

  end(reason: unknown): void {
    this.reason ??= reason;
    for (const wake of this.waiting) wake();
  }
}

export class Waiting {
  readonly #ending: Ending;
  readonly #signals: (AbortSignal | undefined)[];
  #news = false;
  #resolve = () => {};

  constructor(ending: Ending, signals: (AbortSignal | undefined)[]) {
    this.#ending = ending;
    this.#signals = signals;
    ending.waiting.add(this.wake);
    for (const signal of signals) signal?.addEventListener('abort', this.wake);
  }

  /** Whether there is nothing to wait for any more. */
  get over(): boolean {
    return this.#ending.reason !== null || this.#signals.some((signal) => signal?.aborted);
  }

  readonly wake = (): void => {
    this.#news = true;
    this.#resolve();
  };

  /** Resolves when wake was called since the last time. */
  async next(): Promise<void> {
    if (!this.#news) await new Promise<void>((resolve) => (this.#resolve = resolve));
    this.#news = false;
  }

  close(): void {
    this.#ending.waiting.delete(this.wake);
    for (const signal of this.#signals) signal?.removeEventListener('abort', this.wake);
  }
}
