// The frame around the pages: where one can go, how the stream is, and the keys.

import type { Connection } from '../../../webclient/types/index.js';
import { PAGES } from '../pages.js';
import { dialog } from './dialog.js';
import { button, h, link, show, unseen } from './dom.js';
import { type App, type Key, POLL, type PageElement } from './page.js';
import { go, linkTo, placeOf } from './place.js';
import { signOut } from './session.js';
import { type Tone, shape } from './state.js';
import { nextTheme, themeName } from './theme.js';

/** So long a key waits for the one after it, in milliseconds. */
const CHORD = 1200;
/** So long something that was said stays, in milliseconds. */
const SAID = 8000;

export class Shell {
  readonly #app: App;
  readonly #main = h('main', { id: 'main', tabindex: '-1' });
  readonly #nav: HTMLElement;
  readonly #said = h('div', { class: 'said', role: 'status', 'aria-live': 'polite' });
  readonly #stream = h('span', { class: 'stream' });
  #page: PageElement | null = null;
  #shown = '';
  #chord = 0;
  #saying: ReturnType<typeof setTimeout> | undefined;

  constructor(app: Omit<App, 'say'>, signedIn: boolean) {
    this.#app = { ...app, say: (words, to) => this.#say(words, to) };
    this.#nav = h('nav', { 'aria-label': 'Pages', id: 'pages' },
      h('ul', {}, ...PAGES.map(({ path, title, key }) => h('li', {}, link(linkTo(path), title, { 'data-page': path, 'aria-keyshortcuts': `g ${key}` })))));
    const theme = button(themeName(), () => (theme.textContent = nextTheme()), { class: 'quiet', title: 'Light, dark or as the system has it' });
    const menu = button('Menu', () => menu.setAttribute('aria-expanded', String(this.#nav.classList.toggle('open'))), { class: 'quiet menu-button', 'aria-expanded': 'false', 'aria-controls': 'pages' });
    this.#nav.addEventListener('click', () => {
      this.#nav.classList.remove('open');
      menu.setAttribute('aria-expanded', 'false');
    });
    const skip = button('Skip to the page', () => this.#main.focus(), { class: 'skip' });
    document.body.replaceChildren(
      skip,
      h('div', { class: 'top', role: 'banner' },
        link(linkTo('tasks'), 'heliograph', { class: 'brand' }),
        app.readOnly && h('span', { class: 'badge stopped' }, shape('stopped'), 'read only'),
        this.#stream, menu, theme,
        button('Keys', () => this.#help(), { class: 'quiet keys-button', 'aria-keyshortcuts': '?' }),
        signedIn && button('Sign out', () => signOut(), { class: 'quiet' })),
      this.#nav, this.#main, this.#said);
    addEventListener('hashchange', () => this.#go());
    addEventListener('keydown', (event) => this.#press(event));
    this.#watch();
    this.#go();
  }

  // --- pages

  #go(): void {
    const place = placeOf(location.hash);
    const entry = PAGES.find(({ path }) => path === place.page) ?? PAGES[0]!;
    const shown = `${entry.path}/${place.id}`;
    for (const to of this.#nav.querySelectorAll('a')) to.toggleAttribute('aria-current', to.dataset.page === entry.path);
    this.#nav.querySelector('[aria-current]')?.setAttribute('aria-current', 'page');
    if (this.#page && this.#shown === shown) {
      this.#page.place = place;
      return this.#page.moved();
    }
    const first = this.#page === null;
    this.#shown = shown;
    this.#page = document.createElement(place.id && entry.one ? entry.one : entry.element) as PageElement;
    this.#page.app = this.#app;
    this.#page.place = place;
    show(this.#main, this.#page);
    document.title = `${place.id ? place.id + ' · ' : ''}${entry.title} · heliograph`;
    scrollTo(0, 0);
    if (!first) this.#main.querySelector('h1')?.focus(); // where a page begins, for a screen reader and the keyboard
  }

  // --- how the stream is

  #watch(): void {
    if (!this.#app.live) {
      return show(this.#stream, h('span', { class: 'badge waiting' }, shape('waiting'), `asked every ${POLL} s: streams are at an external gateway`));
    }
    const { connection } = this.#app.client;
    const draw = () => {
      const now = connection.getSnapshot();
      const [tone, words] = streamInWords(now);
      show(this.#stream, h('span', { class: `badge ${tone}`, title: now.error?.message ?? null }, shape(tone), unseen('Stream: '), words));
      if (now.state === 'unauthorized') signOut(now.error?.message ?? 'The credential is not accepted any more.');
    };
    connection.subscribe(draw);
    this.#app.client.version.subscribe(() => {}); // has the stream open on every page
    draw();
  }

  #say(words: string, to?: { href: string; words: string }): void {
    clearTimeout(this.#saying);
    show(this.#said, h('p', {}, words, to && ' ', to && link(to.href, to.words)));
    this.#saying = setTimeout(() => show(this.#said), SAID);
  }

  // --- keys

  #press(event: KeyboardEvent): void {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    const typing = target instanceof HTMLElement && target.matches('input:not([type=checkbox]), textarea, select');
    if (key === 'Escape') return this.#escape(typing ? target : null);
    if (typing) return;
    const chord = Date.now() - this.#chord < CHORD;
    this.#chord = 0;
    const run = chord ? this.#jump(key) : this.#find(key, event);
    if (!run) return;
    event.preventDefault();
    run();
  }

  #jump(key: string): (() => void) | undefined {
    const to = PAGES.find((page) => page.key === key);
    return to && (() => go(linkTo(to.path)));
  }

  #find(key: string, event: KeyboardEvent): (() => void) | undefined {
    if (key === 'g') return () => (this.#chord = Date.now());
    if (key === '?') return () => this.#help();
    if (key === 'j' || key === 'k') return () => this.#step(key === 'j' ? 1 : -1);
    if (key === '/') {
      const search = this.#main.querySelector<HTMLInputElement>('[data-search]');
      return search ? () => {
        search.focus();
        search.select();
      } : undefined;
    }
    const own = this.#page?.keys.find((one) => one.key === key);
    return own && (() => own.run(event));
  }

  // Esc leaves a field first, then a page for the one above it.
  #escape(field: HTMLElement | null): void {
    if (field) return field.blur();
    const { page, id } = placeOf(location.hash);
    if (id) go(linkTo(page));
  }

  /** The rows of a list are links with data-row. */
  #step(by: 1 | -1): void {
    const rows = [...this.#main.querySelectorAll<HTMLElement>('[data-row]')];
    const focused = document.activeElement;
    const row = focused?.closest('tr, li');
    const at = rows.findIndex((one) => one === focused || (row && row.contains(one)));
    rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
  }

  #help(): void {
    const line = ({ key, does }: Omit<Key, 'run'>) => h('div', {}, h('dt', {}, ...key.split(' ').map((one) => h('kbd', {}, one))), h('dd', {}, does));
    const everywhere = [
      { key: '?', does: 'these keys' },
      { key: 'j', does: 'next row' },
      { key: 'k', does: 'row before' },
      { key: 'Enter', does: 'open the row' },
      { key: '/', does: 'search' },
      { key: 'Esc', does: 'leave a field, close, go back to the list' },
      ...PAGES.map(({ key, title }) => ({ key: `g ${key}`, does: title })),
    ];
    dialog('Keys', (close) => [
      h('dl', { class: 'keys' }, ...(this.#page?.keys ?? []).map(line), ...everywhere.map(line)),
      h('div', { class: 'actions' }, button('Close', close, { autofocus: true })),
    ]);
  }
}

function streamInWords({ state, sharing }: Connection): [Tone, string] {
  switch (state) {
    case 'open': return ['good', sharing === 'own' ? 'live' : 'live, one stream for all tabs'];
    case 'idle': case 'connecting': return ['waiting', 'connecting'];
    case 'silent': return ['warn', 'silent, opening anew'];
    case 'reconnecting': return ['warn', 'reconnecting'];
    case 'full': return ['warn', 'the service is full'];
    case 'replaced': return ['stopped', 'replaced'];
    case 'closed': case 'signed-out': return ['stopped', 'closed'];
    default: return ['bad', state];
  }
}
