// The hub holds the one stream of a browser, and what came over it, for its tabs. It runs
// in a SharedWorker, in the tab that leads, or in a tab that is alone. It joins its parts,
// each of which owns its state.

import type { TaskType, Version } from '../../types/index.js';
import { type Calls, type Failure, type HubConfig, PROTOCOL, type TaskState, type ToHub } from '../shared/protocol.js';
import { whenFree } from '../shared/locks.js';
import { isKnown } from '../shared/truth.js';
import { Actions } from './actions.js';
import { CapabilityNotes } from './capabilities.js';
import { type Clock, Timers } from './clock.js';
import { Credential } from './credential.js';
import { Flusher } from './flusher.js';
import { type Answer, Api } from './http.js';
import { Incoming } from './incoming.js';
import { Lists } from './lists.js';
import { Outputs } from './output.js';
import { Questions } from './questions.js';
import { Reader } from './reader.js';
import { Results } from './results.js';
import { StreamOwner } from './stream.js';
import { type HubPort, Tab, Tabs } from './tabs.js';
import { Tasks } from './tasks.js';
import type { Transport } from './transport.js';
import { wordOfRecord } from './words.js';

/** A task that was started less than so many milliseconds ago is not given up when the service does not find it. */
const YOUNG = 10_000;
/** How long to wait before such a task is read again. */
const READ_AGAIN = 1000;
/** So many of those, and so many keys of once, are remembered. */
const MAX_BORN = 1000;
const MAX_ONCE = 1000;
/** Tabs that hear of no task are told the last ID every so many milliseconds. */
const TELL_ID = 5000;

export interface HubParts {
  fetch: typeof fetch;
  transport: Transport;
  /** Whether that sends a token. */
  sendsToken: boolean;
  clock: Clock;
  /** Undefined where there are none: in pages without HTTPS, in programs. */
  locks: LockManager | undefined;
  /** The name of a Web Lock that is held while the hub lives, or ''. */
  lock: string;
  /** How many milliseconds the stream stays open without a tab. */
  linger: number;
}

export class Hub {
  readonly #config: HubConfig;
  readonly #parts: HubParts;
  readonly #clock: Timers;
  readonly #tabs = new Tabs();
  readonly #tasks: Tasks;
  readonly #credential: Credential;
  readonly #questions: Questions;
  readonly #api: Api;
  readonly #actions: Actions;
  readonly #reader: Reader;
  readonly #results: Results;
  readonly #lists: Lists;
  readonly #outputs: Outputs;
  readonly #incoming: Incoming;
  readonly #notes: CapabilityNotes;
  readonly #flusher: Flusher;
  readonly #stream: StreamOwner;
  readonly #born = new Map<string, number>(); // when tasks were started here
  readonly #seenEnded = new Set<string>(); // of mine: their end was shown before
  readonly #done = new Set<string>(); // keys of once
  #version: Version | null = null;
  #toldId = 0; // when all tabs were told the last ID
  #cancelLinger: (() => void) | null = null;

