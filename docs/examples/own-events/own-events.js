// What a page does with events of the application's own. source is its one EventSource.

// notices shows what the backend has to tell this user.
export function notices(source, show) {
  source.addEventListener('notice', (event) => show(JSON.parse(event.data).text));
}

// orders has the page fetch an order again when it has changed. The event only says which
// one: who may see it, and what it looks like now, is for the backend to answer. After a
// reset any of them may have changed.
export function orders(source, refetch, refetchAll) {
  source.addEventListener('order.changed', (event) => refetch(JSON.parse(event.data).id));
  source.addEventListener('stream_reset', refetchAll);
}

// invalidation drops what is not true any more from a Map of answers, by the beginning of
// their keys. After a reset nothing in it is certain.
export function invalidation(source, cache) {
  source.addEventListener('cache.invalidate', (event) => {
    const { prefixes } = JSON.parse(event.data);
    for (const key of cache.keys()) {
      if (prefixes.some((prefix) => key.startsWith(prefix))) cache.delete(key);
    }
  });
  source.addEventListener('stream_reset', () => cache.clear());
}
