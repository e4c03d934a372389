import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

import { Browser, Page } from './browser.js';
import { ID, OTHER, collect, event, listed, pass, progress, record, refusal, settle } from './world.js';

let browser: Browser;
beforeEach(() => (browser = new Browser()));
afterEach(() => browser.end());

const sharing = (page: Page) => page.client.connection.getSnapshot().sharing;
const state = (page: Page) => page.client.connection.getSnapshot().state;

test('B2 the tabs of a browser have one stream, in a SharedWorker', async () => {
  const pages = [];
  for (let i = 0; i < 7; i++) pages.push(await browser.open());
  assert.equal(browser.streams, 1);
  assert.deepEqual(pages.map(state), Array(7).fill('open'));
  assert.deepEqual(new Set(pages.map(sharing)), new Set(['worker']));
});

for (const worker of ['throws', 'fails', 'is silent', 'is of another protocol'] as const) {
  test(`B2 when the worker ${worker}, a tab leads`, async () => {
    browser.worker = worker;
    const pages = [browser.page(), browser.page(), browser.page()];
    for (const { client } of pages) client.connection.subscribe(() => {});
    await pass(6000);
    browser.service.stream.snapshot([listed(ID, 1)]);
    const { got } = collect(pages[2]!.client.follow(ID));
    await pass(200);
    assert.equal(browser.streams, 1);
    assert.deepEqual(pages.map(sharing), ['leader', 'follower', 'follower']);
    assert.deepEqual(pages.map(state), ['open', 'open', 'open']);
    assert.equal(got.at(-1)!.status, 'running');
  });
}

test('B2 without Web Locks or BroadcastChannel each tab has a stream of its own', async () => {
  browser.worker = 'throws';
  browser.set('navigator', {});
  const pages = [await browser.open(), await browser.open()];
  assert.deepEqual(pages.map(sharing), ['own', 'own']);
  assert.equal(browser.streams, 2);
});

test('B3 a late tab shows what the first shows, at once and without a request', async () => {
  await browser.open({}, [listed(ID, 1)]);
  browser.service.stream.send('version', { version: '1.4.0' }, 'e-1');
  browser.service.stream.send('task_event', progress(ID, 2, 0.5), 'e-2');
  await pass(100);
  const count = browser.service.requests.length;
  const { client } = await browser.open();
  const task = client.follow(ID);
  task.subscribe(() => {});
  await pass(50);
  assert.equal(task.getSnapshot().progress.value, 0.5);
  assert.deepEqual(client.version.getSnapshot(), { version: '1.4.0' });
  assert.equal(browser.service.requests.length, count);
});

test('B3 a tab that dies without goodbye is noticed, and the last one ends the stream', async () => {
  const first = await browser.open();
  const second = await browser.open();
  for (const page of [first, second]) {
    assert.equal(browser.streams, 1);
    browser.locks.held.get(await page.lock)!();
    await pass(100);
  }
  await pass(3000);
  assert.equal(browser.streams, 0);
});

test('B3 a worker that dies is replaced, and the stream goes on with the last ID', async () => {
  const pages = [await browser.open({}, [listed(ID, 1)]), await browser.open()];
  const tasks = pages.map(({ client }) => collect(client.follow(ID)));
  await pass(100);
  browser.service.stream.send('task_event', progress(ID, 2, 0.5), 'e-42');
  await pass(100);
  browser.crash();
  await pass(2000);
  assert.equal(browser.streams, 1);
  assert.equal(browser.service.stream.url.searchParams.get('last_event_id'), 'e-42');
  browser.service.stream.send('task_event', progress(ID, 1, 0.9), 'e-43'); // older, and the new worker knows nothing
  browser.service.stream.send('task_event', event(ID, 3, 'task_completed', 7), 'e-44');
  browser.service.stream.snapshot();
  await pass(200);
  for (const { got, ended } of tasks) {
    assert.ok(ended);
    assert.deepEqual([...new Set(got.map((view) => view.seq))], [1, 2, 3]);
  }
  assert.deepEqual(pages.map(sharing), ['worker', 'worker']);
});

