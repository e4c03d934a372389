// W7: who runs tasks: the claims that wait, the leases, and the types that nobody claims.

import { h, link, note, show } from '../parts/dom.js';
import { ago, short } from '../parts/format.js';
import { PageElement, Trouble, heading, missingNodes } from '../parts/page.js';
import { linkTo } from '../parts/place.js';
import { badge } from '../parts/state.js';
import { Table } from '../parts/table.js';

/** So often it is read again, in seconds. */
const PACE = 1;

interface Type {
  readonly type: string;
  readonly kind: string;
  readonly waiting: number;
  readonly running: number;
  readonly claims_waiting?: number;
  readonly claimed_lately?: boolean;
}

interface Lease {
  readonly task_id: string;
  readonly type: string;
  readonly worker?: string;
  readonly attempt: number;
  readonly node: string;
  readonly since: string;
  readonly last_sign?: string;
  readonly expires?: string;
}

interface Workers {
  readonly types: readonly Type[];
  readonly leases: readonly Lease[];
  readonly next?: string;
  readonly missing?: readonly string[];
}

/** A type for workers, of which none has asked for a task lately. */
const unclaimed = ({ kind, claims_waiting, claimed_lately }: Type): boolean => kind === 'worker' && !claims_waiting && claimed_lately === false;

export class WorkersPage extends PageElement {
  readonly #trouble = new Trouble();
  readonly #missing = h('div');
  readonly #types = new Table<Type>('Types of tasks', typeColumns(), ({ type }) => type);
  readonly #leases = new Table<Lease>('Tasks at workers', leaseColumns(), ({ task_id }) => task_id);
  readonly #more = note();
  readonly #leased = h('div', { class: 'scroll', hidden: true }, this.#leases.element);
  readonly #none = note('No worker has a task now.');

  protected open(): void {
    this.#none.hidden = true; // until it is known
    show(this, heading('Workers'), this.#missing, this.#trouble.element,
      h('h2', {}, 'Types'), this.#types.inRegion(),
      h('h2', {}, 'Tasks at workers'), this.#none, this.#leased, this.#more);
    this.every(PACE, () => this.#read(), this.#trouble.say);
  }

  async #read(): Promise<void> {
    const { types, leases, next, missing } = await this.app.api.get<Workers>('/workers', { limit: 200 }, this.signal);
    this.#trouble.clear();
    show(this.#missing, missingNodes(missing));
    this.#types.show(types.toSorted((a, b) => Number(unclaimed(b)) - Number(unclaimed(a)) || (a.type < b.type ? -1 : 1)));
    this.#leases.show(leases);
    this.#leased.hidden = leases.length === 0;
    this.#none.hidden = leases.length > 0;
    show(this.#more, next ? `The first ${leases.length} are shown.` : '');
  }
}

const typeColumns = () => [
  {
    head: 'Type', of: ({ type }: Type) => type,
    draw: (cell: HTMLElement, { type }: Type) => show(cell, link(linkTo('tasks', '', { type }), type, { 'data-row': '' })),
  },
  { head: 'Run by', of: ({ kind }: Type) => ({ worker: 'workers', command: 'a command', go: 'the service', demo: 'the service (a demonstration)' })[kind] ?? kind },
  { head: 'Waiting', class: 'number', of: ({ waiting }: Type) => waiting },
  { head: 'Running', class: 'number', of: ({ running }: Type) => running },
  { head: 'Claims that wait', class: 'number', of: ({ claims_waiting, kind }: Type) => (kind === 'worker' ? (claims_waiting ?? 0) : null) },
  {
    head: 'Note', class: 'grow', of: (type: Type) => String(unclaimed(type)),
    draw: (cell: HTMLElement, type: Type) => show(cell, unclaimed(type) && badge('warn', 'no worker asks for it')),
  },
];

const leaseColumns = () => [
  {
    head: 'Task', of: ({ task_id }: Lease) => task_id,
    draw: (cell: HTMLElement, { task_id, type }: Lease) => show(cell, link(linkTo('tasks', task_id), `${type} ${short(task_id)}`, { 'data-row': '' })),
  },
  { head: 'Worker', of: ({ worker }: Lease) => worker || null },
  { head: 'Attempt', class: 'number wide', of: ({ attempt }: Lease) => attempt },
  { head: 'Since', class: 'text wide', of: ({ since }: Lease) => ago(since) },
  { head: 'Last sign', class: 'text', of: ({ last_sign }: Lease) => ago(last_sign) },
  { head: 'Lease ends', class: 'text', of: ({ expires }: Lease) => ago(expires) },
  { head: 'Node', class: 'wide', of: ({ node }: Lease) => node },
];
