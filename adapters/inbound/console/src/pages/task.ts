// W3: one task, with all that is known of it.

import type { Task } from '../../../webclient/types/index.js';
import { Refused } from '../parts/api.js';
import { command, copyButton, curl } from '../parts/copy.js';
import { button, facts, h, link, note, show } from '../parts/dom.js';
import { ago, clock, duration, short } from '../parts/format.js';
import { download, jsonTree } from '../parts/jsontree.js';
import { type Key, POLL, PageElement, Trouble, heading } from '../parts/page.js';
import { go, linkTo } from '../parts/place.js';
import { statusBadge } from '../parts/state.js';
import { Table } from '../parts/table.js';
import { type Item, type Read, isActive, itemOf, labelsOf, progressOf, took } from '../parts/task.js';
import { ACTIONS, type TaskAction, actionsFor, bodyOf, readTask } from '../parts/taskactions.js';
import { type Attempt, type Logged, attemptsOf, inOneLine } from './task/events.js';
import { chartOf } from './task/chart.js';
import { TaskLog } from './task/log.js';
import { outputOf } from './task/output.js';

export class TaskPage extends PageElement {
  readonly #trouble = new Trouble();
  readonly #badge = h('span');
  readonly #actions = h('div', { class: 'actions' });
  readonly #progress = h('div');
  readonly #facts = h('div');
  readonly #error = h('section', { class: 'card', hidden: true });
  readonly #params = h('section', { class: 'card' }, h('h2', {}, 'Params'));
  readonly #result = h('section', { class: 'card', hidden: true });
  readonly #chart = h('figure', { class: 'card', hidden: true });
  readonly #eventsNote = note();
  readonly #attempts = new Table<Attempt>('Attempts', [
    { head: 'Attempt', of: ({ attempt }) => attempt },
    { head: 'Began', of: ({ began }) => clock(began) },
    { head: 'Took', class: 'number', of: ({ began, ended }) => (began && ended ? duration((Date.parse(ended) - Date.parse(began)) / 1000) : null) },
    { head: 'How it ended', of: ({ why }) => why },
  ], ({ attempt }) => String(attempt));
  readonly #events = new Table<Logged>('Events, oldest first', [
    { head: 'seq', of: ({ seq }) => seq },
    { head: 'Event', of: ({ type }) => type },
    { head: 'Says', class: 'grow', of: inOneLine },
    { head: 'At', class: 'text wide', of: ({ at }) => clock(at) },
    { head: 'ID', class: 'mono wide', of: ({ id }) => id },
  ], ({ seq }) => String(seq));
  override readonly keys: Key[] = ACTIONS.map((action) => ({ key: action.key, does: action.words.toLowerCase(), run: () => this.#do(action) }));

  #task: Task | null = null;
  #read: Read | undefined;
  #item: Item | null = null;
  #log: TaskLog | null = null;
  #shown = '';

  get #id(): string {
    return this.place.id;
  }

  protected open(): void {
    show(this,
      heading('Task', this.#actions),
      this.#trouble.element,
      h('section', { class: 'card' }, this.#badge, this.#progress, this.#facts),
      this.#error, this.#chart,
      h('section', {}, h('h2', {}, 'Attempts'), h('div', { class: 'scroll' }, this.#attempts.element)),
      h('div', { class: 'cards two' }, this.#params, this.#result),
      outputOf(this.app, this.#id, this.signal),
      h('section', {}, h('h2', {}, 'Events'), this.#eventsNote, h('div', { class: 'scroll' }, this.#events.element)));
    const timer = setInterval(() => this.#draw(), 1000);
    this.signal.addEventListener('abort', () => clearInterval(timer));
    if (this.app.live) this.#follow();
    else this.every(POLL, () => (this.#item && isActive(this.#item) ? this.#load() : undefined), this.#trouble.say);
    this.#log = new TaskLog(this.app, this.#id, this.signal, (events, words) => this.#showEvents(events, words));
    void this.#load();
  }

  #follow(): void {
    this.#task = this.app.client.follow(this.#id);
    this.signal.addEventListener('abort', this.#task.subscribe(() => this.#draw()));
  }

  override moved(): void {} // it has no query

  /** Reads what no event says, as params and where it runs; without a stream all of it. */
  async #load(): Promise<void> {
    try {
      this.#read = await readTask(this.app, this.#id, this.signal);
      this.#trouble.clear();
      this.#showParams(this.#read);
      this.#draw();
    } catch (error) {
      if (this.signal.aborted) return;
      const gone = error instanceof Refused && error.status === 404;
      this.#trouble.say(gone ? new Error('There is no such task, or it is not one that you may see. Tasks that have ended are removed after a while.') : error);
    }
  }

  #draw(): void {
    const view = this.#task?.getSnapshot();
    const known = view && view.type !== '' ? view : undefined;
    if (!known && !this.#read) return;
    const before = this.#item;
    const item = (this.#item = itemOf(this.#read, known));
    if (item.state === 'expired') {
      this.#trouble.say(new Error('This task was removed. What is shown is what was known of it.'));
    } else if (known && before && (before.attempt !== item.attempt || before.state !== item.state)) void this.#load(); // where it runs
    this.#log!.changed(item);
    const said = JSON.stringify([item, took(item), item.next && ago(item.next), known?.resultState, this.#read?.node]);
    if (said === this.#shown) return;
    this.#shown = said;
    this.querySelector('h1')!.textContent = `${item.type} ${short(item.id)}`;
    document.title = `${item.status} · ${item.type} ${short(item.id)} · heliograph`;
    show(this.#badge, statusBadge(item.status));
    show(this.#progress, progressOf(item, `Progress of ${item.type}`));
    this.#showActions(item);
    show(this.#facts, facts([
      ['ID', h('code', {}, item.id)],
      ['Type', link(linkTo('tasks', '', { type: item.type }), item.type)],
      ['Started by a request', `${clock(item.created)} (${ago(item.created)})`],
      ['Runs since', clock(item.started)],
      ['Ended', clock(item.ended)],
      ['Took', took(item)],
      ...(item.next ? [['Next attempt', ago(item.next)] as [string, string]] : []),
      ['Attempt', item.attempt || '—'],
      ['Node', this.#read?.node ?? '—'],
      ['Worker', this.#read?.worker ?? '—'],
      ['Labels', Object.keys(item.labels).length ? labelsOf(item.labels) : '—'],
      ['Newest event', `seq ${item.seq}`],
    ]));
    this.#error.hidden = !item.error;
    if (item.error) show(this.#error, h('h2', {}, item.state === 'failed' ? 'Error' : 'How the last attempt ended'), h('p', { class: 'badge bad' }, (known?.error?.code ?? this.#read?.code) || 'TASK_FAILED'), h('pre', { class: 'long' }, item.error));
    if (item.state === 'completed' && known) this.#showResult(known.resultState, known.result);
    else if (item.state === 'completed' && !this.app.live) this.#showResult('ready', this.#read!.result);
  }

  // Buttons stay while the state does, and with them the focus.
  #showActions(item: Item): void {
    const actions = actionsFor(this.app, item);
    const said = actions.map(({ name }) => name).join();
    if (this.#actions.dataset.said === said) return;
    this.#actions.dataset.said = said;
    show(this.#actions,
      ...actions.map((action) => button(action.words, () => this.#do(action), { 'data-do': action.name, 'aria-keyshortcuts': action.key, ...(action.name === 'cancel' && { class: 'danger' }) })),
      copyButton('Copy link', () => location.href));
  }

  #do(action: TaskAction): void {
    const item = this.#item;
    if (!item || !actionsFor(this.app, item).includes(action)) return;
    void this.attempt(async () => {
      await action.run(this.app, item);
      if (action.name === 'remove' && !isActive(item)) {
        await readTask(this.app, item.id).then(() => {}, () => go(linkTo('tasks')));
      }
    });
  }

  #showParams(read: Read): void {
    const hidden = !('params' in read);
    show(this.#params, h('h2', {}, 'Params'),
      hidden ? note('Tasks of this type keep their params to themselves.') : read.params === null ? note('It was started without any.') : jsonTree(read.params),
      !hidden && h('details', {}, h('summary', {}, 'The same as curl'), command(curl('POST', '/tasks', bodyOf(read)))));
  }

  #showResult(state: string, result: unknown): void {
    this.#result.hidden = false;
    if (this.#result.dataset.said === state) return;
    this.#result.dataset.said = state;
    show(this.#result, h('h2', {}, 'Result'),
      state !== 'ready' ? note(state === 'loading' ? 'It is large, and is being fetched…' : 'It is gone.') : result === null ? note('It returned none.') : jsonTree(result),
      state === 'ready' && result !== null && h('div', { class: 'actions' },
        button('Download', () => download(`${this.#item!.type}-${short(this.#id)}.json`, JSON.stringify(result, null, 2)), { class: 'small' }),
        copyButton('Copy', () => JSON.stringify(result, null, 2))));
  }

  #showEvents(events: readonly Logged[], words: string): void {
    show(this.#eventsNote, words);
    this.#eventsNote.hidden = !words;
    this.#events.show(events);
    this.#attempts.show(attemptsOf(events, this.#item));
    const chart = chartOf(events);
    this.#chart.hidden = !chart;
    if (chart) show(this.#chart, h('h2', {}, 'Progress over time'), chart);
  }
}

