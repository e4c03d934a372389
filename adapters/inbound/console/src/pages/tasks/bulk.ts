// All tasks that match, at once.

import { inWords } from '../../parts/api.js';
import { dialog } from '../../parts/dialog.js';
import { button, h, note, show } from '../../parts/dom.js';
import { number, plural } from '../../parts/format.js';
import type { App } from '../../parts/page.js';
import type { Read } from '../../parts/task.js';
import { bodyOf } from '../../parts/taskactions.js';

type Query = Record<string, string | string[]>;

/** So many requests are under way at a time. */
const AT_ONCE = 6;
/** So many tasks are done at most; then it is asked again. */
const MOST = 10_000;

/** Asks what to do with all tasks of a query, and does it. done is called in the end. */
export function bulk(app: App, query: Query, counts: Record<string, number | undefined>, done: () => void): void {
  const words = [query.status, query.type && `of type ${String(query.type)}`, ...[query.label ?? []].flat().map((label) => `with ${label}`)].filter(Boolean).join(' ');
  const of = (...states: string[]) => states.filter((state) => !query.status || query.status === state).reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const [active, failed, ended] = [of('pending', 'running'), of('failed'), of('completed', 'failed', 'cancelled')];
  const said = h('p', { role: 'status' });
  const stop = new AbortController();
  const made = dialog(words ? `All tasks ${words}` : 'All tasks', (close) => {
    const choose = (text: string, n: number, ask: string, run: () => Promise<string>) => {
      const chosen = button(text, () => {
        for (const other of actions.querySelectorAll('button')) other.hidden = true;
        actions.append(button(`Yes, ${ask}`, async (event) => {
          (event.target as HTMLElement).remove();
          try {
            show(said, await run());
          } catch (error) {
            show(said, inWords(error));
          }
          done();
        }, { class: 'danger', 'data-yes': '' }));
        show(said, `${plural(n, 'task')} now. This cannot be taken back.`);
        actions.querySelector<HTMLElement>('[data-yes]')?.focus();
      }, { disabled: n === 0 });
      return chosen;
    };
    const filter = Object.fromEntries(Object.entries(query).filter(([, value]) => value.length));
    const actions = h('div', { class: 'actions' },
      choose(`Cancel ${number(active)} unfinished`, active, `cancel ${number(active)}`, async () => {
        // Without a filter the service refuses: the two states are all that can be cancelled.
        const queries = Object.keys(filter).length ? [filter] : [{ status: 'pending' }, { status: 'running' }];
        let n = 0;
        for (const one of queries) n += (await app.api.post<{ cancelled: number }>('/tasks/cancel', undefined, one)).cancelled;
        return `${plural(n, 'task was', 'tasks were')} cancelled, or asked to stop.`;
      }),
      choose(`Retry ${number(failed)} failed`, failed, `retry ${number(failed)}`, () =>
        each(app, { ...query, status: 'failed' }, said, stop.signal, 'started again', async (task) => {
          if (!('params' in task)) throw new Error(`type ${task.type} hides its params`);
          await app.api.ask('/tasks', { method: 'POST', body: bodyOf(task), headers: { 'Idempotency-Key': `retry-${task.task_id}-${task.seq}` } });
        })),
      choose(`Remove ${number(ended)} that have ended`, ended, `remove ${number(ended)}`, async () => {
        const states = query.status ? [query.status] : ['completed', 'failed', 'cancelled'];
        let words = '';
        for (const status of states) words = await each(app, { ...query, status }, said, stop.signal, 'removed', (task) => app.api.delete(`/tasks/${task.task_id}`), words);
        return words;
      }));
    return [
      note('What matches when it begins is done; tasks that start meanwhile are not.'),
      actions, said,
      h('div', { class: 'actions' }, button('Close', close, { class: 'quiet' })),
    ];
  });
  made.addEventListener('close', () => stop.abort());
}

/** Reads the tasks of a query first, so that what changes them does not move the pages. */
async function each(app: App, query: Query, said: HTMLElement, signal: AbortSignal, did: string, work: (task: Read) => Promise<unknown>, before = ''): Promise<string> {
  const tasks: Read[] = [];
  for (let cursor: string | null = ''; cursor !== null && tasks.length < MOST; ) {
    const page: { tasks: Read[]; next_cursor: string | null } = await app.api.get('/tasks', { ...query, limit: 200, cursor, include: 'params' }, signal);
    tasks.push(...page.tasks);
    cursor = page.next_cursor;
    show(said, `Reading: ${plural(tasks.length, 'task')}…`);
  }
  let [n, failures, why] = [0, 0, ''];
  const queue = tasks.values();
  const worker = async () => {
    for (const task of queue) {
      if (signal.aborted) return;
      try {
        await work(task);
        n++;
      } catch (error) {
        failures++;
        why ||= inWords(error);
      }
      show(said, `${number(n)} of ${plural(tasks.length, 'task')} ${did}…`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return `${before} ${plural(n, 'task')} ${did}.${failures ? ` ${plural(failures, 'task')} not: ${why}` : ''}`.trim();
}
