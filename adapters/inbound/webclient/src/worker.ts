// The script of the SharedWorker, and what a tab loads that has to hold the hub itself.

import { systemClock } from './hub/clock.js';
import { eventSourceTransport } from './hub/eventsource.js';
import { Hub } from './hub/hub.js';
import { fetchTransport } from './hub/transport.js';
import type { HubConfig } from './shared/protocol.js';
import { holdLock } from './shared/locks.js';
import { portOf } from './shared/ports.js';

/** How many milliseconds a worker keeps the stream without a tab: a page that is loaded again is back by then. */
const LINGER = 2000;

/** Makes a hub of this page or worker. lock is the name of a Web Lock that it holds. */
export function openHub(config: HubConfig, lock: string, linger = 0, fetch: typeof globalThis.fetch = (...args) => globalThis.fetch(...args)): Hub {
  const streams = typeof ReadableStream !== 'undefined' && 'body' in Response.prototype;
  return new Hub(config, {
    fetch,
    transport: streams ? fetchTransport(fetch) : eventSourceTransport,
    clock: systemClock,
    locks: globalThis.navigator?.locks,
    lock,
    linger,
  });
}

declare const SharedWorkerGlobalScope: unknown;

if (typeof SharedWorkerGlobalScope !== 'undefined') {
  const scope = globalThis as unknown as { name: string; onconnect: (event: MessageEvent) => void };
  const hub = holdLock('hub').then(({ name }) => openHub(JSON.parse(scope.name), name, LINGER));
  scope.onconnect = ({ ports: [port] }) => void hub.then((hub) => hub.serve(portOf(port!)));
}
