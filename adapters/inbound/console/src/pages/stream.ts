// W5: the log, live as it leaves.

import { button, h, link, note, show } from '../parts/dom.js';
import { bytes, clock, duration, plural, short } from '../parts/format.js';
import { type Key, PageElement, Trouble, heading } from '../parts/page.js';
import { Pause } from '../parts/pause.js';
import { go, linkTo, replace } from '../parts/place.js';
import { Table } from '../parts/table.js';
import { announceVersion, publishEvent } from '../parts/send.js';

/** So many events are shown at most. */
const MOST = 500;
/** So often the log is asked for what is new, in seconds. */
const PACE = 0.5;
/** So many pages are read in one go, when a lot has come. */
const PAGES_AT_ONCE = 10;

interface LogEvent {
  readonly id: string;
  readonly event_type: string;
  readonly at?: string;
  readonly bytes: number;
  readonly data: unknown;
  readonly truncated?: true;
  readonly audience?: Readonly<Record<string, readonly string[]>>;
}

interface Size {
  readonly events?: number;
  readonly bytes?: number;
  readonly seconds?: number;
}

interface LogPage {
  readonly events: readonly LogEvent[];
  readonly gap?: true;
  readonly next?: string;
  readonly last_id: string;
  readonly held: Size;
  readonly limit: Size;
}

