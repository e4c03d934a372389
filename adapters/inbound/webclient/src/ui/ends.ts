// Which ends of tasks a page is told of (rule B17): once in the browser, and not what had
// ended before the page was there.

import type { Client, TaskView } from '../../types/index.js';
import type { EndOptions } from '../../types/react.js';

/** Tasks that a page saw before their end. */
const seenBy = new WeakMap<Client, Set<string>>();

/**
 * Looks at the tasks that a component shows. told are those of which it was told; options
 * is what it wants at the time.
 */
export function tellEnds(client: Client, tasks: readonly TaskView[], told: Set<string>, options: { current: EndOptions<any> }): void {
  const seen = seenBy.get(client) ?? new Set();
  seenBy.set(client, seen);
  for (const view of tasks) {
    const { id, status, seq, error, endedAt } = view;
    if (!id || told.has(id)) continue;
    if (view.active) {
      if (seq >= 0) seen.add(id);
      continue;
    }
    told.add(id);
    const { past, name = '', onCompleted, onFailed } = options.current;
    const isNews = past || seen.has(id) || +(endedAt ?? 0) >= performance.timeOrigin;
    if (!isNews || !(error ? onFailed : status === 'completed' && onCompleted)) continue;
    const tell = (isFirst: boolean) => {
      if (!isFirst) return;
      if (error) return options.current.onFailed?.(error, view);
      const task = client.follow(id); // a large result is fetched now
      task.result.then((result) => options.current.onCompleted?.(result, task.getSnapshot()), () => {});
    };
    client.once(name + ':' + id).then(tell, () => {}); // it rejects when the client is closed
  }
}
