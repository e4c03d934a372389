// The one owner of the stream: when it is opened, given up and opened anew (rules B6, B7).
//
//          want             opened              ended, silent
//   idle ───────► opening ─────────► open ───────────────────┐
//                  ▲   └── refused for now, no answer ──► waiting
//                  └────────────── after the delay ──────────┘
//
// From each of them it can be stopped, until somebody calls reconnect, or closed.

import type { StreamReport } from '../shared/protocol.js';
import { type Clock, backoff } from './clock.js';
import type { Credential } from './credential.js';
import { type NamedEvent, unwrap } from './envelope.js';
import { type Refusal, isTransient } from './http.js';
import { randomId } from '../shared/random.js';
import { Reporter } from './reporter.js';
import { SelfReport } from './selfreport.js';
import { SilenceWatch } from './silence.js';
import type { Ending, Transport } from './transport.js';

/** A server that has not answered after so many milliseconds is asked anew. */
const ANSWER_LIMIT = 30_000;
/** A stream that was closed in order, without a word when to come back, is opened within so many milliseconds. */
const SOON = 500;

export interface StreamOptions {
  /** The stream's URL. */
  url: string;
  /** '' for random ones. */
  requestId: string;
  credentials: RequestCredentials;
  credential: Credential;
  transport: Transport;
  clock: Clock;
}

export interface StreamUser {
  /** A new stream is open; its snapshot is still to come. */
  opened(): void;
  /** There will be none for a while. */
  unavailable(): void;
  event(event: NamedEvent): void;
  /** All that came together was handed over. */
  flush(): void;
  report(report: StreamReport): void;
  /** The credential of the stream ends soon. */
  expiring(requestId: string): void;
}

type Phase = 'idle' | 'opening' | 'open' | 'waiting' | 'stopped' | 'closed';

export class StreamOwner {
  /** The last event ID: where the next stream goes on. */
  lastId = '';
  /** What the service should know of it. */
  readonly selfReport: SelfReport;

  readonly #options: StreamOptions;
  readonly #user: StreamUser;
  readonly #silence: SilenceWatch;
  readonly #reporter: Reporter;
  #phase: Phase = 'idle';
  #requestId: string;
  #token: string | null = null; // that the stream was asked for with
  #attempt = 0; // counts what was begun, so that what is late is known to be
  #end: (() => void) | null = null;
  #cancelTimer: (() => void) | null = null;
  #failures = 0; // since an event came
  #refusals = 0; // of credentials, since an event came
  #retry: number | null = null; // milliseconds, as the server said on this stream

  constructor(options: StreamOptions, user: StreamUser) {
    this.#options = options;
    this.#user = user;
    this.#requestId = options.requestId || randomId();
    this.selfReport = new SelfReport(options.clock);
    this.#silence = new SilenceWatch(options.clock, () => this.#onSilent(), (ms) => this.selfReport.late(ms));
    this.#reporter = new Reporter(options.clock, (report) => user.report(report));
  }

  /** The name of the stream while it is open; otherwise ''. */
  get openId(): string {
    return this.#phase === 'open' ? this.#requestId : '';
  }

  get report(): StreamReport {
    return this.#reporter.now;
  }

  /** Whether its pace is known, so that silence is noticed. */
  get hasPace(): boolean {
    return this.#silence.knows;
  }

