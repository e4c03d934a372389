// Shows all that the client library knows, and records each view that it shows in the
// browser's storage, where it stays when the page is gone. Its own query says how: worker=no,
// share=none, token=PATH of the token, follow=IDs.
const query = new URLSearchParams(location.search);
if (query.get('worker') === 'no') delete globalThis.SharedWorker;

// The page's clock can be put on: it does so when the page is no longer frozen.
const now = Date.now;
let ahead = 0;
let frozenFor = 0;
Date.now = () => now() + ahead;
document.addEventListener('resume', () => (ahead += frozenFor));

// One life of the page: it goes on when the page comes back from the back/forward cache.
const life = `${now()}-${Math.random().toString(36).slice(2)}`;
let count = 0;
const record = (entry) => localStorage.setItem(`chaos ${life} ${String(count++).padStart(6, '0')}`, JSON.stringify(entry));

const { connect } = await import('/api/client/client.js');
const options = {};
if (query.has('share')) options.share = query.get('share');
if (query.has('token')) {
  options.getToken = async () => {
    const answer = await fetch(query.get('token'));
    return answer.status === 204 ? null : answer.text();
  };
}
const hg = connect(options);

const plain = ({ id, type, status, active, cancelling, stale, seq, attempt, progress, result, resultState, error }) => ({
  id, type, status, active, cancelling, stale, seq, attempt, value: progress.value, resultState, error: error?.message ?? '',
  ...(result !== undefined && { result }),
});
// What a page can see of a view, the time that is left among it.
const words = (view) => JSON.stringify({ ...view });

function watch(s, snapshot, subscribe) {
  let last = new Map();
  const look = () => {
    const views = new Map(snapshot().map((view) => [view.id, view]));
    for (const [id, view] of views) {
      const was = last.get(id);
      if (was === view) continue;
      if (was && words(was) === words(view)) record({ k: 'unchanged', s, x: id });
      else if (id) record({ k: 'view', s, v: plain(view) });
      if (!Object.isFrozen(view)) record({ k: 'broken', s, x: `the view of ${id} is not frozen` });
      if (s === 'list' && was?.active && !view.active) tell(`the end of ${id}`);
    }
    for (const id of last.keys()) if (!views.has(id)) record({ k: 'left', s, x: id });
    last = views;
  };
  subscribe(look);
  look();
}
const tell = async (x) => (await hg.once(x)) && record({ k: 'once', x });

const list = hg.tasks();
const mine = hg.tasks({ mine: true });
const followed = (query.get('follow')?.split(',') ?? []).map((id) => hg.follow(id));
watch('list', list.getSnapshot, list.subscribe);
watch('mine', mine.getSnapshot, mine.subscribe);
for (const task of followed) watch('follow', () => [task.getSnapshot()], task.subscribe);

const connection = () => record({ k: 'stream', x: hg.connection.getSnapshot().state, s: hg.connection.getSnapshot().sharing ?? '' });
hg.connection.subscribe(connection);
connection();
hg.version.subscribe(() => record({ k: 'version', x: hg.version.getSnapshot().version }));
let resets = 0;
hg.on('reset', ({ reason }) => {
  resets++;
  record({ k: 'reset', x: reason });
});
let event = 0;
hg.on('event', ({ data }) => record({ k: 'event', n: (event = data.n) }));
addEventListener('pageshow', ({ persisted }) => persisted && record({ k: 'restored' }));

let reading = 0;
let outputs = 0;
let unanswered = 0;
let starts = 0;
window.chaos = {
  start(type, params) {
    const task = hg.start(type, params, { key: crypto.randomUUID() });
    const s = `start ${++starts}`;
    unanswered++;
    task.started.then(() => unanswered--, () => unanswered--);
    void (async () => {
      let last;
      for await (const view of task) {
        if (view === last) record({ k: 'unchanged', s, x: view.id });
        last = view;
        if (view.id) record({ k: 'view', s, v: plain(view) });
      }
    })();
    task.result.then((r) => record({ k: 'result', x: task.id, r }), () => {});
    return s;
  },
  async cancel(id) {
    const begin = performance.now();
    const outcome = await hg.follow(id).cancel();
    return JSON.stringify({ outcome, ms: Math.round(performance.now() - begin) });
  },
  // Records what a task prints, to its end.
  read(id) {
    const s = `output ${++outputs}`;
    reading++;
    void (async () => {
      for await (const { offset: o, text: t, gap: g } of hg.follow(id).output()) record({ k: 'output', s, x: id, o, t, g });
      record({ k: 'read', s, x: id });
    })()
      .catch((error) => record({ k: 'broken', s, x: `the output of ${id}: ${error}` }))
      .finally(() => reading--);
    return s;
  },
  reconnect: () => hg.reconnect(),
  // ms is how long the next freezing is to take, by the page's clock.
  freezeFor: (ms) => (frozenFor = ms),
  state: () => {
    const { state, stale, sharing, error, capabilities } = hg.connection.getSnapshot();
    return JSON.stringify({ life, pace: capabilities.heartbeat === true, state, stale, sharing, error: error?.code ?? '', unanswered, reading, event, resets, version: hg.version.getSnapshot()?.version ?? '' });
  },
  views: () => JSON.stringify({ list: list.getSnapshot().map(plain), mine: mine.getSnapshot().map(plain), followed: followed.map((task) => plain(task.getSnapshot())) }),
  // All records of all pages of the browser, from the storage.
  records: () => JSON.stringify(Object.fromEntries(Object.entries(localStorage).filter(([key]) => key.startsWith('chaos ')))),
};
