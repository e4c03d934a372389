import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

import { Unauthorized } from '../src/client.js';
import type { Client, Connection } from '../types/index.js';
import { ID, OTHER, World, collect, event, listed, pass, progress, record, refusal, settle } from './world.js';

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.end());

/** Collects the states that a page is shown. */
function states(hg: Client): string[] {
  const seen = [hg.connection.getSnapshot().state as string];
  hg.connection.subscribe(() => {
    const { state } = hg.connection.getSnapshot();
    if (seen.at(-1) !== state) seen.push(state);
  });
  return seen;
}

const state = (hg: Client): Connection['state'] => hg.connection.getSnapshot().state;
const NO_ANSWER = () => Promise.reject(new TypeError('network'));

test('B7 a gap of up to a second is not shown', async () => {
  const hg = await world.open({}, [listed(ID, 1)]);
  const seen = states(hg);
  const task = hg.follow(ID);
  task.subscribe(() => {});
  for (let i = 0; i < 3; i++) {
    world.service.stream.close();
    await pass(600);
    world.service.stream.snapshot([listed(ID, 1)]);
    await pass(100);
  }
  assert.equal(world.service.streams.length, 4);
  assert.deepEqual(seen, ['open']);
  assert.equal(task.getSnapshot().stale, false);
});

test('B7 a longer one marks what is shown as stale, and clears nothing', async () => {
  const hg = await world.open({}, [listed(ID, 1, { progress: { text: 'x', value: 0.5 } })]);
  const seen = states(hg);
  const task = hg.follow(ID);
  task.subscribe(() => {});
  await pass(50);
  world.service.reply('GET /sse/stream', ...Array(3).fill(NO_ANSWER));
  world.service.stream.fail();
  await pass(1700);
  assert.deepEqual(seen, ['open', 'reconnecting']);
  const { error, retryAt, stale } = hg.connection.getSnapshot();
  assert.equal(error!.code, 'NETWORK');
  assert.ok(stale && (retryAt === null || retryAt.getTime() >= Date.now()));
  assert.deepEqual([task.getSnapshot().stale, task.getSnapshot().progress.value], [true, 0.5]);
  await pass(20_000, 200);
  world.service.stream.snapshot([listed(ID, 1, { progress: { text: 'x', value: 0.5 } })]);
  await pass(100);
  assert.deepEqual([seen.at(-1), task.getSnapshot().stale], ['open', false]);
});

test('B7 the stream is resumed with the last ID, and waits between 0.5 and 20 s', async () => {
  const hg = await world.open();
  world.service.stream.send('task_event', event(ID, 1, 'task_started'), 'e-42');
  await pass(50);
  world.service.reply('GET /sse/stream', ...Array(12).fill(NO_ANSWER));
  world.service.stream.fail();
  const waits: number[] = [];
  let asked = 1;
  for (let at = Date.now(); waits.length < 12; ) {
    await pass(50);
    const now = world.service.asked('GET /sse/stream').length;
    if (now > asked) {
      waits.push(Date.now() - at);
      at = Date.now();
      asked = now;
    }
  }
  assert.ok(waits.every((wait) => wait >= 500 && wait <= 20_100), String(waits));
  assert.ok(Math.max(...waits.slice(6)) > 2000, `it doubles: ${waits}`);
  assert.equal(world.service.asked('GET /sse/stream').at(-1)!.query.get('last_event_id'), 'e-42');
  hg.close();
});

test("B7 the server's retry counts, and so does Retry-After", async () => {
  await world.open();
  world.service.stream.write('retry: 5000\n\n');
  await settle();
  world.service.stream.close();
  await pass(4900);
  assert.equal(world.service.streams.length, 1);
  world.service.reply('GET /sse/stream', () => refusal(503, 'SHUTTING_DOWN', { 'Retry-After': '30' }));
  await pass(200);
  await pass(29_000, 500);
  assert.equal(world.service.asked('GET /sse/stream').length, 2);
  await pass(2500);
  assert.equal(world.service.streams.length, 2);
});

