#!/usr/bin/env node
// A worker for heliograph: copy heliograph.mjs as it is, and this file with your own work in it.
//
//     worker.mjs URL TYPE...        for instance: worker.mjs http://localhost:8080 count
//
// HELIOGRAPH_TOKEN in the environment is its API key, where the service asks for one.
import { setTimeout as sleep } from "node:timers/promises";
import { Permanent, Refused, Service, Worker } from "./heliograph.mjs";

/**
 * Counts steps. It returns the result; what it throws is the task's error.
 * @param {import("./heliograph.mjs").Task} task
 */
async function work(task) {
  const { steps = 10, delay = 0.2, error } = task.params;
  for (let step = 1; step <= steps; step++) {
    await sleep(delay * 1000, undefined, { signal: task.signal });
    await task.report({ text: `Step ${step}/${steps}`, value: step / steps });
  }
  if (error !== undefined) throw new Permanent(error); // any other error may be tried again
  return { steps, attempt: task.attempt };
}

const [url, ...types] = process.argv.slice(2);
if (types.length === 0) {
  console.error("usage: worker.mjs URL TYPE...");
  process.exit(2);
}
try {
  await new Worker(new Service(url), Object.fromEntries(types.map((type) => [type, work]))).run();
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.error(error.message);
  process.exit(1);
}
process.exit(); // work that did not stop in time must not go on
