// W7: whether the service can do its work: its checks, its queue, and the rates of the last
// hour as far as this page has seen them.

import { Meter } from './health/meter.js';
import { facts, h, note, show } from '../parts/dom.js';
import { ago, clock, number, plural } from '../parts/format.js';
import { PageElement, Trouble, heading, missingNodes } from '../parts/page.js';
import { badge, bar } from '../parts/state.js';
import { Table } from '../parts/table.js';

/** So often it is read again, in seconds. */
const PACE = 1;

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly since?: string;
  readonly error?: string;
}

interface Health {
  readonly ready: boolean;
  readonly checks: readonly Check[];
  readonly node: string;
  readonly version: string;
  readonly revision?: string;
  readonly started_at: string;
}

interface Queue {
  readonly waiting: number;
  readonly limit: number;
  readonly scheduled: number;
  readonly scheduled_limit: number;
  readonly running: number;
  readonly workers: number;
  readonly refused: number;
  readonly missing?: readonly string[];
}

interface Counted {
  readonly counts?: Readonly<Record<string, number>>;
}

export class HealthPage extends PageElement {
  readonly #trouble = new Trouble();
  readonly #state = h('section', { class: 'card', 'aria-live': 'polite' });
  readonly #queue = h('section', { class: 'card' });
  readonly #rates = h('section', { class: 'card' });
  readonly #table = new Table<Check>('Checks of readiness', columns(), ({ name }) => name);
  #said = '';

  protected open(): void {
    show(this, heading('Health'), this.#trouble.element, this.#state, this.#table.inRegion(), this.#queue, this.#rates);
    this.every(PACE, () => this.#read(), this.#trouble.say);
  }

  async #read(): Promise<void> {
    const { api } = this.app;
    const [health, queue, { counts = {} }] = await Promise.all([
      api.get<Health>('/health', {}, this.signal),
      api.get<Queue>('/queue', {}, this.signal),
      api.get<Counted>('/tasks', { limit: 1, include: 'counts' }, this.signal),
    ]);
    this.#trouble.clear();
    this.#showState(health);
    this.#table.show(health.checks.toSorted((a, b) => Number(a.ok) - Number(b.ok) || (a.name < b.name ? -1 : 1)));
    show(this.#queue, ...queueOf(queue));
    METERS.waiting.add(queue.waiting);
    METERS.running.add(queue.running);
    METERS.failed.add(counts.failed ?? 0);
    show(this.#rates, h('h2', {}, 'The last hour'), note(`As this page has seen it, since ${clock(METERS.waiting.since)}.`),
      METERS.waiting.draw('Tasks that wait'), METERS.running.draw('Tasks that run'), METERS.failed.draw('Failed tasks that are kept'));
  }

  // What is read aloud is drawn only when it has changed.
  #showState({ ready, checks, node, version, revision, started_at }: Health): void {
    const failing = checks.filter(({ ok }) => !ok);
    const said = JSON.stringify([ready, failing.map(({ name }) => name), started_at]);
    if (said === this.#said) return;
    this.#said = said;
    show(this.#state,
      h('p', {}, ready ? badge('good', 'ready') : badge('bad', 'not ready'), failing.length > 0 && ` It waits for ${failing.map(({ name }) => name).join(', ')}.`),
      facts([['Node', node], ['Version', [version, revision?.slice(0, 12)].filter(Boolean).join(' ')], ['Started', `${clock(started_at)}, ${ago(started_at)}`]]));
  }
}

// They go on while other pages are looked at, and are gone with the tab.
const METERS = { waiting: new Meter(), running: new Meter(), failed: new Meter() };

function queueOf({ waiting, limit, scheduled, scheduled_limit, running, workers, refused, missing }: Queue): (HTMLElement | null)[] {
  const part = (name: string, n: number, of: number) => h('div', { class: 'progress' }, h('span', {}, `${name}: ${number(n)} of ${number(of)}`), bar(of ? Math.min(1, n / of) : 0, name));
  return [
    h('h2', {}, 'Queue'),
    part('Waiting (each type has so many places)', waiting, limit), part('For later', scheduled, scheduled_limit), part('Running in the service', running, workers),
    h('p', {}, refused ? badge('warn', 'full at times') : badge('good', 'never full'), refused ? ` ${plural(refused, 'start was', 'starts were')} refused since the service began.` : ' No start was refused.'),
    missingNodes(missing),
  ];
}

const columns = () => [
  {
    head: 'Check', of: ({ name, ok }: Check) => name + ok,
    draw: (cell: HTMLElement, { name, ok }: Check) => show(cell, badge(ok ? 'good' : 'bad', name)),
  },
  { head: 'Since', class: 'text', of: ({ since }: Check) => (since ? `${clock(since)}, ${ago(since)}` : null) },
  { head: 'What is wrong', class: 'grow', of: ({ error }: Check) => error || null },
];
