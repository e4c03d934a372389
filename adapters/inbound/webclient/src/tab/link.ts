// How this tab reaches the hub that holds the browser's stream (rule B2): in a
// SharedWorker; where that fails, in the tab that leads; else in this tab alone.
//
//                    hello answered          hub gone
//   off ──► joining ────────────────► joined ─────────► joining
//    ▲         │ not to be had: the next way                │
//    └─────────┴────────── leave ───────────────────────────┘

import type { Connection } from '../../types/index.js';
import type { FindRoute, Route, RouteOptions } from '../routes/route.js';
import { shareWorker } from '../routes/sharedworker.js';
import { PROTOCOL, type ToHub, type ToTab } from '../shared/protocol.js';
import { type HeldLock, holdLock, whenFree } from '../shared/locks.js';

export interface LinkUser {
  /** Says hello, and all that the tab wants. */
  greet(post: (message: ToHub) => void, lock: string): void;
  message(message: ToTab): void;
  sharing(sharing: Connection['sharing']): void;
}

/** A hub that has not answered after so many milliseconds is none. */
const ANSWER_LIMIT = 5000;
/** How many milliseconds to wait before the last way is tried again. */
const RETRY = 2000;

export class Link {
  readonly #options: RouteOptions;
  readonly #user: LinkUser;
  readonly #routes: FindRoute[];
  #phase: 'off' | 'joining' | 'joined' = 'off';
  #round = 0; // counts joins, so that what is late is known to be
  #lock: HeldLock | null = null;
  #route: Route | null = null;
  #endRoute: (() => void) | null = null;
  #endWatch: (() => void) | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** routes are the ways to try, in order; the last one must not fail. */
  constructor(options: RouteOptions, routes: FindRoute[], user: LinkUser) {
    this.#options = options;
    this.#routes = routes;
    this.#user = user;
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
    this.#endRoute = this.#routes[0]!(this.#options, {
      ready: (route) => isCurrent() && this.#greet(route),
      failed: () => isCurrent() && this.#next(),
    });
  }

  #next(): void {
    this.#letGo();
    if (this.#routes.length > 1) {
      this.#routes.shift(); // for as long as this page lives
      this.#seek();
    } else this.#timer = setTimeout(() => this.#seek(), RETRY); // the script could not be loaded
  }

  #greet(route: Route): void {
    this.#endWatch?.();
    clearTimeout(this.#timer);
    this.#route = route;
    route.port.onmessage = (message) => (message.t === 'hello' ? this.#onHello(message, route) : this.#user.message(message));
    if (route.sharing === 'worker') this.#timer = setTimeout(() => this.#next(), ANSWER_LIMIT);
    this.#user.greet((message) => route.port.post(message), this.#lock?.name ?? '');
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
  const routes = [later('alone')];
  if (share === 'none' || fetch) return routes;
  if (globalThis.navigator?.locks && typeof BroadcastChannel !== 'undefined' && typeof document !== 'undefined') routes.unshift(later('lead'));
  if (typeof SharedWorker !== 'undefined') routes.unshift(shareWorker);
  return routes;
}

/** A way that needs the hub's script in this page. */
const later =
  (name: 'alone' | 'lead'): FindRoute =>
  (options, user) => {
    let ended = false;
    let end = () => {};
    import('../worker.js').then((worker) => ended || (end = worker[name](options, user)), () => user.failed());
    return () => {
      ended = true;
      end();
    };
  };
