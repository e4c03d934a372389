// <heliograph-task>: a task as a bar and in words.

import type { Client, Store, Task, TaskView } from '../../types/index.js';
import { StoreElement, button, create, slot } from './element.js';

const CSS = `
[part=bar]{width:100%;height:var(--heliograph-bar-height,.75em);accent-color:var(--heliograph-color,auto)}
:host([status=failed]) [part=bar]{accent-color:var(--heliograph-error-color,#b91c1c)}
:host([status=failed]) [part=status]{color:var(--heliograph-error-color,#b91c1c)}
div{display:flex;gap:.75em;align-items:baseline}[part=text]{flex:1}`;

export class TaskElement extends StoreElement {
  static readonly observedAttributes = ['task', 'label', 'cancellable'];
  readonly #bar = create('progress', { part: 'bar', role: 'progressbar', max: '1' });
  /** A screen reader says it when it changes; the bar and its text change too often for that. */
  readonly #status = create('span', { part: 'status', role: 'status', 'aria-live': 'polite' });
  readonly #text = create('span', { part: 'text' });
  readonly #cancel = button('cancel', 'Cancel', () => void this.#shown!.cancel().catch((error: Error) => this.#say('refused', error.message)));
  #handle: Task | null = null;
  #shown: Task | null = null;
  #ended: string | null = null;
  view: TaskView | null = null;

  constructor() {
    super();
    this.fill(CSS, this.#bar, create('div', {}, this.#status, this.#text, this.#cancel));
  }

  get task(): string | null {
    return this.getAttribute('task');
  }
  set task(id: string | null) {
    if (id === null) this.removeAttribute('task');
    else this.setAttribute('task', id);
  }

  get handle(): Task | null {
    return this.#handle;
  }
  set handle(task: Task | null) {
    this.#handle = task;
    this.attributeChangedCallback();
  }

  store(client: Client): Store<TaskView> | null {
    const { task } = this;
    return (this.#shown = this.#handle ?? (task ? client.follow(task) : null));
  }

  draw(view: TaskView | null): void {
    this.view = view;
    this.hidden = !view;
    if (!view) return;
    const { id, status, type, active, cancelling, progress, error } = view;
    const { value, text } = progress;
    this.setAttribute('status', status);
    this.#bar.setAttribute('aria-label', this.getAttribute('label') ?? type);
    if (value !== null) this.#bar.value = value;
    else if (active) this.#bar.removeAttribute('value'); // how far it is is unknown
    else this.#bar.value = 0;
    this.#text.textContent = text;
    this.#cancel.hidden = !active || !this.hasAttribute('cancellable');
    this.#cancel.disabled = cancelling;
    this.#say(cancelling ? 'cancelling' : status, error?.message);
    if (active || this.#ended === id) return;
    this.#ended = id;
    this.dispatchEvent(new CustomEvent('heliograph-end', { detail: view, bubbles: true, composed: true }));
  }

  #say(name: string, more = ''): void {
    if (this.#status.firstElementChild?.getAttribute('name') === name) return;
    this.#status.replaceChildren(slot(name, name), ...(more ? [': ' + more] : []));
  }
}
