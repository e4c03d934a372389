// W2, and W1 while nothing has run: the tasks, newest first, live.

import type { Store, TaskView } from '../../../webclient/types/index.js';
import { dialog } from '../parts/dialog.js';
import { button, h, link, note, show } from '../parts/dom.js';
import { ago, number, plural, short } from '../parts/format.js';
import { type Key, POLL, PageElement, Trouble, heading } from '../parts/page.js';
import { Pause } from '../parts/pause.js';
import { UUID, go, linkTo } from '../parts/place.js';
import { statusBadge } from '../parts/state.js';
import { Table } from '../parts/table.js';
import { type Item, type Read, isActive, itemOf, labelsOf, progressOf, took } from '../parts/task.js';
import { ACTIONS, type TaskAction, actionsFor } from '../parts/taskactions.js';
import { bulk } from './tasks/bulk.js';
import { firstRun } from './tasks/firstrun.js';

/** So many tasks are shown at a time; as many as one request can name. */
const PAGE = 100;
/** The table is drawn at most once in so many milliseconds. */
const PACE = 200;
/** What is left to a request is asked for at most once in so many milliseconds. */
const ASK_PACE = 1500;

const STATES = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
type Counts = Partial<Record<(typeof STATES)[number], number>>;

interface Listed {
  tasks: Read[];
  next_cursor: string | null;
  counts?: Counts;
}

/** Tasks as the service lists them, page by page. */
interface List {
  readonly query: Record<string, string | string[]>;
  /** Of the next page; null when all were read. */
  cursor: string | null;
  /** When the oldest that was read was started: of older ones some are not known. In milliseconds. */
  horizon: number;
}

/** One that waits is read once, and once in each attempt that has begun. */
const askedOf = ({ id, attempt, started }: Item): string => `${id} ${started ? attempt : 0}`;

