// W7: which version of the frontend is current, and where that comes from.

import { button, facts, h, note, show } from '../parts/dom.js';
import { ago, plural } from '../parts/format.js';
import { PageElement, Trouble, heading } from '../parts/page.js';
import { badge } from '../parts/state.js';
import { Table } from '../parts/table.js';
import { announceVersion } from '../parts/send.js';

/** So often it is read again, in seconds. */
const PACE = 2;

interface Pending {
  readonly request_id: string;
  readonly version: string;
}

interface Versions {
  readonly current: { readonly version: string; readonly source: string } | null;
  readonly source: { readonly kind: string; readonly watched_here: boolean; readonly checked_at?: string; readonly error?: string };
  readonly candidate: { readonly version: string; readonly confirmations: number; readonly needed: number } | null;
  readonly pending: readonly Pending[];
  readonly more_pending?: true;
}

export class VersionsPage extends PageElement {
  readonly #trouble = new Trouble();
  readonly #current = h('section', { class: 'card' });
  readonly #source = h('section', { class: 'card' });
  readonly #table = new Table<Pending>('Versions that wait for one client', [
    { head: 'request_id', class: 'mono', of: ({ request_id }) => request_id },
    { head: 'Version', of: ({ version }) => version },
  ], ({ request_id }) => request_id);
  readonly #more = note();
  readonly #pending = h('section', { class: 'stack', hidden: true }, h('h2', {}, 'Waiting for one client each'), this.#table.inRegion(), this.#more);

  protected open(): void {
    show(this,
      heading('Versions', this.app.readOnly ? null : button('Announce a version…', () => announceVersion(this.app))),
      note('Pages that were built as another version than the current one show their banner.'),
      this.#trouble.element, this.#current, this.#source, this.#pending);
    this.every(PACE, () => this.#read(), this.#trouble.say);
  }

  async #read(): Promise<void> {
    const { current, source, candidate, pending, more_pending } = await this.app.api.get<Versions>('/versions', {}, this.signal);
    this.#trouble.clear();
    show(this.#current,
      h('h2', {}, 'Current'),
      current ? h('p', { class: 'figure' }, current.version) : note('No version is known: there is no source, and none was announced.'),
      current && facts([['Comes from', current.source === 'announced' ? 'an announcement' : `the source (${current.source})`]]));
    show(this.#source,
      h('h2', {}, 'Source'),
      facts([
        ['Kind', source.kind],
        ['Answered last', source.checked_at ? ago(source.checked_at) : source.watched_here || source.kind === 'none' ? null : 'another node asks it'],
        ['Candidate', candidate ? `${candidate.version}, seen ${candidate.confirmations} of ${plural(candidate.needed, 'time')}` : 'none'],
      ]),
      source.error && h('p', {}, badge('bad', 'fails'), ` ${source.error}`));
    this.#table.show(pending);
    this.#pending.hidden = pending.length === 0;
    show(this.#more, more_pending ? `There are more than these ${pending.length}.` : '');
  }
}
