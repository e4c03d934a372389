// Tasks of heliograph in Node.js 18 or later, without packages. Copy this file as it is.
//
// A worker claims tasks, one after the other, until SIGTERM:
//
//     await new Worker(new Service("http://localhost:8080"), { count }).run();
//
// A job of a queue that you have already shows its progress:
//
//     await service.run("count", { key: job.id }, async (task) => {
//       await task.report({ text: "half", value: 0.5 });
//     });
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** The work is to stop: the task was cancelled, is another worker's by now, or the process is to end. */
export class Stopped extends Error {}

/** Throw it in your work: the task has failed with this message, and another attempt would, too. */
export class Permanent extends Error {}

/** The service does not take what it was sent; the message is the service's. */
export class Refused extends Permanent {}

/** The service did not answer for a whole lease, or for a minute. */
export class Away extends Error {}

/**
 * @typedef {{text?: string, value?: number, stage?: number, stages?: number, done?: number, total?: number, unit?: string}} Update
 * @typedef {{params?: object, key?: string, labels?: Record<string, string>, audience?: unknown}} Start
 * @typedef {(task: Task) => unknown} Work its result, perhaps by a promise, is the task's, and what it throws the task's error
 */

/** Where tasks are. */
export class Service {
  /**
   * @param {string} url
   * @param {{token?: string, name?: string, log?: (line: string) => void}} [options] token is an API key; name is what the
   * service shows as the worker of a task; log has one line for each task
   */
  constructor(url, { token = process.env.HELIOGRAPH_TOKEN, name = `${hostname()}/${process.pid}`, log = console.log } = {}) {
    this.url = url;
    this.name = name;
    this.log = log;
    /** @type {Record<string, string>} */
    this.headers = { "Content-Type": "application/json" };
    if (token) this.headers.Authorization = `Bearer ${token}`;
  }

