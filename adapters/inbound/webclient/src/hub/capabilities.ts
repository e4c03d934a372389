// What the service and its gateway turned out not to be able to do (rule B16).

import type { Capabilities } from '../../types/index.js';

type Capability = Exclude<keyof Capabilities, 'limits'>;

const LIMITS: Record<Capability, string> = {
  resume: 'The gateway passes no event IDs on: after an interruption, states come from a snapshot, and events of your own that were sent meanwhile are lost.',
  heartbeat: 'Neither pings nor heartbeats come: a stream that is open and dead is not noticed.',
  types: 'Events do not name the type of their task: a task that is met first in an event is of no type until it is read.',
  batch: 'The service reads one task per request: coming back with many takes longer.',
  token: 'This browser reads streams with EventSource, which sends no token: a service that asks for one gives no stream, unless a cookie will do.',
};

export class CapabilityNotes {
  readonly #changed: () => void;
  #now: Capabilities = { resume: null, heartbeat: null, types: null, batch: null, token: null, limits: [] };

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get now(): Capabilities {
    return this.#now;
  }

  note(what: Capability, can: boolean): void {
    if (this.#now[what] === can) return;
    const now = { ...this.#now, [what]: can };
    now.limits = (Object.keys(LIMITS) as Capability[]).filter((name) => now[name] === false).map((name) => LIMITS[name]);
    this.#now = now;
    this.#changed();
  }
}
