import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { World, pass } from './world.js';

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.end());

/** What the service was told, without what every report has. */
const told = () =>
  world.service.requests
    .filter(({ path }) => /^\/connections\/[^/]+\/report$/.test(path))
    .map(({ body: { state, sharing, protocol, tabs, now, ...rest } }) => {
      assert.deepEqual([state, sharing, tabs, typeof now], ['open', 'tab', 1, 'number']);
      return rest;
    });
const ping = () => world.service.stream.send('ping', { interval: 15 });

test('W6 a stream that is well is not reported', async () => {
  await world.open();
  for (let i = 0; i < 20; i++) {
    ping();
    await pass(15_000, 500);
  }
  assert.deepEqual(told(), []);
});

test('W6 pings that come together were held back', async () => {
  await world.open();
  const one = 'event: ping\ndata: {"interval":15}\n\n';
  world.service.stream.write(one + one + one);
  await pass(50);
  assert.deepEqual(told(), [{ held_back_ms: 30_000 }]);
});

test('W6 a first byte that comes late is reported', async () => {
  world.connect().connection.subscribe(() => {});
  await pass(4000);
  world.service.stream.snapshot();
  await pass(20);
  const [{ first_byte_ms }] = told() as [{ first_byte_ms: number }];
  assert.ok(first_byte_ms > 3000 && first_byte_ms <= 4000, String(first_byte_ms));
});

test('W6 the headers of the answer show a proxy that compresses, and a clock that is wrong', async () => {
  const answer = (headers: Record<string, string>) => () =>
    new Response(new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('event: task_snapshot\ndata: {"tasks":[]}\n\n')) }), {
      headers: { 'Content-Type': 'text/event-stream', ...headers },
    });
  world.service.reply('GET /sse/stream', answer({ 'Content-Encoding': 'gzip' }), answer({ Date: new Date(Date.now() - 90_000).toUTCString() }));
  for (const _ of [1, 2]) {
    world.connect().connection.subscribe(() => {});
    await pass(50);
  }
  assert.deepEqual(told(), [{ encoding: 'gzip' }, {}]);
});

test('W6 what broke the stream is told by the next one, and not again and again', async () => {
  await world.open();
  for (let i = 1; i <= 3; i++) {
    world.service.stream.fail();
    await pass(2000);
    world.service.stream.snapshot();
    await pass(20);
  }
  assert.deepEqual(told(), [{ last_error: 'the connection broke', reconnects: 1 }]);
  await pass(10_000);
  ping();
  await pass(20);
  assert.deepEqual(told().at(-1), { last_error: 'the connection broke', reconnects: 3 });
});

test('W6 with report: false nothing is told', async () => {
  await world.open({ report: false });
  world.service.stream.fail();
  await pass(2000);
  world.service.stream.snapshot();
  await pass(20);
  assert.deepEqual(told(), []);
});
