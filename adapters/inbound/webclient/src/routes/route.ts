// The ways from a tab to a hub. Each has a file; tab/link.ts tries them.

import type { Connection } from '../../types/index.js';
import type { HubConfig, Port, ToHub, ToTab } from '../shared/protocol.js';

/** One way to a hub. */
export interface Route {
  /** Where the hub is. */
  sharing: Connection['sharing'];
  port: Port<ToHub, ToTab>;
}

export interface RouteUser {
  /** A hub may be there, or another one than before: say hello. */
  ready(route: Route): void;
  /** There is none this way. */
  failed(): void;
}

/** What a tab brings. */
export interface RouteOptions {
  config: HubConfig;
  /** The tab's own name. */
  tab: string;
  /** Instead of the page's, for a tab that is alone. */
  fetch?: typeof globalThis.fetch;
}

/** Looks for a hub. The returned function ends the search, the route and what it holds. */
export type FindRoute = (options: RouteOptions, user: RouteUser) => () => void;
