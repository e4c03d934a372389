// A number over the last hour, kept in the page.

import { h, svg } from '../../parts/dom.js';
import { number } from '../../parts/format.js';

/** One value is kept for so many milliseconds: the largest. */
const STEP = 10_000;
/** So many are kept: an hour. */
const KEPT = 360;
const [WIDTH, HEIGHT] = [KEPT, 60];

export class Meter {
  readonly #values: number[] = [];
  #step = 0;
  #last = 0;
  /** When the first value came. */
  since = new Date();

  add(value: number, now = Date.now()): void {
    const step = Math.floor(now / STEP);
    if (this.#values.length === 0) this.since = new Date(now);
    // Nothing was read meanwhile: it stays as it was, so that the time axis is true.
    for (let at = Math.max(this.#step + 1, step - KEPT); this.#values.length > 0 && at < step; at++) this.#values.push(this.#last);
    if (this.#values.length > 0 && step === this.#step) this.#values.push(Math.max(this.#values.pop()!, value));
    else this.#values.push(value);
    this.#values.splice(0, this.#values.length - KEPT);
    this.#step = step;
    this.#last = value;
  }

  /** The chart, and what it says in words. */
  draw(name: string): HTMLElement {
    const most = Math.max(1, ...this.#values);
    const points = this.#values.map((value, n) => `${WIDTH - this.#values.length + n + 1},${(HEIGHT - 2 - (value / most) * (HEIGHT - 6)).toFixed(1)}`);
    const words = `${name}: ${number(this.#last)} now, ${number(Math.max(0, ...this.#values))} at most`;
    return h('figure', { class: 'meter' },
      h('figcaption', { class: 'small' }, words),
      svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true', focusable: 'false' },
        svg('polyline', { points: points.length === 1 ? `${points[0]} ${WIDTH + 1},${points[0]!.split(',')[1]}` : points.join(' ') })));
  }
}
