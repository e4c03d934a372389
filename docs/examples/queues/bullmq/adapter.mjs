// Shows the jobs of a BullMQ worker with heliograph.
import { UnrecoverableError } from "bullmq";
import { Permanent, Stopped } from "../../workers/heliograph.mjs";

/**
 * Returns a processor of jobs, each attempt at which is shown as a task of the type: the service learns of its progress and
 * its end. An error that is permanent, or that somebody has cancelled the task, keeps BullMQ from trying again.
 * @template T
 * @param {import("../../workers/heliograph.mjs").Service} service
 * @param {string} type
 * @param {(job: import("bullmq").Job, task: import("../../workers/heliograph.mjs").Task) => Promise<T>} work
 * @returns {(job: import("bullmq").Job) => Promise<T>}
 */
export function shown(service, type, work) {
  return async (job) => {
    const start = { params: job.data, key: `${job.queueName}/${job.id}/${job.attemptsMade}`, labels: { job: String(job.id) } };
    try {
      return await service.run(type, start, (task) => work(job, task));
    } catch (error) {
      if (error instanceof Permanent || error instanceof Stopped) throw new UnrecoverableError(error.message);
      throw error;
    }
  };
}
