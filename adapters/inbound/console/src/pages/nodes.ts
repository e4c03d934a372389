// W7: the nodes of the cluster and their broker.

import { facts, h, link, show } from '../parts/dom.js';
import { ago, duration } from '../parts/format.js';
import { PageElement, Trouble, heading, missingNodes } from '../parts/page.js';
import { linkTo } from '../parts/place.js';
import { type Tone, badge } from '../parts/state.js';
import { Table } from '../parts/table.js';

/** So often it is read again, in seconds. */
const PACE = 1;

interface Node {
  readonly node: string;
  readonly this?: boolean;
  readonly version?: string;
  readonly revision?: string;
  readonly started_at?: string;
  readonly sign_age?: number;
  readonly alive?: boolean;
  readonly left?: boolean;
  readonly leader?: boolean;
  readonly ready?: boolean;
  readonly connections?: number;
  readonly running?: number;
}

interface Nodes {
  readonly nodes: readonly Node[];
  readonly broker: { readonly kind: string; readonly ok: boolean } & Readonly<Record<string, unknown>>;
  readonly missing?: readonly string[];
}

export class NodesPage extends PageElement {
  readonly #trouble = new Trouble();
  readonly #missing = h('div');
  readonly #broker = h('section', { class: 'card' });
  readonly #table = new Table<Node>('Nodes', columns(), ({ node }) => node);

  protected open(): void {
    show(this, heading('Nodes'), this.#missing, this.#trouble.element, this.#table.inRegion(), this.#broker);
    this.every(PACE, () => this.#read(), this.#trouble.say);
  }

  async #read(): Promise<void> {
    const { nodes, broker, missing } = await this.app.api.get<Nodes>('/nodes', {}, this.signal);
    this.#trouble.clear();
    show(this.#missing, missingNodes(missing));
    this.#table.show(nodes);
    const { kind, ok, ...others } = broker;
    show(this.#broker,
      h('h2', {}, 'Broker'),
      ok ? badge('good', 'answers') : badge('bad', 'does not answer'),
      facts([
        ['Kind', { memory: 'memory: a restart forgets', disk: 'a folder on this machine', nats: 'NATS JetStream' }[kind] ?? kind],
        ...Object.entries(others).map(([name, value]): [string, string] => [name.replaceAll('_', ' '), typeof value === 'object' ? JSON.stringify(value) : String(value)]),
      ]));
  }
}

/** How a node is. One that ends is listed for a while: since when it is gone is the age of its last sign. */
function stateOf({ alive, left, ready }: Node): [Tone, string] {
  if (left) return ['stopped', 'stopped'];
  if (alive === false) return ['bad', 'gone without a word'];
  if (ready === undefined) return ['warn', 'does not answer'];
  return ready ? ['good', 'ready'] : ['bad', 'not ready'];
}

const columns = () => [
  { head: 'Node', of: ({ node, this: here }: Node) => (here ? `${node} (answers here)` : node) },
  {
    head: 'State', of: (node: Node) => stateOf(node)[1],
    draw: (cell: HTMLElement, node: Node) => show(cell, badge(...stateOf(node))),
  },
  { head: 'Last sign', class: 'text', of: ({ sign_age }: Node) => (sign_age === undefined ? null : `${duration(sign_age)} ago`) },
  { head: 'Leader', of: ({ leader }: Node) => (leader === undefined ? null : leader ? 'yes' : 'no') },
  {
    head: 'Streams', class: 'number', of: ({ connections }: Node) => connections ?? null,
    draw: (cell: HTMLElement, { node, connections }: Node) => show(cell, connections === undefined ? '—' : link(linkTo('connections', '', { node }), String(connections))),
  },
  { head: 'Running', class: 'number', of: ({ running }: Node) => running ?? null },
  { head: 'Version', class: 'wide', of: ({ version, revision }: Node) => [version, revision?.slice(0, 12)].filter(Boolean).join(' ') || null },
  { head: 'Started', class: 'text wide', of: ({ started_at }: Node) => ago(started_at) },
];
