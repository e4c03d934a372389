import { createSignal, onCleanup } from 'solid-js';

/** A store of the library as a signal: const tasks = useStore(hg.tasks({ mine: true })); */
export function useStore(store) {
  const [value, set] = createSignal(store.getSnapshot());
  onCleanup(store.subscribe(() => set(() => store.getSnapshot())));
  return value;
}
