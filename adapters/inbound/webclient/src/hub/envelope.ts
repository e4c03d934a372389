// Events whose name is in their data, as the envelope format has them (rule B16).

import type { StreamEvent } from './parser.js';

/** An event with its data read; id is the last event ID as of it. */
export interface NamedEvent {
  name: string;
  data: any;
  id: string;
}

/** Throws when the data is not JSON. */
export function unwrap({ name, data, id }: StreamEvent): NamedEvent {
  const read = data ? JSON.parse(data) : null; // "ready" has none
  if (name === 'message' && typeof read?.type === 'string' && 'payload' in read) return { name: read.type, data: read.payload, id };
  return { name, data: read, id };
}
