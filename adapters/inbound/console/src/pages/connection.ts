// W6: one connection, and why a browser did not see an event.

import { Refused } from '../parts/api.js';
import { command } from '../parts/copy.js';
import { confirmed } from '../parts/dialog.js';
import { button, facts, h, note, show } from '../parts/dom.js';
import { ago, bytes, clock, number, plural } from '../parts/format.js';
import { PageElement, Trouble, heading } from '../parts/page.js';
import { UUID, go, linkTo } from '../parts/place.js';
import { badge } from '../parts/state.js';
import { Table } from '../parts/table.js';
import { type Connection, beganInWords } from './connections/connection.js';

/** So often it is read again, in seconds. */
const PACE = 2;

interface Fate {
  readonly at: string;
  readonly fate: string;
  readonly event_id?: string;
  readonly event_type?: string;
  readonly count: number;
  readonly why?: string;
}

interface Finding {
  readonly code: string;
  readonly says: string;
  readonly advice: string;
}

interface Explained extends Connection {
  readonly ended?: { readonly at: string; readonly reason: string };
  readonly fates: readonly Fate[];
  readonly report?: Readonly<Record<string, unknown>>;
  readonly findings: readonly Finding[];
}

export class ConnectionPage extends PageElement {
  readonly #trouble = new Trouble();
  readonly #findings = h('section', { class: 'card', 'aria-labelledby': 'why' });
  readonly #facts = h('section', { class: 'card' });
  readonly #report = h('section', { class: 'card', hidden: true });
  readonly #fates = new Table<Fate & { n: number }>('What became of the last events, newest first', columns(), ({ n }) => String(n));
  readonly #rows = this.#fates.inRegion({ hidden: true });
  readonly #end = button('End this stream…', () => this.#disconnect(), { class: 'danger', hidden: true });
  readonly #missed = h('input', {
    type: 'search', 'data-search': '', 'aria-label': 'A task or an event that it did not see', placeholder: 'ID of the task or the event that it did not see', spellcheck: 'false', autocomplete: 'off',
  });
  #said = '';
  readonly #looking = note();
  #looked = { task: '', event: '', after: '' };

  protected open(): void {
    const { id } = this.place;
    show(this, heading(id, this.#end),
      h('form', { class: 'filters', role: 'search', onsubmit: (event: Event) => {
        event.preventDefault();
        go(linkTo('connections', id, { missed: this.#missed.value.trim() }));
      } }, this.#missed, h('button', { type: 'submit' }, 'Explain')),
      this.#trouble.element, this.#looking, this.#findings, this.#facts,
      h('h2', {}, 'What became of the last events'), this.#rows,
      this.#report, note('The same in a terminal:'), command(`heliograph explain ${id}`));
    this.every(PACE, () => this.#read(), (error) => this.#fail(error));
    this.moved();
  }

  override moved(): void {
    this.#missed.value = this.place.query.get('missed') ?? '';
    this.#looked = { task: '', event: '', after: '' };
    show(this.#looking);
    void this.#read().catch((error) => this.#fail(error));
  }

  async #read(): Promise<void> {
    const { id, query } = this.place;
    const missed = query.get('missed') ?? '';
    const ofTask = UUID.test(missed);
    const event = ofTask ? this.#looked.event : missed;
    const explained = await this.app.api.get<Explained>(`/connections/${encodeURIComponent(id)}`, { event }, this.signal);
    if (this.place.query !== query) return;
    this.#trouble.clear();
    this.#end.hidden = this.app.readOnly || explained.ended !== undefined;
    this.#showFindings(explained);
    show(this.#facts, factsOf(explained));
    this.#fates.show(explained.fates.map((fate, n) => ({ ...fate, n })).reverse());
    this.#rows.hidden = explained.fates.length === 0;
    this.#report.hidden = !explained.report;
    if (explained.report) show(this.#report, h('h2', {}, 'What its page says'), reportOf(explained.report));
    if (ofTask) await this.#lookFor(missed);
  }

  /** Finds the newest event of a task. A long log takes some seconds, so what is known without it is shown before. */
  async #lookFor(task: string): Promise<void> {
    const before = this.#looked.event;
    if (this.#looked.task !== task) {
      this.#looked = { task, event: '', after: '' };
      show(this.#looking, 'Looking for the newest event of this task in the log…');
    }
    const looked = this.#looked;
    for (let more = true; more; ) {
      const { events, next, last_id } = await this.app.api.get<{ events: { id: string }[]; next?: string; last_id: string }>(
        '/log', { type: 'task_event', task, after: looked.after, limit: 1000 }, this.signal);
      if (looked !== this.#looked) return; // another task is asked for
      looked.event = events.at(-1)?.id ?? looked.event;
      looked.after = next ?? last_id;
      more = next !== undefined;
    }
    show(this.#looking, looked.event ? '' : 'The log has no event of this task: it is none of this service’s, or longer ago than the log reaches back.');
    if (looked.event && !before) await this.#read(); // newer ones are found at the next look
  }

  #showFindings({ findings, ended }: Explained): void {
    const said = JSON.stringify([findings, ended]);
    if (said === this.#said) return;
    this.#said = said;
    show(this.#findings,
      h('h2', { id: 'why' }, 'Why did this browser not see it?'),
      ...findings.map(({ code, says, advice }) => h('div', { class: 'finding', 'data-code': code }, badge('warn', code.toLowerCase().replaceAll('_', ' ')), h('p', {}, says), h('p', { class: 'note' }, advice))),
      findings.length === 0 && h('p', {}, badge('good', 'well'), ended ? ' Nothing was wrong with it while it was open.' : ' Nothing is wrong: what was for this stream was written to it, or is on its way.'));
  }

  #fail(error: unknown): void {
    if (!(error instanceof Refused && error.status === 404)) return this.#trouble.say(error);
    this.#end.hidden = true;
    show(this.#findings,
      h('h2', { id: 'why' }, 'Why did this browser not see it?'),
      h('p', {}, badge('bad', 'unknown'), ' No stream has this request_id, nor had one lately.'),
      note('Its page never connected, used another request_id, or has been away for longer than ends are remembered. Look in the browser’s developer tools at the request for the stream: the request_id is in its URL.'));
    for (const part of [this.#facts, this.#rows, this.#report]) part.hidden = true;
  }

  async #disconnect(): Promise<void> {
    const { id } = this.place;
    if (!(await confirmed('End this stream?', 'Its browser may come back at once, and then resumes where it was.', 'End it'))) return;
    await this.attempt(async () => {
      await this.app.api.post('/connections/disconnect', { request_id: id });
      this.app.say('The stream ends.');
    });
  }
}

const factsOf = (explained: Explained): HTMLElement => {
  const { subject, gateway, node, since, lag_events, waiting_bytes, ended } = explained;
  return facts([
    ['Subject', subject || null],
    ['Open since', `${clock(since)}, ${ago(since)}`],
    ['Ended', ended ? `${clock(ended.at)}: ${ended.reason}` : 'no'],
    ['Began', beganInWords(explained)],
    ['Behind the log', lag_events === undefined ? null : plural(lag_events, 'event')],
    ['Waits to be written', waiting_bytes === undefined ? null : bytes(waiting_bytes)],
    ['Gateway', gateway],
    ['Node', node],
  ]);
};

// Times are in milliseconds there.
const reportOf = (report: Readonly<Record<string, unknown>>): HTMLElement =>
  facts(Object.entries(report).map(([name, value]) => [
    name.replace(/_ms$/, '').replaceAll('_', ' '),
    name.endsWith('_ms') && typeof value === 'number' ? `${number(Math.round(value))} ms` : typeof value === 'object' ? JSON.stringify(value) : String(value),
  ]));

const columns = () => [
  { head: 'At', class: 'text', of: ({ at }: Fate) => clock(at) },
  { head: 'What', of: ({ fate }: Fate) => fate },
  { head: 'Events', class: 'number', of: ({ count }: Fate) => count },
  { head: 'Event', class: 'wide', of: ({ event_type }: Fate) => event_type ?? null },
  { head: 'From ID', class: 'mono wide', of: ({ event_id }: Fate) => event_id ?? null },
  { head: 'Why', class: 'grow', of: ({ why }: Fate) => why ?? null },
];
