// The tabs of a hub, and what each wants to hear (rules B3, B14).

import type { TaskFilter } from '../../types/index.js';
import { concerns } from '../shared/filter.js';
import type { OwnEvent, Port, TaskState, ToHub, ToTab } from '../shared/protocol.js';

export type HubPort = Port<ToTab, ToHub>;

/** One tab, from its hello to its goodbye. */
export class Tab {
  readonly follows = new Set<string>();
  readonly watches = new Map<number, TaskFilter>();
  readonly outputs = new Map<number, () => void>(); // with what ends each

  constructor(readonly port: HubPort, readonly stopWaiting: () => void) {}

  wants(task: TaskState): boolean {
    if (this.follows.has(task.id)) return true;
    for (const filter of this.watches.values()) if (concerns(filter, task)) return true;
    return false;
  }
}

/** All tabs; the one that was in use last is the last. */
export class Tabs {
  readonly #tabs = new Map<HubPort, Tab>();
  /** Events of the application's own that the tabs are not told of yet: those of a frame are one message. */
  readonly events: OwnEvent[] = [];

  get size(): number {
    return this.#tabs.size;
  }

  all(): Tab[] {
    return [...this.#tabs.values()];
  }

  get(port: HubPort): Tab | undefined {
    return this.#tabs.get(port);
  }

  add(tab: Tab): void {
    this.#tabs.set(tab.port, tab);
  }

  /** A tab is in use: it is the one to ask. */
  touch(tab: Tab): void {
    this.#tabs.delete(tab.port);
    this.#tabs.set(tab.port, tab);
  }

  remove(port: HubPort): void {
    const tab = this.#tabs.get(port);
    if (!tab) return;
    this.#tabs.delete(port);
    for (const end of tab.outputs.values()) end();
    tab.stopWaiting();
    port.close();
  }

  tellEvents(): void {
    if (this.events.length) this.tellAll({ t: 'events', events: this.events.splice(0) });
  }

  tellAll(message: ToTab): void {
    this.tellEvents();
    for (const port of this.#tabs.keys()) port.post(message);
  }

  follow(id: string): boolean {
    for (const tab of this.#tabs.values()) if (tab.follows.has(id)) return true;
    return false;
  }
}
