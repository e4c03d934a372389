import { page, wait } from '../dom.js';
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { act, version } from 'react';

import * as hooks from '../../src/react.js';
import { fakeClient } from '../../src/testing.js';
import type { TaskView } from '../../types/index.js';
import type { FakeClient } from '../../types/testing.js';
import { render, unmountAll } from './render.js';

const { useConnection, useNewVersion, useTask, useTaskById, useTaskOutput, useTaskTypes, useTasks } = hooks;
const ID = '0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a';

let hg: FakeClient;
let errors: ReturnType<typeof mock.method>;
beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  hg = fakeClient();
  errors = mock.method(console, 'error');
});
afterEach(async () => {
  await unmountAll();
  hg.close();
  assert.deepEqual(errors.mock.calls.map((call: any) => String(call.arguments[0])), [], 'React complains of nothing');
  mock.restoreAll();
});

/** Lets something happen, and what follows from it. */
const happen = (what: () => unknown) => act(async () => {
  what();
  await hg.advance(0);
});

test(`B17 useTask starts a task and follows it to its result (React ${version})`, async () => {
  hg = fakeClient({
    latency: 100,
    handlers: {
      import: async (task, { rows }) => {
        await task.sleep(1000);
        task.progress(0.5, 'half of it');
        await task.sleep(1000);
        return { rows };
      },
    },
  });
  const view = await render(hg, () => useTask('import'));
  const { start } = view.now();
  assert.equal(view.now().task, null);
  await happen(() => start({ rows: 20 }));
  assert.deepEqual([view.now().starting, view.now().task?.status], [true, 'starting']);
  await act(() => hg.advance(100));
  assert.deepEqual([view.now().starting, view.now().task?.status], [false, 'running']);
  await act(() => hg.advance(1000));
  assert.deepEqual([view.now().task?.progress.value, view.now().task?.progress.text], [0.5, 'half of it']);
  await act(() => hg.advance(1000));
  assert.deepEqual([view.now().task?.status, view.now().result, view.now().error], ['completed', { rows: 20 }, null]);
  assert.equal(view.now().start, start, 'start is one function');
  await happen(() => view.now().reset());
  assert.equal(view.now().task, null);
});

test('B17 a start that is refused is an error, and nothing is thrown', async () => {
  hg.refuse({ code: 'INVALID_PARAMS', message: 'rows: not a number', field: 'rows' });
  const view = await render(hg, () => useTask('import'));
  await happen(() => view.now().start({ rows: 'x' }));
  assert.deepEqual(view.now().error, { code: 'INVALID_PARAMS', message: 'rows: not a number', field: 'rows' });
  assert.equal(view.now().startError, view.now().error);
  assert.equal(view.now().starting, false);
  await happen(() => view.now().start({ rows: 1 }));
  assert.deepEqual([view.now().error, view.now().startError], [null, null]);
});

test('B17 the error of a task that was started is not one of its start', async () => {
  const view = await render(hg, () => useTask('import'));
  await happen(() => view.now().start());
  await happen(() => hg.task().fail('no disk'));
  assert.deepEqual([view.now().error?.message, view.now().startError], ['no disk', null]);
});

test('B17 cancel shows cancelling and resolves with the end; a refusal is shown', async () => {
  const view = await render(hg, () => useTask('import'));
  assert.equal(await view.now().cancel(), undefined, 'there is nothing to cancel');
  await happen(() => view.now().start());
  let outcome!: Promise<unknown>;
  await happen(() => (outcome = view.now().cancel()));
  assert.equal(view.now().task?.cancelling, true);
  await happen(() => hg.task().stop());
  assert.equal(await outcome, 'cancelled');

  const gone = await render(hg, () => useTaskById(ID));
  hg.add({ type: 'import', id: ID });
  const handle = hg.follow(ID);
  mock.method(Object.getPrototypeOf(handle), 'cancel', () => Promise.reject(Object.assign(new Error('not yours'), { code: 'FORBIDDEN' })));
  await happen(() => void gone.now().cancel());
  assert.equal((gone.now().error as any)?.code, 'FORBIDDEN');
});

