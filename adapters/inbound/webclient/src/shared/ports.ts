// The ways in which a tab and a hub reach each other.

import type { Port } from './protocol.js';

/** Over a MessagePort. */
export function portOf<Out, In>(port: MessagePort): Port<Out, In> {
  const wrapped: Port<Out, In> = {
    onmessage: null,
    post: (message) => port.postMessage(message),
    close: () => port.close(),
  };
  port.onmessage = ({ data }) => wrapped.onmessage?.(data);
  return wrapped;
}

/** Within one page: two ends, which hand over in order and later, as others do. */
export function pipe<A, B>(): [Port<A, B>, Port<B, A>] {
  let open = true;
  const end = <Out, In>(other: () => Port<In, Out>): Port<Out, In> => ({
    onmessage: null,
    post: (message) => queueMicrotask(() => open && other().onmessage?.(message)),
    close: () => (open = false),
  });
  const a: Port<A, B> = end<A, B>(() => b);
  const b: Port<B, A> = end<B, A>(() => a);
  return [a, b];
}
