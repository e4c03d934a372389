// <heliograph-version>: there is another version, with what is new in it (rule B18).

import type { Client, Store } from '../../types/index.js';
import type { NewVersion } from '../../types/react.js';
import { StoreElement, button, create, slot } from './element.js';
import { newVersions } from './newversion.js';

export class VersionElement extends StoreElement {
  static readonly observedAttributes = ['build'];
  /** It is there before its words are, so that a screen reader says them. */
  readonly #message = create('span', { part: 'message', role: 'status', 'aria-live': 'polite' });
  readonly #changelog = create('div', { part: 'changelog' });
  readonly #buttons = create('span', {}, button('reload', 'Reload', () => this.#offer!.reload()), button('dismiss', 'Not now', () => this.#offer!.dismiss()));
  #offer: NewVersion | null = null;

  constructor() {
    super();
    this.fill('[part=changelog]{white-space:pre-line}', this.#message, this.#changelog, this.#buttons);
    this.draw(null);
  }

  get build(): string | null {
    return this.getAttribute('build');
  }
  set build(version: string | null) {
    if (version === null) this.removeAttribute('build');
    else this.setAttribute('build', version);
  }

  store(client: Client): Store<NewVersion | null> {
    return newVersions(client, this.build ?? undefined);
  }

  draw(offer: NewVersion | null): void {
    this.#offer = offer;
    this.#message.replaceChildren(...(offer ? [slot('message', `Version ${offer.version} is there.`)] : []));
    this.#changelog.textContent = offer?.changelog ?? '';
    this.#buttons.hidden = !offer;
  }
}