test('B17 StrictMode mounts twice and everything happens once', async () => {
  const ended: unknown[] = [];
  const view = await render(hg, () => useTask('import', { onCompleted: (result) => ended.push(result) }), { strict: true });
  await happen(() => view.now().start());
  assert.equal(hg.starts.length, 1);
  await happen(() => hg.task().complete(7));
  assert.deepEqual(ended, [7]);
  assert.equal(view.now().result, 7);
});

test('B17 onCompleted is called once in the browser, not for each component, tab or mount', async () => {
  const ended: string[] = [];
  const use = (who: string, name?: string) => () => useTasks({ type: 'import' }, { ...(name && { name }), onCompleted: (result, task) => ended.push(`${who} ${result} ${task.status}`) });
  const task = hg.add({ type: 'import' });
  const one = await render(hg, use('one'));
  await render(hg, use('two'));
  await render(hg, use('other', 'other'));
  await happen(() => task.complete('a'));
  await wait();
  assert.deepEqual(ended.sort(), ['one a completed', 'other a completed']);
  await one.unmount();
  await render(hg, use('again'));
  await wait();
  assert.equal(ended.length, 2);
});

test('B17 an end is told when the component was away meanwhile, and its newest callback gets it', async () => {
  hg = fakeClient({ now: new Date('2001-01-01') }); // before the page: only what it saw counts
  const ended: string[] = [];
  const task = hg.add({ type: 'import' });
  const before = await render(hg, () => useTaskById(task.id, { onCompleted: () => ended.push('before') }));
  await before.unmount();
  task.complete();
  let who = 'first';
  const view = await render(hg, () => useTaskById(task.id, { onCompleted: () => ended.push(who) }));
  who = 'second';
  await view.again();
  await wait();
  assert.equal(ended.length, 1);
  assert.notEqual(ended[0], 'before');
});

test('B17 ends that are older than the page are told only if asked', async () => {
  const failed: string[] = [];
  const yesterday = new Date(Date.now() - 86_400_000);
  const record = { type: 'import', status: 'failed', error: { code: 'TASK_FAILED', message: 'no disk' }, createdAt: yesterday, endedAt: yesterday } as const;
  hg.add(record);
  await render(hg, () => useTasks({}, { onFailed: (error) => failed.push(`new ${error.message}`), onCompleted: () => assert.fail('it failed') }));
  await wait();
  assert.equal(failed.length, 0);
  await render(hg, () => useTasks({}, { past: true, onFailed: (error) => failed.push(`past ${error.message}`) }));
  await wait();
  assert.deepEqual(failed, ['past no disk']);
});

test('B17 onCompleted gets a large result, not nothing', async () => {
  const got: unknown[] = [];
  await render(hg, () => useTasks({}, { onCompleted: (result) => got.push(result) }));
  await happen(() => hg.add({ type: 'import' }));
  const task = hg.task();
  await happen(() => task.complete({ large: true }, { loading: 500 }));
  assert.deepEqual(got, []);
  await act(() => hg.advance(500));
  await wait();
  assert.deepEqual(got, [{ large: true }]);
});

test('B17 what is enabled late asks for nothing before', async () => {
  const task = hg.add({ type: 'import', mine: true });
  const [follow, tasks, types] = [mock.method(hg, 'follow'), mock.method(hg, 'tasks'), mock.method(hg, 'types')];
  let enabled = false;
  const view = await render(hg, () => ({
    byId: useTaskById(task.id, { enabled }).task?.status ?? null,
    list: useTasks({}, { enabled }).length,
    output: useTaskOutput(task.id, { enabled }).text,
    types: useTaskTypes({ enabled }).types,
    version: useNewVersion({ enabled, build: '1' })?.version ?? null,
    state: useConnection({ enabled }).state,
    resumed: useTask('import', { enabled, resume: true }).task?.id ?? null,
  }));
  assert.deepEqual(view.now(), { byId: null, list: 0, output: '', types: null, version: null, state: 'idle', resumed: null });
  assert.deepEqual([follow, tasks, types].map((method) => method.mock.callCount()), [0, 0, 0]);
  enabled = true;
  await happen(() => {
    hg.announce('2');
    task.write('hello');
  });
  await view.again();
  await act(() => wait(40));
  assert.deepEqual(view.now(), { byId: 'running', list: 1, output: 'hello', types: [], version: '2', state: 'open', resumed: task.id });
  enabled = false;
  await view.again();
  assert.deepEqual(view.now(), { byId: null, list: 0, output: '', types: null, version: null, state: 'idle', resumed: task.id }, 'what useTask shows stays');

  const all = await render(hg, () => useTasks().length, { enabled: false });
  assert.equal(all.now(), 0, 'a provider can hold all of them back');
});