test('B7 a service that is stopping opens a stream and ends it: that is no success', async () => {
  const hg = world.connect();
  hg.connection.subscribe(() => {});
  for (let i = 0; i < 5; i++) {
    await pass(100);
    const count = world.service.streams.length;
    world.service.stream.write('retry: 100\n\n');
    await settle();
    world.service.stream.close();
    await pass(200);
    assert.equal(world.service.streams.length, count + 1);
    assert.notEqual(state(hg), 'open');
  }
});

test('B7 a full service is asked again, one that refuses is not', async () => {
  const hg = world.connect();
  const seen = states(hg);
  world.service.reply('GET /sse/stream', () => refusal(503, 'TOO_MANY_CONNECTIONS', { 'Retry-After': '2' }));
  await pass(500);
  assert.equal(state(hg), 'full');
  await pass(4000);
  world.service.stream.snapshot();
  await pass(50);
  assert.equal(seen.at(-1), 'open');

  for (const [status, code] of [[400, 'INVALID_REQUEST_ID'], [404, 'NOT_FOUND']] as const) {
    world.service.reply('GET /sse/stream', () => refusal(status, code, {}, 'in words'));
    hg.reconnect();
    await pass(60_000, 1000);
    assert.equal(state(hg), 'refused');
    assert.deepEqual(hg.connection.getSnapshot().error, { code, message: 'in words' });
  }
  assert.equal(world.service.asked('GET /sse/stream').length, 4);
});

test('B7 an answer that is no stream is asked for again, as with a captive portal', async () => {
  const hg = world.connect();
  hg.connection.subscribe(() => {});
  world.service.reply('GET /sse/stream', () => new Response('<html>', { headers: { 'Content-Type': 'text/html' } }));
  await pass(2000);
  world.service.stream.snapshot();
  await pass(50);
  assert.equal(state(hg), 'open');
});

test('B5 replaced stops and says so; reconnect takes the stream back', async () => {
  const hg = await world.open({ requestId: 'mine' });
  world.service.stream.send('replaced', {});
  await pass(60_000, 1000);
  assert.equal(state(hg), 'replaced');
  assert.equal(world.service.streams.length, 1);
  hg.reconnect();
  await pass(100);
  assert.deepEqual(world.service.streams.map(({ url }) => url.searchParams.get('request_id')), ['mine', 'mine']);
});

test('B6 a stream without a byte for 2.5 intervals is silent, and is opened anew', async () => {
  const hg = await world.open();
  const seen = states(hg);
  world.service.stream.send('ping', { timestamp: '', interval: 10 });
  await pass(24_000, 500);
  assert.equal(world.service.streams.length, 1);
  world.service.reply('GET /sse/stream', () => new Promise(() => {}));
  await pass(6000, 500);
  assert.equal(world.service.asked('GET /sse/stream').length, 2);
  await pass(1500);
  assert.equal(state(hg), 'silent');
  assert.ok(world.service.streams[0]!.ended);
  await pass(60_000, 1000);
  world.service.stream.snapshot();
  await pass(100);
  assert.equal(seen.at(-1), 'open');
});

test('B6 a stream that says its interval and dies before its first ping is silent after 2.5 of them, each time', async () => {
  const hg = world.connect();
  const seen = states(hg);
  world.service.interval = '10';
  await pass(24_000, 500);
  assert.equal(world.service.streams.length, 1);
  await pass(27_000, 500);
  assert.equal(world.service.streams.length, 2);
  await pass(26_000, 500);
  assert.equal(world.service.streams.length, 3);
  assert.equal(seen.at(-1), 'silent');
  world.service.stream.send('ping', { timestamp: '', interval: 30 }); // which is newer
  await pass(74_000, 500);
  assert.equal(world.service.streams.length, 3);
  assert.equal(hg.connection.getSnapshot().capabilities.heartbeat, true);
});

test('B6 heartbeats show the interval where there are no pings', async () => {
  await world.open();
  for (let i = 0; i < 3; i++) {
    await pass(15_000, 500);
    world.service.stream.write(': heartbeat\n\n');
    await settle();
  }
  await pass(37_000, 500);
  assert.equal(world.service.streams.length, 1);
  await pass(10_000, 500);
  assert.equal(world.service.streams.length, 2);
});

