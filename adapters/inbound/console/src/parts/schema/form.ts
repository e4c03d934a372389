// A form that is made of a JSON Schema: each value has a field, and a field that is left
// empty leaves its value out, so that the service takes its default.

import { button, h, show } from '../dom.js';
import { type Kind, type Schema, boundsOf, kindOf, resolved, wrongNumber, wrongText } from './schema.js';

/** Deeper than this a value is JSON: a schema may lead into itself. */
const DEPTH = 8;

let count = 0;

interface Given {
  readonly name: string;
  readonly required: boolean;
  readonly root: Schema;
  readonly depth: number;
  readonly changed: () => void;
}

/** A value and its place in the form. */
export interface Field {
  readonly element: HTMLElement;
  /** The value; undefined when it is left out. */
  get(): unknown;
  set(value: unknown): void;
  /** What is wrong, said at the field; true if nothing is. */
  check(): boolean;
  /** The field of a path, or the nearest one above it. */
  find(path: readonly string[]): Field;
  /** Says at the field what is wrong; '' takes that back. */
  mark(words: string): void;
  focus(): void;
}

/** The fields of a schema, which is that of the whole. */
export const fieldOf = (schema: Schema, changed: () => void): Field => make(schema, { name: '', required: true, root: schema, depth: 0, changed });

function make(given: Schema, at: Given): Field {
  const schema = resolved(given, at.root);
  const kind = at.depth > DEPTH ? 'json' : kindOf(schema);
  if (kind === 'object') return objectField(schema, at);
  if (kind === 'array') return arrayField(schema, at);
  return valueField(schema, kind, at);
}

// --- one value

interface Control {
  readonly element: HTMLElement;
  get(): unknown;
  set(value: unknown): void;
  /** What is wrong about what it holds. */
  wrong(): string;
}

function valueField(schema: Schema, kind: Kind, { name, required, changed }: Given): Field {
  const id = `field-${++count}`;
  const control = controlOf(schema, kind, required);
  const words = h('p', { class: 'field-error', id: `${id}-error`, hidden: true });
  const hint = [schema.description, boundsOf(schema), schema.default !== undefined && `${JSON.stringify(schema.default)} if it is left out`].filter(Boolean).join(' · ');
  control.element.id = id;
  control.element.setAttribute('aria-describedby', `${id}-hint ${id}-error`);
  if (required) control.element.setAttribute('aria-required', 'true');
  control.element.addEventListener('input', () => {
    field.mark('');
    changed();
  });
  control.element.addEventListener('change', () => field.mark(control.wrong()));
  const field: Field = {
    element: h('div', { class: 'field' },
      h('label', { for: id }, schema.title ?? (name || 'Value'), required && h('span', { class: 'note', 'aria-hidden': 'true' }, ' required')),
      control.element,
      h('p', { class: 'note small', id: `${id}-hint` }, hint), words),
    get: control.get,
    set: control.set,
    check: () => {
      const wrong = control.wrong() || (required && control.get() === undefined ? 'It is required.' : '');
      field.mark(wrong);
      return !wrong;
    },
    find: () => field,
    mark: (text) => {
      show(words, text);
      words.hidden = !text;
      if (text) control.element.setAttribute('aria-invalid', 'true');
      else control.element.removeAttribute('aria-invalid');
    },
    focus: () => control.element.focus(),
  };
  return field;
}

function controlOf(schema: Schema, kind: Kind, required: boolean): Control {
  switch (kind) {
    case 'choice':
      return choice((schema.enum ?? [schema.const]).map((value) => [value, typeof value === 'string' ? value : JSON.stringify(value)]), required && schema.enum?.length === 1);
    case 'boolean':
      return choice([[true, 'yes'], [false, 'no']], false);
    case 'number': case 'integer': {
      const element = h('input', { type: 'text', inputmode: kind === 'integer' ? 'numeric' : 'decimal', autocomplete: 'off', placeholder: schema.default ?? null });
      const text = () => element.value.trim();
      return {
        element,
        get: () => (text() === '' ? undefined : Number.isFinite(Number(text())) ? Number(text()) : text()), // the service says what is wrong with a word
        set: (value) => (element.value = value === undefined ? '' : String(value)),
        wrong: () => (text() === '' ? '' : wrongNumber(Number(text()), kind, schema)),
      };
    }
    case 'text': {
      const long = (schema.maxLength ?? 0) > 200 || schema.format === 'multiline';
      const element = long ? h('textarea', { rows: 4 }) : h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', placeholder: schema.default ?? null });
      let touched = false; // an empty text is a value only if it was one
      element.addEventListener('input', () => (touched = false));
      return {
        element,
        get: () => (element.value === '' && !touched ? undefined : element.value),
        set: (value) => {
          touched = value === '';
          element.value = value === undefined || value === null ? '' : String(value);
        },
        wrong: () => (element.value === '' ? '' : wrongText(element.value, schema)),
      };
    }
    default: {
      const element = h('textarea', { rows: 3, spellcheck: 'false' });
      const parsed = (): unknown => {
        if (element.value.trim() === '') return undefined;
        try {
          return JSON.parse(element.value);
        } catch {
          return null;
        }
      };
      return {
        element,
        get: parsed,
        set: (value) => (element.value = value === undefined ? '' : JSON.stringify(value, null, 2)),
        wrong: () => (parsed() === null && element.value.trim() !== 'null' ? 'It must be JSON.' : ''),
      };
    }
  }
}

