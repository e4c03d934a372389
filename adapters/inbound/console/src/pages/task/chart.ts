// Progress over time as a line; attributes only, because the page's policy allows no style.

import { h, svg } from '../../parts/dom.js';
import { duration } from '../../parts/format.js';
import type { Logged } from './events.js';

const [WIDTH, HEIGHT] = [600, 120];
/** So many points are drawn at most. */
const POINTS = 300;

/** Null while there is no line to draw, as of a task that says no more than texts. */
export function chartOf(events: readonly Logged[]): HTMLElement | null {
  const points: { at: number; value: number }[] = [];
  const attempts: number[] = []; // when they began
  for (const { type, at, data } of events) {
    const time = Date.parse(at);
    if (type === 'task_started') {
      attempts.push(time);
      points.push({ at: time, value: 0 });
    } else if (type === 'progress_update' && typeof data?.value === 'number') points.push({ at: time, value: data.value });
    else if (type === 'task_completed') points.push({ at: time, value: 1 });
    else if (type === 'task_failed' || type === 'task_cancelled' || type === 'task_retrying') points.push({ at: time, value: points.at(-1)?.value ?? 0 });
  }
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last || points.length < 3 || last.at === first.at || !points.some(({ value }) => value > 0)) return null;
  const x = (at: number) => ((at - first.at) / (last.at - first.at)) * WIDTH;
  const y = (value: number) => HEIGHT - value * HEIGHT;
  const every = Math.ceil(points.length / POINTS);
  const drawn = points.filter((point, n) => n % every === 0 || point === last);
  const line = drawn.map(({ at, value }, n) => `${n ? 'L' : 'M'} ${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join(' ');
  const took = duration((last.at - first.at) / 1000);
  const words = `From 0 to ${Math.round(last.value * 100)} % in ${took}${attempts.length > 1 ? `, in ${attempts.length} attempts` : ''}`;
  return h('div', {},
    svg('svg', { viewBox: `-1 -4 ${WIDTH + 2} ${HEIGHT + 8}`, preserveAspectRatio: 'none', class: 'chart', role: 'img', 'aria-label': words },
      ...[0, 0.5, 1].map((value) => svg('line', { class: 'grid', x1: 0, x2: WIDTH, y1: y(value), y2: y(value) })),
      ...attempts.slice(1).map((at) => svg('line', { class: 'attempt', x1: x(at), x2: x(at), y1: 0, y2: HEIGHT })),
      svg('path', { class: 'line', d: line })) as unknown as HTMLElement,
    h('p', { class: 'note small' }, words + '.'));
}