test("B3 an event of the application's own does not come again with a new worker", async () => {
  const pages = [await browser.open({}, [listed(ID, 1)]), await browser.open()];
  await pass(6000);
  browser.service.stream.send('task_event', progress(OTHER, 2, 0.5), 'e-42');
  await pass(100);
  browser.service.stream.send('order.paid', {}, 'e-43');
  await pass(100);
  browser.crash();
  await pass(2000);
  assert.equal(browser.service.stream.url.searchParams.get('last_event_id'), 'e-43');
  assert.equal(browser.streams, 1);
  assert.deepEqual(pages.map(sharing), ['worker', 'worker']);
});

test('B3 a tab that joins a new worker later than others is told that it may have missed events', async () => {
  const pages = [await browser.open({}, [listed(ID, 1)]), await browser.open()];
  const resets = pages.map(({ client }) => {
    const got: string[] = [];
    client.on('reset', ({ reason }) => got.push(reason));
    return got;
  });
  await pass(6000);
  pages[1]!.fire('document', 'freeze');
  browser.crash();
  await pass(2000);
  browser.service.stream.send('order.paid', {}, 'e-43');
  await pass(100);
  pages[1]!.fire('document', 'resume');
  await pass(200);
  assert.deepEqual(resets, [[], ['away']]);
});

test('B3 a leader that dies is replaced by the next tab, with the last ID', async () => {
  browser.worker = 'throws';
  const pages = [await browser.open({}, [listed(ID, 1)]), await browser.open(), await browser.open()];
  collect(pages[1]!.client.follow(ID));
  const { got } = collect(pages[2]!.client.follow(ID));
  await pass(100);
  browser.service.stream.send('task_event', progress(ID, 2, 0.5), 'e-42');
  await pass(100);
  pages[0]!.fire('window', 'pagehide');
  await pass(2000);
  assert.equal(browser.streams, 1);
  assert.deepEqual(pages.map(sharing), [null, 'leader', 'follower']);
  assert.equal(browser.service.stream.url.searchParams.get('last_event_id'), 'e-42');
  browser.service.stream.snapshot([listed(ID, 3)]);
  await pass(100);
  assert.equal(got.at(-1)!.seq, 3);
});

test('B3 a leader that is suspended without a word loses the lead, and follows when it is back', async () => {
  browser.worker = 'throws';
  const pages = [await browser.open({}, [listed(ID, 1)]), await browser.open(), await browser.open()];
  assert.deepEqual(pages.map(sharing), ['leader', 'follower', 'follower']);
  const suspended = browser.channels[0]!;
  const hear = suspended.onmessage;
  const missed: unknown[] = [];
  suspended.onmessage = (event: unknown) => missed.push(event);
  pages[1]!.fire('document', 'visibilitychange'); // somebody looks at the second tab
  await pass(4000);
  assert.equal(sharing(pages[1]!), 'leader');
  browser.service.stream.snapshot([listed(ID, 2)]);
  suspended.onmessage = hear;
  missed.forEach(hear);
  await pass(500);
  assert.deepEqual(pages.map(sharing), ['follower', 'leader', 'follower']);
  assert.deepEqual(pages.map(state), ['open', 'open', 'open']);
  assert.equal(browser.streams, 1);
});

for (const [where, away, back] of [['window', 'pagehide', 'pageshow'], ['document', 'freeze', 'resume']] as const) {
  test(`B3 a page holds nothing after ${away}, and is up to date after ${back}`, async () => {
    const page = await browser.open({}, [listed(ID, 1)]);
    await browser.open();
    const task = page.client.follow(ID);
    task.subscribe(() => {});
    await pass(100);
    const lock = await page.lock;
    page.fire(where, away);
    await pass(100);
    assert.ok(!browser.locks.held.has(lock));
    const resets: string[] = [];
    page.client.on('reset', ({ reason }) => resets.push(reason));
    page.fire(where, back);
    await pass(200);
    assert.deepEqual(resets, [], 'it has missed nothing');
    page.fire(where, away);
    await pass(100);
    browser.service.stream.send('task_event', progress(ID, 2, 0.5), 'e-2');
    await pass(600_000, 10_000);
    assert.equal(task.getSnapshot().seq, 1, 'it was away');
    page.fire(where, back);
    await pass(200);
    assert.equal(task.getSnapshot().seq, 2);
    assert.deepEqual(resets, ['away'], 'what else was in the stream is lost');
    assert.equal(browser.streams, 1);
  });
}

