// A program that has its jobs in BullMQ, and shows them with heliograph.
//
//     main.mjs worker URL REDIS-PORT           runs jobs
//     main.mjs enqueue REDIS-PORT PARAMS       puts one into the queue, and says its ID
import { setTimeout as sleep } from "node:timers/promises";
import { Queue, Worker } from "bullmq";
import { Service } from "../../workers/heliograph.mjs";
import { shown } from "./adapter.mjs";

/**
 * The job. It has been there before; the lines with task are new.
 * @param {import("bullmq").Job} job
 * @param {import("../../workers/heliograph.mjs").Task} task
 */
async function importRows(job, task) {
  const { rows, error } = job.data;
  for (let row = 1; row <= rows; row++) {
    await sleep(50); // the work
    await task.report({ done: row, total: rows, unit: "rows" });
  }
  if (error) throw new Error(error);
  return { rows };
}

const [command, ...args] = process.argv.slice(2);
if (command === "worker") {
  const [url, port] = args;
  const worker = new Worker("import", shown(new Service(url), "import", importRows), { connection: { port: Number(port) } });
  process.once("SIGTERM", async () => {
    await worker.close(); // when the job that runs has ended
    process.exit();
  });
} else {
  const [port, params] = args;
  const queue = new Queue("import", { connection: { port: Number(port) } });
  const job = await queue.add("import", JSON.parse(params), { attempts: 2, backoff: { type: "fixed", delay: 1000 } });
  console.log(job.id);
  await queue.close();
}
