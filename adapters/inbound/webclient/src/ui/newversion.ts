// Whether the page can be updated, and what its visitor said about that (rule B18). Both
// the hooks and the elements show it.

import type { Client, Store } from '../../types/index.js';
import type { NewVersion } from '../../types/react.js';

/**
 * The version that is not offered: in the storage of all tabs because somebody dismissed it,
 * in that of this tab because it was reloaded for it. Also the event that this has changed.
 */
const KEY = 'heliograph:version';

/** The page's own version: the first one that it heard of, if it does not say it. */
const builds = new WeakMap<Client, string>();
/** The same where there is no storage. */
let kept: string | undefined;

const STORAGES = [() => localStorage, () => sessionStorage];

export function newVersions(client: Client, build?: string): Store<NewVersion | null> {
  let offer: NewVersion | null = null;
  return {
    getSnapshot: () => {
      const known = client.version.getSnapshot();
      if (!known) return null;
      const { version, changelog = null } = known;
      const own = build ?? builds.get(client) ?? version;
      builds.set(client, own);
      if (version === own || STORAGES.some((storage) => version === declined(storage))) offer = null;
      else if (version !== offer?.version) {
        const decline = (storage: number) => () => {
          declined(STORAGES[storage]!, version);
          dispatchEvent(new Event(KEY));
          if (storage) location.reload();
        };
        offer = { version, changelog, dismiss: decline(0), reload: decline(1) };
      }
      return offer;
    },
    subscribe: (listener) => {
      const listening = new AbortController();
      const unsubscribe = client.version.subscribe(listener);
      for (const event of ['storage', KEY]) addEventListener(event, listener, listening); // its signal
      return () => {
        unsubscribe();
        listening.abort();
      };
    },
  };
}

/** Returns the version that is kept, after keeping version if there is one. Storage may be missing, full or forbidden. */
function declined(storage: () => Storage, version?: string): string | undefined {
  try {
    if (version) storage()[KEY] = version;
    return storage()[KEY];
  } catch {
    return (kept = version ?? kept);
  }
}
