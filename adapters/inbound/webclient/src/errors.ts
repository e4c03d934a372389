// What the library throws.

import type { EndedView, FailedView, TaskView } from '../types/index.js';
import type { Failure } from './shared/protocol.js';

export class HeliographError extends Error {
  override name = 'HeliographError'; // in words, since the class's own is short in the bundle
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

export class StartRefused extends HeliographError {
  override name = 'StartRefused';
  readonly field?: string;
  readonly retryAfter?: number;
  constructor({ code, message, field, retryAfter }: Failure) {
    super(code, message);
    if (field) this.field = field;
    if (retryAfter !== undefined) this.retryAfter = retryAfter;
  }
}

export class TaskFailed extends HeliographError {
  override name = 'TaskFailed';
  constructor(readonly task: FailedView) {
    super(task.error.code, task.error.message);
  }
}

export class TaskCancelled extends HeliographError {
  override name = 'TaskCancelled';
  constructor(readonly task: EndedView) {
    super('TASK_CANCELLED', 'the task was cancelled');
  }
}

export class TaskExpired extends HeliographError {
  override name = 'TaskExpired';
  constructor(readonly task: TaskView) {
    super('TASK_EXPIRED', 'the service does not know the task any more');
  }
}

export class Unauthorized extends HeliographError {
  override name = 'Unauthorized';
  constructor(message = 'the credential is missing or refused') {
    super('UNAUTHORIZED', message);
  }
}

const UNAUTHORIZED = new Set(['UNAUTHORIZED', 'SIGNED_OUT']);

/** Of a failure that came from the hub. */
export function errorOf({ code, message }: Failure): HeliographError {
  return UNAUTHORIZED.has(code) || code.startsWith('CREDENTIAL_') ? new Unauthorized(message) : new HeliographError(code, message);
}
