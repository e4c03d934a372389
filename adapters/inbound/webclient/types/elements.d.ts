// `heliograph-client/elements`, which the service has at /api/client/elements.js too:
// importing it defines the elements.

import type { Client, Task, TaskView } from './index.js';

/**
 * Lets the elements of the page use that client. Without it they use one that `connect()`
 * made for the page's own origin.
 */
export function useClient(client: Client): void;

/**
 * `<heliograph-task task="0b0e…">`: the progress of a task, in words and as a bar.
 *
 * Attributes: `task`, its ID; `label`, what the bar is called (the task's type by default);
 * `cancellable`, to have a button that asks the task to stop. It sets `status`.
 *
 * Parts: `bar`, `status`, `text`, `cancel`. Custom properties: `--heliograph-color`,
 * `--heliograph-error-color`, `--heliograph-bar-height`. Slots: `cancel`, and one for each
 * status, for words of your own, as `<span slot="completed">Fertig</span>`.
 *
 * Event: `heliograph-end`, a CustomEvent with the view, once when the task has ended.
 */
export class HeliographTask extends HTMLElement {
  /** The ID; setting it sets the attribute. */
  task: string | null;
  /** Shows a task that was just started, instead of an ID. */
  handle: Task | null;
  /** What it shows. */
  readonly view: TaskView | null;
}

/**
 * `<heliograph-version build="1.4.0">`: says that there is another version than the page's,
 * and offers to load it. It shows nothing before.
 *
 * Attribute: `build`, the page's own version; by default the first one that it hears of.
 * Parts: `message`, `changelog`, `reload`, `dismiss`. Slots: `message`, `reload`, `dismiss`.
 */
export class HeliographVersion extends HTMLElement {
  build: string | null;
}

declare global {
  interface HTMLElementTagNameMap {
    'heliograph-task': HeliographTask;
    'heliograph-version': HeliographVersion;
  }
  interface HTMLElementEventMap {
    'heliograph-end': CustomEvent<TaskView>;
  }
}
