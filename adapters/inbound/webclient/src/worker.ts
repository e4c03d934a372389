// The script of the SharedWorker, and what a tab loads that has to hold the hub itself.

import { openHub } from './hub/open.js';
import { holdLock } from './shared/locks.js';
import { portOf } from './shared/ports.js';

export { alone } from './routes/alone.js';
export { lead } from './routes/leader.js';

/** How many milliseconds a worker keeps the stream without a tab: a page that is loaded again is back by then. */
const LINGER = 2000;

declare const SharedWorkerGlobalScope: unknown;

if (typeof SharedWorkerGlobalScope !== 'undefined') {
  const scope = globalThis as unknown as { name: string; onconnect: (event: MessageEvent) => void };
  const hub = holdLock('hub').then(({ name }) => openHub(JSON.parse(scope.name), name, LINGER));
  scope.onconnect = ({ ports: [port] }) => void hub.then((hub) => hub.serve(portOf(port!)));
}