test('B17 useTasks keeps the array until something in it changes, and renders once per change', async () => {
  const [a, b] = [hg.add({ type: 'import', mine: true }), hg.add({ type: 'export' })];
  const view = await render(hg, () => useTasks({ type: 'import', mine: true }));
  assert.deepEqual(view.now().map((task) => task.id), [a.id]);
  const before = view.now();
  const renders = view.all.length;
  await happen(() => b.progress(0.5));
  await view.again();
  assert.equal(view.now(), before, 'a new filter object with the same content is the same list');
  await happen(() => a.progress(0.5));
  assert.notEqual(view.now(), before);
  assert.equal(view.all.length, renders + 2);
});

test('B17 useTask with resume shows after a reload what was started before, and forgets it on reset', async () => {
  const old = hg.add({ type: 'import', mine: true, status: 'completed', result: 3, createdAt: new Date(1000), endedAt: new Date(2000) });
  hg.add({ type: 'import', status: 'running' }); // another's
  const view = await render(hg, () => useTask('import', { resume: true }), { strict: true });
  assert.deepEqual([view.now().task?.id, view.now().result], [old.id, 3]);
  await happen(() => view.now().reset());
  assert.equal(view.now().task, null);
  await happen(() => view.now().start());
  assert.equal(view.now().task?.status, 'pending');
  await view.unmount();
  const again = await render(hg, () => useTask('import', { resume: true }));
  assert.equal(again.now().task?.status, 'pending');
  await act(() => hg.advance(1000));
  await happen(() => hg.add({ type: 'import', mine: true })); // in another tab
  assert.equal(again.now().task?.status, 'running');
});

test('B17 useTaskById shows what becomes of an ID, and follows another when it changes', async () => {
  const [a, b] = [hg.add({ type: 'a' }), hg.add({ type: 'b' })];
  let id: string | null = a.id;
  const view = await render(hg, () => useTaskById(id).task?.type ?? null);
  assert.equal(view.now(), 'a');
  id = b.id;
  await view.again();
  assert.equal(view.now(), 'b');
  id = null;
  await view.again();
  assert.equal(view.now(), null);
  const lost = await render(hg, () => useTaskById(ID).task?.status);
  assert.equal(lost.now(), 'expired');
});

test('B17 useTaskOutput has each byte once, names gaps, and keeps the newest of it', async () => {
  const task = hg.add({ type: 'import' });
  task.write('aé\n');
  const view = await render(hg, () => useTaskOutput(task.id, { limit: 10 }), { strict: true });
  await act(() => wait(40));
  assert.equal(view.now().text, 'aé\n');
  await act(async () => {
    task.lose(10);
    task.write('z');
    task.write('y');
    await wait(40);
  });
  assert.deepEqual(view.now().chunks, [{ offset: 0, text: 'aé\n' }, { offset: 4, gap: 10 }, { offset: 14, text: 'zy' }]);
  assert.equal(view.now().done, false);
  const renders = view.all.length;
  await act(async () => {
    for (let i = 0; i < 10_000; i++) task.write(`${i % 10}`);
    task.complete();
    await wait(60);
  });
  assert.deepEqual([view.now().text, view.now().done], ['0123456789', true]);
  assert.ok(view.now().chunks.length <= 10, `${view.now().chunks.length} chunks are kept`);
  assert.ok(view.all.length - renders < 12, `B14: ${view.all.length - renders} renders for 10,000 writes`);
});

