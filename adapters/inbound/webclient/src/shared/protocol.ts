// What a page's tab and the hub, which owns the stream, say to each other. Both sides say
// PROTOCOL first, and do not talk to another one (rule B2): raise it with every change
// that a side of before would misunderstand.

import type { Capabilities, ConnectionState, Progress, TaskError, TaskFilter, TaskType, Version } from '../../types/index.js';

export const PROTOCOL = 2;

/** What a hub needs to know; the same in all tabs of one hub, whose name it is. */
export interface HubConfig {
  /** Tabs with another one share nothing with these. */
  name: string;
  /** The absolute URL of the API, without a slash at its end. */
  api: string;
  /** That of the stream. */
  stream: string;
  credentials: RequestCredentials;
  requestId?: string;
  /** Whether the tabs have getToken. */
  asksToken: boolean;
  /** False: the service is not told what is wrong with the stream. */
  report?: false;
}

export type RecordStatus = 'pending' | 'running' | 'completed' | 'failed' | 'cancelled' | 'expired';

/** All that the hub knows of a task. Times are as the service writes them. */
export interface TaskState {
  id: string;
  type: string;
  status: RecordStatus;
  seq: number;
  attempt: number;
  cancelling: boolean;
  mine: boolean;
  createdAt: string | null;
  startedAt: string | null;
  endedAt: string | null;
  nextAt: string | null;
  labels: Record<string, string>;
  progress: Progress;
  error: TaskError | null;
  result: unknown;
  resultState: 'none' | 'ready' | 'loading' | 'omitted' | 'gone';
}

/** An event of the application's own. */
export interface OwnEvent {
  name: string;
  data: unknown;
  id: string;
}

export interface StreamReport {
  state: ConnectionState;
  error: { code: string; message: string } | null;
  /** Milliseconds since 1970. */
  retryAt: number | null;
}

/** What a start sends to the service. */
export interface StartRequest {
  /** The Idempotency-Key; named says whether the page gave it. */
  key: string;
  named: boolean;
  remember: boolean;
  body: {
    type: string;
    params?: unknown;
    labels?: Record<string, string>;
    run_at?: string;
    delay?: number;
    audience?: unknown;
  };
}

/** A failure that crosses from the hub to a tab. */
export interface Failure {
  code: string;
  message: string;
  field?: string;
  retryAfter?: number;
}

/** What a tab can ask the hub to do, with what comes back. */
export interface Calls {
  start: (request: StartRequest) => { id: string };
  cancel: (id: string) => void;
  types: () => readonly TaskType[];
  once: (key: string) => boolean;
}

export type ToHub =
  | {
      t: 'hello';
      protocol: number;
      /** The name of a Web Lock that the tab holds while it lives ('' without locks). */
      lock: string;
      /** The last event ID that the tab knows, for a hub that is new; '' in a new page. */
      lastId: string;
      /** Remembered tasks of this browser, and whether their end was shown. */
      mine: [id: string, seenEnded: boolean][];
      /** Whether the page was just loaded. */
      fresh: boolean;
    }
  | { t: 'bye' }
  | { t: 'follow'; id: string }
  | { t: 'unfollow'; id: string }
  | { t: 'watch'; n: number; filter: TaskFilter }
  | { t: 'unwatch'; n: number }
  | { t: 'forget'; id: string }
  | { t: 'call'; n: number; name: keyof Calls; args: unknown[] }
  | { t: 'token'; n: number; token?: string | null; failure?: Failure }
  | { t: 'output'; n: number; id: string; offset: number }
  | { t: 'endOutput'; n: number }
  /** The page was away (hidden, frozen, offline) and is back. */
  | { t: 'wake' }
  | { t: 'reconnect' };

export type ToTab =
  /** The answer to a hello; lock is held while the hub lives ('' without locks). */
  | { t: 'hello'; protocol: number; lock: string }
  | { t: 'state'; report: StreamReport; capabilities: Capabilities }
  | { t: 'tasks'; tasks: TaskState[]; lastId: string }
  /** What was said of tasks was another user's. */
  | { t: 'cleared' }
  | { t: 'version'; version: Version }
  | { t: 'reset'; reason: string }
  | { t: 'events'; events: OwnEvent[] }
  /** A task is not remembered any more; hide says whether it is still shown as one of mine. */
  | { t: 'forgotten'; id: string; hide: boolean }
  | { t: 'askToken'; n: number }
  | { t: 'answer'; n: number; value?: unknown; failure?: Failure }
  /** A piece of output; next is the offset of the one after it. */
  | { t: 'output'; n: number; offset: number; next: number; text?: string; gap?: number; closed?: boolean; failure?: Failure };

/** One end of a connection between a tab and a hub. */
export interface Port<Out, In> {
  post(message: Out): void;
  onmessage: ((message: In) => void) | null;
  close(): void;
}
