// The hub in this page, for this page.

import { pipe } from '../shared/ports.js';
import type { ToHub, ToTab } from '../shared/protocol.js';
import type { FindRoute } from './link.js';

export const alone =
  (fetch: typeof globalThis.fetch | undefined): FindRoute =>
  (config, _tab, user) => {
    let end: (() => void) | null = null;
    let ended = false;
    void import('../worker.js').then(({ openHub }) => {
      if (ended) return;
      const hub = openHub(config, '', 0, fetch);
      const [port, other] = pipe<ToHub, ToTab>();
      hub.serve(other);
      end = () => hub.close();
      user.ready({ sharing: 'own', port, close: end });
    });
    return () => {
      ended = true;
      end?.();
    };
  };