  /** Opens the stream, unless it was opened before. */
  want(): void {
    if (this.#phase === 'idle') this.#open('connecting');
  }

  /** Ends it until somebody wants it: no tab is there. */
  rest(): void {
    if (this.#phase === 'closed' || this.#phase === 'stopped') return;
    this.#leave('idle');
    this.#reporter.show('idle');
  }

  /** Opens it anew, also when it was stopped. */
  reconnect(): void {
    if (this.#phase === 'closed') return;
    this.#failures = this.#refusals = 0;
    this.#open('connecting');
  }

  /** The page was away and is back, or the browser is online again. */
  wake(): void {
    if (this.#phase === 'open') this.#silence.wake();
    else if (this.#phase === 'waiting' && this.report.error?.code === 'NETWORK') this.#open('reconnecting');
  }

  /** Ends it until somebody calls reconnect. */
  stop(state: StreamReport['state'], error: StreamReport['error'] = null): void {
    if (this.#phase === 'closed') return;
    this.#leave('stopped');
    this.#reporter.show(state, error);
    this.#user.unavailable();
  }

  /** Ends it, and forgets whose it was: the next is another user's. */
  signOut(): void {
    this.lastId = '';
    this.#requestId = this.#options.requestId || randomId();
    this.stop('signed-out');
  }

  close(): void {
    this.#leave('closed');
    this.#reporter.show('closed');
  }

  /** Ends the stream or the attempt that there is, and every timer. */
  #leave(next: Phase): void {
    this.#phase = next;
    this.#attempt++;
    this.#silence.stop();
    this.#cancelTimer?.();
    this.#end?.();
    this.#cancelTimer = this.#end = null;
  }

  async #open(state: StreamReport['state']): Promise<void> {
    this.#leave('opening');
    this.#reporter.show(state, this.report.error);
    const { clock, credential, credentials, transport, url } = this.#options;
    const attempt = this.#attempt;
    const token = await credential.get().catch(() => undefined); // its owner has told of the end
    if (attempt !== this.#attempt || token === undefined) return;
    this.#token = token;
    this.#retry = null;
    this.selfReport.opening();
    this.#cancelTimer = clock.after(ANSWER_LIMIT, () => this.#onEnded({ kind: 'network', message: 'no answer came' }));
    const to = new URL(url);
    to.searchParams.set('request_id', this.#requestId);
    if (this.lastId) to.searchParams.set('last_event_id', this.lastId);
    this.#end = transport(
      { url: to.href, token, credentials, lastId: this.lastId },
      {
        opened: (headers) => this.#onOpened(headers),
        event: (event) => {
          try {
            this.#onEvent(unwrap(event));
          } catch (error) { // one that nobody can read must not end the stream: it would come again
            console.warn(`heliograph: the event ${event.name} cannot be read`, error);
          }
        },
        comment: () => this.#silence.commented(),
        retry: (ms) => (this.#retry = ms),
        activity: (lastId) => this.#onActivity(lastId),
        ended: (why) => this.#onEnded(why),
      },
    );
  }

  #onOpened(headers?: Headers): void {
    if (headers) {
      this.selfReport.answered(headers);
      this.#silence.told(+headers.get('Heliograph-Interval')!);
    }
    this.#cancelTimer?.();
    this.#phase = 'open';
    this.#silence.start();
    this.#user.opened();
  }

  #onEvent(event: NamedEvent): void {
    switch (event.name) {
      case 'replaced':
        return this.stop('replaced', { code: 'REPLACED', message: 'another page took over the stream' });
      case 'rejected': { // how a stream in the envelope format is refused
        const { status, message } = event.data;
        return this.#onRefused({ status, message, code: 'REJECTED' });
      }
      case 'auth_expired':
        this.#options.credential.refuse(this.#token);
        return this.#wait('reconnecting', null, this.#options.clock.random() * SOON);
      case 'auth_expiring':
        return this.#user.expiring(this.#requestId);
      case 'ping':
        this.#silence.told(event.data.interval);
        this.selfReport.pinged();
        break;
      default:
        this.#user.event(event);
    }
    // Only an event proves a stream: a service that stops opens one, and ends it at once.
    this.#failures = this.#refusals = 0;
    if (this.#phase === 'open' && this.report.state !== 'open') this.#reporter.show('open');
  }

  #onActivity(lastId: string): void {
    if (lastId) this.lastId = lastId;
    this.#silence.activity();
    this.selfReport.activity(this.#silence.interval);
    this.#user.flush();
  }

  #onEnded(why: Ending): void {
    if (why.kind === 'refused') return this.#onRefused(why.refusal);
    const { clock } = this.#options;
    if (why.kind === 'network') {
      this.selfReport.broke(why.message);
      return this.#wait('reconnecting', { code: 'NETWORK', message: why.message }, this.#retry ?? backoff(clock, this.#failures));
    }
    this.#wait('reconnecting', null, this.#retry ?? (this.#failures ? backoff(clock, this.#failures) : clock.random() * SOON));
  }

  #onRefused(refusal: Refusal): void {
    const { status, code, message, retryAfter } = refusal;
    const { clock, credential, requestId } = this.#options;
    const error = { code, message };
    const wait = backoff(clock, this.#failures, retryAfter);
    if (code === 'TOO_MANY_CONNECTIONS') return this.#wait('full', error, wait);
    if (isTransient(refusal) || status === 429 || status >= 500) return this.#wait('reconnecting', error, wait);
    if (code === 'REQUEST_ID_TAKEN' && !requestId && !this.#refusals++) {
      this.#requestId = randomId();
      return void this.#open(this.report.state);
    }
    if (status !== 401 && status !== 403) return this.stop('refused', error);
    if (!this.#refusals++ && credential.refuse(this.#token)) return void this.#open(this.report.state);
    this.stop('unauthorized', error);
  }

  #onSilent(): void {
    const message = 'the stream is open, but nothing comes';
    this.selfReport.broke(message);
    this.#reporter.show('silent', { code: 'SILENT', message });
    this.#open('silent');
  }

  #wait(state: StreamReport['state'], error: StreamReport['error'], ms: number): void {
    const { clock } = this.#options;
    this.#leave('waiting');
    this.#failures++;
    this.#reporter.show(state, error, clock.now() + ms);
    this.#cancelTimer = clock.after(ms, () => this.#open(state));
    if (ms > SOON) this.#user.unavailable();
  }
}
