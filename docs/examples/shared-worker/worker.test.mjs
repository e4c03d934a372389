// Tests of worker.js against a pretended EventSource; docs_test.go runs them
// beside a copy of it that is named worker.mjs, as node asks for.
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

let stream; // the EventSource that was opened last
let opened; // the URLs of all

class FakeEventSource extends EventTarget {
  static CLOSED = 2;
  readyState = 0;

  constructor(url) {
    super();
    stream = this;
    opened.push(new URL(url));
  }

  open() {
    this.readyState = 1;
    this.onopen();
  }

  emit(name, data, lastEventId = '') {
    this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data), lastEventId }));
  }

  fail(readyState) {
    this.readyState = readyState;
    this.onerror();
  }

  close() {
    this.readyState = FakeEventSource.CLOSED;
  }
}

class Tab {
  got = [];
  postMessage(message) {
    this.got.push(structuredClone(message));
  }
  send(data) {
    this.onmessage({ data });
  }
  task(id) {
    return this.got.findLast((message) => message.task?.task_id === id)?.task;
  }
  state() {
    return this.got.findLast((message) => message.state).state;
  }
}

globalThis.EventSource = FakeEventSource;
let answers; // task_id → what its status says; others are 404
globalThis.fetch = async (url) => {
  const task = answers[url.pathname.split('/').at(-2)];
  return task ? Response.json(task) : new Response(null, { status: 404 });
};

let worker;
let count = 0;

beforeEach(async () => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
  opened = [];
  answers = {};
  worker = await import(`./worker.mjs?stream=http://host/api/sse/stream&silence=1000&n=${count++}`);
});

function newTab(watch = null) {
  const tab = new Tab();
  worker.attach(tab);
  tab.send({ watch });
  return tab;
}

const progress = (task_id, seq, value) =>
  ({ event_type: 'progress_update', task_id, seq, attempt: 1, data: { text: '', value } });
const listed = (task_id, seq, more = {}) =>
  ({ task_id, seq, status: 'running', cancel_requested: false, progress: { text: '', value: 0 }, ...more });
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('all tabs share one stream, and a late one gets what is known', () => {
  const first = newTab();
  stream.open();
  stream.emit('version', { version: '1.2.3' });
  stream.emit('task_event', progress('a', 1, 0.5));
  const second = newTab();
  assert.equal(opened.length, 1);
  assert.equal(second.task('a').progress.value, 0.5);
  assert.deepEqual(second.got.find((message) => message.version).version, { version: '1.2.3' });
  assert.deepEqual([first.state(), second.state()], [{ name: 'open' }, { name: 'open' }]);
  assert.match(opened[0].searchParams.get('request_id'), /^[0-9a-f]{32}$/);
});

test('a tab that watches some tasks gets no others', () => {
  const tab = newTab(['a']);
  stream.emit('task_event', progress('a', 1, 0.5));
  stream.emit('task_event', progress('b', 1, 0.5));
  assert.ok(tab.task('a'));
  assert.equal(tab.task('b'), undefined);
  tab.send({ watch: null });
  assert.ok(tab.task('b'));
});

test('T3 an older or repeated seq is never shown', () => {
  const tab = newTab();
  stream.emit('task_event', progress('a', 3, 0.6));
  stream.emit('task_event', progress('a', 2, 0.4));
  stream.emit('task_event', progress('a', 3, 0.1));
  assert.equal(tab.task('a').progress.value, 0.6);
});

test('T3 a task waits, is asked to stop and is removed, and what is unknown changes nothing', () => {
  const tab = newTab();
  const said = (event_type, seq) => ({ event_type, task_id: 'a', seq, attempt: 1, data: null });
  stream.emit('task_event', said('task_queued', 1));
  assert.equal(tab.task('a').status, 'pending');
  stream.emit('task_event', progress('a', 3, 0.6));
  stream.emit('task_event', said('task_cancel_requested', 4));
  stream.emit('task_event', said('task_painted', 5));
  assert.deepEqual([tab.task('a').status, tab.task('a').cancel_requested, tab.task('a').progress.value], ['running', true, 0.6]);
  stream.emit('task_event', said('task_cancelled', 6));
  stream.emit('task_event', said('task_removed', 7));
  assert.equal(tab.task('a').status, 'gone');
});