test('B17 useTaskTypes asks once for each client, and again after a failure', async () => {
  let asked = 0;
  mock.method(hg, 'types', async () => {
    if (!asked++) throw Object.assign(new Error('away'), { code: 'UNAVAILABLE' });
    return [];
  });
  const failed = await render(hg, () => useTaskTypes());
  assert.equal(failed.now().error?.code, 'UNAVAILABLE');
  const views = [await render(hg, () => useTaskTypes()), await render(hg, () => useTaskTypes())];
  assert.deepEqual(views.map((view) => view.now().types), [[], []]);
  assert.equal(asked, 2);
});

test('B17 useConnection says when what is shown may be out of date', async () => {
  const task = hg.add({ type: 'import' });
  const view = await render(hg, () => [useConnection().state, useTaskById(task.id).task?.stale]);
  assert.deepEqual(view.now(), ['open', false]);
  await happen(() => hg.connect({ state: 'reconnecting' }));
  assert.deepEqual(view.now(), ['reconnecting', true]);
});

test('B18 useNewVersion compares with the page, survives reconnects, and goes with a roll-back', async () => {
  const named = await render(hg, () => useNewVersion({ build: '1.4.0' })?.version ?? null);
  assert.equal(named.now(), null);
  await happen(() => hg.announce('1.5.0'));
  assert.equal(named.now(), '1.5.0');
  await happen(() => hg.connect({ state: 'reconnecting' }));
  await happen(() => hg.reconnect());
  assert.equal(named.now(), '1.5.0');
  await happen(() => hg.announce('1.4.0'));
  assert.equal(named.now(), null);

  hg = fakeClient();
  const unnamed = await render(hg, () => useNewVersion());
  await happen(() => hg.announce('1.4.0'));
  assert.equal(unnamed.now(), null, 'the first one is the page');
  await happen(() => hg.announce({ version: '1.5.0', changelog: 'faster' }));
  assert.deepEqual([unnamed.now()?.version, unnamed.now()?.changelog], ['1.5.0', 'faster']);
});

test('B18 a version is dismissed in all tabs, and only that one', async () => {
  const [one, two] = [await render(hg, () => useNewVersion({ build: '1' })), await render(hg, () => useNewVersion({ build: '1' }))];
  await happen(() => hg.announce('2'));
  await happen(() => one.now()!.dismiss());
  assert.deepEqual([one.now(), two.now()], [null, null]);
  await happen(() => hg.announce('3'));
  assert.equal(two.now()?.version, '3');
  localStorage.setItem('heliograph:version', '3'); // as another tab does
  await happen(() => page.dispatchEvent(new page.Event('storage')));
  assert.deepEqual([one.now(), two.now()], [null, null]);
});

test('B18 a page is reloaded once for a version, when its visitor says so', async () => {
  const reload = mock.method(location, 'reload', () => {});
  const view = await render(hg, () => useNewVersion({ build: '1' }));
  await happen(() => hg.announce('2'));
  assert.equal(reload.mock.callCount(), 0);
  await happen(() => view.now()!.reload());
  assert.equal(reload.mock.callCount(), 1);
  await view.unmount();
  const after = await render(hg, () => useNewVersion({ build: '1' })); // a cache gave the old page
  assert.equal(after.now(), null, 'it is not offered again');
  await happen(() => hg.announce('3'));
  assert.equal(after.now()?.version, '3');
});

test('B14 tasks that nobody looks at cost no render', async () => {
  const shown = hg.add({ type: 'import' });
  const others = Array.from({ length: 100 }, () => hg.add({ type: 'other' }));
  const view = await render<TaskView | null>(hg, () => useTaskById(shown.id).task);
  const renders = view.all.length;
  await happen(() => {
    for (const other of others) other.progress(0.5);
  });
  assert.equal(view.all.length, renders);
});
