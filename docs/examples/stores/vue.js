import { onScopeDispose, shallowRef } from 'vue';

/** A store of the library as a ref: const tasks = useStore(hg.tasks({ mine: true })); */
export function useStore(store) {
  const value = shallowRef(store.getSnapshot());
  onScopeDispose(store.subscribe(() => (value.value = store.getSnapshot())));
  return value;
}