test('B6 a tab that comes back has the stream prove itself', async () => {
  const page = await browser.open();
  browser.service.stream.send('ping', { timestamp: '', interval: 10 });
  await pass(9000, 100);
  page.fire('document', 'visibilitychange');
  await pass(9000, 100);
  assert.equal(browser.service.streams.length, 1, 'it has one interval');
  await pass(2000, 100);
  assert.equal(browser.service.streams.length, 2);
  browser.service.stream.snapshot();
  await pass(100);
  browser.service.reply('GET /sse/stream', () => Promise.reject(new TypeError('offline')), () => Promise.reject(new TypeError('offline')));
  browser.service.stream.fail();
  await pass(1100);
  const count = browser.service.asked('GET /sse/stream').length;
  page.fire('window', 'online');
  await pass(50);
  assert.equal(browser.service.asked('GET /sse/stream').length, count + 1, 'it does not wait any longer');
});

test('W6 a machine that slept is reported, also if the page is back before the timer', async () => {
  const page = await browser.open();
  browser.service.stream.send('ping', { timestamp: '', interval: 10 });
  await pass(1000, 100);
  mock.timers.setTime(Date.now() + 60_000);
  page.fire('document', 'visibilitychange');
  await pass(100);
  assert.equal(browser.service.streams.length, 2);
  browser.service.stream.snapshot();
  await pass(100);
  const reports = browser.service.requests.filter(({ path }) => path.endsWith('/report')).map(({ body }) => body.frozen_ms);
  assert.equal(reports.length, 1);
  assert.ok(reports[0] > 50_000, String(reports[0]));
});

test('B8 one tab is asked for the token, and another one if that one goes', async () => {
  const asked: string[] = [];
  const first = await browser.open({ getToken: () => (asked.push('first'), 't1') });
  browser.page({ getToken: () => (asked.push('second'), new Promise(() => {})) }).client.connection.subscribe(() => {});
  await pass(200);
  assert.deepEqual(asked, ['first']);
  browser.service.stream.send('auth_expired', {});
  await pass(700);
  assert.deepEqual(asked, ['first', 'second']);
  browser.locks.held.get(await browser.pages[1]!.lock)!();
  await pass(700);
  assert.deepEqual(asked, ['first', 'second', 'first']);
  assert.equal(browser.service.stream.headers.get('Authorization'), 'Bearer t1');
  assert.equal(sharing(first), 'worker');
});

test('B8 a page that is loaded after a log-in opens the stream again', async () => {
  let token: string | null = null;
  const before = browser.page({ getToken: () => token });
  before.client.connection.subscribe(() => {});
  await pass(300);
  assert.equal(state(before), 'signed-out');
  token = 't';
  await browser.open({ getToken: () => token });
  assert.deepEqual(browser.pages.map(state), ['open', 'open']);
});

test('B10 cancelling is shown in all tabs', async () => {
  browser.service.records.set(ID, record(ID, 1));
  const first = await browser.open({}, [listed(ID, 1)]);
  const second = await browser.open();
  const shown = second.client.tasks();
  shown.subscribe(() => {});
  await pass(100);
  const outcome = first.client.follow(ID).cancel();
  await pass(100);
  assert.equal(shown.getSnapshot()[0]!.cancelling, true);
  browser.service.stream.send('task_event', event(ID, 2, 'task_cancelled'), 'e-2');
  await pass(100);
  assert.equal(await outcome, 'cancelled');
  assert.deepEqual([shown.getSnapshot()[0]!.status, shown.getSnapshot()[0]!.cancelling], ['cancelled', false]);
});

