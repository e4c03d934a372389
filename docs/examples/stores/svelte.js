import { readable } from 'svelte/store';

/** A store of the library as one of Svelte: const tasks = toReadable(hg.tasks({ mine: true })); and $tasks. */
export const toReadable = (store) =>
  readable(store.getSnapshot(), (set) => store.subscribe(() => set(store.getSnapshot())));