  /**
   * Returns the status and what was answered: of a refusal the service's words. Without an answer it is 503.
   * @param {string} path
   * @param {object | string} body text is sent as it is, an object as JSON
   * @param {{timeout?: number, key?: string, signal?: AbortSignal}} [options]
   * @returns {Promise<{status: number, answer: any}>}
   */
  async post(path, body, { timeout = 10_000, key, signal } = {}) {
    const text = typeof body === "string" ? body : JSON.stringify(body); // what is no JSON is the caller's error
    const aborter = new AbortController();
    const abort = () => aborter.abort();
    const timer = setTimeout(abort, timeout);
    signal?.addEventListener("abort", abort);
    try {
      const response = await fetch(new URL(path, this.url), {
        method: "POST",
        headers: key ? { ...this.headers, "Idempotency-Key": key } : this.headers,
        body: text,
        signal: aborter.signal,
      });
      const answer = await response.text();
      return { status: response.status, answer: response.ok ? answer && JSON.parse(answer) : words(answer) };
    } catch (error) {
      return { status: 503, answer: String(error) };
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /**
   * Waits for a task of one of the types; undefined if none came. Throws Refused.
   * @param {string[]} types
   * @param {{wait?: number, signal?: AbortSignal}} [options] wait is in seconds; signal ends the waiting
   */
  async claim(types, { wait = 20, signal } = {}) {
    const { status, answer } = await this.post("/api/workers/claim", { types, wait, worker: this.name }, { timeout: (wait + 10) * 1000, signal });
    if (status === 200) return new Task(this, answer);
    if (signal?.aborted) return undefined;
    if (again(status)) await sleep(1000, undefined, { signal }).catch(() => {});
    else if (status >= 400) throw new Refused(`the service refuses the claim: ${answer}`);
    return undefined;
  }

  /**
   * Starts a task that the caller runs itself. key should name the job and its attempt: called again with it, while the
   * first call's attempt goes on, it is the same task. Throws Refused and Away.
   * @param {string} type
   * @param {Start} [options]
   */
  async start(type, { key = randomUUID(), ...more } = {}) {
    for (const giveUp = Date.now() + 60_000; ; await sleep(500)) {
      const { status, answer } = await this.post("/api/tasks", { type, claim: true, worker: this.name, ...more }, { key });
      if (status === 202 && answer.lease) return new Task(this, { type, ...more, attempt: 1, ...answer });
      if (status === 202) throw new Refused(`the task ${answer.task_id} was started with this key before, and is ${answer.status}`);
      if (!again(status)) throw new Refused(`the service refuses the start: ${answer}`);
      if (Date.now() > giveUp) throw new Away(`the service does not start the task: ${answer}`);
    }
  }

  /**
   * Starts a task and does its work here. Returns what the work does, and throws what it throws.
   * @template T
   * @param {string} type
   * @param {Start} options
   * @param {(task: Task) => T | Promise<T>} work
   */
  async run(type, options, work) {
    const task = await this.start(type, options);
    try {
      const result = await work(task);
      await task.complete(result);
      return result;
    } catch (error) {
      await task.failWith(error);
      throw error;
    }
  }
}

/** A task that this process runs. Its lease is renewed in the background until it has ended. */
export class Task {
  #service;
  #lease;
  #term;
  #path;
  #renewal;
  #stop = new AbortController();
  #begin = Date.now();
  #ended = false;
  /** @type {Promise<number> | undefined} where what is printed goes on */
  #printed;

  /**
   * @param {Service} service
   * @param {{task_id: string, type: string, params?: any, labels?: Record<string, string>, attempt: number, lease: string, lease_seconds: number}} claim
   */
  constructor(service, claim) {
    this.id = claim.task_id;
    this.type = claim.type;
    this.params = claim.params ?? {};
    this.labels = claim.labels ?? {};
    this.attempt = claim.attempt;
    /** Somebody asked for it: stop soon. */
    this.cancelled = false;
    /** It is another worker's by now: nothing that is said of it counts. */
    this.lost = false;
    this.#service = service;
    this.#lease = claim.lease;
    this.#term = claim.lease_seconds * 1000;
    this.#path = `/api/tasks/${claim.task_id}`;
    // Reports in time, however long a step of the work takes.
    this.#renewal = setInterval(() => this.#progress({}), this.#term / 3);
  }

  /** Whether it has ended, or was given back. */
  get ended() {
    return this.#ended;
  }

  /** Aborted, with a Stopped as its reason, when the work is to stop: hand it to fetch, sleep and the like. */
  get signal() {
    return this.#stop.signal;
  }

  /**
   * Says how it goes. Throws Stopped, and Refused for what makes no sense.
   * @param {Update} update
   */
  async report(update) {
    const refusal = await this.#progress(update);
    if (refusal) throw new Refused(`the service refuses the progress: ${refusal}`);
    this.signal.throwIfAborted();
  }

  /**
   * Appends to what the task prints. It returns when the service has it. Throws Stopped, Refused and Away.
   * @param {string} text
   */
  async output(text) {
    const before = this.#printed ?? this.#append("", ""); // an attempt before may have printed
    this.#printed = before.then(async (offset) => {
      for (const piece of pieces(text)) offset = await this.#append(`&offset=${offset}`, piece);
      return offset;
    });
    await this.#printed.catch((error) => {
      this.#printed = undefined;
      throw error;
    });
  }

  /**
   * Ends the task. If the service refuses the result, the task has failed with its words. Throws Refused and Away.
   * @param {unknown} [result]
   */
  async complete(result = null) {
    try {
      await this.#end("complete", { result }, "completed");
    } catch (error) {
      if (error instanceof Refused) await this.fail(error.message, { retry: false });
      throw error;
    }
  }

  /**
   * Ends the task as failed, or as cancelled if it was asked to stop. retry: another attempt may do better. Throws Away.
   * @param {string} error
   */
  async fail(error, { retry = true } = {}) {
    await this.#end("fail", { error: error || "failed", retry }, this.cancelled ? "cancelled" : `failed: ${error}`);
  }

  /**
   * Is fail with what the work has thrown, unless the task has ended already.
   * @param {unknown} error
   */
  async failWith(error) {
    if (this.#ended) return;
    const message = error instanceof Error ? error.message || error.name : String(error);
    await this.fail(message, { retry: !(error instanceof Permanent) }).catch(() => {}); // it is in the log
  }

  /** Gives the task back: another worker may begin it at once, and no attempt is used up. Throws Away. */
  async release() {
    await this.#end("release", {}, "given back");
  }

  /**
   * Has the work stop, which is to see it by signal.
   * @param {string} why
   */
  stop(why) {
    this.#stop.abort(new Stopped(why));
  }

  /** @param {Update} update */
  async #progress(update) {
    const { status, answer } = await this.#service.post(`${this.#path}/progress`, { lease: this.#lease, ...update });
    this.cancelled ||= status === 200 && answer.cancel_requested;
    this.lost ||= status === 404 || status === 409;
    if (this.cancelled) this.stop("cancelled");
    else if (this.lost) this.stop("the task is another worker's by now");
    return status >= 400 && !again(status) && !this.lost ? String(answer) : undefined;
  }

  /**
   * Says how it ended.
   * @param {string} how
   * @param {object} body
   * @param {string} outcome
   */
  async #end(how, body, outcome) {
    const { status, answer } = await this.#repeat(`${how}?lease=${this.#lease}`, { lease: this.#lease, ...body });
    this.lost ||= status === 404 || status === 409;
    const refusal = status >= 400 && !this.lost ? `the service does not take it: ${how}: ${answer}` : "";
    if (refusal && how === "complete" && !again(status)) throw new Refused(refusal);
    this.#ended = true;
    clearInterval(this.#renewal);
    if (refusal) outcome += `; ${refusal}`;
    else if (this.lost && how !== "release") outcome = "another worker's by now";
    const seconds = ((Date.now() - this.#begin) / 1000).toFixed(1);
    this.#service.log(`${this.type} ${this.id}, attempt ${this.attempt}: ${outcome} after ${seconds} s`);
    if (again(status)) throw new Away(refusal);
  }

  /**
   * @param {string} offset
   * @param {string} text
   * @returns {Promise<number>}
   */
  async #append(offset, text) {
    const { status, answer } = await this.#repeat(`output?lease=${this.#lease}${offset}`, text);
    if (status === 200) return answer.offset;
    await this.report({}); // which says whether the task is still this worker's
    throw new (again(status) ? Away : Refused)(`the service does not take it: output: ${answer}`);
  }

  /**
   * Posts something about the task, and again while no answer comes, which does no harm.
   * @param {string} path
   * @param {object | string} body
   */
  async #repeat(path, body) {
    for (const giveUp = Date.now() + this.#term; ; await sleep(500)) {
      const { status, answer } = await this.#service.post(`${this.#path}/${path}`, body);
      if (!again(status) || Date.now() > giveUp) return { status, answer };
    }
  }
}

