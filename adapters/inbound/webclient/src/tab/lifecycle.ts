// What becomes of the page: it is left, cached, frozen, and comes back (rules B3, B6).

export interface LifecycleUser {
  /** Nothing may be held: the page is gone, or is put away. */
  away(): void;
  /** It is there again. */
  back(): void;
  /** It was hidden or offline, and is not any more. */
  wake(): void;
}

/** Listens; the returned function ends that. Without a page there is nothing to hear. */
export function listen({ away, back, wake }: LifecycleUser): () => void {
  if (typeof document === 'undefined') return () => {};
  const stop = new AbortController();
  const on = (target: EventTarget, name: string, f: () => void) => target.addEventListener(name, f, { signal: stop.signal });
  on(window, 'pagehide', away);
  on(document, 'freeze', away);
  on(window, 'pageshow', back);
  on(document, 'resume', back);
  on(window, 'online', wake);
  on(document, 'visibilitychange', () => document.hidden || wake());
  return () => stop.abort();
}
