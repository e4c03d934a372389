// The pages, in the order of the menu. To add one: write its element in pages/, extending
// PageElement, and name it here.

import { ConnectionPage } from './pages/connection.js';
import { ConnectionsPage } from './pages/connections.js';
import { HealthPage } from './pages/health.js';
import { NodesPage } from './pages/nodes.js';
import { SettingsPage } from './pages/settings.js';
import { StartPage } from './pages/start.js';
import { StreamPage } from './pages/stream.js';
import { TaskPage } from './pages/task.js';
import { TasksPage } from './pages/tasks.js';
import { VersionsPage } from './pages/versions.js';
import { WorkersPage } from './pages/workers.js';

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
  { path: 'tasks', title: 'Tasks', key: 't', element: 'hg-tasks', one: 'hg-task' },
  { path: 'start', title: 'Start', key: 's', element: 'hg-start' },
  { path: 'stream', title: 'Stream', key: 'l', element: 'hg-stream' },
  { path: 'connections', title: 'Connections', key: 'c', element: 'hg-connections', one: 'hg-connection' },
  { path: 'versions', title: 'Versions', key: 'v', element: 'hg-versions' },
  { path: 'workers', title: 'Workers', key: 'w', element: 'hg-workers' },
  { path: 'nodes', title: 'Nodes', key: 'n', element: 'hg-nodes' },
  { path: 'health', title: 'Health', key: 'h', element: 'hg-health' },
  { path: 'settings', title: 'Settings', key: 'e', element: 'hg-settings' },
];

const ELEMENTS: Record<string, CustomElementConstructor> = {
  'hg-tasks': TasksPage,
  'hg-task': TaskPage,
  'hg-start': StartPage,
  'hg-stream': StreamPage,
  'hg-connections': ConnectionsPage,
  'hg-connection': ConnectionPage,
  'hg-versions': VersionsPage,
  'hg-workers': WorkersPage,
  'hg-nodes': NodesPage,
  'hg-health': HealthPage,
  'hg-settings': SettingsPage,
};

export function definePages(): void {
  for (const [name, element] of Object.entries(ELEMENTS)) customElements.define(name, element);
}
