import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { ID, OTHER, ServiceStream, THIRD, World, collect, event, listed, pass, progress, record, refusal, settle } from './world.js';
import { unknownTask } from '../src/shared/truth.js';
import { TabTasks } from '../src/tab/tasks.js';

let world: World;
beforeEach(() => (world = new World()));
afterEach(() => world.end());

test('B5 an older seq is never shown, whichever way it comes', async () => {
  const hg = await world.open();
  const task = hg.follow(ID);
  world.service.records.set(ID, record(ID, 3, { progress: { text: 'c', value: 0.3 } }));
  const { got } = collect(task);
  await pass(200);
  const { stream } = world.service;
  for (const [seq, value] of [[5, 0.5], [4, 0.4], [5, 0.1], [2, 0.9]] as const) stream.send('task_event', progress(ID, seq, value), `e-${seq}`);
  await pass(200);
  stream.snapshot([listed(ID, 4, { progress: { text: '', value: 0.2 } })]);
  await pass(200);
  assert.deepEqual(got.map((view) => [view.seq, view.progress.value]), [[3, 0.3], [5, 0.5]]);
});

test('B5 a snapshot in parts is one: what none lists is read', async () => {
  const hg = await world.open();
  const tasks = hg.tasks();
  tasks.subscribe(() => {});
  const { stream } = world.service;
  stream.send('task_event', progress(ID, 2, 0.5), 'e-2');
  stream.send('task_event', progress(OTHER, 2, 0.5), 'e-3');
  await pass(200);
  stream.fail();
  await pass(1100);
  world.service.records.set(OTHER, record(OTHER, 9, { status: 'completed', result: 7, end_time: '2026-01-02T03:04:09Z' }));
  world.service.stream.snapshot([listed(ID, 3)], true);
  await pass(500);
  assert.equal(world.service.asked('GET /tasks').filter(({ query }) => query.has('ids')).length, 0, 'the snapshot has not ended');
  world.service.stream.snapshot([listed(THIRD, 1)]);
  await pass(200);
  assert.deepEqual(world.service.requests.at(-1)!.query.get('ids'), OTHER);
  const views = tasks.getSnapshot();
  assert.deepEqual(views.map((view) => [view.id, view.status, view.result]).sort(), [[ID, 'running', undefined], [OTHER, 'completed', 7], [THIRD, 'running', undefined]]);
});

test('B5 a task that was started a moment ago is not lost when neither snapshot nor service have it yet', async () => {
  const hg = await world.open();
  const task = hg.start('import');
  const { got } = collect(task);
  await pass(200);
  world.service.stream.fail();
  await pass(1100);
  world.service.stream.snapshot([]);
  await pass(500);
  assert.equal(got.at(-1)!.status, 'pending');
  world.service.records.set(ID, record(ID, 1));
  await pass(1500);
  assert.equal(got.at(-1)!.status, 'running');
});

test('B5 an event that overtakes the answer to its start belongs to that handle', async () => {
  const hg = await world.open();
  let answer!: (response: Response) => void;
  world.service.reply('POST /tasks', () => new Promise((done) => (answer = done)));
  const task = hg.start('import', { rows: 20 });
  const { got, done } = collect(task);
  await pass(200);
  world.service.stream.send('task_event', event(ID, 1, 'task_started'), 'e-2');
  world.service.stream.send('task_event', event(ID, 2, 'task_completed', { rows: 20 }), 'e-3');
  await pass(200);
  assert.deepEqual(got.map((view) => view.status), ['starting']);
  answer(Response.json({ task_id: ID, status: 'pending' }, { status: 202 }));
  await pass(200);
  await done;
  assert.deepEqual(got.map((view) => view.status), ['starting', 'completed']);
  assert.deepEqual(await task.result, { rows: 20 });
  assert.equal(task.id, ID);
});

test('B5 a reset brings tasks up to date by itself, and is told once', async () => {
  const hg = await world.open();
  const resets: unknown[] = [];
  hg.on('reset', (reset) => resets.push(reset));
  const { got, done } = collect(hg.follow(ID));
  world.service.records.set(ID, record(ID, 2));
  await pass(200);
  world.service.stream.fail();
  await pass(1100);
  world.service.records.set(ID, record(ID, 9, { status: 'failed', error: 'no disk', code: 'DISK' }));
  world.service.stream.send('stream_reset', { reason: 'expired' }, 'e-9');
  world.service.stream.snapshot([]);
  await pass(200);
  await done;
  assert.deepEqual(resets, [{ reason: 'expired' }]);
  assert.deepEqual(got.at(-1)!.error, { code: 'DISK', message: 'no disk' });
});