test('B4 a page that is loaded again has its tasks: those that run, those that ended, and once those that are gone', async () => {
  const first = await browser.open();
  browser.service.reply('POST /tasks', () => Response.json({ task_id: ID, status: 'pending' }), () => Response.json({ task_id: OTHER, status: 'pending' }));
  const started = Promise.all([first.client.start('import', { n: 1 }).started, first.client.start('import', { n: 2 }).started]);
  await pass(200);
  await started;
  first.client.close();
  await pass(5000); // and the worker with it
  browser.crash();
  browser.service.records.set(ID, record(ID, 5, { status: 'completed', result: 1 }));

  for (const expected of [[[ID, 'completed'], [OTHER, 'expired']], [[ID, 'completed']]]) {
    await pass(60_000, 5000); // they are no longer young
    const page = await browser.open();
    const mine = page.client.tasks({ mine: true });
    mine.subscribe(() => {});
    await pass(500);
    assert.deepEqual(mine.getSnapshot().map(({ id, status }) => [id, status]).sort(), expected);
    page.client.close();
    browser.crash();
  }
  browser.service.records.clear(); // removed, after its end was shown
  const page = await browser.open();
  const mine = page.client.tasks({ mine: true });
  mine.subscribe(() => {});
  await pass(500);
  assert.deepEqual(mine.getSnapshot(), []);
  assert.equal(browser.storage.size, 0);
});

test('B9 a start that was not answered before a reload is sent again, with its key', async () => {
  const first = await browser.open();
  browser.service.reply('POST /tasks', () => new Promise(() => {}));
  first.client.start('import', { rows: 20 }).started.catch(() => {});
  await pass(100);
  first.client.close();
  browser.crash();
  const second = new Page(browser, {}, first.session);
  browser.pages.push(second);
  const again = second.client.start('import', { rows: 20 }); // an impatient click
  const mine = second.client.tasks({ mine: true });
  mine.subscribe(() => {});
  await pass(500);
  assert.equal(await again.started, ID);
  const keys = browser.service.asked('POST /tasks').map(({ headers }) => headers.get('Idempotency-Key'));
  assert.equal(new Set(keys).size, 1, String(keys));
  assert.equal(browser.service.started, 1);
});

test('a task of mine is forgotten in all tabs', async () => {
  const pages = [await browser.open(), await browser.open()];
  const lists = pages.map(({ client }) => client.tasks({ mine: true }));
  for (const list of lists) list.subscribe(() => {});
  void pages[0]!.client.start('import');
  await pass(200);
  assert.deepEqual(lists.map((list) => list.getSnapshot().length), [1, 1]);
  pages[1]!.client.forget(ID);
  await pass(200);
  assert.deepEqual(lists.map((list) => list.getSnapshot().length), [0, 0]);
  assert.equal(browser.storage.size, 0);
});

test('B14 a task that is forgotten while its progress waits to be shown leaves its row', async () => {
  const page = await browser.open();
  const list = page.client.tasks({ mine: true });
  list.subscribe(() => {});
  void page.client.start('import');
  await pass(200);
  browser.service.stream.send('task_event', progress(ID, 2, 0.1), 'e-2');
  browser.service.stream.send('task_event', progress(ID, 3, 0.2), 'e-3'); // in the same frame
  await settle();
  page.client.forget(ID);
  await pass(200);
  assert.deepEqual(list.getSnapshot(), []);
});

test("B14 the application's own events of a frame are one message to each tab, in order", async () => {
  const pages = [await browser.open(), await browser.open()];
  const got: string[][] = [[], []];
  pages.forEach(({ client }, i) => client.on('event', ({ id }) => got[i]!.push(id)));
  await pass(100);
  const posts = browser.posts;
  const ids = Array.from({ length: 500 }, (_, i) => `e-${i}`);
  for (const [i, id] of ids.entries()) {
    browser.service.stream.send('row', { i }, id);
    if (i % 10 === 9) await pass(2, 2);
  }
  await pass(100);
  assert.deepEqual(got, [ids, ids]);
  assert.ok(browser.posts - posts <= 40, `${browser.posts - posts} messages to two tabs in 100 ms`);
});