/** Runs tasks, each with the function of its type. Several workers share the tasks. */
export class Worker {
  /**
   * @param {Service} service
   * @param {Record<string, Work>} work by the type of task
   * @param {{grace?: number}} [options] how many seconds the work has to stop when the process is to end
   */
  constructor(service, work, { grace = 5 } = {}) {
    this.service = service;
    this.work = work;
    this.grace = grace;
  }

  /**
   * Claims tasks until SIGTERM or SIGINT (Ctrl-C), which gives the task that runs back. Then end the process: work that
   * did not stop in time goes on in it. Throws Refused if the service refuses the claim.
   */
  async run() {
    const end = new AbortController();
    const stop = () => end.abort();
    process.once("SIGTERM", stop).once("SIGINT", stop);
    try {
      while (!end.signal.aborted) {
        const task = await this.service.claim(Object.keys(this.work), { signal: end.signal });
        if (task) await this.#run(task, end.signal);
      }
    } finally {
      process.off("SIGTERM", stop).off("SIGINT", stop);
    }
  }

  /**
   * @param {Task} task
   * @param {AbortSignal} end
   */
  async #run(task, end) {
    let stop = () => {};
    const overdue = new Promise((resolve) => {
      stop = () => {
        task.stop("the worker is shut down");
        setTimeout(resolve, this.grace * 1000).unref();
      };
      end.addEventListener("abort", stop);
      if (end.aborted) stop();
    }).then(() => {
      throw new Stopped("the work did not stop");
    });
    try {
      const work = (async () => this.work[task.type](task))();
      await task.complete(await Promise.race([work, overdue]));
    } catch (error) {
      if (end.aborted && !task.cancelled && !task.ended) await task.release().catch(() => {});
      else await task.failWith(error); // Stopped, too: the service knows that it asked for it
    } finally {
      end.removeEventListener("abort", stop);
    }
  }
}

/** Whether the same request may do better later. @param {number} status */
function again(status) {
  return status >= 500 || status === 429;
}

/** Divides text into what one call may print: a character has at most 3 bytes per unit. @param {string} text */
function* pieces(text) {
  for (let begin = 0, end; begin < text.length; begin = end) {
    end = Math.min(begin + Math.floor((64 << 10) / 3), text.length);
    if (end < text.length && text.charCodeAt(end) >> 10 === 0x37) end--; // it would split a pair
    yield text.slice(begin, end);
  }
}

/** Takes the service's words out of an error's body; a proxy's page is cut. @param {string} text @returns {string} */
function words(text) {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return text.slice(0, 200);
  }
}
