// What a frontend does with the package: each of its entries, in one program that says in
// the end what came of it. It has the types of its tasks from tasks.d.ts.

import { createElement, type ReactNode } from 'react';
import { renderToString } from 'react-dom/server';

import { TaskFailed, connect, type TaskView } from 'heliograph-client';
import { HeliographTask, HeliographVersion, useClient } from 'heliograph-client/elements';
import { HeliographProvider, useConnection, useNewVersion, useTask, useTaskById, useTaskOutput, useTaskTypes, useTasks } from 'heliograph-client/react';
import { fakeClient } from 'heliograph-client/testing';

function Import({ id }: { id: string }): ReactNode {
  const { start, starting, error, result } = useTask('import', { resume: true, onCompleted: ({ rows }) => console.log(rows.toFixed()) });
  const { task, cancel } = useTaskById(id);
  const tasks = useTasks({ type: 'import', mine: true });
  const { text } = useTaskOutput(id);
  const { types } = useTaskTypes();
  const update = useNewVersion({ build: '1.4.0' });
  const { state } = useConnection();
  void [() => start({ rows: 20 }), cancel, update?.reload];
  return createElement('p', null, [starting, error?.message, result?.rows, task?.progress.value, tasks.length, text, types?.length, state].join());
}

/** Compiles only if the views tell their states apart. */
function words(view: TaskView<{ rows: number }>): string {
  switch (view.status) {
    case 'completed':
      return view.resultState === 'ready' ? `${view.result.rows} rows` : view.resultState;
    case 'failed':
      return view.error.message;
    default:
      return view.status;
  }
}

const hg = fakeClient({
  handlers: {
    import: async (task, { rows }: { rows: number }) => {
      await task.sleep(1000);
      if (rows > 100) throw new Error('too many');
      return { rows };
    },
  },
});
const html = renderToString(createElement(HeliographProvider, { client: hg }, createElement(Import, { id: 'x' })));
const task = hg.start('import', { rows: 20 });
const loop = (async () => {
  let said = '';
  for await (const view of task) said = words(view);
  return said;
})();
const failed = hg.start('import', { rows: 1000 }).result.catch((error: unknown) => (error instanceof TaskFailed ? error.task.error.code : String(error)));
await hg.advance(2000);
useClient(hg);
const real = connect({ api: 'http://127.0.0.1:1/api' });
const idle = real.connection.getSnapshot().state;
real.close();
console.log(JSON.stringify({ html, loop: await loop, failed: await failed, idle, elements: [typeof HeliographTask, typeof HeliographVersion] }));
hg.close();
