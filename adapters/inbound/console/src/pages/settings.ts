// W7: the settings that the service runs with, and where each comes from.

import { h, note, show } from '../parts/dom.js';
import { PageElement, Trouble, heading } from '../parts/page.js';
import { linkTo, replace } from '../parts/place.js';
import { Table } from '../parts/table.js';

interface Setting {
  readonly name: string;
  readonly value: string;
  readonly origin: string;
}

export class SettingsPage extends PageElement {
  readonly #trouble = new Trouble();
  readonly #table = new Table<Setting>('Settings', [
    { head: 'Name', class: 'mono', of: ({ name }) => name },
    { head: 'Value', class: 'mono grow', of: ({ value }) => value || null },
    { head: 'Comes from', of: ({ origin }) => origin },
  ], ({ name }) => name);
  readonly #search = h('input', { type: 'search', 'data-search': '', 'aria-label': 'Name, value or origin', placeholder: 'name, value or origin', spellcheck: 'false', autocomplete: 'off' });
  readonly #none = note('Nothing matches.');
  #settings: readonly Setting[] = [];

  protected open(): void {
    show(this,
      heading('Settings'),
      note('As this node runs with them; secrets are masked. They are environment variables, and a change needs a restart.'),
      h('div', { class: 'filters' }, this.#search),
      this.#trouble.element, this.#none, this.#table.inRegion());
    this.#none.hidden = true;
    this.#search.value = this.place.query.get('q') ?? '';
    this.#search.addEventListener('input', () => replace(linkTo('settings', '', { q: this.#search.value })));
    void this.#read();
  }

  override moved(): void {
    const wanted = (this.place.query.get('q') ?? '').toLowerCase();
    const found = this.#settings.filter(({ name, value, origin }) => `${name} ${value} ${origin}`.toLowerCase().includes(wanted));
    this.#table.show(found);
    this.#none.hidden = found.length > 0 || this.#settings.length === 0;
  }

  async #read(): Promise<void> {
    try {
      ({ settings: this.#settings } = await this.app.api.get<{ settings: Setting[] }>('/settings', {}, this.signal));
      this.moved();
    } catch (error) {
      if (!this.signal.aborted) this.#trouble.say(error);
    }
  }
}