test('B6 a stream on which nothing has ever come is opened anew, once; then nobody is missed, and that is said', async () => {
  const hg = await world.open();
  await pass(59_000, 1000);
  assert.equal(world.service.streams.length, 1);
  await pass(300_000, 1000);
  assert.equal(world.service.streams.length, 2);
  const { capabilities } = hg.connection.getSnapshot();
  assert.equal(capabilities.heartbeat, false);
  assert.match(capabilities.limits.join(), /not noticed/);
});

test('B8 the token goes along, and one that is refused is asked for again, once', async () => {
  const tokens = ['old', 'new', 'newer'];
  let asked = 0;
  world.service.reply('GET /sse/stream', () => refusal(401, 'CREDENTIAL_EXPIRED'));
  const hg = await world.open({ getToken: () => tokens[asked++]! });
  assert.equal(world.service.stream.headers.get('Authorization'), 'Bearer new');
  assert.equal(state(hg), 'open');
  assert.equal(hg.connection.getSnapshot().capabilities.token, true);
  const read = hg.types();
  await pass(100);
  await read;
  assert.equal(world.service.asked('GET /task-types')[0]!.headers.get('Authorization'), 'Bearer new');
  assert.equal(asked, 2);

  world.service.reply('GET /sse/stream', () => refusal(401, 'CREDENTIAL_EXPIRED'), () => refusal(403, 'FORBIDDEN', {}, 'no scope'));
  world.service.stream.fail();
  await pass(60_000, 1000);
  assert.equal(state(hg), 'unauthorized');
  assert.equal(asked, 3);
  const count = world.service.asked('GET /sse/stream').length;
  await pass(60_000, 1000);
  assert.equal(world.service.asked('GET /sse/stream').length, count, 'it is not tried for ever');
});

test('B8 one question for all that wait for a token', async () => {
  let answer!: (token: string) => void;
  let asked = 0;
  const hg = world.connect({ getToken: () => ((asked += 1), new Promise((done) => (answer = done))) });
  const all = [hg.types(), hg.types(), hg.start('import').started];
  await pass(1000);
  assert.equal(asked, 1);
  assert.equal(world.service.requests.length, 0);
  answer('t');
  await pass(200);
  await Promise.all(all);
  assert.equal(asked, 1);
});

test('B8 null is a log-out: quiet, and nothing of the user is left', async () => {
  let token: string | null = 'ann';
  const hg = await world.open({ getToken: () => token }, [listed(ID, 1)]);
  const list = hg.tasks();
  list.subscribe(() => {});
  await pass(200);
  assert.equal(list.getSnapshot().length, 1);
  token = null;
  const first = world.service.stream.url.searchParams.get('request_id');
  world.service.stream.send('auth_expired', {});
  await pass(2000);
  assert.equal(state(hg), 'signed-out');
  assert.equal(hg.connection.getSnapshot().error, null);
  assert.equal(list.getSnapshot().length, 0);
  await pass(60_000, 1000);
  assert.equal(world.service.streams.length, 1);
  await assert.rejects(hg.types(), { name: 'Unauthorized' });

  token = 'bob';
  hg.reconnect();
  await pass(200);
  const { searchParams } = world.service.stream.url;
  assert.notEqual(searchParams.get('request_id'), first);
  assert.equal(searchParams.get('last_event_id'), null);
  world.service.stream.snapshot();
  await pass(20_000, 500);
  assert.deepEqual(list.getSnapshot(), []);
});

