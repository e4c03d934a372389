// W6: the streams that are open, on every node.

import { button, h, link, note, show } from '../parts/dom.js';
import { ago, bytes, plural } from '../parts/format.js';
import { PageElement, Trouble, heading, missingNodes } from '../parts/page.js';
import { go, linkTo } from '../parts/place.js';
import { Table } from '../parts/table.js';
import { type Connection, beganInWords } from './connections/connection.js';

/** So many connections are shown at a time. */
const PAGE = 100;
/** So often they are read again, in seconds. */
const PACE = 2;

interface Listed {
  readonly connections: readonly Connection[];
  readonly total: number;
  readonly next?: string;
  readonly missing?: readonly string[];
}

export class ConnectionsPage extends PageElement {
  readonly #trouble = new Trouble();
  readonly #count = note();
  readonly #missing = h('div');
  readonly #table = new Table<Connection>('Open streams', columns(), ({ request_id }) => request_id);
  readonly #rows = h('div', { class: 'scroll', hidden: true }, this.#table.element);
  readonly #pager = h('div', { class: 'actions pager' });
  readonly #search = h('input', { type: 'search', 'data-search': '', 'aria-label': 'Beginning of the request_id', placeholder: 'request_id begins with', spellcheck: 'false', autocomplete: 'off' });
  readonly #behind = h('input', { type: 'checkbox', onchange: () => this.#to() });
  readonly #node = h('input', { type: 'text', size: 10, 'aria-label': 'Node', placeholder: 'node', spellcheck: 'false', autocomplete: 'off' });
  readonly #subject = h('input', { type: 'text', size: 14, 'aria-label': 'Subject', placeholder: 'subject', spellcheck: 'false', autocomplete: 'off' });

  protected open(): void {
    show(this,
      heading('Connections'),
      note('One line for each open stream. Open one to see what became of the last events, and why a browser did not see one.'),
      h('form', { class: 'filters', role: 'search', onsubmit: (event: Event) => {
        event.preventDefault();
        this.#to();
      } }, this.#search, this.#subject, this.#node, h('label', {}, this.#behind, 'Behind'), h('button', { type: 'submit' }, 'Show'),
      button('Why did this browser not see it?', () => this.#explain())),
      this.#count, this.#missing, this.#trouble.element, this.#rows, this.#pager);
    this.moved();
    this.every(PACE, () => this.#read(), this.#trouble.say);
  }

  override moved(): void {
    const { query } = this.place;
    this.#search.value = query.get('request_id') ?? '';
    this.#subject.value = query.get('subject') ?? '';
    this.#node.value = query.get('node') ?? '';
    this.#behind.checked = query.get('behind') === 'true';
    void this.#read().catch(this.#trouble.say);
  }

  #to(): void {
    go(linkTo('connections', '', {
      request_id: this.#search.value.trim(), subject: this.#subject.value.trim(), node: this.#node.value.trim(), behind: this.#behind.checked ? 'true' : '',
    }));
  }

  async #read(): Promise<void> {
    const { query } = this.place;
    const answer = await this.app.api.get<Listed>('/connections', {
      request_id: query.get('request_id') ?? '', subject: query.get('subject') ?? '', node: query.get('node') ?? '', behind: query.get('behind') ?? '',
      after: query.get('after') ?? '', limit: PAGE,
    }, this.signal);
    if (this.place.query !== query) return;
    this.#trouble.clear();
    this.#table.show(answer.connections);
    this.#rows.hidden = answer.connections.length === 0;
    show(this.#count, answer.connections.length === 0 ? 'No open stream matches.' : `${plural(answer.total, 'open stream')}.`);
    show(this.#missing, missingNodes(answer.missing));
    const more = answer.next ? linkTo('connections', '', withAfter(query, answer.next)) : '';
    if (this.#pager.dataset.more === more) return; // focus stays
    this.#pager.dataset.more = more;
    show(this.#pager, query.get('after') && link(linkTo('connections', '', withAfter(query, '')), 'First', { class: 'button' }), more && link(more, 'Next', { class: 'button' }));
  }

  // A stream that is gone is in no list, but may still be explained.
  #explain(): void {
    const id = this.#search.value.trim();
    if (id) go(linkTo('connections', id));
    else {
      this.#search.focus();
      this.app.say('Write the request_id of the browser first: it is in the URL of its stream.');
    }
  }
}

function withAfter(query: URLSearchParams, after: string): URLSearchParams {
  const moved = new URLSearchParams(query);
  if (after) moved.set('after', after);
  else moved.delete('after');
  return moved;
}

const columns = () => [
  {
    head: 'request_id', of: ({ request_id }: Connection) => request_id,
    draw: (cell: HTMLElement, { request_id }: Connection) => show(cell, link(linkTo('connections', request_id), request_id, { 'data-row': '', class: 'mono' })),
  },
  { head: 'Subject', class: 'wide', of: ({ subject }: Connection) => subject || null },
  { head: 'Since', class: 'text', of: ({ since }: Connection) => ago(since) },
  { head: 'Began', class: 'wide', of: beganInWords },
  { head: 'Behind', class: 'number', of: ({ lag_events }: Connection) => (lag_events === undefined ? null : lag_events ? plural(lag_events, 'event') : '0') },
  { head: 'Waits', class: 'number wide', of: ({ waiting_bytes }: Connection) => (waiting_bytes === undefined ? null : bytes(waiting_bytes)) },
  { head: 'Gateway', class: 'wide', of: ({ gateway }: Connection) => gateway },
  { head: 'Node', class: 'wide', of: ({ node }: Connection) => node },
];
