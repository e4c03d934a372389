// The entry of the library.

export { connect } from './tab/client.js';
export { HeliographError, StartRefused, TaskCancelled, TaskExpired, TaskFailed, Unauthorized } from './errors.js';
