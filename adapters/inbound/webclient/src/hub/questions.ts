// Asks the tabs for a credential, one tab at a time (rule B8).

import type { Failure } from '../shared/protocol.js';
import { type Clock } from './clock.js';
import { NoCredential } from './credential.js';
import type { HubPort, Tab, Tabs } from './tabs.js';

/** A tab that has not answered after so many milliseconds may be frozen: another is asked. */
const PATIENCE = 20_000;

interface Question {
  port: HubPort;
  settle: (answer: { token?: string | null; failure?: Failure } | null) => void;
}

export class Questions {
  readonly #tabs: Tabs;
  readonly #clock: Clock;
  readonly #open = new Map<number, Question>();
  #count = 0;

  constructor(tabs: Tabs, clock: Clock) {
    this.#tabs = tabs;
    this.#clock = clock;
  }

  /** Resolves with a token, or null when nobody is logged in. */
  async ask(): Promise<string | null> {
    for (const tab of this.#tabs.all().reverse()) {
      const answer = await this.#askTab(tab);
      if (!answer) continue;
      if (!answer.failure) return answer.token ?? null;
      if (answer.failure.code === 'UNAUTHORIZED') throw new NoCredential('UNAUTHORIZED', answer.failure.message);
      throw new Error(answer.failure.message);
    }
    throw new Error('no tab answers');
  }

  answered(n: number, answer: { token?: string | null; failure?: Failure }): void {
    this.#open.get(n)?.settle(answer);
  }

  /** A tab has gone: it will not answer. */
  left(port: HubPort): void {
    for (const question of this.#open.values()) if (question.port === port) question.settle(null);
  }

  #askTab({ port }: Tab): ReturnType<typeof Promise.resolve<{ token?: string | null; failure?: Failure } | null>> {
    return new Promise((resolve) => {
      const n = ++this.#count;
      const settle: Question['settle'] = (answer) => {
        cancel();
        this.#open.delete(n);
        resolve(answer);
      };
      const cancel = this.#clock.after(PATIENCE, () => settle(null));
      this.#open.set(n, { port, settle });
      port.post({ t: 'askToken', n });
    });
  }
}
