import assert from 'node:assert/strict';
import { test } from 'node:test';

test('B18 the elements can be imported on a server, where there are none', async () => {
  assert.equal(typeof globalThis.HTMLElement, 'undefined');
  const { HeliographTask } = await import('../src/elements.js');
  assert.equal(typeof HeliographTask, 'function');
});
