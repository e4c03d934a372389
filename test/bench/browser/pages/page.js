// What the pages of all clients share: a row for each task, which is drawn once per frame, and
// what the benchmark asks a page for.

/** How many events were seen (of a client that keeps tasks, how many the newest states stand for), and how many frames were drawn. */
export const seen = { events: 0, progress: 0, frames: 0 };

requestAnimationFrame(function count() {
  seen.frames++;
  requestAnimationFrame(count);
});

const rows = new Map();
const changed = new Map();

/** Shows a row in the next frame. */
export function show(id, value, text) {
  if (!changed.size) requestAnimationFrame(drawChanged);
  changed.set(id, { value, text });
}

function drawChanged() {
  for (const [id, { value, text }] of changed) draw(id, value, text);
  changed.clear();
}

/** Shows a row now: in the frame that is being made. */
export function draw(id, value, text) {
  const { bar, label } = rows.get(id) ?? addRow(id);
  bar.value = value;
  label.data = text;
}

function addRow(id) {
  const line = document.body.appendChild(document.createElement('div'));
  const row = { bar: document.createElement('progress'), label: document.createTextNode('') };
  line.append(row.bar, row.label);
  rows.set(id, row);
  return row;
}

/** Params of a task that reports at once and is soon over. */
export const SHORT = { rate: 20, seconds: 0.2 };

let starts = 0;

/** The time from the start of a task to the frame that first shows its progress, and to that since the page was asked for, in milliseconds. */
async function start(follow) {
  const name = `start-${++starts}`;
  const line = document.createElement('p');
  line.setAttribute('elementtiming', name);
  document.body.prepend(line);
  const painted = new Promise((resolve) => {
    new PerformanceObserver((list, observer) => {
      const entry = list.getEntries().find(({ identifier }) => identifier === name);
      if (!entry) return;
      observer.disconnect();
      resolve(entry.renderTime);
    }).observe({ type: 'element', buffered: true });
  });
  const begun = performance.now();
  await follow((value) => (line.textContent ||= `${Math.round(value * 100)} %`));
  const at = await painted;
  line.remove();
  return { took: at - begun, since: at };
}

/**
 * Lets the benchmark use a page. ready says when events come, follow starts a task and shows
 * its progress; early says that it need not wait until the page is ready.
 */
export function offer({ ready, follow, early = false }) {
  const begun = location.search.includes('begin') && (early ? start(follow) : ready.then(() => start(follow)));
  globalThis.bench = { seen, ready, begun, start: () => start(follow) };
}
