// What the tab asks of the hub, until it is answered: a hub that goes takes no call along,
// the next one gets it again.

import type { Calls, Failure, ToHub } from '../shared/protocol.js';

interface Call {
  message: ToHub;
  resolve(value: any): void;
  reject(failure: Failure): void;
}

const CLOSED: Failure = { code: 'CLOSED', message: 'the client was closed' };

export class CallBook {
  readonly #open = new Map<number, Call>();
  readonly #post: (message: ToHub) => void;
  #count = 0;
  #closed = false;

  constructor(post: (message: ToHub) => void) {
    this.#post = post;
  }

  call<Name extends keyof Calls>(name: Name, ...args: Parameters<Calls[Name]>): Promise<ReturnType<Calls[Name]>> {
    const n = ++this.#count;
    const message: ToHub = { t: 'call', n, name, args };
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(CLOSED);
      this.#open.set(n, { message, resolve, reject });
      this.#post(message);
    });
  }

  /** What is to be said to a new hub. */
  open(): ToHub[] {
    return Array.from(this.#open.values(), (call) => call.message);
  }

  answered(n: number, value: unknown, failure?: Failure): void {
    const call = this.#open.get(n);
    this.#open.delete(n);
    if (failure) call?.reject(failure);
    else call?.resolve(value);
  }

  close(): void {
    this.#closed = true;
    for (const call of this.#open.values()) call.reject(CLOSED);
    this.#open.clear();
  }
}
