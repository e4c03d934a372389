// W4: starts a task, with a form that is made of the type's schema and JSON beside it.

import type { StartRefused } from '../../../webclient/src/errors.js';
import type { TaskType } from '../../../webclient/types/index.js';
import { inWords } from '../parts/api.js';
import { command, curl } from '../parts/copy.js';
import { h, link, note, show } from '../parts/dom.js';
import { short } from '../parts/format.js';
import { PageElement, Trouble, heading } from '../parts/page.js';
import { go, linkTo } from '../parts/place.js';
import { type Field, fieldOf } from '../parts/schema/form.js';
import { pathIn } from '../parts/schema/refusal.js';
import type { Schema } from '../parts/schema/schema.js';
import { readTask } from '../parts/taskactions.js';

const ANYTHING: Schema = { type: 'object', properties: {} };

export class StartPage extends PageElement {
  readonly #trouble = new Trouble();
  readonly #body = h('div', { class: 'start' });
  readonly #json = h('textarea', { rows: 12, id: 'params-json', spellcheck: 'false', 'aria-describedby': 'params-json-error' });
  readonly #jsonError = h('p', { class: 'field-error', id: 'params-json-error', hidden: true });
  readonly #labels = h('input', { type: 'text', id: 'labels', autocomplete: 'off', spellcheck: 'false', placeholder: 'order:4711 page:exports' });
  readonly #delay = h('input', { type: 'text', id: 'delay', inputmode: 'decimal', autocomplete: 'off', placeholder: '0' });
  readonly #curl = h('div');
  #fields: Field | null = null;
  #schema: Schema = ANYTHING;

  protected open(): void {
    show(this, heading(this.place.id ? `Start ${this.place.id}` : 'Start a task'), this.#trouble.element, this.#body);
    if (this.app.readOnly) return show(this.#body, note('This console is read only: it starts nothing.'));
    show(this.#body, note('Loading…'));
    void this.#load();
  }

  async #load(): Promise<void> {
    try {
      const types = await this.app.client.types();
      if (this.signal.aborted) return;
      const { id } = this.place;
      if (!id) return this.#showTypes(types);
      const type = types.find((one) => one.type === id);
      if (!type) {
        this.#trouble.say(new Error(`There is no type ${id} that can be started here.`));
        return this.#showTypes(types);
      }
      this.#showForm(type);
      await this.#fill();
    } catch (error) {
      if (!this.signal.aborted) this.#trouble.say(error);
    }
  }

  #showTypes(types: readonly TaskType[]): void {
    if (!types.length) return show(this.#body, note('There is no type of tasks yet. Commands and workers are named in TASKS_FILE.'));
    show(this.#body, h('ul', { class: 'cards' }, ...types.map(({ type, description }) =>
      h('li', { class: 'card' }, h('h2', {}, link(linkTo('start', type), type, { 'data-row': '' })), h('p', {}, description)))));
  }

  // --- the form

