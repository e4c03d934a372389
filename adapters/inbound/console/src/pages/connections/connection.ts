// What the API says of a connection.

export interface Connection {
  readonly request_id: string;
  readonly subject?: string;
  readonly node: string;
  readonly gateway: string;
  readonly since: string;
  readonly origin?: { readonly resumed: boolean; readonly reset?: string };
  readonly lag_events?: number;
  readonly waiting_bytes?: number;
  readonly state?: string;
}

/** How the stream began. */
export function beganInWords({ origin }: Connection): string | null {
  if (!origin) return null;
  if (origin.reset) return `after a gap (${origin.reset})`;
  return origin.resumed ? 'resumed, nothing missed' : 'new';
}
