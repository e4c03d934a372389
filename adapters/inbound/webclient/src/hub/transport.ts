// How the bytes of the stream get here (rule B1). It is told to open a stream, says what
// comes, and says once why it ended. It decides nothing: stream.ts does.

import { EventParser, type ParserOutput } from './parser.js';
import { type Refusal, refusalOf } from './http.js';

export interface StreamRequest {
  url: string;
  /** Goes along as a bearer token, if there is one. */
  token: string | null;
  credentials: RequestCredentials;
  lastId: string;
}

/** Why a stream ended: the server ended it, the network did, or it was never given. */
export type Ending = { kind: 'ended' } | { kind: 'network'; message: string } | { kind: 'refused'; refusal: Refusal };

export interface StreamListener extends ParserOutput {
  /** headers are there unless the transport cannot see them. */
  opened(headers?: Headers): void;
  /** Bytes came, whatever they mean; lastId is the last event ID as of then. */
  activity(lastId: string): void;
  ended(why: Ending): void;
}

/** Opens a stream; the returned function ends it, after which nothing is said any more. */
export type Transport = (request: StreamRequest, listener: StreamListener) => () => void;

/** Reads the stream with fetch. */
export function fetchTransport(fetch: typeof globalThis.fetch): Transport {
  return (request, listener) => {
    const stop = new AbortController();
    read(fetch, request, listener, stop.signal)
      .catch((error): Ending => ({ kind: 'network', message: String(error?.message ?? error) }))
      .then((why) => {
        if (stop.signal.aborted) return;
        stop.abort(); // what is left of a body that is of no use
        listener.ended(why);
      });
    return () => stop.abort();
  };
}

async function read(fetch: typeof globalThis.fetch, request: StreamRequest, listener: StreamListener, signal: AbortSignal): Promise<Ending> {
  const response = await fetch(request.url, {
    headers: { Accept: 'text/event-stream', ...(request.token && { Authorization: 'Bearer ' + request.token }) },
    credentials: request.credentials,
    cache: 'no-store',
    signal,
  });
  if (!response.ok) return { kind: 'refused', refusal: await refusalOf(response) };
  if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
    // A captive portal's page, or a path that is not the service's.
    return { kind: 'network', message: 'the answer is not an event stream' };
  }
  const parser = new EventParser(request.lastId, {
    event: (event) => signal.aborted || listener.event(event),
    comment: () => signal.aborted || listener.comment(),
    retry: (ms) => signal.aborted || listener.retry(ms),
  });
  const decoder = new TextDecoder();
  const reader = response.body!.getReader();
  if (signal.aborted) return { kind: 'ended' };
  listener.opened(response.headers);
  for (;;) {
    const { done, value } = await reader.read();
    if (done || signal.aborted) return { kind: 'ended' };
    parser.push(decoder.decode(value, { stream: true }));
    if (!signal.aborted) listener.activity(parser.lastId);
  }
}