export class TasksPage extends PageElement {
  readonly #trouble = new Trouble();
  readonly #table = new Table<Item>('Tasks, newest first', this.#columns(), ({ id }) => id);
  readonly #rows = h('div', { class: 'scroll', hidden: true }, this.#table.element);
  readonly #first = h('div', { hidden: true });
  readonly #none = note();
  readonly #tabs = h('nav', { class: 'tabs', 'aria-label': 'By state' });
  readonly #pager = h('div', { class: 'actions pager' });
  readonly #pause = new Pause(() => {
    this.#show();
    if (this.app.live) this.#askSoon();
  });
  readonly #search = h('input', { type: 'search', 'data-search': '', 'aria-label': 'Label, or the ID of a task', placeholder: 'label:value, or an ID', spellcheck: 'false', autocomplete: 'off' });
  readonly #type = h('select', { 'aria-label': 'Type' });
  readonly #failedFirst = h('input', { type: 'checkbox', onchange: () => this.#to({ order: this.#failedFirst.checked ? 'failed' : '', page: '' }) });
  override readonly keys: Key[] = [
    this.#pause.key,
    { key: 'f', does: 'failed first', run: () => this.#failedFirst.click() },
    { key: 'n', does: 'older tasks', run: () => this.querySelector<HTMLElement>('[data-older]')?.click() },
    { key: 'b', does: 'newer tasks', run: () => this.querySelector<HTMLElement>('[data-newer]')?.click() },
    ...ACTIONS.map((action) => ({ key: action.key, does: `${action.words.toLowerCase()} (the task of the row)`, run: () => this.#onRow(action) })),
  ];

  #live: readonly TaskView[] = [];
  #read = new Map<string, Read>();
  #lists: List[] = []; // those that have failed, if they come first, and all
  #joined = new Map<string, { read: Read | undefined; view: TaskView | undefined; item: Item }>();
  #counts: Counts = {};
  #items: readonly Item[] = [];
  #gone = new Set<string>();
  #loaded = false;
  #drawing: ReturnType<typeof setTimeout> | undefined;
  #asking: ReturnType<typeof setTimeout> | undefined;
  #stopList = () => {};
  #filter = '';
  readonly #asked = new Set<string>(); // what was read for the sake of one field

  protected open(): void {
    const changes = !this.app.readOnly;
    show(this,
      heading('Tasks', this.#pause.button, changes ? link(linkTo('start'), 'Start a task', { class: 'button primary' }) : null),
      this.#first, this.#tabs,
      h('form', { class: 'filters', role: 'search', onsubmit: (event: Event) => {
        event.preventDefault();
        this.#find(this.#search.value.trim());
      } },
        this.#type, this.#search,
        h('label', {}, this.#failedFirst, 'Failed first'),
        changes && button('All that match…', () => bulk(this.app, this.#query(), this.#counts, () => this.#load()), { 'data-bulk': '' })),
      this.#trouble.element, this.#none, this.#rows, this.#pager);
    this.#type.addEventListener('change', () => this.#to({ type: this.#type.value, page: '' }));
    this.addEventListener('click', (event) => this.#onClick(event));
    const timer = setInterval(() => this.#draw(), 1000); // ages go on
    this.signal.addEventListener('abort', () => {
      clearInterval(timer);
      clearTimeout(this.#drawing);
      clearTimeout(this.#asking);
      this.#stopList();
    });
    void this.app.client.types().then((types) => this.#showTypes(types.map(({ type }) => type)), () => {});
    this.moved();
    if (!this.app.live) this.every(POLL, () => this.#poll(), this.#trouble.say);
  }

  override moved(): void {
    const { query } = this.place;
    this.#failedFirst.checked = query.get('order') === 'failed';
    this.#search.value = query.getAll('label').join(' ');
    this.#showTypes([]);
    const filter = linkTo('tasks', '', { ...this.#query(), order: query.get('order') ?? '' });
    if (filter !== this.#filter) {
      this.#filter = filter;
      if (this.#pause.on) this.#pause.set(false);
      this.#begin();
    }
    this.#loadPage();
    this.#show();
  }

  // --- what is asked for

  /** What the tasks are selected by, as the API has it. */
  #query(): Record<string, string | string[]> {
    const { query } = this.place;
    return { status: query.get('status') ?? '', type: query.get('type') ?? '', label: query.getAll('label') };
  }

  get #page(): number {
    return Math.max(1, Number(this.place.query.get('page')) || 1);
  }

  /** Goes to these tasks with something in the query changed. */
  #to(change: Record<string, string | string[]>, how: (to: string) => void = go): void {
    const query: Record<string, string | string[]> = { ...this.#query(), order: this.place.query.get('order') ?? '', page: this.place.query.get('page') ?? '', ...change };
    how(linkTo('tasks', '', query));
  }

  #find(text: string): void {
    if (UUID.test(text)) return go(linkTo('tasks', text.toLowerCase()));
    this.#to({ label: text.split(/\s+/).filter(Boolean).map((one) => (one.includes(':') ? one : one + ':')), page: '' });
  }

  // Begins with other filters.
  #begin(): void {
    this.#stopList();
    if (this.app.live) this.#subscribe();
    this.#read.clear();
    this.#joined.clear();
    this.#loaded = false;
    const query = this.#query();
    const list = (query: List['query']): List => ({ query, cursor: '', horizon: Infinity });
    this.#lists = [list(query)];
    if (this.#failedFirst.checked && !query.status) this.#lists.unshift(list({ ...query, status: 'failed' }));
    this.#draw();
    if (this.app.live) this.#askSoon();
  }

  #subscribe(): void {
    const { type, label } = this.#query();
    const labels = Object.fromEntries((label as string[]).map((one) => one.split(/:(.*)/s) as [string, string]));
    const live: Store<readonly TaskView[]> = this.app.client.tasks({ ...(type && { type: type as string }), ...(label!.length > 0 && { labels }) });
    this.#stopList = live.subscribe(() => {
      this.#live = live.getSnapshot();
      this.#draw();
      this.#askSoon();
    });
    this.#live = live.getSnapshot();
  }

  // Without a stream: what is new, and what became of those that are shown.
  async #poll(): Promise<void> {
    if (this.#pause.on || !this.#loaded) return;
    await this.#reading(async (signal) => {
      const lists = this.#lists;
      const { type, label } = this.#query();
      const open = this.#items.filter(isActive).map(({ id }) => id);
      const answers = [
        ...await Promise.all(lists.map(({ query }) => this.app.api.get<Listed>('/tasks', { ...query, limit: 2 * PAGE }, signal))),
        ...(open.length ? [await this.app.api.get<Listed>('/tasks', { ids: open.join(',') }, signal)] : []),
      ];
      const { counts } = await this.app.api.get<Listed>('/tasks', { type, label, limit: 1, include: 'counts' }, signal);
      if (lists !== this.#lists) return; // the filters are others now
      this.#counts = counts ?? {};
      const there = new Set<string>();
      for (const answer of answers) {
        this.#take(answer);
        for (const { task_id } of answer.tasks) there.add(task_id);
      }
      for (const id of open) if (!there.has(id)) this.#gone.add(id);
    });
  }

  // Reads on until the page that is shown is full.
  #loadPage(): void {
    void this.#reading(async (signal) => {
      for (const list of this.#lists) {
        while (this.#lists.includes(list) && list.cursor !== null && this.#matching().length < this.#page * PAGE) await this.#readMore(list, signal);
      }
      this.#loaded = true;
    });
  }

  /** Reads everything anew. */
  #load(): void {
    this.#filter = '';
    this.moved();
  }

  async #readMore(list: List, signal: AbortSignal): Promise<void> {
    const first = list.cursor === '';
    const answer = await this.app.api.get<Listed>('/tasks', { ...list.query, limit: 2 * PAGE, cursor: list.cursor ?? '', ...(first && { include: 'counts' }) }, signal);
    list.cursor = answer.next_cursor;
    list.horizon = answer.next_cursor === null ? -Infinity : Math.min(list.horizon, ...answer.tasks.map(({ created_at }) => Date.parse(created_at)));
    if (!this.#lists.includes(list)) return; // the filters are others now
    this.#take(answer);
    if (first) this.#counts = answer.counts ?? {};
  }

  async #reading(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await work(this.signal);
      this.#trouble.clear();
    } catch (error) {
      if (!this.signal.aborted) this.#trouble.say(error);
    }
    if (!this.signal.aborted) this.#show();
  }

  // Counts have no event; events do not say where a task runs, nor what labels one has that waits.
  #askSoon(): void {
    if (this.#pause.on) return;
    this.#asking ??= setTimeout(() => void this.#reading(async (signal) => {
      this.#asking = undefined;
      const { type, label } = this.#query();
      const answer = await this.app.api.get<Listed>('/tasks', { type, label, limit: 1, include: 'counts' }, signal);
      this.#counts = answer.counts ?? {};
      if (label!.length) this.#take(await this.app.api.get<Listed>('/tasks', { type, label, status: 'pending', limit: PAGE }, signal)); // the stream does not say that they match
      const unknown = this.#items.filter((item) => !this.#asked.has(askedOf(item)) && (item.started ? item.where === null : !this.#read.has(item.id))).slice(0, PAGE);
      if (!unknown.length) return;
      for (const item of unknown) this.#asked.add(askedOf(item));
      this.#take(await this.app.api.get<Listed>('/tasks', { ids: unknown.map(({ id }) => id).join(',') }, signal));
    }), ASK_PACE);
  }

  #take({ tasks }: Listed): void {
    for (const task of tasks) this.#read.set(task.task_id, task);
  }

  // --- what is shown

  /** All that is known and matches, in the order of the page, as far as nothing is missing between them. */
  #matching(): Item[] {
    const { status } = this.#query();
    const all = this.#lists.at(-1)!;
    const failed = this.#lists.length > 1 ? this.#lists[0]! : null;
    const isFirst = ({ state }: Item) => failed !== null && state === 'failed';
    const isWithin = (item: Item) => (isFirst(item) ? item.at >= failed!.horizon : failed?.cursor === null || !failed ? item.at >= all.horizon : false);
    const views = new Map(this.#live.map((view) => [view.id!, view]));
    const items: Item[] = [];
    for (const id of new Set([...views.keys(), ...this.#read.keys()])) {
      const item = this.#join(id, this.#read.get(id), views.get(id));
      if (item.state === 'expired') this.#gone.add(id);
      if (!this.#gone.has(id) && isWithin(item) && (!status || item.state === status)) items.push(item);
    }
    return items.sort((a, b) => Number(isFirst(b)) - Number(isFirst(a)) || b.at - a.at || (a.id < b.id ? 1 : -1));
  }

  // Most have not changed since they were joined.
  #join(id: string, read: Read | undefined, view: TaskView | undefined): Item {
    const known = this.#joined.get(id);
    if (known && known.read === read && known.view === view && !known.item.next) return known.item;
    const item = itemOf(read, view);
    this.#joined.set(id, { read, view, item });
    return item;
  }

  #draw(): void {
    if (this.#pause.on) return;
    this.#drawing ??= setTimeout(() => {
      this.#drawing = undefined;
      this.#show();
    }, PACE);
  }

  #show(): void {
    if (this.#pause.on) return;
    const matching = this.#matching();
    const from = (this.#page - 1) * PAGE;
    this.#items = matching.slice(from, from + PAGE);
    this.#table.show(this.#items);
    this.#rows.hidden = !this.#items.length;
    this.#showTabs();
    this.#showPager(matching.length > from + PAGE || this.#lists.some(({ cursor }) => cursor !== null));
    this.#showNone(matching.length);
    this.#showTypes(this.#items.map(({ type }) => type));
  }

  #showNone(known: number): void {
    const { status, type, label } = this.#query();
    const filtered = Boolean(status || type || label!.length);
    const total = STATES.reduce((sum, state) => sum + (this.#counts[state] ?? 0), 0);
    firstRun(this.#first, this.app, filtered || !this.#loaded ? null : Math.max(known, total));
    this.#none.hidden = known > 0 || (this.#loaded && !filtered);
    show(this.#none, !this.#loaded ? 'Loading…' : 'No task matches. ', this.#loaded && link(linkTo('tasks'), 'Show all'));
  }

  #showTabs(): void {
    const { status } = this.#query();
    const query = { ...this.#query(), order: this.place.query.get('order') ?? '' };
    const total = STATES.every((state) => this.#counts[state] !== undefined) ? STATES.reduce((sum, state) => sum + this.#counts[state]!, 0) : undefined;
    const tab = (state: string, count: number | undefined) => {
      const made = link(linkTo('tasks', '', { ...query, status: state }), state ? statusBadge(state) : 'All', { 'data-state': state, ...(status === state && { 'aria-current': 'true' }) });
      if (count !== undefined) made.append(h('span', { class: 'count' }, number(count)));
      return made;
    };
    const said = JSON.stringify([this.#filter, this.#counts]);
    if (this.#tabs.dataset.said === said) return; // focus stays
    this.#tabs.dataset.said = said;
    const focused = this.#tabs.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.state : undefined;
    show(this.#tabs, tab('', total), ...STATES.map((state) => tab(state, this.#counts[state])));
    if (focused !== undefined) this.#tabs.querySelector<HTMLElement>(`[data-state="${focused}"]`)?.focus();
  }

  #showPager(more: boolean): void {
    const page = this.#page;
    const said = `${page} ${more}`;
    if (this.#pager.dataset.said === said) return;
    this.#pager.dataset.said = said;
    this.#pager.hidden = page === 1 && !more;
    show(this.#pager,
      page > 1 && button('Newer', () => this.#to({ page: page > 2 ? String(page - 1) : '' }), { 'data-newer': '' }),
      h('span', { class: 'note' }, `Page ${page}`),
      more && button('Older', () => this.#to({ page: String(page + 1) }), { 'data-older': '' }));
  }

  #showTypes(more: string[]): void {
    const wanted = this.place.query.get('type') ?? '';
    for (const type of ['', wanted, ...more]) {
      if ([...this.#type.options].some(({ value }) => value === type)) continue;
      this.#type.append(h('option', { value: type }, type || 'All types'));
    }
    if (document.activeElement !== this.#type) this.#type.value = wanted;
  }

  #columns() {
    return [
      { head: 'State', of: ({ status }: Item) => status, draw: (cell: HTMLElement, { status }: Item) => show(cell, statusBadge(status)) },
      {
        head: 'Task', class: 'name', of: ({ type, id }: Item) => type + id,
        draw: (cell: HTMLElement, { type, id }: Item) => show(cell, link(linkTo('tasks', id), type, { 'data-row': '' }), ' ', h('span', { class: 'mono note wide' }, short(id))),
      },
      {
        head: 'Progress', class: 'grow', of: (item: Item) => `${item.state} ${item.value} ${item.text} ${item.error} ${item.next && ago(item.next)}`,
        draw: (cell: HTMLElement, item: Item) => show(cell, progressOf(item, `Progress of ${item.type} ${short(item.id)}`)),
      },
      { head: 'Labels', class: 'wide tags', of: ({ labels }: Item) => JSON.stringify(labels), draw: (cell: HTMLElement, { labels }: Item) => show(cell, labelsOf(labels)) },
      { head: 'Attempt', class: 'number wide', of: ({ attempt }: Item) => attempt || null },
      { head: 'Where', class: 'wide', of: ({ where }: Item) => where },
      { head: 'Since', class: 'text wide', of: ({ created }: Item) => ago(created) },
      { head: 'Took', class: 'number wide', of: (item: Item) => took(item) },
      {
        head: ' Actions', class: 'number', of: ({ state }: Item) => state,
        draw: (cell: HTMLElement, item: Item) => show(cell, h('span', { class: 'row-actions' },
          ...actionsFor(this.app, item).slice(0, 1).filter(({ changes }) => changes).map(({ name, words }) => h('button', { class: 'small wide', type: 'button', 'data-do': name, 'aria-label': `${words} ${item.type} ${short(item.id)}` }, words)),
          h('button', { class: 'small quiet', type: 'button', 'data-do': 'more', 'aria-haspopup': 'dialog', 'aria-label': `More for ${item.type} ${short(item.id)}` }, '…'))),
      },
    ];
  }

  // --- what is done

  #onClick(event: Event): void {
    const clicked = event.target instanceof Element && event.target.closest<HTMLElement>('[data-do]');
    const item = clicked && this.#itemAt(clicked);
    if (!item) return;
    const action = ACTIONS.find(({ name }) => name === clicked.dataset.do);
    if (action) void this.#do(action, item);
    else this.#menu(item);
  }

  #onRow(action: TaskAction): void {
    const item = this.#itemAt(document.activeElement);
    if (item && actionsFor(this.app, item).includes(action)) void this.#do(action, item);
  }

  #itemAt(element: Element | null): Item | undefined {
    const key = element?.closest('tr')?.dataset.key;
    return this.#items.find(({ id }) => id === key);
  }

  async #do(action: TaskAction, item: Item): Promise<void> {
    await this.attempt(() => action.run(this.app, item));
  }

  #menu(item: Item): void {
    dialog(`${item.type} ${short(item.id)}`, (close) => [
      h('p', {}, statusBadge(item.status), ` since ${ago(item.created)}, `, plural(item.attempt, 'attempt')),
      h('div', { class: 'actions' }, ...actionsFor(this.app, item).map((action) => button(action.words, () => {
        close();
        void this.#do(action, item);
      }))),
      h('div', { class: 'actions' }, button('Close', close, { autofocus: true })),
    ]);
  }
}

