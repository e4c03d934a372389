// The pages, in the order of the menu. To add one: write its element in pages/, extending
// PageElement, and name it here.

import { TasksPage } from './pages/tasks.js';

interface Entry {
  /** The first part of its places: '#/path', and '#/path/ID' for one thing. */
  readonly path: string;
  readonly title: string;
  /** The key that comes after g. */
  readonly key: string;
  /** The names of its elements: of the page, and of that for one thing, if it is another. */
  readonly element: string;
  readonly one?: string;
}

export const PAGES: readonly Entry[] = [
  { path: 'tasks', title: 'Tasks', key: 't', element: 'hg-tasks' },
];

const ELEMENTS: Record<string, CustomElementConstructor> = {
  'hg-tasks': TasksPage,
};

export function definePages(): void {
  for (const [name, element] of Object.entries(ELEMENTS)) customElements.define(name, element);
}
