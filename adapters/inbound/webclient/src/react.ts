'use client';
// The entry of heliograph-client/react: the library's stores as hooks (rule B17). They own
// nothing but what one component shows. A server renders each as if nothing were known, so
// that the first render in the browser says the same.

import { createContext, createElement, useCallback, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';

import type { Client, HeliographError as AnyError, Store, Task, TaskType, TaskView } from '../types/index.js';
import type * as api from '../types/react.js';
import type { EndOptions } from '../types/react.js';
import { connect } from './client.js';
import { tellEnds } from './ui/ends.js';
import { newVersions } from './ui/newversion.js';
import { NO_OUTPUT, outputOf } from './ui/output.js';

const NO_TASKS: readonly TaskView[] = [];
const NO_TYPES: ReturnType<typeof api.useTaskTypes> = { types: null, error: null };
const shared = connect(); // it opens nothing until it is used
const NO_CONNECTION = shared.connection.getSnapshot();

const Context = createContext({ client: shared, enabled: true });

export const HeliographProvider: typeof api.HeliographProvider = ({ client, enabled = true, children }) =>
  createElement(Context.Provider, { value: useMemo(() => ({ client, enabled }), [client, enabled]) }, children);

export const useHeliograph: typeof api.useHeliograph = () => useContext(Context).client;

/** The client, unless the hook is not to ask for anything. */
function useEnabled({ enabled = true }: { enabled?: boolean } = {}): Client | null {
  const context = useContext(Context);
  return context.enabled && enabled ? context.client : null;
}

/** What a store holds; none while there is no store. make is called in browsers only. */
function useStore<T, None extends T>(make: () => Store<T> | null, keys: unknown[], none: None): T {
  const store = useMemo(() => {
    let made: Store<T> | null = null;
    const get = () => (made ??= make());
    return { subscribe: (listener: () => void) => get()?.subscribe(listener) ?? (() => {}), getSnapshot: () => get()?.getSnapshot() ?? none };
  }, keys);
  return useSyncExternalStore(store.subscribe, store.getSnapshot, () => none);
}

function useEnds(tasks: readonly TaskView[], options: EndOptions<any>): void {
  const client = useHeliograph();
  const latest = useRef(options);
  const [told] = useState(() => new Set<string>());
  useEffect(() => {
    latest.current = options;
    tellEnds(client, tasks, told, latest);
  });
}

/** What a component shows of a task. handle is called in browsers only. */
function useHandle(handle: () => Task<any> | null, keys: unknown[], options: EndOptions<any>) {
  const task = useStore<TaskView<any> | null, null>(handle, keys, null);
  const [error, setError] = useState<AnyError | null>(null);
  useEffect(() => setError(null), keys); // it was of another task
  useEnds(task ? [task] : NO_TASKS, options);
  const cancel = useCallback(() => {
    const asked = Promise.resolve(handle()?.cancel());
    setError(null);
    asked.catch(setError);
    return asked;
  }, keys);
  return { task, error: task?.error ?? error, result: task?.result, cancel };
}

export const useTask: typeof api.useTask = (type, options = {}) => {
  const client = useHeliograph();
  const { resume = false, enabled } = options;
  const [shown, setShown] = useState<{ client: Client; type: string; task: Task<any>; own: boolean } | null>(null);
  const { task = null, own = false } = shown?.client === client && shown.type === type ? shown : {};

  const known = useTasks({ type, mine: true }, { enabled: resume && enabled });
  const newest = known[0]?.id;
  useEffect(() => {
    if (newest && newest !== task?.id) setShown({ client, type, task: client.follow(newest), own: false });
  }, [client, newest]);

  const start = useCallback((...rest: any[]) => {
    const task = client.start(type, ...(rest as any));
    setShown({ client, type, task, own: true });
    return task;
  }, [client, type]);
  const reset = () => {
    for (const { id, active } of known) if (id && !active) client.forget(id);
    setShown(null);
  };
  const state = useHandle(() => task, [task], own ? { ...options, past: true } : options);
  return { ...state, start, starting: state.task?.status === 'starting', startError: state.task?.id === null ? state.task.error : null, reset };
};

export const useTaskById: typeof api.useTaskById = (id, options = {}) => {
  const client = useEnabled(options);
  return useHandle(() => (client && id ? client.follow(id) : null), [client, id], options);
};

export const useTasks: typeof api.useTasks = (filter = {}, options = {}) => {
  const client = useEnabled(options);
  const tasks = useStore<readonly TaskView[], typeof NO_TASKS>(() => client && client.tasks(filter), [client, JSON.stringify(filter)], NO_TASKS);
  useEnds(tasks, options);
  return tasks;
};

export const useTaskOutput: typeof api.useTaskOutput = (id, options = {}) => {
  const client = useEnabled(options);
  const { offset = 0, limit = 100_000 } = options;
  return useStore(() => (client && id ? outputOf(client, id, offset, limit) : null), [client, id, offset, limit], NO_OUTPUT);
};

const typesOf = new WeakMap<Client, Promise<readonly TaskType[]>>();

export const useTaskTypes: typeof api.useTaskTypes = (options) => {
  const client = useEnabled(options);
  const [answer, setAnswer] = useState<typeof NO_TYPES & { of?: Client }>(NO_TYPES);
  useEffect(() => {
    if (!client) return;
    const asked = typesOf.get(client) ?? client.types();
    typesOf.set(client, asked);
    asked.then(
      (types) => setAnswer({ of: client, types, error: null }),
      (error) => {
        typesOf.delete(client); // who comes next tries again
        setAnswer({ of: client, types: null, error });
      },
    );
  }, [client]);
  return answer.of === client ? answer : NO_TYPES;
};

export const useNewVersion: typeof api.useNewVersion = (options) => {
  const client = useEnabled(options);
  const build = options?.build;
  return useStore<api.NewVersion | null, null>(() => client && newVersions(client, build), [client, build], null);
};

export const useConnection: typeof api.useConnection = (options) => {
  const client = useEnabled(options);
  return useStore(() => client && client.connection, [client], NO_CONNECTION);
};
