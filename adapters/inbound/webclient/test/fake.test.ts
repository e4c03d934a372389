import assert from 'node:assert/strict';
import { test } from 'node:test';

import { StartRefused, TaskCancelled, TaskFailed } from '../src/client.js';
import { fakeClient } from '../src/testing.js';
import { collect } from './world.js';

test('B19 time passes only when it is told to, and in order', async () => {
  const hg = fakeClient({
    now: new Date('2026-01-02T03:04:05Z'),
    latency: 50,
    handlers: {
      import: async (task, { rows }) => {
        for (let row = 1; row <= rows; row++) {
          await task.sleep(1000);
          task.progress(row / rows, `row ${row}`);
        }
        return { rows };
      },
    },
  });
  const task = hg.start('import', { rows: 2 }, { labels: { page: 'a' } });
  const { got, done } = collect(task);
  await hg.advance(0);
  assert.deepEqual(got.map((view) => view.status), ['starting']);
  await hg.advance(10_000);
  await done;
  assert.deepEqual(got.map((view) => [view.status, view.progress.value]), [['starting', null], ['pending', null], ['running', null], ['running', 0.5], ['completed', 1]]);
  const end = got.at(-1)!;
  assert.deepEqual([end.createdAt, end.endedAt], [new Date('2026-01-02T03:04:05.050Z'), new Date('2026-01-02T03:04:07.050Z')]);
  assert.deepEqual(await task.result, { rows: 2 });
  assert.deepEqual(hg.starts, [{ type: 'import', params: { rows: 2 }, labels: { page: 'a' } }]);
  assert.equal(hg.now.toISOString(), '2026-01-02T03:04:15.000Z');
  assert.ok(Object.isFrozen(end) && end.mine);
});

test('B19 tasks fail, are refused, cancelled and lost like real ones', async () => {
  const hg = fakeClient({
    handlers: {
      breaks: () => {
        throw new Error('no disk');
      },
      long: (task) => task.sleep(60_000),
    },
  });
  await assert.rejects(hg.start('breaks').result, (error: any) => error instanceof TaskFailed && error.message === 'no disk');
  hg.refuse({ code: 'QUEUE_FULL', message: 'full', retryAfter: 7 });
  await assert.rejects(hg.start('long').result, (error: any) => error instanceof StartRefused && error.retryAfter === 7);
  const long = hg.start('long', {}, { key: 'k' });
  assert.equal(hg.start('long', {}, { key: 'k' }), long, 'a double click is one start');
  await hg.advance(1000);
  assert.equal(await long.cancel(), 'cancelled');
  await assert.rejects(long.result, (error: any) => error instanceof TaskCancelled);
  const lost = hg.add({ type: 'long' });
  lost.expire();
  await assert.rejects(hg.follow(lost.id).result, { code: 'TASK_EXPIRED' });
  assert.throws(() => hg.task(long.id!).progress(1), /has ended/, 'a test that changes an end is wrong');
});

test('B19 output, large results, lists, the connection and the version can be pretended', async () => {
  const hg = fakeClient();
  const task = hg.add({ type: 'import', labels: { page: 'a' } });
  hg.add({ type: 'import', status: 'pending' });
  task.write('aé');
  const { got, done } = collect(hg.follow(task.id).output({ offset: 1 }));
  const list = hg.tasks({ labels: { page: 'a' } });
  list.subscribe(() => {});
  await hg.advance(0);
  task.lose(10);
  task.write('z');
  const result = hg.follow(task.id).result;
  await hg.advance(0);
  task.complete({ large: true }, { loading: 100 });
  await done;
  assert.deepEqual(got, [{ offset: 1, text: 'é' }, { offset: 3, gap: 10 }, { offset: 13, text: 'z' }]);
  assert.equal(list.getSnapshot()[0]!.resultState, 'loading');
  await hg.advance(100);
  assert.deepEqual(await result, { large: true });
  hg.connect({ state: 'reconnecting' });
  assert.deepEqual([hg.connection.getSnapshot().state, hg.connection.getSnapshot().stale], ['reconnecting', true]);
  hg.announce('1.5.0');
  assert.equal(hg.version.getSnapshot()!.version, '1.5.0');
  assert.deepEqual([await hg.once('a'), await hg.once('a')], [true, false]);
  hg.close();
  await assert.rejects(hg.follow(hg.all[1]!.id).result, { code: 'CLOSED' });
});
