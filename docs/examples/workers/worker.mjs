#!/usr/bin/env node
// A worker for heliograph, with nothing but Node.js 18 or later.
//
//     worker.mjs URL TYPE...        for instance: worker.mjs http://localhost:8080 count
//
// HELIOGRAPH_TOKEN in the environment is its API key, where the service asks for one.
// It claims one task after the other. Put your own work into work().
import { setTimeout as sleep } from "node:timers/promises";

const [url, ...types] = process.argv.slice(2);
const headers = { "Content-Type": "application/json" };
if (process.env.HELIOGRAPH_TOKEN) headers.Authorization = `Bearer ${process.env.HELIOGRAPH_TOKEN}`;

// work counts steps. It returns the result; what it throws is the task's error.
async function work(task) {
  const { steps = 10, delay = 0.2, error } = task.params;
  for (let step = 1; step <= steps; step++) {
    await sleep(delay * 1000);
    await task.report({ text: `Step ${step}/${steps}`, value: step / steps });
  }
  if (error !== undefined) throw new Error(error);
  return { steps, attempt: task.attempt };
}

class Task {
  constructor(claim) {
    this.params = claim.params ?? {};
    this.attempt = claim.attempt;
    this.lease = claim.lease;
    this.term = claim.lease_seconds * 1000;
    this.path = `/api/tasks/${claim.task_id}`;
    this.cancelled = this.lost = false;
  }

  // report says how it goes: text, value, stage, stages, done, total, unit. It
  // throws when the work is to stop, and when the service refuses it.
  async report(update) {
    const refusal = await this.sign(update);
    if (refusal) throw new Error(`the service refuses the progress: ${refusal}`);
    if (this.cancelled || this.lost) throw new Error("cancelled");
  }

  async sign(update) {
    try {
      const { status, answer } = await post(`${this.path}/progress`, { lease: this.lease, ...update });
      this.lost = status === 404 || status === 409;
      this.cancelled = status === 200 && answer.cancel_requested;
      return status >= 400 && status < 500 && !this.lost ? answer : undefined;
    } catch {
      // The service is away; the next sign may come through.
    }
  }

  // end ends the task. Without an answer it says so again, which does no harm. It
  // throws when the service refuses what it is sent.
  async end(how, said) {
    const body = { lease: this.lease, ...said };
    let reason = "no answer";
    for (const giveUp = Date.now() + this.term; Date.now() < giveUp && !this.lost; await sleep(500)) {
      const { status, answer } = await post(`${this.path}/${how}?lease=${this.lease}`, body).catch((error) => ({ status: 503, answer: String(error) }));
      this.lost = status === 404 || status === 409;
      if (status < 300 || this.lost) return;
      reason = answer;
      if (status < 500) break;
    }
    if (!this.lost) throw new Error(`the service does not take it: ${how}: ${reason}`);
  }

  async run() {
    // Gives a sign in time, however long a step of the work takes.
    const renewal = setInterval(() => this.sign({}), this.term / 3);
    try {
      await this.end("complete", { result: await work(this) });
    } catch (error) {
      // One that stops because it was asked to fails, too: the service knows that it asked.
      // If the service refuses even that, nothing is left to do: the lease will run out.
      await this.end("fail", { error: error.message || error.name }).catch((refusal) => console.error(refusal.message));
    } finally {
      clearInterval(renewal);
    }
  }
}

async function post(path, body, timeout = 10_000) {
  const response = await fetch(new URL(path, url), {
    method: "POST",
    headers,
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeout),
  });
  const text = await response.text();
  return { status: response.status, answer: response.ok ? text && JSON.parse(text) : message(text) };
}

// message takes the service's words out of an error's body; a proxy's page is cut.
function message(text) {
  try {
    return JSON.parse(text).error.message;
  } catch {
    return text.slice(0, 200);
  }
}

for (;;) {
  const { status, answer } = await post("/api/workers/claim", { types, wait: 20 }, 30_000).catch(() => ({ status: 503 }));
  if (status === 200) await new Task(answer).run();
  else if (status >= 500) await sleep(1000);
  else if (status >= 400) {
    console.error(`the service refuses the claim: ${answer}`);
    process.exit(1);
  }
}