  #showForm({ type, description, params_schema }: TaskType): void {
    const schema = params_schema !== null && typeof params_schema === 'object' ? (params_schema as Schema) : ANYTHING;
    this.#schema = schema;
    this.#fields = fieldOf(schema.properties ? schema : { ...schema, ...ANYTHING }, () => this.#fromFields());
    this.#json.addEventListener('input', () => this.#fromJson());
    for (const input of [this.#labels, this.#delay]) input.addEventListener('input', () => this.#showCurl());
    show(this.#body,
      description && h('p', {}, description),
      h('form', { class: 'start-form', novalidate: true, onsubmit: (event: Event) => {
        event.preventDefault();
        void this.#start(type);
      } },
        h('div', { class: 'card' }, h('h2', {}, 'Params'),
          Object.keys(schema.properties ?? {}).length ? this.#fields.element : note(params_schema ? 'It takes none that a form can show; write JSON.' : 'The type does not say what it takes; write JSON.')),
        h('div', { class: 'start' },
          h('div', { class: 'card' }, h('label', { for: 'params-json' }, 'The same as JSON'), this.#json, this.#jsonError),
          h('div', { class: 'card' }, h('h2', {}, 'More'),
            h('div', { class: 'field' }, h('label', { for: 'labels' }, 'Labels'), this.#labels, h('p', { class: 'note small' }, 'To find the task by; with spaces between them.')),
            h('div', { class: 'field' }, h('label', { for: 'delay' }, 'Seconds to wait before it runs'), this.#delay))),
        h('div', { class: 'actions' }, h('button', { type: 'submit', class: 'primary' }, 'Start'), link(linkTo('start'), 'Another type', { class: 'button quiet' })),
        this.#curl));
    this.#set(undefined);
  }

  /** Fills the form with what another task was started with. */
  async #fill(): Promise<void> {
    const from = this.place.query.get('from');
    if (!from) return;
    const task = await readTask(this.app, from, this.signal);
    this.#labels.value = Object.entries(task.labels).map(([key, value]) => `${key}:${value}`).join(' ');
    if (!('params' in task)) return this.#trouble.say(new Error('Tasks of this type keep their params to themselves, so the form is empty.'));
    this.#set(task.params ?? undefined);
    this.#body.prepend(note('With the params of ', link(linkTo('tasks', from), short(from)), '.'));
  }

  #set(params: unknown): void {
    this.#fields!.set(params);
    this.#fromFields();
  }

  /** What would be sent; undefined is no params. */
  #params(): unknown {
    const text = this.#json.value.trim();
    return text === '' ? undefined : JSON.parse(text);
  }

  #fromFields(): void {
    const value = this.#fields!.get();
    this.#json.value = JSON.stringify(value ?? {}, null, 2);
    this.#jsonIs('');
    this.#showCurl();
  }

  #fromJson(): void {
    try {
      this.#fields!.set(this.#params());
      this.#jsonIs('');
      this.#showCurl();
    } catch (error) {
      this.#jsonIs(`It is not JSON yet: ${(error as Error).message}`);
    }
  }

  #jsonIs(wrong: string): void {
    show(this.#jsonError, wrong);
    this.#jsonError.hidden = !wrong;
    this.#json.toggleAttribute('aria-invalid', false);
    if (wrong) this.#json.setAttribute('aria-invalid', 'true');
  }

  #options(): { labels?: Record<string, string>; delay?: number } {
    const labels = Object.fromEntries(this.#labels.value.split(/\s+/).filter(Boolean).map((one) => {
      const [key, value = ''] = one.split(/:(.*)/s);
      return [key!, value];
    }));
    const delay = Number(this.#delay.value);
    return { ...(Object.keys(labels).length && { labels }), ...(delay > 0 && { delay }) };
  }

  #showCurl(): void {
    const params = this.#params();
    show(this.#curl, h('details', { open: this.#curl.querySelector('details')?.open }, h('summary', {}, 'The same as curl'),
      command(curl('POST', '/tasks', { type: this.place.id, ...(params !== undefined && { params }), ...this.#options() }))));
  }

  async #start(type: string): Promise<void> {
    this.#trouble.clear();
    let params: unknown;
    try {
      params = this.#params();
    } catch {
      return this.#json.focus();
    }
    if (!this.#fields!.check()) return this.#body.querySelector<HTMLElement>('.fields [aria-invalid]')?.focus();
    try {
      const task = this.app.client.start(type, params as Record<string, unknown>, this.#options());
      go(linkTo('tasks', await task.started));
    } catch (error) {
      const { code, message, field } = error as StartRefused;
      const path = code === 'INVALID_PARAMS' ? pathIn(message, field, Object.keys(this.#schema.properties ?? {})) : [];
      const at = path.length ? this.#fields!.find(path) : this.#fields!;
      if (!path.length) return this.#trouble.say(error);
      at.mark(inWords(error));
      at.focus();
    }
  }
}