  constructor(config: HubConfig, parts: HubParts) {
    this.#config = config;
    this.#parts = parts;
    const clock = (this.#clock = new Timers(parts.clock));
    const flush = () => this.#flusher.request();
    const isFollowed = (id: string) => this.#tabs.follow(id);
    this.#tasks = new Tasks(clock, (task) => isFollowed(task.id));
    this.#questions = new Questions(this.#tabs, clock);
    this.#credential = new Credential(config.asksToken ? () => this.#questions.ask() : null, clock);
    this.#api = new Api(parts.fetch, config.api, config.credentials, this.#credential, clock);
    this.#actions = new Actions(this.#api, clock);
    this.#notes = new CapabilityNotes(() => this.#tellState());
    this.#results = new Results(this.#api, clock, this.#tasks, isFollowed, flush);
    const shown = () => this.#tabs.all().flatMap((tab) => [...tab.watches.values()]);
    this.#lists = new Lists(this.#api, clock, this.#tasks, shown, flush);
    this.#flusher = new Flusher(clock, () => this.#send());
    this.#outputs = new Outputs(
      clock,
      (id, offset) => this.#onStream('follow', { task_id: id, offset }),
      (id) => void this.#onStream('unfollow', { task_id: id })?.catch(() => {}),
    );
    this.#reader = new Reader(this.#api, clock, {
      found: (record) => {
        this.#tasks.learn(record.task_id, wordOfRecord(record), false);
        this.#results.want(record.task_id);
      },
      missing: (id) => this.#onMissing(id),
      denied: (id) => isKnown(this.#tasks.ensure(id)) || this.#tasks.expire(id), // what events tell is all there is
      flush,
      batches: (can) => this.#notes.note('batch', can),
    });
    this.#incoming = new Incoming(clock, this.#tasks, this.#notes, {
      learned: (id) => this.#results.want(id),
      read: (id) => this.#reader.want(id),
      version: (version) => this.#tabs.tellAll({ t: 'version', version: (this.#version = version) }),
      reset: (reason) => {
        this.#lists.forget();
        this.#lists.readShown();
        this.#tabs.tellAll({ t: 'reset', reason });
      },
      own: (event) => this.#tabs.events.push(event),
      output: (data) => this.#outputs.event(data),
      settled: () => this.#lists.live(),
      isFollowed,
      areLabelsWanted: () => shown().some(({ labels }) => labels),
      hasPace: () => this.#stream.hasPace,
    });
    const { credentials, requestId = '', stream: url } = config;
    this.#stream = new StreamOwner(
      { url, requestId, credentials, credential: this.#credential, transport: parts.transport, clock },
      {
        opened: () => {
          // Six of those are all that a browser opens to one host.
          if (this.#sharing === 'tab' && this.#protocol() === 'http/1.1') this.#stream.selfReport.note({});
          this.#incoming.opened();
          this.#outputs.opened();
          if (!this.#stream.lastId || this.#notes.now.resume === false) this.#lists.pause();
        },
        unavailable: () => this.#incoming.unavailable(),
        event: (event) => this.#incoming.event(event),
        flush: () => {
          if (this.#stream.hasPace) this.#notes.note('heartbeat', true);
          this.#reportSelf();
          flush();
        },
        report: () => this.#tellState(),
        expiring: () => void this.#renew(),
      },
    );
    if (config.asksToken) this.#notes.note('token', parts.sendsToken);
    this.#credential.onended = (why) => {
      if (why.code !== 'SIGNED_OUT') return this.#stream.stop('unauthorized', { code: why.code, message: why.message });
      this.#stream.signOut();
      this.#forgetAll();
    };
  }

  /** Serves one tab, from its hello to its goodbye. */
  serve(port: HubPort): void {
    port.onmessage = (message) => this.#take(port, message);
  }

  /** Ends everything. */
  close(): void {
    this.#stream.close();
    this.#api.close();
    for (const { port } of this.#tabs.all()) this.#tabs.remove(port);
    this.#clock.close();
  }

  // --- tabs

  #take(port: HubPort, message: ToHub): void {
    if (message.t === 'hello') return this.#welcome(port, message);
    const tab = this.#tabs.get(port);
    if (!tab) return; // it has said goodbye, or speaks another protocol
    switch (message.t) {
      case 'bye':
        return this.#part(port);
      case 'follow':
        tab.follows.add(message.id);
        this.#results.want(message.id);
        return this.#show(tab, [this.#expect(message.id)]);
      case 'unfollow':
        tab.follows.delete(message.id);
        return this.#tasks.release(message.id);
      case 'watch':
        tab.watches.set(message.n, message.filter);
        if (!message.filter.mine) this.#lists.want(message.filter);
        return this.#show(tab, this.#tasks.all());
      case 'unwatch':
        tab.watches.delete(message.n);
        return;
      case 'forget':
        return this.#forget(message.id, true);
      case 'call':
        return void this.#answer(port, message.n, message.name, message.args);
      case 'token':
        return this.#questions.answered(message.n, message);
      case 'output': {
        const { n } = message;
        tab.outputs.set(n, this.#outputs.read(message.id, message.offset, (piece) => port.post({ t: 'output', n, ...piece })));
        return;
      }
      case 'endOutput':
        tab.outputs.get(message.n)?.();
        tab.outputs.delete(message.n);
        return;
      case 'wake':
        this.#tabs.touch(tab);
        port.post(this.#state()); // the hub lives
        return this.#stream.wake();
      case 'reconnect':
        this.#tabs.touch(tab);
        return this.#reconnect();
    }
  }

  #welcome(port: HubPort, hello: Extract<ToHub, { t: 'hello' }>): void {
    port.post({ t: 'hello', protocol: PROTOCOL, lock: this.#parts.lock });
    if (hello.protocol !== PROTOCOL) return;
    this.#cancelLinger?.();
    this.#cancelLinger = null;
    const tab = new Tab(port, whenFree(this.#parts.locks, hello.lock, () => this.#part(port)));
    if (!this.#stream.lastId) this.#stream.lastId = hello.lastId;
    else if (hello.lastId && hello.lastId !== this.#stream.lastId) port.post({ t: 'reset', reason: 'away' }); // others may have had more
    this.#sendTo(tab, [], true);
    this.#tabs.add(tab); // from here on it gets everything
    for (const [id, seenEnded] of hello.mine) {
      if (seenEnded) this.#seenEnded.add(id);
      this.#tasks.claim(id);
      this.#expect(id);
    }
    if (this.#version) port.post({ t: 'version', version: this.#version });
    port.post(this.#state());
    const { state } = this.#stream.report;
    // Somebody may have logged in since.
    if (hello.fresh && (state === 'unauthorized' || state === 'signed-out')) this.#reconnect();
    else this.#stream.want();
  }

  #part(port: HubPort): void {
    const tab = this.#tabs.get(port);
    if (!tab) return;
    this.#tabs.remove(port);
    this.#questions.left(port);
    for (const id of tab.follows) this.#tasks.release(id);
    if (this.#tabs.size === 0) this.#cancelLinger = this.#clock.after(this.#parts.linger, () => this.#stream.rest());
  }

  #show(tab: Tab, tasks: Iterable<TaskState>): void {
    const known = Array.from(tasks).filter(isKnown);
    this.#sendTo(tab, known);
  }

  #sendTo(tab: Tab, changed: TaskState[], idToo = false): void {
    this.#tabs.tellEvents(); // the last ID stands for them, too
    const tasks = changed.filter((task) => tab.wants(task));
    if (tasks.length || idToo) tab.port.post({ t: 'tasks', tasks, lastId: this.#stream.lastId });
    for (const task of tasks) if (task.mine && task.status === 'expired') this.#forget(task.id, false); // it is shown, once
  }

  /** A task is not remembered any more. hide: nor shown as one of mine. */
  #forget(id: string, hide: boolean): void {
    this.#send(); // what waits says that it is one of mine
    this.#tasks.disclaim(id);
    this.#tabs.tellAll({ t: 'forgotten', id, hide });
  }

  #send(): void {
    const changed = [...this.#tasks.takeChanged().values()].filter(isKnown);
    const now = this.#clock.now();
    const idToo = now - this.#toldId > TELL_ID;
    if (idToo) this.#toldId = now;
    for (const tab of this.#tabs.all()) this.#sendTo(tab, changed, idToo);
  }

  #state() {
    return { t: 'state', report: this.#stream.report, capabilities: this.#notes.now } as const;
  }

  #tellState(): void {
    this.#tabs.tellAll(this.#state());
  }

  #reconnect(): void {
    if (this.#stream.report.state === 'unauthorized') this.#forgetAll();
    this.#credential.reset();
    this.#stream.reconnect();
  }

  /** Who logs in next may be somebody else: what is still followed is read anew. */
  #forgetAll(): void {
    this.#tasks.clear();
    this.#lists.forget();
    for (const { follows } of this.#tabs.all()) for (const id of follows) this.#tasks.ensure(id);
    this.#tabs.tellAll({ t: 'cleared' });
  }

  // --- tasks

  /** A tab needs the task. One that is unknown is read, or listed by the snapshot that comes. */
  #expect(id: string): TaskState {
    const task = this.#tasks.ensure(id);
    if (!isKnown(task) && this.#incoming.settled) this.#reader.want(id);
    return task;
  }

  #onMissing(id: string): void {
    if (this.#clock.now() - (this.#born.get(id) ?? -Infinity) < YOUNG) {
      this.#clock.after(READ_AGAIN, () => this.#reader.want(id)); // another node may not have it yet
      return;
    }
    if (!this.#seenEnded.has(id) || this.#tabs.follow(id)) return this.#tasks.expire(id);
    this.#forget(id, true); // it was shown to the end, and removed since
    this.#tasks.drop(id);
  }

  // --- calls

  async #answer(port: HubPort, n: number, name: keyof Calls, args: unknown[]): Promise<void> {
    try {
      port.post({ t: 'answer', n, value: await (this.#calls[name] as (...args: unknown[]) => unknown)(...args) });
    } catch (error) {
      const { code = 'INTERNAL', message, field, retryAfter } = error as Failure;
      port.post({ t: 'answer', n, failure: { code, message, ...(field && { field }), ...(retryAfter !== undefined && { retryAfter }) } });
    }
  }

  readonly #calls: { [Name in keyof Calls]: (...args: Parameters<Calls[Name]>) => Promise<ReturnType<Calls[Name]>> } = {
    start: async (request) => {
      const { task_id: id, status } = valueOf(await this.#actions.start(request));
      const { type, labels = {} } = request.body;
      this.#born.set(id, this.#clock.now());
      trim(this.#born, MAX_BORN);
      // Events may have come before the answer; and with a key that was used before, it may have ended.
      if (status === 'pending') this.#tasks.learn(id, { seq: 0, status, type, labels }, false);
      else this.#reader.want(id);
      if (request.remember) this.#tasks.claim(id);
      this.#flusher.request();
      return { id };
    },

    cancel: async (id) => {
      this.#tasks.setCancelling(id, true);
      this.#flusher.request();
      const refusal = await this.#actions.cancel(id);
      if (!refusal) return;
      if (refusal.status === 404) return this.#reader.want(id); // it has ended
      this.#tasks.setCancelling(id, false);
      this.#flusher.request();
      throw refusal;
    },

    types: async () => valueOf(await this.#api.ask<{ task_types: TaskType[] }>('/task-types')).task_types,

    once: async (key) => {
      if (this.#done.has(key)) return false;
      this.#done.add(key);
      trim(this.#done, MAX_ONCE);
      return true;
    },
  };

  // --- the stream

  /** Asks something of the stream that is open; null when none is. */
  #onStream(what: 'follow' | 'unfollow' | 'credential' | 'report', body?: unknown) {
    const id = this.#stream.openId;
    return id ? this.#api.ask(`/connections/${id}/${what}`, { method: 'POST', body }) : null;
  }

  /** Tells the service what is wrong with the stream. An older one does not take it. */
  #reportSelf(): void {
    if (this.#config.report === false || this.#stream.report.state !== 'open') return;
    const body = this.#stream.selfReport.take();
    if (!body) return;
    void this.#onStream('report', { ...body, state: 'open', sharing: this.#sharing, protocol: this.#protocol(), tabs: this.#tabs.size, now: Date.now() })?.catch(() => {});
  }

  get #sharing(): 'tab' | 'worker' | 'leader' {
    if (!this.#parts.lock) return 'tab';
    return this.#parts.linger ? 'worker' : 'leader';
  }

  /** The protocol of a request that has ended, as the browser names it. */
  #protocol(): string | undefined {
    const entries = globalThis.performance?.getEntriesByType?.('resource') as PerformanceResourceTiming[] | undefined;
    return entries?.findLast(({ name, nextHopProtocol }) => nextHopProtocol && name.startsWith(new URL(this.#config.api).origin))?.nextHopProtocol;
  }

  // The stream's credential ends soon: with a new one it goes on (A17). If that fails, it
  // is opened anew when it ends.
  async #renew(): Promise<void> {
    if (!this.#config.asksToken) return;
    try {
      await this.#credential.renew();
      await this.#onStream('credential');
    } catch {
      // its owner has told of it
    }
  }
}

/** Drops the oldest of those that are more than max. */
function trim(all: Map<string, unknown> | Set<string>, max: number): void {
  if (all.size > max) all.delete(all.keys().next().value!);
}

function valueOf<T>(answer: Answer<T>): T {
  if (answer.ok) return answer.value;
  throw answer.refusal;
}
