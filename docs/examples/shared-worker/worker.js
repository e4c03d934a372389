// One stream for every tab: this module owns the page's only EventSource, keeps
// what it told, and hands it on to the tabs that attached.
//
// Its own URL configures it: worker.js?stream=<URL of the stream>&silence=<ms>.
// It runs as a SharedWorker, or inside the page where there is none (client.js
// chooses). It has no dependencies; copy it and change it.

const options = new URL(import.meta.url).searchParams;
const streamURL = new URL(options.get('stream'), import.meta.url);
const silence = Number(options.get('silence') ?? 45_000);

// A request_id belongs to one stream. This one dies with the worker, so a
// duplicated tab cannot carry it into a second one.
if (!streamURL.searchParams.has('request_id')) {
  streamURL.searchParams.set('request_id', randomID());
}

const STATUS = {
  task_queued: 'pending',
  task_cancel_requested: 'running',
  task_removed: 'gone',
  task_started: 'running',
  progress_update: 'running',
  task_completed: 'completed',
  task_failed: 'failed',
  task_cancelled: 'cancelled',
};
// "gone" is our own: the server does not know the task any more.
const ENDED = new Set(['completed', 'failed', 'cancelled', 'gone']);
const MAX_TASKS = 1000; // ended ones beyond it are forgotten, oldest first
const MAX_DELAY = 30_000; // ms between attempts

const ports = new Map(); // port → Set of the task_ids that it wants, or null for all
const tasks = new Map(); // task_id → all that is known of the task
let version; // the last version event
let state = { name: 'closed' };
let source; // the EventSource, or undefined
let lastEventId = '';
let listed = new Set(); // task_ids of the snapshot that is coming in
let failures = 0; // attempts in a row that the browser gave up
let retryTimer;
let silenceTimer;
let pinged = false; // only a server that sends pings can be missed

// attach serves one tab. It sends {watch: task_ids or null} to join or to
// change its mind, {bye: true} to leave; it gets {state}, {version} and {task}.
export function attach(port) {
  port.onmessage = ({ data }) => (data.bye ? leave(port) : join(port, data.watch));
}

if (globalThis.SharedWorkerGlobalScope) {
  self.onconnect = (event) => attach(event.ports[0]);
} else {
  // In a page that is left no message arrives any more, not even {bye: true}.
  globalThis.addEventListener?.('pagehide', () => source && stop('closed'));
}

function join(port, watch) {
  ports.set(port, watch ? new Set(watch) : null);
  if (!source && state.name !== 'replaced') open();
  port.postMessage({ state });
  if (version) port.postMessage({ version });
  for (const task of tasks.values()) {
    if (wants(port, task)) port.postMessage({ task });
  }
}

function leave(port) {
  ports.delete(port);
  if (ports.size === 0 && source) stop('closed');
}

function wants(port, task) {
  return ports.get(port)?.has(task.task_id) ?? true;
}

function tellAll(message) {
  for (const port of ports.keys()) port.postMessage(message);
}

function setState(next) {
  state = next;
  tellAll({ state });
}

// --- the stream

function open() {
  // A new EventSource knows nothing of the one before; a reconnect of the same
  // one sends the newer Last-Event-ID header by itself, and that one counts.
  if (lastEventId) streamURL.searchParams.set('last_event_id', lastEventId);
  source = new EventSource(streamURL);
  source.onopen = onOpen;
  source.onerror = onError;
  on('task_event', onTaskEvent);
  on('task_snapshot', onTaskSnapshot);
  on('version', (data) => tellAll({ version: (version = data) }));
  on('stream_reset', (data) => setState({ name: 'open', reset: data.reason }));
  on('ping', () => (pinged = true));
  on('replaced', () => stop('replaced')); // or the two would fight for the id
  setState({ name: 'connecting' });
  watchForSilence();
}

function on(name, handle) {
  source.addEventListener(name, (event) => {
    if (event.lastEventId) lastEventId = event.lastEventId;
    handle(JSON.parse(event.data));
    watchForSilence();
  });
}

function onOpen() {
  failures = 0;
  listed = new Set(); // half a snapshot of the broken stream counts for nothing
  setState({ name: 'open' });
  watchForSilence();
}

// onError tries again where the browser does not: it reconnects after a broken
// stream, but gives up for good on an answer that is no stream, such as the 502
// of a proxy during a deploy. The random delay keeps clients apart.
function onError() {
  setState({ name: 'connecting' });
  if (source.readyState !== EventSource.CLOSED) return;
  const longest = Math.min(MAX_DELAY, 1000 * 2 ** failures++);
  clearTimeout(retryTimer);
  retryTimer = setTimeout(reopen, Math.random() * longest);
}

function reopen() {
  source.close();
  clearTimeout(retryTimer);
  open();
}

function stop(name) {
  source.close();
  source = undefined;
  clearTimeout(retryTimer);
  clearTimeout(silenceTimer);
  setState({ name });
}

// watchForSilence starts the watch-dog anew. Heartbeats are comments, which no
// script can see, so it waits for pings, and only once the first one has come.
function watchForSilence() {
  clearTimeout(silenceTimer);
  if (source && pinged && silence > 0) silenceTimer = setTimeout(reopen, silence);
}

// --- what is known of tasks

function onTaskEvent({ event_type, task_id, seq, attempt, data, truncated }) {
  if (!STATUS[event_type]) return; // more may come
  const task = { task_id, status: STATUS[event_type], seq, attempt };
  if (event_type === 'progress_update') task.progress = data;
  if (event_type === 'task_completed') task.result = data;
  if (event_type === 'task_failed') task.error = data.error;
  if (event_type === 'task_cancel_requested') task.cancel_requested = true;
  merge(task, (known) => seq > known.seq);
  if (truncated) refresh(task_id); // the result was too large for an event
}

function onTaskSnapshot(snapshot) {
  for (const task of snapshot.tasks) {
    listed.add(task.task_id);
    merge(task, (known) => task.seq >= known.seq);
  }
  if (snapshot.more) return;
  // Whatever else we believe to be running may have ended while nobody listened.
  for (const task of tasks.values()) {
    if (!ENDED.has(task.status) && !listed.has(task.task_id)) refresh(task.task_id);
  }
  listed = new Set();
}

// merge takes news of a task unless what is known is newer: never show an older
// seq. The same seq may still say more, as a status does with cancel_requested.
function merge(news, isNewer) {
  const known = tasks.get(news.task_id);
  if (known && !isNewer(known)) return;
  const task = { ...known, ...news };
  tasks.set(task.task_id, task);
  for (const port of ports.keys()) {
    if (wants(port, task)) port.postMessage({ task });
  }
  forgetOldest();
}

function forgetOldest() {
  for (const [id, task] of tasks) {
    if (tasks.size <= MAX_TASKS) return;
    if (ENDED.has(task.status)) tasks.delete(id);
  }
}

// refresh asks for a task's status. When that fails, the next snapshot asks again.
async function refresh(id) {
  try {
    const answer = await fetch(new URL(`../tasks/${id}/status`, streamURL), { cache: 'no-store' });
    if (answer.ok) {
      const task = await answer.json();
      merge(task, (known) => task.seq >= known.seq);
    } else if (answer.status === 404) {
      const { seq } = tasks.get(id);
      merge({ task_id: id, seq, status: 'gone' }, (known) => !ENDED.has(known.status));
    }
  } catch {
    // offline, or the answer broke off
  }
}

// randomID works without HTTPS too, where crypto.randomUUID does not exist.
function randomID() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
