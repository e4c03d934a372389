// States. Each has a shape and a word beside its colour (docs/console-design.md).

import { h, svg } from './dom.js';

/** What a state means for who looks: the colour and the shape. */
export type Tone = 'waiting' | 'moving' | 'good' | 'bad' | 'stopped' | 'warn';

// Paths in a square of 16.
const SHAPES: Record<Tone, string> = {
  waiting: 'M 8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M 8 5v3l2 1.5',
  moving: 'M 4 3l8.5 5L 4 13z',
  good: 'M 2.5 8.5l3.5 3.5L 13.5 4.5',
  bad: 'M 3.5 3.5l9 9M 12.5 3.5l-9 9',
  stopped: 'M 3.5 3.5h9v9h-9z',
  warn: 'M 8 2L 14.5 13.5h-13zM 8 6.5v3M 8 11.4v.2',
};

export function shape(tone: Tone): SVGElement {
  return svg('svg', { viewBox: '0 0 16 16', class: 'shape', 'aria-hidden': 'true', focusable: 'false' }, svg('path', { d: SHAPES[tone] }));
}

/** A state as shape and word. */
export const badge = (tone: Tone, word: string): HTMLElement => h('span', { class: `badge ${tone}` }, shape(tone), word);

const TONES: Record<string, Tone> = {
  starting: 'waiting', pending: 'waiting', scheduled: 'waiting', running: 'moving', cancelling: 'warn',
  completed: 'good', failed: 'bad', cancelled: 'stopped', expired: 'stopped',
};

/** The state of a task. */
export const statusBadge = (status: string): HTMLElement => badge(TONES[status] ?? 'waiting', status);

/** A bar; value is from 0 to 1, null while it is unknown. */
export function bar(value: number | null, label: string): HTMLProgressElement {
  const made = h('progress', { max: 1, 'aria-label': label });
  if (value !== null) made.value = value;
  return made;
}
