import type { Store } from '../../types/index.js';

/** A store of one value. */
export class Cell<T> implements Store<T> {
  #value: T;
  readonly #listeners = new Set<() => void>();
  readonly #used: (() => void) | undefined;

  /** used is called before somebody subscribes. */
  constructor(value: T, used?: () => void) {
    this.#value = value;
    this.#used = used;
  }

  readonly getSnapshot = (): T => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#used?.();
    const own = () => listener(); // the same function twice is two subscriptions
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  };

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }
}
