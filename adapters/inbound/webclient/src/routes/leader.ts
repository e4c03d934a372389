// The hub in the tab that leads: the one that holds the leader's lock. The others reach it
// over a BroadcastChannel, and wait for the lock: when the leader is gone, the next one
// leads, and says so. A leader that was suspended without a word, as phones do it with
// pages in the background, still holds the lock: who gets no answer takes it away.
//
//   following ── gets or takes the lock ──► leading ── it was taken away ──► following
//
// From both: ended.

import { openHub } from '../hub/open.js';
import { pipe } from '../shared/ports.js';
import { PROTOCOL, type Port, type ToHub, type ToTab } from '../shared/protocol.js';
import type { FindRoute, RouteOptions, RouteUser } from './route.js';

/** A leader that has not answered after so many milliseconds is suspended. */
const ANSWER_LIMIT = 3000;

/** What goes over the channel. */
type Cast =
  | { to: 'leader'; from: string; message: ToHub }
  | { to: string; message: ToTab } // a tab
  | { to: 'all' }; // there is a new leader

export const lead: FindRoute = (options, user) => {
  const route = new LeaderRoute(options, user);
  return () => route.close();
};

class LeaderRoute {
  readonly #options: RouteOptions;
  readonly #user: RouteUser;
  readonly #name: string;
  readonly #channel: BroadcastChannel;
  readonly #port: Port<ToHub, ToTab>; // of a follower
  readonly #followers = new Map<string, Port<ToTab, ToHub>>(); // of a leader
  #phase: 'following' | 'leading' | 'ended' = 'following';
  #hub: ReturnType<typeof openHub> | null = null;
  #queued = new AbortController(); // the waiting for the lock
  #letGo = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined; // of an answer that is expected

  constructor(options: RouteOptions, user: RouteUser) {
    this.#options = options;
    this.#user = user;
    this.#name = `heliograph-${PROTOCOL}-${JSON.stringify(options.config)}`;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }: MessageEvent<Cast>) => this.#hear(data);
    this.#port = { onmessage: null, post: (message) => this.#ask(message), close() {} };
    this.#wait();
    queueMicrotask(() => this.#follow());
  }

  close(): void {
    this.#phase = 'ended';
    clearTimeout(this.#timer);
    this.#queued.abort();
    this.#letGo();
    queueMicrotask(() => this.#channel.close()); // after what was said last
  }

  #follow(): void {
    if (this.#phase === 'following') this.#user.ready({ sharing: 'follower', port: this.#port });
  }

  #ask(message: ToHub): void {
    if (this.#phase === 'ended' && message.t !== 'bye') return;
    this.#channel.postMessage({ to: 'leader', from: this.#options.tab, message } satisfies Cast);
    if (message.t === 'hello' || message.t === 'wake') this.#timer ??= setTimeout(() => this.#take(), ANSWER_LIMIT);
  }

  #hear(cast: Cast): void {
    if (this.#phase === 'leading') {
      if ('from' in cast) this.#follower(cast.from).onmessage?.(cast.message);
      else if (cast.to === 'all') this.#letGo(); // the lock was taken away, and that news is late
      return;
    }
    if (cast.to !== 'all' && cast.to !== this.#options.tab) return;
    this.#answered();
    if ('message' in cast) this.#port.onmessage?.(cast.message as ToTab);
    else this.#follow();
  }

  #answered(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #follower(tab: string): Port<ToTab, ToHub> {
    let follower = this.#followers.get(tab);
    if (!follower) {
      follower = {
        onmessage: null,
        post: (message) => this.#channel.postMessage({ to: tab, message } satisfies Cast),
        close: () => this.#followers.delete(tab),
      };
      this.#followers.set(tab, follower);
      this.#hub!.serve(follower);
    }
    return follower;
  }

  // --- the lock

  #wait(): void {
    this.#queued = new AbortController();
    this.#request({ signal: this.#queued.signal });
  }

  #take(): void {
    this.#timer = undefined;
    if (this.#phase !== 'following') return;
    this.#queued.abort();
    this.#request({ steal: true });
  }

  #request(options: LockOptions): void {
    navigator.locks.request(this.#name, options, () => this.#lead()).catch(() => this.#letGo()); // when it is taken away
  }

  async #lead(): Promise<void> {
    if (this.#phase !== 'following') return;
    this.#answered();
    this.#phase = 'leading';
    this.#hub = openHub(this.#options.config, ''); // that there is a new one, followers hear
    const [own, other] = pipe<ToHub, ToTab>();
    this.#hub.serve(other);
    this.#user.ready({ sharing: 'leader', port: own });
    this.#channel.postMessage({ to: 'all' } satisfies Cast);
    await new Promise<void>((done) => (this.#letGo = done));
    this.#hub.close();
    this.#followers.clear();
    if ((this.#phase as string) === 'ended') return;
    this.#phase = 'following';
    this.#wait();
    this.#follow();
  }
}