test('T13 a snapshot is merged by seq, and its parts belong together', async () => {
  const tab = newTab();
  stream.emit('task_event', progress('a', 5, 0.9));
  answers.a = listed('a', 6, { status: 'completed', result: { ok: true } });
  stream.emit('task_snapshot', { tasks: [listed('a', 4)], more: true });
  stream.emit('task_snapshot', { tasks: [listed('b', 2, { cancel_requested: true })] });
  await settled();
  assert.equal(tab.task('a').status, 'running', 'listed in the first part, so nobody asked for it');
  assert.equal(tab.task('a').progress.value, 0.9);
  assert.equal(tab.task('b').cancel_requested, true);
});

test('T13 a task that is missing from the snapshot is asked for', async () => {
  const tab = newTab();
  stream.emit('task_event', progress('ended', 1, 0.5));
  stream.emit('task_event', progress('removed', 1, 0.5));
  answers.ended = listed('ended', 2, { status: 'completed', result: 42 });
  stream.emit('task_snapshot', { tasks: [] });
  await settled();
  assert.deepEqual([tab.task('ended').status, tab.task('ended').result], ['completed', 42]);
  assert.equal(tab.task('removed').status, 'gone');
});

test('E8 a truncated result is asked for', async () => {
  const tab = newTab();
  answers.a = listed('a', 2, { status: 'completed', result: 'large' });
  stream.emit('task_event', { event_type: 'task_completed', task_id: 'a', seq: 2, attempt: 1, data: null, truncated: true });
  await settled();
  assert.equal(tab.task('a').result, 'large');
});

test('C3 replaced stops the stream for good', () => {
  const tab = newTab();
  stream.open();
  stream.emit('replaced', {});
  assert.equal(stream.readyState, FakeEventSource.CLOSED);
  newTab();
  mock.timers.tick(100_000);
  assert.equal(opened.length, 1);
  assert.deepEqual(tab.state(), { name: 'replaced' });
});

test('G3 stream_reset tells why, and its id is where the next stream resumes', () => {
  const tab = newTab();
  stream.open();
  stream.emit('stream_reset', { reason: 'epoch' }, 'e2-7');
  assert.deepEqual(tab.state(), { name: 'open', reset: 'epoch' });
  stream.fail(FakeEventSource.CLOSED);
  mock.timers.tick(30_000);
  assert.equal(opened[1].searchParams.get('last_event_id'), 'e2-7');
  assert.equal(opened[1].searchParams.get('request_id'), opened[0].searchParams.get('request_id'));
});

test('a stream that the browser reconnects is left to it', () => {
  const tab = newTab();
  stream.fail(0);
  mock.timers.tick(100_000);
  assert.equal(opened.length, 1);
  assert.deepEqual(tab.state(), { name: 'connecting' });
});

test('C8 silence after a ping opens a new stream, silence without pings does not', () => {
  newTab();
  stream.open();
  mock.timers.tick(10_000);
  assert.equal(opened.length, 1);
  stream.emit('ping', { timestamp: '2026-01-01T00:00:00Z' });
  mock.timers.tick(999);
  stream.emit('version', { version: '1' });
  mock.timers.tick(999);
  assert.equal(opened.length, 1, 'any event is a sign of life');
  mock.timers.tick(1);
  assert.equal(opened.length, 2);
});

test('the last tab to leave closes the stream, and one that comes back opens it', () => {
  const tab = newTab();
  const other = newTab();
  tab.send({ bye: true });
  assert.notEqual(stream.readyState, FakeEventSource.CLOSED);
  other.send({ bye: true });
  assert.equal(stream.readyState, FakeEventSource.CLOSED);
  tab.send({ watch: null });
  assert.equal(opened.length, 2);
});
