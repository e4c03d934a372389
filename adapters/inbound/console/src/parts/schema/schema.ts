// The part of JSON Schema that a form can show.

export interface Schema {
  readonly type?: string | readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly definitions?: Readonly<Record<string, Schema>>;
  readonly [keyword: string]: unknown;
}

/** What a field is shown as; 'json' is for what has no form of its own. */
export type Kind = 'choice' | 'text' | 'number' | 'integer' | 'boolean' | 'object' | 'array' | 'json';

/** Keywords that say more than a form can show. */
const ELSEWHERE = ['oneOf', 'anyOf', 'allOf', 'not', 'if', 'patternProperties', 'prefixItems'];

export function kindOf(schema: Schema): Kind {
  if (schema.enum || schema.const !== undefined) return 'choice';
  if (ELSEWHERE.some((keyword) => keyword in schema)) return 'json';
  const types = [schema.type ?? (schema.properties ? 'object' : schema.items ? 'array' : '')].flat().filter((type) => type !== 'null');
  switch (types.length === 1 ? types[0] : '') {
    case 'string': return 'text';
    case 'number': return 'number';
    case 'integer': return 'integer';
    case 'boolean': return 'boolean';
    case 'object': return schema.properties ? 'object' : 'json';
    case 'array': return schema.items ? 'array' : 'json';
    default: return 'json';
  }
}

/** Follows a reference within the schema; one that leads nowhere, or in a circle, is anything. */
export function resolved(schema: Schema, root: Schema, depth = 0): Schema {
  if (!schema.$ref) return schema;
  if (depth > 20 || !schema.$ref.startsWith('#')) return {};
  let at: any = root;
  for (const part of schema.$ref.slice(1).split('/').filter(Boolean)) at = at?.[part.replaceAll('~1', '/').replaceAll('~0', '~')];
  const { $ref: _, ...rest } = schema;
  return resolved({ ...(at ?? {}), ...rest }, root, depth + 1);
}

/** What a schema asks for, in a few words. */
export function boundsOf(schema: Schema): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern, format, minItems, maxItems } = schema;
  const range = (least: number | undefined, most: number | undefined, unit = '') =>
    least !== undefined && most !== undefined ? `${least} to ${most}${unit}` : least !== undefined ? `at least ${least}${unit}` : most !== undefined ? `at most ${most}${unit}` : '';
  return [
    range(minimum, maximum),
    exclusiveMinimum !== undefined && `more than ${exclusiveMinimum}`,
    exclusiveMaximum !== undefined && `less than ${exclusiveMaximum}`,
    multipleOf !== undefined && `a multiple of ${multipleOf}`,
    range(minLength, maxLength, ' characters'),
    pattern && `like ${pattern}`,
    format && `a ${format}`,
    range(minItems, maxItems, ' entries'),
  ].filter(Boolean).join(', ');
}

/** What is wrong about a text that stands for a value of the schema; '' if nothing is. */
export function wrongText(text: string, schema: Schema): string {
  const { minLength = 0, maxLength = Infinity, pattern } = schema;
  const length = [...text].length;
  if (length < minLength || length > maxLength) return `It must have ${boundsOf({ minLength: schema.minLength, maxLength: schema.maxLength })}.`;
  if (pattern === undefined) return '';
  try {
    return new RegExp(pattern, 'u').test(text) ? '' : `It must be like ${pattern}.`;
  } catch {
    return ''; // the service knows
  }
}

export function wrongNumber(value: number, kind: Kind, schema: Schema): string {
  const { minimum = -Infinity, maximum = Infinity, exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity } = schema;
  if (!Number.isFinite(value)) return 'It must be a number.';
  if (kind === 'integer' && !Number.isInteger(value)) return 'It must be a whole number.';
  if (value < minimum || value > maximum || value <= exclusiveMinimum || value >= exclusiveMaximum) return `It must be ${boundsOf({ ...schema, multipleOf: undefined })}.`;
  return '';
}