test('B8 after a log-in what is followed is read anew, and the rest was somebody else\u2019s', async () => {
  for (const getToken of [undefined, () => 't']) {
    world.service.records.set(ID, record(ID, 1));
    const hg = await world.open({ getToken }, [listed(ID, 1), listed(OTHER, 1)]);
    const list = hg.tasks();
    list.subscribe(() => {});
    const task = hg.follow(ID);
    task.subscribe(() => {});
    await pass(200);
    world.service.reply('GET /sse/stream', () => refusal(401, 'UNAUTHORIZED'), () => refusal(401, 'UNAUTHORIZED'));
    world.service.stream.fail();
    await pass(3000);
    assert.equal(state(hg), 'unauthorized');
    assert.equal(list.getSnapshot().length, 2, 'what is shown is kept');
    world.service.records.set(ID, record(ID, 4, { status: 'completed', result: 7 }));
    world.service.replies.clear();
    hg.reconnect();
    await pass(200);
    world.service.stream.snapshot();
    await pass(500);
    assert.deepEqual(list.getSnapshot().map(({ id, status }) => [id, status]), [[ID, 'completed']]);
    assert.equal(task.getSnapshot().result, 7);
    hg.close();
  }
});

test('B8 after a log-in the list of tasks that have ended is read anew', async () => {
  let token: string | null;
  for (const getToken of [undefined, () => token]) {
    token = 'ann';
    world.service.records.clear();
    world.service.records.set(ID, record(ID, 2, { status: 'completed' }));
    const hg = await world.open({ getToken });
    const list = hg.tasks();
    list.subscribe(() => {});
    await pass(200);
    assert.deepEqual(list.getSnapshot().map(({ id }) => id), [ID]);
    if (getToken) {
      token = null;
      world.service.stream.send('auth_expired', {});
    } else {
      world.service.reply('GET /sse/stream', () => refusal(401, 'UNAUTHORIZED'), () => refusal(401, 'UNAUTHORIZED'));
      world.service.stream.fail();
    }
    await pass(3000);
    assert.equal(state(hg), getToken ? 'signed-out' : 'unauthorized');
    world.service.records.clear();
    world.service.records.set(OTHER, record(OTHER, 2, { status: 'completed' })); // bob's
    world.service.replies.clear();
    token = 'bob';
    hg.reconnect();
    await pass(200);
    world.service.stream.snapshot();
    await pass(200);
    assert.deepEqual(list.getSnapshot().map(({ id }) => id), [OTHER]);
    hg.close();
  }
});

test('B8 a list that is answered after the log-out is not shown', async () => {
  let token: string | null = 'ann';
  let answer!: (response: Response) => void;
  world.service.reply('GET /tasks', () => new Promise((done) => (answer = done)));
  const hg = await world.open({ getToken: () => token });
  const list = hg.tasks();
  list.subscribe(() => {});
  await pass(100);
  token = null;
  world.service.stream.send('auth_expired', {});
  await pass(2000);
  answer(Response.json({ tasks: [record(ID, 2, { status: 'completed' })], next_cursor: null }));
  await pass(200);
  assert.equal(state(hg), 'signed-out');
  assert.deepEqual(list.getSnapshot(), []);
});

test('B8 a getToken that throws is asked again with back-off; an Unauthorized stops and tells', async () => {
  let asked = 0;
  const hg = world.connect({
    getToken: () => {
      if (++asked < 4) throw new Error('the provider is away');
      throw new Unauthorized('locked out');
    },
  });
  hg.connection.subscribe(() => {});
  await pass(300);
  assert.equal(asked, 1);
  await pass(20_000, 100);
  assert.equal(asked, 4);
  assert.equal(state(hg), 'unauthorized');
  assert.deepEqual(hg.connection.getSnapshot().error, { code: 'UNAUTHORIZED', message: 'locked out' });
  await pass(60_000, 1000);
  assert.equal(asked, 4);
});

test('B8 a credential that ends soon is renewed on the stream', async () => {
  let asked = 0;
  await world.open({ getToken: () => `t${++asked}` });
  world.service.stream.send('auth_expiring', { expires_at: '2026-01-02T03:04:05Z' });
  await pass(200);
  const renewals = world.service.requests.filter(({ path }) => path.endsWith('/credential'));
  assert.deepEqual(renewals.map(({ method, headers }) => [method, headers.get('Authorization')]), [['POST', 'Bearer t2']]);
  assert.equal(world.service.streams.length, 1);
});

