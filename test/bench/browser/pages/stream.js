// What pages on a client without tasks do to follow some: keep the newest state of each, and
// ask whether it is the one that was started, since events can overtake the answer.

import { SHORT, seen, show } from './page.js';

const states = new Map();
const followed = new Map();

export function onRow({ id, value, text }) {
  seen.events++;
  show(id, value, text);
}

export function onTask({ event_type, task_id, data }) {
  if (event_type !== 'progress_update') return;
  seen.progress++;
  states.set(task_id, data);
  show(task_id, data.value, data.text);
  followed.get(task_id)?.(data.value);
}

/** Follows a task that begin starts until there is progress. */
export const follower = (begin) => async (shown) => {
  const { task_id } = await begin(SHORT);
  const known = states.get(task_id);
  if (known) shown(known.value);
  followed.set(task_id, shown);
};

/** Starts a task over HTTP. */
export async function post(params) {
  const answer = await fetch('/api/tasks', { method: 'POST', body: JSON.stringify({ type: 'work', params }) });
  return answer.json();
}

export const url = () => `/api/sse/stream?request_id=${crypto.randomUUID()}`;
