// How this tab reaches the hub that holds the browser's stream (rule B2): in a
// SharedWorker; where that fails, in the tab that leads; else in this tab alone.
//
//                    hello answered          hub gone
//   off ──► joining ────────────────► joined ─────────► joining
//    ▲         │ not to be had: the next way                │
//    └─────────┴────────── leave ───────────────────────────┘

import type { Connection } from '../../types/index.js';
import { type HubConfig, PROTOCOL, type Port, type ToHub, type ToTab } from '../shared/protocol.js';
import { type HeldLock, holdLock, whenFree } from '../shared/locks.js';
import { lead } from './leader.js';
import { alone } from './alone.js';
import { shareWorker } from './sharedworker.js';

export type TabPort = Port<ToHub, ToTab>;
export type Sharing = Connection['sharing'];

/** One way to a hub. */
export interface Route {
  /** Where the hub is. */
  sharing: Sharing;
  port: TabPort;
  /** Ends it, and what it holds. */
  close(): void;
}

export interface RouteUser {
  /** A hub may be there, or another one than before: say hello. */
  ready(route: Route): void;
  /** There is none this way. */
  failed(): void;
}

/** Looks for a hub. The returned function ends the search and the route. */
export type FindRoute = (config: HubConfig, tab: string, user: RouteUser) => () => void;

export interface LinkUser {
  /** Says hello, and all that the tab wants. */
  greet(post: (message: ToHub) => void, tab: string, lock: string): void;
  message(message: ToTab): void;
  sharing(sharing: Sharing): void;
}

/** A hub that has not answered after so many milliseconds is none. */
const ANSWER_LIMIT = 5000;

export class Link {
  readonly #config: HubConfig;
  readonly #user: LinkUser;
  readonly #tab: string;
  readonly #routes: FindRoute[];
  #phase: 'off' | 'joining' | 'joined' = 'off';
  #round = 0; // counts joins, so that what is late is known to be
  #lock: HeldLock | null = null;
  #route: Route | null = null;
  #endRoute: (() => void) | null = null;
  #endWatch: (() => void) | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** routes are the ways to try, in order; the last one must not fail. */
  constructor(config: HubConfig, tab: string, routes: FindRoute[], user: LinkUser) {
    this.#config = config;
    this.#tab = tab;
    this.#routes = routes;
    this.#user = user;
  }

  /** Whether it has been told to join. */
  get on(): boolean {
    return this.#phase !== 'off';
  }

  /** Looks for the hub, until it is told to leave. */
  async join(): Promise<void> {
    if (this.#phase !== 'off') return;
    this.#phase = 'joining';
    const round = ++this.#round;
    // First the lock: who waits for one that is not held takes this tab for dead.
    const lock = await holdLock('tab');
    if (round !== this.#round) return lock.release();
    this.#lock = lock;
    this.#seek();
  }

  /** Says goodbye and lets go of everything, so that the page can be frozen or cached. */
  leave(): void {
    if (this.#phase === 'off') return;
    this.#phase = 'off';
    this.#round++;
    this.post({ t: 'bye' });
    this.#letGo();
    this.#lock?.release();
    this.#lock = null;
    this.#user.sharing(null);
  }

  /** What is said while there is no hub is lost: greet says all of it again. */
  post(message: ToHub): void {
    this.#route?.port.post(message);
  }

  #seek(): void {
    this.#phase = 'joining';
    const round = ++this.#round;
    const isCurrent = () => round === this.#round;
    this.#endRoute = this.#routes[0]!(this.#config, this.#tab, {
      ready: (route) => isCurrent() && this.#greet(route),
      failed: () => isCurrent() && this.#next(),
    });
  }

  #next(): void {
    this.#letGo();
    if (this.#routes.length > 1) this.#routes.shift(); // for as long as this page lives
    this.#seek();
  }

  #greet(route: Route): void {
    this.#endWatch?.();
    clearTimeout(this.#timer);
    this.#route = route;
    route.port.onmessage = (message) => (message.t === 'hello' ? this.#onHello(message, route) : this.#user.message(message));
    if (route.sharing === 'worker') this.#timer = setTimeout(() => this.#next(), ANSWER_LIMIT);
    this.#user.greet((message) => route.port.post(message), this.#tab, this.#lock?.name ?? '');
  }

  #onHello({ protocol, lock }: Extract<ToTab, { t: 'hello' }>, route: Route): void {
    clearTimeout(this.#timer);
    if (protocol !== PROTOCOL) return this.#next();
    this.#phase = 'joined';
    this.#user.sharing(route.sharing);
    this.#endWatch = whenFree(globalThis.navigator?.locks, lock, () => {
      this.#letGo();
      this.#seek();
    });
  }

  #letGo(): void {
    clearTimeout(this.#timer);
    this.#endWatch?.();
    this.#endRoute?.();
    this.#route = this.#endRoute = this.#endWatch = null;
  }
}

/** The ways that this page has, the best first. */
export function routesFor(share: 'auto' | 'none', fetch: typeof globalThis.fetch | undefined): FindRoute[] {
  const routes = [alone(fetch)];
  if (share === 'none' || fetch) return routes;
  if (globalThis.navigator?.locks && typeof BroadcastChannel !== 'undefined' && typeof document !== 'undefined') routes.unshift(lead);
  if (typeof SharedWorker !== 'undefined') routes.unshift(shareWorker);
  return routes;
}
