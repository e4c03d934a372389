// Which tasks a filter names, for tabs and hub alike.

import type { TaskFilter } from '../../types/index.js';
import type { TaskState } from './protocol.js';

/** Whether the filter is about the task at all, whatever its status. */
export function concerns({ type, labels, mine }: TaskFilter, task: TaskState): boolean {
  return (
    (type === undefined || task.type === type) &&
    (!mine || task.mine) &&
    Object.entries(labels ?? {}).every(([key, value]) => task.labels[key] === value)
  );
}
