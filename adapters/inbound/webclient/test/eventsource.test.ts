import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { ID, World, event, listed, pass, progress } from './world.js';

/** An EventSource that hears what the test says. */
class Source extends EventTarget {
  static all: Source[] = [];
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;

  constructor(readonly url: string, readonly init: EventSourceInit) {
    super();
    Source.all.push(this);
  }

  static get last(): Source {
    return Source.all.at(-1)!;
  }

  close(): void {
    this.closed = true;
  }

  send(name: string, data: unknown, id = ''): void {
    if (!this.closed) this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data), lastEventId: id }));
  }

  fail(): void {
    this.onerror!();
  }

  async open(tasks: unknown[]): Promise<void> {
    this.onopen!();
    this.send('task_snapshot', { tasks }, 'e-1');
    await pass(20);
  }
}

const kept = { EventSource: globalThis.EventSource, ReadableStream: globalThis.ReadableStream };
let world: World;
beforeEach(() => {
  world = new World();
  Source.all = [];
  Object.assign(globalThis, { EventSource: Source, ReadableStream: undefined });
});
afterEach(() => {
  Object.assign(globalThis, kept);
  world.end();
});

test('B1 where bodies cannot be streamed EventSource brings the stream, and it is resumed', async () => {
  const hg = world.connect({ credentials: 'include' });
  const task = hg.follow(ID);
  task.subscribe(() => {});
  await pass(50);
  assert.deepEqual([Source.all.length, world.service.streams.length], [1, 0]);
  assert.equal(Source.last.init.withCredentials, true);
  await Source.last.open([listed(ID, 1)]);
  assert.equal(hg.connection.getSnapshot().state, 'open');
  Source.last.send('task_event', progress(ID, 2, 0.5), 'e-2');
  await pass(50);
  assert.equal(task.getSnapshot().progress.value, 0.5);

  Source.last.fail(); // it must not come back by itself beside the one owner
  assert.ok(Source.last.closed);
  await pass(30_000, 500);
  assert.equal(Source.all.length, 2);
  assert.equal(new URL(Source.last.url).searchParams.get('last_event_id'), 'e-2');
  await Source.last.open([listed(ID, 2, { progress: { text: '', value: 0.5 } })]);
  Source.last.send('task_event', event(ID, 3, 'task_completed', 7), 'e-3');
  await pass(50);
  assert.deepEqual([task.getSnapshot().status, task.getSnapshot().result], ['completed', 7]);
});

test('B16 that it sends no token is said, also when it is given no stream', async () => {
  const hg = world.connect({ getToken: () => 't' });
  hg.connection.subscribe(() => {});
  await pass(50);
  Source.last.fail(); // it shows no status
  await pass(2000);
  const { state, capabilities } = hg.connection.getSnapshot();
  assert.deepEqual([state, capabilities.token], ['reconnecting', false]);
  assert.match(capabilities.limits.join(), /EventSource, which sends no token/);
  await Source.last.open([]); // a cookie was enough
  assert.equal(hg.connection.getSnapshot().state, 'open');

  const other = world.connect();
  other.connection.subscribe(() => {});
  await pass(50);
  assert.deepEqual([other.connection.getSnapshot().capabilities.token, other.connection.getSnapshot().capabilities.limits], [null, []]);
});

test('B6 its pings show that it is silent', async () => {
  const hg = world.connect();
  hg.connection.subscribe(() => {});
  await pass(50);
  await Source.last.open([]);
  Source.last.send('ping', { timestamp: '', interval: 10 });
  await pass(30_000, 500);
  assert.deepEqual(Source.all.map(({ closed }) => closed), [true, false]);
});

test('B15 it is closed with the client, and by replaced', async () => {
  const hg = world.connect();
  hg.connection.subscribe(() => {});
  await pass(50);
  await Source.last.open([]);
  Source.last.send('replaced', {});
  await pass(60_000, 1000);
  assert.equal(hg.connection.getSnapshot().state, 'replaced');
  assert.deepEqual(Source.all.map(({ closed }) => closed), [true]);
  hg.reconnect();
  await pass(50);
  hg.close();
  assert.deepEqual(Source.all.map(({ closed }) => closed), [true, true]);
});
