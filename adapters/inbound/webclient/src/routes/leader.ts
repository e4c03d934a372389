// The hub in the tab that leads: the one that holds the leader's lock. The others reach it
// over a BroadcastChannel, and wait for the lock: when the leader is gone, the next one
// leads, and says so.
//
//   following ── gets the lock ──► leading

import { openHub } from '../hub/open.js';
import { pipe } from '../shared/ports.js';
import { PROTOCOL, type Port, type ToHub, type ToTab } from '../shared/protocol.js';
import type { FindRoute } from './route.js';

/** What goes over the channel. */
type Cast =
  | { to: 'leader'; from: string; message: ToHub }
  | { to: string; message: ToTab } // a tab
  | { to: 'all' }; // there is a new leader

export const lead: FindRoute = ({ config, tab }, user) => {
  const name = `heliograph-${PROTOCOL}-${JSON.stringify(config)}`;
  const channel = new BroadcastChannel(name);
  const followers = new Map<string, Port<ToTab, ToHub>>();
  const stop = new AbortController();
  let leading: { serve(port: Port<ToTab, ToHub>): void; close(): void } | null = null;
  let letGo = () => {};

  const port: Port<ToHub, ToTab> = {
    onmessage: null,
    post: (message) => channel.postMessage({ to: 'leader', from: tab, message } satisfies Cast),
    close() {},
  };
  const follow = () => user.ready({ sharing: 'follower', port });

  channel.onmessage = ({ data }: MessageEvent<Cast>) => {
    if (leading) {
      if (!('from' in data)) return;
      let follower = followers.get(data.from);
      if (!follower) {
        const to = data.from;
        follower = { onmessage: null, post: (message) => channel.postMessage({ to, message } satisfies Cast), close: () => followers.delete(to) };
        followers.set(to, follower);
        leading.serve(follower);
      }
      follower.onmessage?.(data.message);
    } else if (data.to === 'all') follow();
    else if (data.to === tab && 'message' in data) port.onmessage?.(data.message as ToTab);
  };

  const whenLeader = async () => {
    if (stop.signal.aborted) return;
    const hub = openHub(config, ''); // that there is a new one, followers hear
    const [own, other] = pipe<ToHub, ToTab>();
    hub.serve(other);
    leading = hub;
    user.ready({ sharing: 'leader', port: own });
    channel.postMessage({ to: 'all' } satisfies Cast);
    await new Promise<void>((done) => (letGo = done));
    hub.close();
  };
  navigator.locks.request(name, { signal: stop.signal }, whenLeader).catch(() => {});
  queueMicrotask(follow);

  return () => {
    stop.abort();
    letGo();
    // After what was said last, the goodbye of a follower.
    queueMicrotask(() => channel.close());
  };
};
