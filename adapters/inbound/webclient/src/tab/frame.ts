// When changes are shown: once per frame (rule B14), and in a hidden page too.

/** In milliseconds: a page that draws no frames is told this late. */
const HIDDEN_FRAME = 100;

/** Calls run in the next frame after each first schedule. */
export class Frame {
  readonly #run: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #frame = 0;

  constructor(run: () => void) {
    this.#run = run;
  }

  schedule(): void {
    if (this.#timer !== undefined) return;
    const draws = typeof requestAnimationFrame !== 'undefined' && !document.hidden;
    if (draws) this.#frame = requestAnimationFrame(() => this.now());
    this.#timer = setTimeout(() => this.now(), draws ? HIDDEN_FRAME : 0);
  }

  /** Does not wait any longer. */
  now(): void {
    this.cancel();
    this.#run();
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#frame) cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }
}
