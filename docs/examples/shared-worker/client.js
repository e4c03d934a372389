// What a tab needs of the stream that worker.js shares between all tabs.

/**
 * Connects this tab to the one stream of all tabs.
 *
 * @param {object} options
 * @param {string} options.streamUrl the same in every tab, such as /api/sse/stream; with
 *   no request_id in it the worker makes its own, which is what you want.
 * @param {(task: object) => void} [options.onTask] called with all that is known of a
 *   task whenever that changes: task_id, status, seq, progress, result, error …
 * @param {(version: object) => void} [options.onVersion] called with each version event.
 * @param {(state: {name: string, reset?: string}) => void} [options.onState] called with
 *   connecting, open, replaced or closed; reset says why missed events are lost.
 * @param {number} [options.silence] ms without any event after which the stream counts as
 *   dead, once the server has sent a ping: three times SSE_PING_INTERVAL; 0 for never.
 * @returns {{watch: (taskIds: string[] | null) => void, close: () => void}} watch limits
 *   onTask to some tasks, or with null to none but all; close leaves.
 */
export function connect({ streamUrl, onTask, onVersion, onState, silence = 45_000 }) {
  const port = openPort(workerURL(streamUrl, silence));
  let watched = null;
  const join = () => port.postMessage({ watch: watched });
  const leave = () => port.postMessage({ bye: true });
  const rejoin = (event) => event.persisted && join(); // back from the back/forward cache

  port.onmessage = ({ data }) => {
    if (data.state) onState?.(data.state);
    if (data.version) onVersion?.(data.version);
    if (data.task) onTask?.(data.task);
  };
  addEventListener('pagehide', leave); // nobody else tells the worker that a tab is gone
  addEventListener('pageshow', rejoin);
  join();

  return {
    watch(taskIds) {
      watched = taskIds;
      join();
    },
    close() {
      leave();
      port.close();
      removeEventListener('pagehide', leave);
      removeEventListener('pageshow', rejoin);
    },
  };
}

function workerURL(streamUrl, silence) {
  const url = new URL('./worker.js', import.meta.url);
  url.searchParams.set('stream', new URL(streamUrl, location.href));
  url.searchParams.set('silence', silence);
  return url;
}

// openPort starts or finds the worker. Where there is no SharedWorker, the same
// module runs in this page, with a stream of its own.
function openPort(url) {
  if (globalThis.SharedWorker) {
    return new SharedWorker(url, { type: 'module', name: 'heliograph' }).port;
  }
  const { port1, port2 } = new MessageChannel();
  import(url).then((worker) => worker.attach(port2));
  return port1;
}
