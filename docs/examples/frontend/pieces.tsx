// What docs/frontend.md and docs/migration.md show beside the sample app. It is not part of the
// app: the tests of the package hold it against the types.
import { act, type ReactNode } from 'react';
import { type Client, connect } from 'heliograph-client';
import { HeliographProvider, useTaskOutput, useTasks } from 'heliograph-client/react';
import { fakeClient } from 'heliograph-client/testing';

declare const bar: HTMLProgressElement;
declare function toast(text: string): void;
declare function show(result: unknown): void;
declare function fail(error: unknown): void;
declare function render(page: ReactNode): void; // of the testing library

// --- docs/frontend.md

export function Toasts() {
  useTasks({type: 'import', mine: true}, {onCompleted: (result, task) => toast(`Import ${task.id} is done`)});
  return null;
}

export const LoggedIn = ({hg, user, children}: {hg: Client; user: object | null; children: ReactNode}) => (
  <HeliographProvider client={hg} enabled={user !== null}>
    {children}
  </HeliographProvider>
);

export function Log({id}: {id: string}) {
  const {text, done} = useTaskOutput(id);                     // the newest 100,000 characters
  return <pre aria-busy={!done}>{text}</pre>;
}

const Import = () => <Log id="an import" />;

export async function story() {
  const hg = fakeClient({handlers: {import: async (task, {rows}) => {
    for (let row = 1; row <= rows; row++) {
      await task.sleep(1000);
      task.progress(row / rows, `row ${row}`);
    }
    return {rows};
  }}});
  render(<HeliographProvider client={hg}><Import /></HeliographProvider>);
  await act(() => hg.advance(500));
}

// --- docs/migration.md

export function before(id: string) {
  const source = new EventSource(`/api/sse/tasks?request_id=task:${id}`);
  source.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.event_type === 'progress_update') bar.value = event.data.value;
    if (event.event_type === 'task_completed') { source.close(); show(event.data); }
    if (event.event_type === 'task_failed') { source.close(); fail(event.data.error); }
  };
}

export async function after(id: string) {
  const task = connect().follow(id);
  for await (const t of task) bar.value = t.progress.value ?? 0;
  task.result.then(show, fail);
}
