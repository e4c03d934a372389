// Reads the events of a task from the log of events, which is for operators; without the
// scope for that it notes what is seen of the task from now on.

import type { TaskEvent } from '../../../../webclient/types/index.js';
import { Refused, inWords } from '../../parts/api.js';
import type { App } from '../../parts/page.js';
import type { Item } from '../../parts/task.js';
import { type Logged, loggedOf } from './events.js';

interface Page {
  events: { id: string; at?: string; data: TaskEvent | null }[];
  next?: string;
  last_id?: string;
}

/** The log is read at most once in so many milliseconds. */
const PACE = 700;
/** A page of the log. */
const LIMIT = 1000;
/** So many events are kept, the newest. */
const MOST = 2000;

export class TaskLog {
  readonly #app: App;
  readonly #id: string;
  readonly #signal: AbortSignal;
  readonly #show: (events: readonly Logged[], words: string) => void;
  #events: Logged[] = [];
  #after = '';
  #item: Item | null = null; // the newest
  #seq = -1; // of it, once it is being taken care of
  #timer: ReturnType<typeof setTimeout> | undefined;
  #words = '';
  #refused = false;
  #cut = false;

  /** show is called with the events, and with words about what is missing ('' if nothing is). */
  constructor(app: App, id: string, signal: AbortSignal, show: (events: readonly Logged[], words: string) => void) {
    this.#app = app;
    this.#id = id;
    this.#signal = signal;
    this.#show = show;
    signal.addEventListener('abort', () => clearTimeout(this.#timer));
  }

  /** The task is so now. */
  changed(item: Item): void {
    if (item.seq === this.#seq) return;
    this.#seq = item.seq;
    this.#item = item;
    if (this.#refused) return this.#note(item);
    this.#timer ??= setTimeout(async () => {
      const item = this.#item!;
      try {
        await this.#readOn();
      } catch (error) {
        if (this.#signal.aborted) return;
        this.#refused = error instanceof Refused && error.status < 500;
        this.#words = this.#refused ? `The log of events is for operators (${inWords(error)}) These are the states seen since the page was opened.` : inWords(error);
        if (this.#refused) this.#note(item);
      }
      this.#timer = undefined;
      if (this.#signal.aborted) return;
      this.#tell();
      const newest = this.#item!;
      if (newest.seq === item.seq) return;
      this.#seq = item.seq;
      this.changed(newest);
    }, this.#after ? PACE : 0);
  }

  async #readOn(): Promise<void> {
    for (let more = true; more; ) {
      const page: Page = await this.#app.api.get<Page>('/log', { type: 'task_event', task: this.#id, after: this.#after, limit: LIMIT }, this.#signal);
      const own = page.events.flatMap(({ id, at, data }, n): Logged[] => {
        if (data) return data.task_id === this.#id ? [loggedOf(id, data)] : [];
        const before = n ? page.events[n - 1]!.data?.seq ?? 0 : this.#events.at(-1)?.seq ?? 0;
        return [{ id, seq: before + 1, type: 'task_completed', at: at ?? '', attempt: this.#item!.attempt, data: 'larger than the log shows' }]; // only a result is
      });
      this.#cut ||= this.#events.length + own.length > MOST;
      this.#events = [...this.#events, ...own].slice(-MOST);
      this.#after = page.next || page.last_id || this.#after;
      more = Boolean(page.next);
    }
    const first = this.#events[0];
    this.#words = !first ? 'Its events are not in the log any more.' : this.#cut ? `The newest ${MOST} are shown.` : first.seq > 1 ? 'The first ones are not in the log any more, or newer progress took their place.' : '';
  }

  #note({ seq, state, attempt, value, text, error }: Item): void {
    const type = state === 'running' ? 'progress_update' : `task_${state === 'pending' ? 'queued' : state}`;
    const data = state === 'running' ? { value: value ?? undefined, text } : state === 'failed' ? { code: 'TASK_FAILED', error } : null;
    if (this.#events.at(-1)?.seq !== seq) this.#events = [...this.#events, { id: '', seq, type, at: new Date().toISOString(), attempt, data }].slice(-MOST);
    this.#tell();
  }

  #tell(): void {
    this.#show(this.#events, this.#words);
  }
}
