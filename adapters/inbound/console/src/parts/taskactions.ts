// What can be done with a task.

import { copy, curl } from './copy.js';
import { confirmed } from './dialog.js';
import type { App } from './page.js';
import { go, linkTo } from './place.js';
import { type Item, type Read, isActive } from './task.js';
import { short } from './format.js';

export const readTask = (app: App, id: string, signal?: AbortSignal): Promise<Read> => app.api.get<Read>(`/tasks/${id}`, { include: 'params' }, signal);

/** The body of a start that does the same again. */
export function bodyOf({ type, params, labels }: Read): { type: string; params?: unknown; labels?: Record<string, string> } {
  return { type, ...(params !== null && { params }), ...(Object.keys(labels).length > 0 && { labels }) };
}

export interface TaskAction {
  readonly name: 'cancel' | 'retry' | 'edit' | 'remove' | 'curl';
  readonly words: string;
  readonly key: string;
  /** Whether it changes something. */
  readonly changes: boolean;
  /** Whether it is to be offered for a task. */
  fits(item: Item): boolean;
  /** Rejects with what the service says. */
  run(app: App, item: Pick<Item, 'id' | 'type'>): Promise<unknown>;
}

export const ACTIONS: readonly TaskAction[] = [
  {
    name: 'cancel', words: 'Cancel', key: 'c', changes: true, fits: isActive,
    run: (app, { id }) => app.api.post(`/tasks/${id}/cancel`),
  },
  {
    name: 'retry', words: 'Retry', key: 'r', changes: true, fits: (item) => !isActive(item),
    run: async (app, { id }) => {
      const read = await readTask(app, id);
      if (!('params' in read)) throw new Error(`Tasks of type ${read.type} keep their params to themselves, so they cannot be repeated from here. Start one with new params.`);
      const { type, params, labels } = bodyOf(read);
      const task = app.client.start(type, params as Record<string, unknown>, { labels });
      const again = await task.started;
      app.say(`Started again, as ${short(again)}.`, { href: linkTo('tasks', again), words: 'Show it' });
    },
  },
  {
    name: 'edit', words: 'Retry with other params', key: 'e', changes: true, fits: () => true,
    run: async (_, { id, type }) => go(linkTo('start', type, { from: id })),
  },
  {
    name: 'remove', words: 'Remove', key: 'x', changes: true, fits: (item) => !isActive(item),
    run: async (app, { id }) => {
      if (await confirmed('Remove this task?', 'Its record, its result and its output are gone then, for everyone.', 'Remove')) await app.api.delete(`/tasks/${id}`);
    },
  },
  {
    name: 'curl', words: 'Copy as curl', key: 'y', changes: false, fits: () => true,
    run: async (app, { id }) => {
      await copy(curl('POST', '/tasks', bodyOf(await readTask(app, id))));
      app.say('Copied: a curl command that starts the same task.');
    },
  },
];

/** Those that may be offered here. */
export const actionsFor = (app: App, item: Item): readonly TaskAction[] => ACTIONS.filter((action) => (!app.readOnly || !action.changes) && action.fits(item));
