// A hub with the parts of this page, worker or program.

import type { HubConfig } from '../shared/protocol.js';
import { systemClock } from './clock.js';
import { eventSourceTransport } from './eventsource.js';
import { Hub } from './hub.js';
import { fetchTransport } from './transport.js';

/** lock is the name of a Web Lock that is held as long as the hub lives, or ''. */
export function openHub(config: HubConfig, lock: string, linger = 0, fetch: typeof globalThis.fetch = (...args) => globalThis.fetch(...args)): Hub {
  const streams = typeof ReadableStream !== 'undefined' && 'body' in Response.prototype;
  return new Hub(config, {
    fetch,
    transport: streams ? fetchTransport(fetch) : eventSourceTransport,
    sendsToken: streams,
    clock: systemClock,
    locks: globalThis.navigator?.locks,
    lock,
    linger,
  });
}
