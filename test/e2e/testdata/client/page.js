// Shows all that the client library knows, as attributes that a test can wait for. Its own
// query says how: api=URL, share=none, id=REQUEST_ID, token=PATH of the token, bodies=none for a browser that
// streams none, type and params of a start.
const query = new URLSearchParams(location.search);
if (query.has('bodies')) {
  delete Response.prototype.body;
  let sources = 0;
  window.EventSource = class extends EventSource {
    constructor(...args) {
      super(...args);
      document.body.dataset.sources = ++sources;
    }
  };
}
const api = query.get('api') ?? '/api';
const { connect } = await import(api + '/client/client.js');

const options = { api };
if (query.has('share')) options.share = query.get('share');
if (query.has('id')) options.requestId = query.get('id');
if (query.has('token')) {
  options.getToken = async () => {
    const answer = await fetch(query.get('token'));
    return answer.status === 204 ? null : answer.text();
  };
}
const hg = (window.hg = connect(options));
const note = (element, values) => {
  for (const [name, value] of Object.entries(values)) element.dataset[name] = value;
};

const showConnection = () => {
  const { state, stale, sharing, error } = hg.connection.getSnapshot();
  note(document.body, { state, stale, sharing, error: error?.code ?? '' });
};
hg.connection.subscribe(showConnection);
showConnection();
hg.version.subscribe(() => note(document.body, { version: hg.version.getSnapshot().version }));
hg.on('reset', ({ reason }) => note(document.body, { reset: reason }));

function show(list, store) {
  const shown = new Map(); // the highest seq of each task, which must not fall
  const render = () => {
    list.replaceChildren(
      ...store.getSnapshot().map(({ id, type, status, seq, cancelling, progress, result, error }) => {
        if (seq < (shown.get(id) ?? -1)) note(document.body, { older: id });
        shown.set(id, seq);
        const item = document.createElement('li');
        note(item, { task: id, type, status, seq, cancelling, value: progress.value ?? '', result: JSON.stringify(result) ?? '', error: error?.message ?? '' });
        item.textContent = `${type} ${status} ${progress.text}`;
        return item;
      }),
    );
  };
  store.subscribe(render);
  render();
}
show(document.querySelector('#tasks'), hg.tasks());
show(document.querySelector('#mine'), hg.tasks({ mine: true }));

let task;
document.querySelector('#start').onclick = async () => {
  task = hg.start(query.get('type') ?? 'demo_task', JSON.parse(query.get('params') ?? '{}'));
  for await (const { id, status } of task) note(document.body, { started: id ?? '', loop: status });
  note(document.body, { loop: 'ended' });
};
document.querySelector('#cancel').onclick = async () => {
  const running = hg.tasks({ active: true });
  const stop = running.subscribe(() => {});
  const [first] = running.getSnapshot();
  const begin = performance.now();
  note(document.body, { outcome: await hg.follow(first.id).cancel(), took: Math.round(performance.now() - begin) });
  stop();
};
document.querySelector('#reconnect').onclick = () => hg.reconnect();

if (query.has('output')) {
  // Every piece must begin where the one before ended.
  const shown = document.querySelector('#output');
  const bytes = new TextEncoder();
  let next = 0;
  for await (const { offset, text, gap } of hg.follow(query.get('output')).output()) {
    if (offset !== next) note(document.body, { broken: `${offset} follows ${next}` });
    next = offset + (gap ?? bytes.encode(text).length);
    shown.textContent += text ?? `[${gap} bytes are gone]`;
    note(document.body, { bytes: next });
  }
  note(document.body, { output: 'ended' });
}
