import { createRoot } from 'react-dom/client';
import { useNewVersion, useTask, useTaskById, useTasks } from 'heliograph-client/react';

function Row({ id }: { id: string }) {
  const { task, result, error, cancel } = useTaskById<{ message: string }>(id);
  if (!task) return null;
  return (
    <li data-task={id} data-status={task.status} className={task.stale ? 'stale' : ''}>
      <progress aria-label={`Task ${id}`} value={task.progress.value ?? undefined} /> {(task.active && task.progress.text) || task.status}
      {task.active && <button onClick={cancel} disabled={task.cancelling}>Cancel</button>}
      {result && <output>{result.message}</output>} {error && <p role="alert">{error.message}</p>}
    </li>
  );
}

function App() {
  const { start, starting, startError } = useTask('demo_task');
  const tasks = useTasks({ type: 'demo_task', mine: true });
  const update = useNewVersion();
  return (
    <main>
      {update && <p role="status">Version {update.version} is there. <button onClick={update.reload}>Reload</button> <button onClick={update.dismiss}>Not now</button></p>}
      <button id="start" onClick={() => start({ steps: 20, message: 'hello' })} disabled={starting}>Start</button>
      {startError && <p role="alert">{startError.message}</p>}
      <ul>{tasks.map(({ id }) => <Row key={id} id={id!} />)}</ul>
    </main>
  );
}

createRoot(document.querySelector('#app')!).render(<App />);