test('B4 a task that the service does not know is expired, and the loop ends', async () => {
  const hg = await world.open();
  const task = hg.follow(ID);
  const { got, done } = collect(task);
  await pass(200);
  await done;
  assert.deepEqual(got.map((view) => view.status), ['expired']);
  await assert.rejects(task.result, { code: 'TASK_EXPIRED' });
});

test('B4 many tasks are read with one request', async () => {
  const ids = Array.from({ length: 250 }, (_, i) => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`);
  for (const id of ids) world.service.records.set(id, record(id, 1, { status: 'completed', result: id }));
  const hg = await world.open();
  const results = Promise.all(ids.map((id) => hg.follow(id).result));
  await pass(500);
  assert.deepEqual(await results, ids);
  assert.deepEqual(world.service.asked('GET /tasks').map(({ query }) => query.get('ids')!.split(',').length), [100, 100, 50]);
});

test('B9 a double click starts one task, and a key another', async () => {
  const hg = await world.open();
  const first = hg.start('import', { rows: 20 });
  assert.equal(hg.start('import', { rows: 20 }), first);
  assert.notEqual(hg.start('import', { rows: 21 }), first);
  assert.notEqual(hg.start('import', { rows: 20 }, { key: 'k' }), first);
  await pass(500);
  assert.equal(hg.start('import', { rows: 20 }), first, 'half a second later it is still a double click');
  await pass(1100);
  assert.notEqual(hg.start('import', { rows: 20 }), first);
  await pass(200);
  const starts = world.service.asked('POST /tasks');
  assert.equal(starts.length, 4);
  assert.equal(new Set(starts.map(({ headers }) => headers.get('Idempotency-Key'))).size, 4);
  assert.deepEqual(starts[0]!.body, { type: 'import', params: { rows: 20 } });
});

test('B9 a start is repeated with its key until it is answered', async () => {
  const hg = await world.open();
  world.service.reply(
    'POST /tasks',
    () => Promise.reject(new TypeError('network')),
    () => new Response('bad gateway', { status: 502 }),
    () => refusal(503, 'SHUTTING_DOWN', { 'Retry-After': '1' }),
    () => new Promise(() => {}), // no answer at all
  );
  const task = hg.start('import');
  assert.equal(task.getSnapshot().status, 'starting');
  await pass(60_000, 500);
  assert.equal(await task.started, ID);
  const keys = world.service.asked('POST /tasks').map(({ headers }) => headers.get('Idempotency-Key'));
  assert.equal(keys.length, 5);
  assert.equal(new Set(keys).size, 1);
  assert.equal(world.service.started, 1);
});

test('B9 a full queue says how long, wrong params which field', async () => {
  const hg = await world.open();
  world.service.reply('POST /tasks', () => refusal(503, 'QUEUE_FULL', { 'Retry-After': '7' }));
  const full = hg.start('import', { n: 1 });
  await assert.rejects(full.result, { name: 'StartRefused', code: 'QUEUE_FULL', retryAfter: 7 });
  assert.deepEqual(full.getSnapshot().error, { code: 'QUEUE_FULL', message: 'QUEUE_FULL', retryAfter: 7 });
  world.service.reply('POST /tasks', () => refusal(400, 'INVALID_PARAMS', {}, 'invalid params: validating /properties/rows: not a number'));
  await assert.rejects(hg.start('import', { rows: 'x' }).started, { code: 'INVALID_PARAMS', field: 'rows' });
  const { got, done } = collect(full);
  await done;
  assert.deepEqual(got.map((view) => view.status), ['failed'], 'a loop over it gets that, and ends');
});

test('B10 leaving a loop, an abort and the end of a subscription cancel nothing', async () => {
  world.service.records.set(ID, record(ID, 1));
  const hg = await world.open();
  const stop = new AbortController();
  const task = hg.follow(ID, { signal: stop.signal });
  const loop = (async () => {
    for await (const view of task) return view.status;
    return 'ended';
  })();
  await pass(200);
  assert.equal(await loop, 'running');
  const { got, done } = collect(task);
  const result = assert.rejects(task.result, { name: 'AbortError' });
  await pass(200);
  stop.abort();
  await done;
  await result;
  assert.equal(got.length, 1);
  hg.follow(ID).subscribe(() => {})();
  await pass(1100);
  assert.equal(world.service.requests.filter(({ method }) => method !== 'GET').length, 0);
});

test('B10 cancel asks the service, shows that at once and resolves with the end', async () => {
  world.service.records.set(ID, record(ID, 1));
  const hg = await world.open({}, [listed(ID, 1)]);
  const task = hg.follow(ID);
  const { got } = collect(task);
  await pass(200);
  world.service.reply(`POST /tasks/${ID}/cancel`, () => Promise.reject(new TypeError('network')));
  const outcome = task.cancel();
  await pass(50);
  assert.equal(got.at(-1)!.cancelling, true);
  await pass(2000);
  assert.equal(world.service.asked(`POST /tasks/${ID}/cancel`).length, 2);
  world.service.stream.snapshot([listed(ID, 1)]); // of before the cancellation: it changes nothing
  await pass(50);
  assert.equal(got.at(-1)!.cancelling, true);
  world.service.stream.send('task_event', event(ID, 2, 'task_completed', null), 'e-2');
  await pass(50);
  assert.equal(await outcome, 'completed', 'it was faster');
  assert.equal(got.at(-1)!.cancelling, false);
});

test('B10 a task that has ended meanwhile answers a cancel with its end', async () => {
  const hg = await world.open({}, [listed(ID, 1)]);
  const task = hg.follow(ID);
  world.service.records.set(ID, record(ID, 4, { status: 'failed', error: 'x' }));
  world.service.reply(`POST /tasks/${ID}/cancel`, () => refusal(404, 'TASK_NOT_CANCELLABLE'));
  const outcome = task.cancel();
  await pass(200);
  assert.equal(await outcome, 'failed');
});

test('B11 views are frozen, keep their identity, and never say null for a result that is not there yet', async () => {
  const hg = await world.open({}, [listed(ID, 1)]);
  const task = hg.follow(ID);
  task.subscribe(() => {});
  await pass(200);
  const first = task.getSnapshot();
  assert.ok(Object.isFrozen(first) && Object.isFrozen(first.progress) && Object.isFrozen(first.labels));
  assert.equal(first.progress.value, null, 'nothing was said of its progress');
  world.service.stream.snapshot([listed(ID, 1)]);
  await pass(200);
  assert.equal(task.getSnapshot(), first);

  let answer!: (response: Response) => void;
  world.service.reply(`GET /tasks/${ID}`, () => new Promise((done) => (answer = done)));
  world.service.stream.send('task_event', event(ID, 2, 'task_completed', null, { truncated: true }), 'e-2');
  await pass(200);
  const loading = task.getSnapshot();
  assert.deepEqual([loading.status, loading.resultState, loading.result, loading.progress.value], ['completed', 'loading', undefined, 1]);
  answer(Response.json(record(ID, 2, { status: 'completed', result: { large: true } })));
  await pass(200);
  const ready = task.getSnapshot();
  assert.deepEqual([ready.status, ready.resultState, ready.result], ['completed', 'ready', { large: true }]);
  assert.equal(ready.labels, loading.labels);
});

test('B11 the time that was left of a task is nothing that its end changes twice', async () => {
  const hg = await world.open();
  const list = hg.tasks();
  let shown = 0;
  list.subscribe(() => shown++);
  world.service.stream.snapshot([listed(ID, 1)]);
  world.service.stream.send('task_event', event(ID, 2, 'progress_update', { value: 0.1 }), 'e-2');
  await pass(2000);
  world.service.stream.send('task_event', event(ID, 3, 'progress_update', { value: 0.3 }), 'e-3');
  await pass(200);
  assert.ok(list.getSnapshot()[0]!.progress.eta! > 0);
  world.service.stream.send('task_event', event(ID, 4, 'task_cancelled', null), 'e-4');
  await pass(200);
  const [ended] = list.getSnapshot();
  assert.deepEqual([ended!.status, ended!.progress.value, ended!.progress.eta], ['cancelled', 0.3, null]);
  const before = shown;
  world.service.stream.snapshot([listed(ID, 4, { status: 'cancelled', progress: { value: 0.3 } })]);
  await pass(200);
  assert.equal(list.getSnapshot()[0], ended);
  assert.equal(shown, before);
});

test('B11 a view is the same after one that was stale for less than a frame', () => {
  const tasks = new TabTasks({ follow() {}, unfollow() {}, ended() {} });
  const entry = tasks.entry(ID);
  tasks.follow(entry, () => {});
  tasks.take([{ ...unknownTask(ID), seq: 1, status: 'running' }]);
  tasks.setStale(false);
  const fresh = tasks.view(entry);
  tasks.setStale(true);
  assert.ok(tasks.view(entry).stale);
  tasks.setStale(false);
  assert.equal(tasks.view(entry), fresh);
  tasks.close();
});

test('B11 a view is the same while the stream breaks and is back before it is shown', async () => {
  const hg = await world.open();
  const tasks = [hg.follow(ID), hg.follow(OTHER)];
  for (const task of tasks) task.subscribe(() => {});
  world.service.stream.snapshot([listed(ID, 1)]);
  world.service.reply('GET /tasks', () => new Promise(() => {})); // of the other one nothing is known
  await pass(200);
  const views = tasks.map((task) => task.getSnapshot());
  world.service.stream.send('replaced', {});
  await settle();
  assert.equal(hg.connection.getSnapshot().state, 'replaced');
  hg.reconnect();
  await settle();
  world.service.stream.snapshot([listed(ID, 1)]);
  await settle();
  assert.equal(hg.connection.getSnapshot().state, 'open');
  await pass(200);
  assert.equal(tasks[0]!.getSnapshot(), views[0]);
  assert.equal(tasks[1]!.getSnapshot(), views[1]);
});

test('B11 a list is newest first, and keeps the views of tasks that did not change', async () => {
  const hg = await world.open({}, [
    listed(ID, 1, { created_at: '2026-01-01T00:00:00Z', labels: { page: 'a' } }),
    listed(OTHER, 1, { created_at: '2026-01-02T00:00:00Z', labels: { page: 'a' } }),
    listed(THIRD, 1, { created_at: '2026-01-03T00:00:00Z', labels: { page: 'b' } }),
  ]);
  const list = hg.tasks({ labels: { page: 'a' }, active: true });
  let changes = 0;
  list.subscribe(() => changes++);
  await pass(200);
  const before = list.getSnapshot();
  assert.deepEqual(before.map((view) => view.id), [OTHER, ID]);
  const told = changes;
  world.service.stream.send('task_event', progress(THIRD, 2, 0.5), 'e-2');
  await pass(200);
  assert.equal(list.getSnapshot(), before);
  assert.equal(changes, told, 'a task that is not in the list changes nothing');
  world.service.stream.send('task_event', { ...progress(ID, 2, 0.5), created_at: '2026-01-01T00:00:00Z' }, 'e-3');
  await pass(200);
  assert.equal(list.getSnapshot()[0], before[0]);
  world.service.stream.send('task_event', event(OTHER, 2, 'task_cancelled'), 'e-4');
  await pass(200);
  assert.deepEqual(list.getSnapshot().map((view) => view.id), [ID]);
});

test('B5 a list that was read before the stream brought events is read again with it', async () => {
  const hg = world.connect();
  let open!: (answer: Response) => void;
  world.service.reply('GET /sse/stream', () => new Promise((done) => (open = done)));
  const list = hg.tasks();
  list.subscribe(() => {});
  world.service.records.set(ID, record(ID, 3));
  await pass(1000);
  assert.deepEqual(list.getSnapshot().map(({ status }) => status), ['running'], 'it does not wait for the stream for ever');
  world.service.records.set(ID, record(ID, 5, { status: 'cancelled', end_time: '2026-01-02T03:04:09Z' }));
  world.service.records.set(OTHER, record(OTHER, 2, { status: 'cancelled', end_time: '2026-01-02T03:04:08Z' }));
  const stream = new ServiceStream(new URL('http://service/'), { signal: new AbortController().signal });
  open(new Response(stream.body, { headers: { 'Content-Type': 'text/event-stream' } }));
  await pass(20);
  stream.snapshot();
  await pass(200);
  assert.deepEqual(list.getSnapshot().map(({ status }) => status), ['cancelled', 'cancelled']);
});

test('B5 a task that waits is in a list of its labels, which its event does not say', async () => {
  const hg = await world.open();
  const all = hg.tasks();
  all.subscribe(() => {});
  await pass(200);
  const queued = (id: string) => world.service.stream.send('task_event', event(id, 0, 'task_queued'), 'e-2');
  const asked = () => world.service.asked('GET /tasks').filter(({ query }) => query.has('ids')).length;
  queued(OTHER);
  await pass(200);
  assert.equal(asked(), 0, 'nobody needs labels');
  const list = hg.tasks({ labels: { page: 'a' } });
  list.subscribe(() => {});
  await pass(200);
  world.service.records.set(ID, record(ID, 0, { status: 'pending', start_time: null, labels: { page: 'a' } }));
  queued(ID);
  await pass(200);
  assert.equal(asked(), 1);
  assert.deepEqual(list.getSnapshot().map(({ id }) => id), [ID]);
});

test('B5 a list is read once when the stream opens quickly, and not again when it goes on', async () => {
  const hg = world.connect();
  hg.tasks().subscribe(() => {});
  await pass(20);
  world.service.stream.snapshot();
  await pass(1000);
  assert.equal(world.service.asked('GET /tasks').length, 1);
  world.service.stream.close();
  await pass(1000);
  world.service.stream.snapshot();
  await pass(1000);
  assert.equal(world.service.streams.length, 2);
  assert.equal(world.service.asked('GET /tasks').length, 1);
});

test('B11 a result that nobody waits for any more is not shown as loading', async () => {
  const hg = await world.open({}, [listed(ID, 1)]);
  const list = hg.tasks();
  list.subscribe(() => {});
  const stop = hg.follow(ID).subscribe(() => {});
  let fail!: (error: Error) => void;
  world.service.reply('GET /tasks/' + ID, () => new Promise((_, no) => (fail = no)));
  world.service.stream.send('task_event', event(ID, 2, 'task_completed', null, { truncated: true }), 'e-2');
  await pass(200);
  assert.equal(list.getSnapshot()[0]!.resultState, 'loading');
  stop();
  await pass(50);
  fail(new TypeError('the connection broke'));
  await pass(200);
  assert.equal(list.getSnapshot()[0]!.resultState, 'omitted');
});

test('B11 a task whose answer comes before its first event is at the top of the list, before and after', async () => {
  const hg = await world.open({}, [
    listed(OTHER, 1, { created_at: '2026-01-01T00:00:00Z' }),
    listed(THIRD, 1, { created_at: '2026-01-02T00:00:00Z' }),
  ]);
  const list = hg.tasks();
  list.subscribe(() => {});
  await pass(200);
  await hg.start('import', {}).started;
  await pass(200);
  assert.deepEqual(list.getSnapshot().map((view) => view.id), [ID, THIRD, OTHER]);
  world.service.stream.send('task_event', event(ID, 1, 'task_started', null, { created_at: '2026-01-01T12:00:00Z' }), 'e-2');
  await pass(200);
  assert.deepEqual(list.getSnapshot().map((view) => view.id), [THIRD, ID, OTHER]);
});

test('B5 an event of a type that is not known counts by its seq only', async () => {
  const hg = await world.open({}, [listed(ID, 1)]);
  const { got } = collect(hg.follow(ID));
  world.service.stream.send('task_event', event(ID, 5, 'task_painted', { colour: 'red' }), 'e-2');
  world.service.stream.send('task_event', progress(ID, 4, 0.5), 'e-3');
  world.service.stream.send('task_event', event(OTHER, 1, 'task_painted'), 'e-4');
  await pass(200);
  assert.deepEqual([got.at(-1)!.status, got.at(-1)!.seq, got.at(-1)!.progress.value], ['running', 5, null]);
});

test('B5 a task between two attempts is pending, and says until when', async () => {
  const hg = await world.open({}, [listed(ID, 1, { progress: { text: 'x', value: 0.5 } })]);
  const { got } = collect(hg.follow(ID));
  await pass(200);
  world.service.stream.send('task_event', event(ID, 2, 'task_retrying', { error: 'no disk', attempt: 1, next_at: '2026-01-02T03:05:00Z' }), 'e-2');
  await pass(200);
  const waiting = got.at(-1)!;
  assert.deepEqual([waiting.status, waiting.nextAt!.toISOString(), waiting.progress.value], ['pending', '2026-01-02T03:05:00.000Z', null]);
  world.service.stream.send('task_event', event(ID, 3, 'task_started', null, { attempt: 2 }), 'e-3');
  await pass(200);
  assert.deepEqual([got.at(-1)!.status, got.at(-1)!.nextAt, got.at(-1)!.attempt], ['running', null, 2]);
});

test('B12 output is exact across reconnects, and gaps are named', async () => {
  const hg = await world.open({}, [listed(ID, 1)]);
  const { got, done } = collect(hg.follow(ID).output());
  await pass(200);
  const follows = () => world.service.requests.filter(({ path }) => path.endsWith('/follow')).map(({ body }) => body);
  assert.deepEqual(follows(), [{ task_id: ID, offset: 0 }]);
  world.service.stream.send('task_output', { task_id: ID, offset: 0, text: 'aé' });
  await pass(50);
  world.service.stream.fail();
  await pass(1100);
  assert.deepEqual(follows().at(-1), { task_id: ID, offset: 3 });
  const { stream } = world.service;
  stream.send('task_output', { task_id: ID, offset: 0, text: 'aé' }); // it came before
  stream.send('task_output', { task_id: ID, offset: 1, text: 'éb' }); // half of it came before
  stream.send('task_output', { task_id: ID, offset: 4, gap: 10 });
  stream.send('task_output', { task_id: ID, offset: 14, text: 'z', closed: true });
  await pass(50);
  await done;
  assert.deepEqual(got, [{ offset: 0, text: 'aé' }, { offset: 3, text: 'b' }, { offset: 4, gap: 10 }, { offset: 14, text: 'z' }]);
});

test('B12 output that cannot be had is an error, one that may come is waited for', async () => {
  const hg = await world.open({}, [listed(ID, 1)]);
  const follow = `POST /connections/${world.service.stream.url.searchParams.get('request_id')}/follow`;
  world.service.reply(follow, () => refusal(404, 'UNKNOWN_CONNECTION'), () => refusal(503, 'BROKER_UNAVAILABLE'));
  const { got, done } = collect(hg.follow(ID).output());
  await pass(4000);
  world.service.stream.send('task_output', { task_id: ID, offset: 0, text: '', closed: true });
  await pass(50);
  await done;
  assert.deepEqual(got, []);
  for (const [status, code] of [[409, 'TOO_MANY_FOLLOWED'], [404, 'TASK_NOT_FOUND'], [404, 'NOT_FOUND']] as const) {
    world.service.reply(follow, () => refusal(status, code));
    const failed = assert.rejects(collect(hg.follow(ID).output()).done, { code });
    await pass(200);
    await failed;
  }
});

test('B5 who may read no tasks is not asked for ever, and nobody waits for ever', async () => {
  const hg = await world.open({}, [listed(ID, 1)]);
  const known = hg.follow(ID);
  known.subscribe(() => {});
  await pass(200);
  world.service.reply('GET /tasks', ...Array(9).fill(() => refusal(403, 'FORBIDDEN')));
  world.service.stream.fail();
  await pass(1100);
  world.service.stream.snapshot();
  const unknown = hg.follow(OTHER);
  const { got } = collect(unknown);
  await pass(60_000, 500);
  assert.deepEqual(got.map(({ status }) => status), ['expired']);
  assert.equal(known.getSnapshot().status, 'running', 'events still tell of it');
  assert.ok(world.service.asked('GET /tasks').length < 5);

  world.service.reply(`GET /tasks/${ID}`, () => refusal(403, 'FORBIDDEN'));
  world.service.stream.send('task_event', event(ID, 2, 'task_completed', null, { truncated: true }), 'e-2');
  await pass(200);
  assert.equal(known.getSnapshot().resultState, 'gone');
});