test('B3 events that waited in a worker that died come again, and none twice', async () => {
  const [page] = [await browser.open(), await browser.open()];
  const got: string[] = [];
  page.client.on('event', ({ id }) => got.push(id));
  await pass(100);
  browser.service.stream.send('row', {}, 'e-1');
  await settle();
  browser.service.stream.send('row', {}, 'e-2'); // in the same frame
  await settle();
  assert.deepEqual(got, ['e-1']);
  browser.crash();
  await pass(1000);
  assert.equal(browser.service.requests.findLast(({ path }) => path.endsWith('/sse/stream'))!.query.get('last_event_id'), 'e-1');
});

test('B3 a tab is told no last ID before the events that it stands for', async () => {
  const [page] = [await browser.open({}, [listed(ID, 1)]), await browser.open()];
  const got: string[] = [];
  page.client.on('event', ({ id }) => got.push(id));
  await pass(100);
  browser.service.stream.send('row', {}, 'e-1');
  await settle();
  browser.service.stream.send('row', {}, 'e-2'); // in the same frame
  await settle();
  page.client.follow(ID).subscribe(() => {}); // which is answered at once
  await settle();
  browser.crash();
  await pass(1000);
  const resumed = browser.service.requests.findLast(({ path }) => path.endsWith('/sse/stream'))!.query.get('last_event_id');
  assert.deepEqual([got, resumed], [['e-1', 'e-2'], 'e-2']);
});

test('B5 what tabs are told of the stream comes after the events before it', async () => {
  const page = await browser.open();
  const got: string[] = [];
  page.client.on('event', ({ id }) => got.push(id));
  page.client.on('reset', ({ reason }) => got.push(reason));
  await pass(100);
  browser.service.stream.send('row', {}, 'e-1');
  browser.service.stream.send('row', {}, 'e-2');
  browser.service.stream.send('stream_reset', { reason: 'expired' }, 'e-3');
  browser.service.stream.send('row', {}, 'e-4');
  await pass(100);
  assert.deepEqual(got, ['e-1', 'e-2', 'expired', 'e-4']);
});

test('B3 once is once per browser', async () => {
  const pages = [await browser.open(), await browser.open(), await browser.open()];
  const claims = Promise.all(pages.map(({ client }) => client.once('done:' + ID)));
  await pass(100);
  assert.deepEqual((await claims).filter(Boolean), [true]);
});

test('B17 what happened once does not happen again with a new worker, or after a reload', async () => {
  const [first, other] = [await browser.open(), await browser.open()];
  const claim = async (page: typeof first) => {
    const claimed = page.client.once('done:' + ID);
    await pass(100);
    return claimed;
  };
  assert.equal(await claim(first), true);
  first.client.close();
  browser.crash();
  await pass(1000);
  assert.equal(await claim(other), false);
  other.client.close();
  await pass(5000);
  assert.equal(await claim(await browser.open()), false);
});

test('B17 nor if a tab asked before and is answered by a new worker', async () => {
  const [first, second] = [await browser.open(), await browser.open()];
  second.fire('document', 'freeze');
  const asked = second.client.once('a');
  assert.equal(await first.client.once('a'), true);
  browser.crash();
  await pass(2000);
  second.fire('document', 'resume');
  await pass(200);
  assert.equal(await asked, false);
});

test('B2 a call is not lost with the worker', async () => {
  const page = await browser.open();
  browser.service.reply('POST /tasks', () => new Promise(() => {}));
  const task = page.client.start('import');
  await pass(100);
  browser.crash();
  await pass(1000);
  assert.equal(await task.started, ID);
  const keys = browser.service.asked('POST /tasks').map(({ headers }) => headers.get('Idempotency-Key'));
  assert.equal(new Set(keys).size, 1);
  assert.equal(keys.length, 2);
});

test('B7 what one tab is told, all are', async () => {
  const pages = [await browser.open(), await browser.open()];
  browser.service.reply('GET /sse/stream', () => refusal(404, 'NOT_FOUND', {}, 'there is nothing at this path'));
  browser.service.stream.fail();
  await pass(1500);
  assert.deepEqual(pages.map(state), ['refused', 'refused']);
  pages[1]!.client.reconnect();
  await pass(200);
  browser.service.stream.snapshot();
  await pass(100);
  assert.deepEqual(pages.map(state), ['open', 'open']);
});