test('B8 a credential that ended is replaced, and the stream goes on where it was', async () => {
  let asked = 0;
  const hg = await world.open({ getToken: () => `t${++asked}` });
  const seen = states(hg);
  world.service.stream.send('task_event', event(ID, 1, 'task_started'), 'e-7');
  world.service.stream.send('auth_expired', {});
  world.service.stream.close();
  await pass(700);
  assert.equal(world.service.stream.headers.get('Authorization'), 'Bearer t2');
  assert.equal(world.service.stream.url.searchParams.get('last_event_id'), 'e-7');
  world.service.stream.snapshot();
  await pass(100);
  assert.deepEqual(seen, ['open']);
});

test('B7 a request_id that another user has is given up for another one', async () => {
  world.service.reply('GET /sse/stream', () => refusal(403, 'REQUEST_ID_TAKEN'));
  const hg = await world.open();
  assert.equal(state(hg), 'open');
  const [first, second] = world.service.asked('GET /sse/stream').map(({ query }) => query.get('request_id'));
  assert.notEqual(first, second);
});

test('B1 an event that cannot be read ends no stream', async () => {
  const warn = mock.method(console, 'warn', () => {});
  const hg = await world.open({}, [listed(ID, 1)]);
  const { got } = collect(hg.follow(ID));
  world.service.stream.write('event: task_event\ndata: {broken\n\n');
  world.service.stream.send('task_event', progress(ID, 3, 0.7), 'e-3');
  await pass(200);
  assert.equal(world.service.streams.length, 1);
  assert.equal(got.at(-1)!.progress.value, 0.7);
  assert.equal(warn.mock.callCount(), 1);
  warn.mock.restore();
});

test('B16 the envelope format, with its ready and rejected', async () => {
  const hg = world.connect();
  const { got } = collect(hg.follow(ID));
  await pass(50);
  const { stream } = world.service;
  stream.write('event: ready\ndata:\n\n');
  stream.write(`data: ${JSON.stringify({ type: 'task_snapshot', payload: { tasks: [listed(ID, 1)] } })}\n\n`);
  stream.write(`data: ${JSON.stringify({ type: 'task_event', payload: progress(ID, 2, 0.5) })}\n\n`);
  await pass(100);
  assert.equal(got.at(-1)!.progress.value, 0.5);
  const { capabilities } = hg.connection.getSnapshot();
  assert.equal(capabilities.resume, false);
  assert.match(capabilities.limits.join(), /no event IDs/);
  stream.write('event: rejected\ndata: {"status":400,"message":"invalid request_id"}\n\n');
  await pass(5000);
  assert.equal(state(hg), 'refused');
  assert.equal(world.service.streams.length, 1);
});

test('B16 an older service: events without a type, and no reading of many', async () => {
  const hg = await world.open();
  const list = hg.tasks({ type: 'import' });
  list.subscribe(() => {});
  await pass(100);
  world.service.records.set(ID, record(ID, 3));
  world.service.reply('GET /tasks', () => Response.json({ tasks: [record('7d7f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a', 1)], next_cursor: null })); // it ignores ids
  world.service.stream.send('task_event', progress(ID, 2, 0.5), 'e-2');
  world.service.stream.send('task_event', { ...progress(ID, 3, 0.6), type: undefined }, 'e-3');
  world.service.stream.send('task_event', { ...event('9a9f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a', 1, 'task_started'), type: undefined }, 'e-4');
  await pass(3000);
  assert.deepEqual(list.getSnapshot().map((view) => view.id), [ID]);
  const { capabilities } = hg.connection.getSnapshot();
  assert.deepEqual([capabilities.types, capabilities.batch], [false, false]);
  assert.equal(capabilities.limits.length, 2);
});

test('B16 the stream of a gateway may be elsewhere', async () => {
  const hg = world.connect({ stream: 'http://gateway/events?room=1' });
  hg.connection.subscribe(() => {});
  await pass(50);
  const { path, query } = world.service.requests[0]!;
  assert.deepEqual([path, query.get('room'), query.has('request_id')], ['/events', '1', true]);
});

