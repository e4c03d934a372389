// What the pages have in common. Each is a custom element in a file of its own; the list of
// them is pages.ts.

import type { Client } from '../../../webclient/types/index.js';
import type { Api } from './api.js';
import { inWords } from './api.js';
import { h, note, show } from './dom.js';
import type { Place } from './place.js';

/** So often a page that is not live reads what it shows, in seconds, while it is seen. */
export const POLL = 2;

/** What the shell gives to a page. */
export interface App {
  readonly client: Client;
  readonly api: Api;
  /** Whether there is a stream to see changes by; with an external gateway there is none here, and pages ask every POLL seconds. */
  readonly live: boolean;
  /** CONSOLE=read: offer nothing that changes something. */
  readonly readOnly: boolean;
  /** Says something for a few seconds, also to a screen reader. */
  say(words: string, link?: { href: string; words: string }): void;
}

/** A key that a page listens to; '?' lists them. */
export interface Key {
  readonly key: string;
  readonly does: string;
  run(event: KeyboardEvent): void;
}

/** out of the document → in it, where it shows one place; then out of it for good. */
export abstract class PageElement extends HTMLElement {
  // Both are there before it is in the document.
  app!: App;
  place!: Place;
  /** Keys beside those of every page. */
  readonly keys: Key[] = [];
  readonly #left = new AbortController();

  /** Ends when the page is left: for requests and listeners. */
  get signal(): AbortSignal {
    return this.#left.signal;
  }

  /** Draws the page, and begins what keeps it up to date until signal ends. */
  protected abstract open(): void;

  /** The query of the place has changed. Without a method of its own the page is drawn anew. */
  moved(): void {
    this.replaceChildren();
    this.open();
  }

  connectedCallback(): void {
    this.open();
  }

  disconnectedCallback(): void {
    this.#left.abort();
  }

  /** Runs work now and then every so many seconds, while the page is seen; errors go to failed. */
  protected every(seconds: number, work: () => Promise<void> | void, failed: (error: unknown) => void): void {
    let busy = false;
    const run = async () => {
      if (busy || document.hidden || this.signal.aborted) return;
      busy = true;
      try {
        await work();
      } catch (error) {
        if (!this.signal.aborted) failed(error);
      } finally {
        busy = false;
      }
    };
    const timer = setInterval(run, seconds * 1000);
    this.signal.addEventListener('abort', () => clearInterval(timer));
    document.addEventListener('visibilitychange', run, { signal: this.signal });
    void run();
  }

  /** Runs what somebody has clicked, and says what went wrong. */
  protected async attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.app.say(inWords(error));
      return false;
    }
  }
}

/** The first line of a page: its heading, and what can be done beside it. */
export const heading = (words: string, ...beside: (Node | string | null)[]): HTMLElement =>
  h('header', { class: 'heading' }, h('h1', { tabindex: '-1' }, words), ...beside);

/** A place for what went wrong: empty while nothing is. */
export class Trouble {
  readonly element = h('p', { class: 'trouble', role: 'status', hidden: true });

  readonly say = (error: unknown): void => {
    show(this.element, inWords(error));
    this.element.hidden = false;
  };

  clear(): void {
    this.element.hidden = true;
  }
}

/** Says which nodes did not answer; null when all did. */
export const missingNodes = (missing: readonly string[] | undefined): HTMLElement | null =>
  missing?.length ? note(`Not here: what ${missing.join(', ')} would say. ${missing.length === 1 ? 'It did' : 'They did'} not answer in time.`) : null;
