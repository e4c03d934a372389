// Tests of own-events.js against a pretended EventSource; docs_test.go runs them beside a
// copy of it that is named own-events.mjs, as node asks for.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { invalidation, notices, orders } from './own-events.mjs';

class FakeEventSource extends EventTarget {
  emit(name, data) {
    this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data) }));
  }
}

test('a notice is shown', () => { // E11
  const source = new FakeEventSource();
  const shown = [];
  notices(source, (text) => shown.push(text));
  source.emit('notice', { text: 'Your invoice is ready.' });
  source.emit('other', { text: 'not this' });
  assert.deepEqual(shown, ['Your invoice is ready.']);
});

test('an order that changed is fetched again, and all of them after a reset', () => { // E11, G3
  const source = new FakeEventSource();
  const fetched = [];
  orders(source, (id) => fetched.push(id), () => fetched.push('all'));
  source.emit('order.changed', { id: 4711 });
  source.emit('stream_reset', { reason: 'expired' });
  assert.deepEqual(fetched, [4711, 'all']);
});

test('the cache loses what was named, and everything after a reset', () => { // E11, G3
  const source = new FakeEventSource();
  const cache = new Map([['/prices/1', 1], ['/prices/2', 2], ['/stock/1', 3]]);
  invalidation(source, cache);
  source.emit('cache.invalidate', { prefixes: ['/prices/'] });
  assert.deepEqual([...cache.keys()], ['/stock/1']);
  source.emit('stream_reset', { reason: 'epoch' });
  assert.equal(cache.size, 0);
});
