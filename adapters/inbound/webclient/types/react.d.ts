// `heliograph-client/react`: hooks for React 18 and 19.

import type { ReactNode } from 'react';
import type {
  Client, Connection, HeliographError, Outcome, OutputChunk, ResultOf, StartArguments, Task, TaskError, TaskFilter, TaskName, TaskType, TaskView,
} from './index.js';

/**
 * Gives the hooks below it a client. Without a provider they share one that `connect()`
 * made for the page's own origin.
 */
export function HeliographProvider(props: {
  client: Client;
  /** False: the hooks below it ask for nothing and know nothing, for example before a log-in. */
  enabled?: boolean;
  children?: ReactNode;
}): ReactNode;

/** The client of the hooks, for what they do not do. */
export function useHeliograph(): Client;

/** Whether the hook asks for anything; it may change at any time. True by default. */
interface Enabled {
  enabled?: boolean;
}

/**
 * What happens when tasks end. Each is called once in the browser for each task, in one of
 * the tabs that show it, however often components mount. Tasks that had ended before the
 * page was loaded do not count, unless past is true.
 */
export interface EndOptions<R = unknown> {
  onCompleted?: (result: R, task: TaskView<R>) => void;
  onFailed?: (error: TaskError, task: TaskView<R>) => void;
  past?: boolean;
  /** Tells apart what several components do at the end of one task: once for each name. '' by default. */
  name?: string;
}

interface TaskState<R> {
  /** All that is known of the task; null while there is none. */
  readonly task: TaskView<R> | null;
  /** Why it failed, was not started or could not be asked to stop, for a page that shows this task alone; null while nothing is wrong. */
  readonly error: TaskError | HeliographError | null;
  /** What it returned, once that is there. */
  readonly result: R | undefined;
  /**
   * Asks the service to stop the task and resolves with how it ended, or with undefined if
   * there is no task. If nobody awaits it, a refusal is only shown as error.
   */
  readonly cancel: () => Promise<Outcome | undefined>;
}

/** Starts tasks of one type, and follows the last one that it started. */
export function useTask<T extends TaskName>(type: T, options?: EndOptions<ResultOf<T>> & {
  /** Follow the newest one of this type that this browser started and that has not ended, after a reload or in another tab. */
  resume?: boolean;
} & Enabled): TaskState<ResultOf<T>> & {
  /** It is the same function in every render. */
  readonly start: (...rest: StartArguments<T>) => Task<ResultOf<T>>;
  /** Whether the service has not answered the start yet. */
  readonly starting: boolean;
  /**
   * Why the last start was refused, so that there is no task; null otherwise. It is the part of
   * `error` for a page that shows its tasks in a list, where each shows its own error.
   */
  readonly startError: TaskError | null;
  /** Shows no task any more. It cancels nothing. */
  readonly reset: () => void;
};

/** Follows a task that exists. */
export function useTaskById<R = unknown>(id: string | null | undefined, options?: EndOptions<R> & Enabled): TaskState<R>;

/** The tasks that match, newest first. The array is the same one until something in it changes. */
export function useTasks(filter?: TaskFilter, options?: EndOptions & Enabled): readonly TaskView[];

/** What a task has written. */
export interface Output {
  /** The newest of it, up to `limit` characters. */
  readonly text: string;
  /** The same in pieces, with the gaps where something is lost. */
  readonly chunks: readonly OutputChunk[];
  /** Whether it is complete: the task has ended. */
  readonly done: boolean;
  readonly error: HeliographError | null;
}

export function useTaskOutput(id: string | null | undefined, options?: Enabled & {
  /** From which byte on; 0 by default. It counts when the hook begins. */
  offset?: number;
  /** So many characters are kept, the newest; 100,000 by default. */
  limit?: number;
}): Output;

/** What the service can run; null while that is unknown. It is read once for each client. */
export function useTaskTypes(options?: Enabled): { readonly types: readonly TaskType[] | null; readonly error: HeliographError | null };

/** A version of the frontend that is not the page's. */
export interface NewVersion {
  readonly version: string;
  readonly changelog: string | null;
  /** Does not show this version any more, in all tabs. */
  readonly dismiss: () => void;
  /** Loads the page anew. If it is not the new version afterwards, that version is not offered again in this tab. */
  readonly reload: () => void;
}

/** The version to which the page can be updated; null while there is none. */
export function useNewVersion(options?: Enabled & {
  /** The page's own version; by default the first one that it hears of. */
  build?: string;
}): NewVersion | null;

/** The state of the stream. */
export function useConnection(options?: Enabled): Connection;