export class StreamPage extends PageElement {
  readonly #trouble = new Trouble();
  readonly #held = note();
  readonly #table = new Table<LogEvent>('Events, newest first', columns(), ({ id }) => id);
  readonly #rows = h('div', { class: 'scroll', hidden: true }, this.#table.element);
  readonly #none = note();
  readonly #pause = new Pause(() => {});
  readonly #search = h('input', { type: 'search', 'data-search': '', 'aria-label': 'Text in the event', placeholder: 'text in the event', spellcheck: 'false', autocomplete: 'off' });
  readonly #type = h('input', { type: 'text', size: 14, list: 'event-types', 'aria-label': 'Name of the event', placeholder: 'all names', spellcheck: 'false', autocomplete: 'off' });
  readonly #types = h('datalist', { id: 'event-types' });
  readonly #from = h('input', { type: 'text', size: 22, 'aria-label': 'After the event with this ID', placeholder: 'after an ID', spellcheck: 'false', autocomplete: 'off' });
  override readonly keys: Key[] = [this.#pause.key];

  #events: LogEvent[] = []; // newest first
  #after: string | null = null; // null before the first answer
  #asked = '';
  #left = 0;
  #gap = false;

  protected open(): void {
    const changes = !this.app.readOnly;
    show(this,
      heading('Stream', this.#pause.button,
        changes ? button('Send an event…', () => publishEvent(this.app)) : null,
        changes ? button('Announce a version…', () => announceVersion(this.app)) : null),
      this.#held,
      h('form', { class: 'filters', role: 'search', onsubmit: (event: Event) => {
        event.preventDefault();
        this.#to(go);
      } }, this.#type, this.#types, this.#from, this.#search, h('button', { type: 'submit' }, 'Show')),
      this.#trouble.element, this.#none, this.#rows);
    this.#search.addEventListener('input', () => this.#to(replace));
    this.moved();
    this.every(PACE, () => this.#read(), this.#failed);
  }

  override moved(): void {
    const { query } = this.place;
    const [type, from] = [query.get('type') ?? '', query.get('from') ?? ''];
    if (document.activeElement !== this.#search) this.#search.value = query.get('q') ?? '';
    const asked = JSON.stringify([type, from]);
    if (asked !== this.#asked) {
      this.#asked = asked;
      [this.#type.value, this.#from.value] = [type, from];
      [this.#events, this.#after, this.#left, this.#gap] = [[], null, 0, false];
      void this.#read().catch(this.#failed);
    }
    this.#show();
  }

  #to(how: (to: string) => void): void {
    how(linkTo('stream', '', { type: this.#type.value.trim(), from: this.#from.value.trim(), q: this.#search.value.trim() }));
  }

  async #read(): Promise<void> {
    if (this.#pause.on) return;
    const { query } = this.place;
    for (let page = 0; page < PAGES_AT_ONCE; page++) {
      const asked = this.#asked;
      const after = this.#after ?? query.get('from');
      const answer = await this.app.api.get<LogPage>('/log', {
        type: query.get('type') ?? '', limit: 100, ...(after ? { after } : { newest: 100 }),
      }, this.signal);
      if (asked !== this.#asked) return;
      this.#trouble.clear();
      this.#take(answer);
      if (answer.next === undefined) return;
    }
  }

  readonly #failed = (error: unknown): void => {
    this.#trouble.say(error);
    if (this.#after === null) this.#none.hidden = true; // nothing is being loaded
  };

  #take({ events, gap, next, last_id, held, limit }: LogPage): void {
    this.#after = next ?? last_id;
    this.#gap ||= gap === true;
    this.#events.unshift(...events.toReversed());
    if (this.#events.length > MOST) this.#left += this.#events.splice(MOST).length;
    show(this.#held, heldInWords(held, limit));
    for (const { event_type } of events) {
      if (![...this.#types.options].some(({ value }) => value === event_type)) this.#types.append(h('option', { value: event_type }));
    }
    this.#show();
  }

  #show(): void {
    const wanted = (this.place.query.get('q') ?? '').toLowerCase();
    const shown = wanted ? this.#events.filter((event) => textOf(event).includes(wanted)) : this.#events;
    this.#table.show(shown);
    this.#rows.hidden = shown.length === 0;
    const words = [
      this.#after === null && 'Loading…',
      this.#gap && 'The log does not reach back to that ID any more: this begins with the oldest event that is there.',
      this.#left > 0 && `${plural(this.#left, 'older event')} left out here.`,
      this.#after !== null && shown.length === 0 && (this.#events.length ? 'No event has that text.' : 'No event yet. Whatever is sent to everyone shows here.'),
    ].filter(Boolean);
    this.#none.hidden = words.length === 0;
    show(this.#none, words.join(' '));
  }
}

const texts = new WeakMap<LogEvent, string>();

function textOf(event: LogEvent): string {
  let text = texts.get(event);
  if (text === undefined) texts.set(event, (text = JSON.stringify(event).toLowerCase()));
  return text;
}

function heldInWords(held: Size, limit: Size): string {
  const bounds = [
    limit.events !== undefined && plural(limit.events, 'event'),
    limit.bytes !== undefined && bytes(limit.bytes),
    limit.seconds !== undefined && duration(limit.seconds),
  ].filter(Boolean).join(', ');
  const size = held.bytes === undefined ? '' : ` in ${bytes(held.bytes)}`;
  const back = held.seconds === undefined ? '' : `, and reaches back ${duration(held.seconds)}`;
  return `The log holds ${plural(held.events ?? 0, 'event')}${size}${back}. ` +
    (bounds ? `It keeps at most ${bounds}; a browser that was away for longer is told so.` : '');
}

const columns = () => [
  { head: 'At', class: 'text', of: ({ at }: LogEvent) => clock(at) },
  { head: 'Event', of: ({ event_type }: LogEvent) => event_type },
  {
    head: 'What', class: 'most', of: ({ id }: LogEvent) => id,
    draw: (cell: HTMLElement, event: LogEvent) => show(cell, h('details', { class: 'event', ontoggle: (toggled: Event) => unfold(toggled.target as HTMLDetailsElement, event) }, h('summary', {}, summary(event)))),
  },
  {
    head: 'For', class: 'wide', of: ({ id }: LogEvent) => id,
    draw: (cell: HTMLElement, { audience }: LogEvent) => show(cell, audience ? Object.entries(audience).map(([kind, names]) => `${kind.replace('_', ' ')} ${names.join(', ')}`).join('; ') : 'everyone'),
  },
  { head: 'Size', class: 'number wide', of: (event: LogEvent) => bytes(event.bytes) },
  { head: 'ID', class: 'mono wide', of: ({ id }: LogEvent) => id },
];

/** One line that says what an event says. */
function summary({ event_type, data, truncated }: LogEvent): string {
  if (truncated) return 'too large to be shown here';
  const said = data as Record<string, unknown> | null;
  if (event_type === 'task_event' && said && typeof said === 'object') {
    const progress = said.data as { text?: string; value?: number } | null;
    const value = typeof progress?.value === 'number' ? ` ${Math.round(progress.value * 100)} %` : '';
    return `${String(said.type ?? 'task')} ${short(String(said.task_id))}: ${String(said.event_type)}${value}${progress?.text ? `, ${progress.text}` : ''}`;
  }
  const text = JSON.stringify(data);
  return text.length > 160 ? text.slice(0, 160) + '…' : text;
}

// The text is made when it is looked at: most never are.
function unfold(details: HTMLDetailsElement, { data, event_type, truncated }: LogEvent): void {
  if (!details.open || details.children.length > 1 || truncated) return;
  const task = event_type === 'task_event' ? String((data as { task_id?: unknown }).task_id ?? '') : '';
  details.append(h('pre', {}, JSON.stringify(data, null, 2)));
  if (task) details.append(link(linkTo('tasks', task), 'Show the task'));
}

