// Where the console is: the page's hash, so that every view is a link that can be shared.

/** What the ID of a task is. */
export const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;

/** '#/tasks/0b0e…?status=failed' is page 'tasks', id '0b0e…' and the query. */
export interface Place {
  readonly page: string;
  /** '' for the page itself. */
  readonly id: string;
  readonly query: URLSearchParams;
}

export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s);
  const [page = '', ...id] = path.split('/').map(decoded);
  return { page, id: id.join('/'), query: new URLSearchParams(query) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a link that was broken on its way
  }
}

/** The link of a place. Entries of the query that are empty are left out. */
export function linkTo(page: string, id = '', query: Record<string, string | number | readonly string[]> | URLSearchParams = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of query instanceof URLSearchParams ? query : Object.entries(query)) {
    for (const one of [value].flat()) if (one !== '') parameters.append(name, String(one));
  }
  const text = parameters.toString().replaceAll('%3A', ':');
  return `#/${page}${id && '/' + encodeURIComponent(id)}${text && '?' + text}`;
}

export function go(to: string): void {
  location.hash = to;
}

/** Goes there without another entry in the browser's history, as while somebody types. */
export function replace(to: string): void {
  history.replaceState(null, '', to);
  dispatchEvent(new HashChangeEvent('hashchange'));
}
