// EventSource, for browsers whose fetch gives no streaming bodies (rule B1). It shows no
// status and no heartbeats, sends no credential and hears only events that it is told of.

import type { Transport } from './transport.js';

const EVENTS = [
  'message', 'task_event', 'task_snapshot', 'task_output', 'version', 'stream_reset', 'replaced',
  'auth_expiring', 'auth_expired', 'rejected', 'ping',
];

export const eventSourceTransport: Transport = ({ url, credentials }, listener) => {
  const source = new EventSource(url, { withCredentials: credentials === 'include' });
  source.onopen = () => listener.opened();
  // It would come back by itself; there is one owner of that, and it is not this.
  source.onerror = () => {
    source.close();
    listener.ended({ kind: 'network', message: 'the stream broke, or was not given' });
  };
  for (const name of EVENTS) {
    source.addEventListener(name, ({ data, lastEventId }: MessageEvent) => {
      listener.event({ name, data, id: lastEventId });
      listener.activity(lastEventId);
    });
  }
  return () => source.close();
};
