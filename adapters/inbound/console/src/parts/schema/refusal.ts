// Where in the params the service says that something is wrong.

/** The path of the field that a message names, as '"steps" is wrong' or '/rows/0/name'; empty if it names none. */
export function pathIn(message: string, field: string | undefined, names: readonly string[]): readonly string[] {
  const pointer = /(?:^|[\s"'(])((?:\/[\w.~-]+)+)/.exec(message)?.[1]?.split('/').slice(1).filter((part) => part !== 'properties' && part !== 'items');
  if (pointer?.[0] !== undefined && names.includes(pointer[0])) return pointer;
  if (field !== undefined && names.includes(field)) return [field];
  const quoted = [...message.matchAll(/["']([^"']+)["']/g)].map(([, name]) => name!).find((name) => names.includes(name.split('.')[0]!));
  return quoted?.split('.') ?? [];
}
