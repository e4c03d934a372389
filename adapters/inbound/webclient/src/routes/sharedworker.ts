// The hub in a SharedWorker. Its script comes from the service: no bundler is involved,
// and a content security policy needs worker-src 'self'.

import { portOf } from '../shared/ports.js';
import type { FindRoute } from './route.js';

/** Marks this build, so that its pages do not meet a worker of another one. */
declare const BUILD: string;

/** What a page with require-trusted-types-for needs; its policy may have to name ours. */
let policy: { createScriptURL(url: string): string } | undefined;

function trusted(url: string): string {
  const types = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: object): NonNullable<typeof policy> } }).trustedTypes;
  policy ??= types?.createPolicy('heliograph', { createScriptURL: (url: string) => url });
  return policy?.createScriptURL(url) ?? url;
}

export const shareWorker: FindRoute = ({ config }, user) => {
  let worker: SharedWorker;
  try {
    worker = new SharedWorker(trusted(`${config.api}/client/worker.js?${BUILD}`), { type: 'module', name: JSON.stringify(config) });
  } catch {
    queueMicrotask(() => user.failed()); // of another origin, or forbidden by the page's policy
    return () => {};
  }
  worker.onerror = () => user.failed();
  const port = portOf<any, any>(worker.port);
  queueMicrotask(() => user.ready({ sharing: 'worker', port }));
  return () => {
    worker.onerror = null;
    port.close();
  };
};
