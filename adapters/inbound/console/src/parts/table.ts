// A table that changes while somebody reads it: a row stays the same element as long as its
// item is there, and a cell is touched only when what it says has changed, so that focus and
// selection stay where they are.

import { h, unseen } from './dom.js';

export interface Column<T> {
  /** With a blank before it, it is read aloud only. */
  readonly head: string;
  /** What the cell says; when it is another than before, the cell is drawn again. */
  readonly of: (item: T) => string | number | null;
  /** Draws the cell, which is empty; without it the cell has the text. */
  readonly draw?: (cell: HTMLTableCellElement, item: T) => void;
  /** 'wide' is left out on a narrow screen, 'number' stands at the right, 'grow' takes the room. */
  readonly class?: string;
}

interface Row<T> {
  readonly element: HTMLTableRowElement;
  readonly cells: readonly HTMLTableCellElement[];
  readonly said: (string | number | null | undefined)[];
  item: T;
}

export class Table<T> {
  readonly #columns: readonly Column<T>[];
  readonly #key: (item: T) => string;
  readonly #rows = new Map<string, Row<T>>();
  readonly #body = h('tbody');
  readonly element: HTMLElement;
  readonly #caption: string;

  /** caption is what a screen reader calls the table. The first column is the row's heading. */
  constructor(caption: string, columns: readonly Column<T>[], key: (item: T) => string) {
    this.#columns = columns;
    this.#key = key;
    const heads = columns.map((column) => h('th', { scope: 'col', class: column.class }, column.head.startsWith(' ') ? unseen(column.head) : column.head));
    this.element = h('table', {}, h('caption', { class: 'unseen' }, caption), h('thead', {}, h('tr', {}, ...heads)), this.#body);
    this.#caption = caption;
  }

  /** Puts the table into a box that can be scrolled sideways, by keyboard too: for one whose rows hold nothing to focus. */
  inRegion(attributes: Record<string, unknown> = {}): HTMLElement {
    return h('div', { class: 'scroll', role: 'region', tabindex: '0', 'aria-label': this.#caption, ...attributes }, this.element);
  }

  show(items: readonly T[]): void {
    const seen = new Set<string>();
    let at = this.#body.firstElementChild;
    for (const item of items) {
      const key = this.#key(item);
      seen.add(key);
      const row = this.#rows.get(key) ?? this.#create(key, item);
      row.item = item;
      this.#draw(row);
      if (row.element === at) at = at.nextElementSibling;
      else this.#body.insertBefore(row.element, at);
    }
    for (const [key, row] of this.#rows) {
      if (seen.has(key)) continue;
      this.#rows.delete(key);
      row.element.remove();
    }
  }

  #create(key: string, item: T): Row<T> {
    const cells = this.#columns.map((column, n) => (n ? h('td', { class: column.class }) : (h('th', { scope: 'row', class: column.class }) as HTMLTableCellElement)));
    const row = { element: h('tr', {}, ...cells), cells, said: [], item };
    row.element.dataset.key = key;
    this.#rows.set(key, row);
    return row;
  }

  #draw({ cells, said, item }: Row<T>): void {
    for (const [n, column] of this.#columns.entries()) {
      const text = column.of(item);
      if (text === said[n] && n in said) continue;
      said[n] = text;
      const cell = cells[n]!;
      if (!column.draw) cell.textContent = text === null ? '—' : String(text);
      else {
        cell.replaceChildren();
        column.draw(cell, item);
      }
    }
  }
}