function choice(options: [value: unknown, words: string][], fixed: boolean | undefined): Control {
  const element = h('select', {}, !fixed && h('option', { value: '' }, '—'), ...options.map(([, words], n) => h('option', { value: n }, words)));
  return {
    element,
    get: () => (element.value === '' ? undefined : options[Number(element.value)]![0]),
    set: (value) => {
      const n = options.findIndex(([one]) => JSON.stringify(one) === JSON.stringify(value));
      element.value = n < 0 ? (fixed ? '0' : '') : String(n);
    },
    wrong: () => '',
  };
}

// --- values with values in them

function objectField(schema: Schema, at: Given): Field {
  const required = new Set(schema.required ?? []);
  const fields = new Map<string, Field>();
  for (const [name, one] of Object.entries(schema.properties ?? {})) {
    fields.set(name, make(one, { ...at, name, required: required.has(name), depth: at.depth + 1 }));
  }
  let more: Record<string, unknown> = {}; // what the schema has no field for
  const words = h('p', { class: 'field-error', role: 'status', hidden: true });
  const inside = [...fields.values()].map(({ element }) => element);
  const element = at.depth === 0
    ? h('div', { class: 'fields' }, words, ...inside)
    : h('fieldset', {}, h('legend', {}, schema.title ?? at.name), schema.description && h('p', { class: 'note small' }, schema.description), words, ...inside);
  const field: Field = {
    element,
    get: () => {
      const value: Record<string, unknown> = {};
      for (const [name, one] of fields) {
        const own = one.get();
        if (own !== undefined) value[name] = own;
      }
      Object.assign(value, more);
      return at.required || Object.keys(value).length ? value : undefined;
    },
    set: (value) => {
      const given = value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
      for (const [name, one] of fields) one.set(given[name]);
      more = Object.fromEntries(Object.entries(given).filter(([name]) => !fields.has(name)));
    },
    check: () => {
      field.mark('');
      if (!at.required && field.get() === undefined) return true;
      let good = true;
      for (const one of fields.values()) good = one.check() && good;
      return good;
    },
    find: ([name, ...rest]) => (name !== undefined && fields.get(name)?.find(rest)) || field,
    mark: (text) => {
      show(words, text);
      words.hidden = !text;
    },
    focus: () => fields.values().next().value?.focus(),
  };
  return field;
}

function arrayField(schema: Schema, at: Given): Field {
  const fields: Field[] = [];
  const list = h('ol', { class: 'entries' });
  const words = h('p', { class: 'field-error', role: 'status', hidden: true });
  let touched = false; // an empty array is a value only if it was one
  const add = (value?: unknown) => {
    const one = make(schema.items!, { ...at, name: `${at.name} ${fields.length + 1}`.trim(), required: true, depth: at.depth + 1 });
    const entry = h('li', {}, one.element, button('Remove', () => {
      fields.splice(fields.indexOf(one), 1);
      entry.remove();
      adds.focus();
      at.changed();
    }, { class: 'small', 'aria-label': `Remove entry ${fields.length + 1} of ${at.name}` }));
    fields.push(one);
    list.append(entry);
    one.set(value);
    return one;
  };
  const adds = button('Add', () => {
    add().focus();
    at.changed();
  }, { class: 'small', 'aria-label': `Add to ${at.name || 'the list'}` });
  const hint = [schema.description, boundsOf(schema)].filter(Boolean).join(' · ');
  const field: Field = {
    element: h('fieldset', {}, h('legend', {}, schema.title ?? at.name, at.required && h('span', { class: 'note' }, ' required')), hint && h('p', { class: 'note small' }, hint), words, list, adds),
    get: () => (fields.length || at.required || touched ? fields.map((one) => one.get() ?? null) : undefined),
    set: (value) => {
      fields.length = 0;
      list.replaceChildren();
      touched = Array.isArray(value) && value.length === 0;
      for (const one of Array.isArray(value) ? value : []) add(one);
    },
    check: () => {
      const { minItems = 0, maxItems = Infinity } = schema;
      const used = fields.length > 0 || at.required;
      const wrong = used && (fields.length < minItems || fields.length > maxItems) ? `It must have ${boundsOf({ minItems: schema.minItems, maxItems: schema.maxItems })}.` : '';
      field.mark(wrong);
      return fields.map((one) => one.check()).every(Boolean) && !wrong;
    },
    find: ([n, ...rest]) => fields[Number(n)]?.find(rest) ?? field,
    mark: (text) => {
      show(words, text);
      words.hidden = !text;
    },
    focus: () => adds.focus(),
  };
  return field;
}