test("the application's own events arrive with their names", async () => {
  const hg = await world.open();
  const got: unknown[] = [];
  const stop = hg.on('event', (event) => got.push(event));
  world.service.stream.send('order.paid', { order: 4711 }, 'e-5');
  await pass(50);
  stop();
  world.service.stream.send('order.paid', { order: 4712 }, 'e-6');
  await pass(50);
  assert.deepEqual(got, [{ name: 'order.paid', data: { order: 4711 }, id: 'e-5' }]);
});

test('a listener that throws keeps nothing from the others, and is told of', async (t) => {
  const hg = await world.open();
  const thrown = new Error('the page is wrong');
  const told: unknown[] = [];
  const own = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => told.push(error));
  t.after(() => own.forEach((listener) => process.removeAllListeners('uncaughtException').on('uncaughtException', listener)));
  const got: string[] = [];
  hg.on('event', () => {
    throw thrown;
  });
  hg.on('event', ({ id }) => got.push(id));
  world.service.stream.send('order.paid', {}, 'e-5');
  world.service.stream.send('order.paid', {}, 'e-6');
  await pass(50);
  assert.deepEqual(got, ['e-5', 'e-6']);
  assert.deepEqual(told, [thrown, thrown]);
});

test('the version is kept, and told when it changes', async () => {
  const hg = await world.open();
  assert.equal(hg.version.getSnapshot(), null);
  world.service.stream.send('version', { version: '1.4.0' }, 'e-1');
  await pass(50);
  assert.deepEqual(hg.version.getSnapshot(), { version: '1.4.0' });
  assert.ok(Object.isFrozen(hg.version.getSnapshot()));
});

test('B14 a flood of events costs a render per frame, and a task that nobody looks at none', async () => {
  const hg = await world.open({}, [listed(ID, 1)]);
  const task = hg.follow(ID);
  let renders = 0;
  task.subscribe(() => renders++);
  await pass(100);
  renders = 0;
  let seq = 1;
  for (let chunk = 0; chunk < 100; chunk++) {
    for (let i = 0; i < 50; i++) {
      seq++;
      world.service.stream.send('task_event', progress(ID, seq, Math.min(1, seq / 6000)), `e-${seq}`);
      world.service.stream.send('task_event', progress(`0b0f6a5e-6f0c-4a37-9a57-${String(seq).padStart(12, '0')}`, 1, 0.1), `f-${seq}`);
    }
    await pass(10, 10);
  }
  await pass(100);
  assert.ok(renders > 10 && renders <= 70, `${renders} renders in a second`);
  assert.equal(task.getSnapshot().seq, seq);
});

test('B15 nothing is left after close', async () => {
  const timers = new Set<unknown>();
  const hg = world.connect({ getToken: () => 't' });
  const task = hg.follow(ID);
  const { done } = collect(task);
  const result = assert.rejects(task.result, { code: 'CLOSED' });
  const start = hg.start('import');
  const started = assert.rejects(start.started, { code: 'CLOSED' });
  hg.tasks().subscribe(() => {});
  const setTimer = mock.method(globalThis, 'setTimeout', ((real) => (f: () => void, ms: number) => {
    const timer = real(() => (timers.delete(timer), f()), ms);
    timers.add(timer);
    return timer;
  })(globalThis.setTimeout) as unknown as typeof setTimeout);
  const clearTimer = mock.method(globalThis, 'clearTimeout', ((real) => (timer: any) => (timers.delete(timer), real(timer)))(globalThis.clearTimeout) as typeof clearTimeout);
  world.service.reply('POST /tasks', () => new Promise(() => {}));
  await pass(100);
  world.service.stream.send('ping', { timestamp: '', interval: 15 });
  await pass(100);
  assert.ok(timers.size > 0);
  hg.close();
  await settle();
  await Promise.all([done, result, started]);
  assert.ok(world.service.stream.ended);
  assert.equal(timers.size, 0);
  assert.equal(state(hg), 'closed');
  await assert.rejects(hg.start('import').started, { code: 'CLOSED' });
  assert.equal(timers.size, 0);
  setTimer.mock.restore();
  clearTimer.mock.restore();
  const count = world.service.requests.length;
  hg.follow(ID).subscribe(() => {});
  await pass(60_000, 1000);
  assert.equal(world.service.requests.length, count);
});
