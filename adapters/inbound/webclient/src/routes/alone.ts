// The hub in this page, for this page.

import { openHub } from '../hub/open.js';
import { pipe } from '../shared/ports.js';
import type { ToHub, ToTab } from '../shared/protocol.js';
import type { FindRoute } from './route.js';

export const alone: FindRoute = ({ config, fetch }, user) => {
  const hub = openHub(config, '', 0, fetch);
  const [port, other] = pipe<ToHub, ToTab>();
  hub.serve(other);
  queueMicrotask(() => user.ready({ sharing: 'own', port }));
  return () => hub.close();
};
