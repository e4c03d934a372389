// Who is signed in, if the service asks (AUTH=required). The credential stays in this tab's
// sessionStorage and goes out as Authorization: Bearer. Where a cookie or a proxy signs
// people in, there is none to ask for.

import { Api, Refused, inWords } from './api.js';
import { setNeedsCredential } from './copy.js';
import { button, h } from './dom.js';

const KEY = 'heliograph:credential';

export interface Session {
  readonly api: Api;
  /** The credential; null when the console sends none. */
  readonly token: string | null;
  /** Differs between credentials: tabs share a stream with those of the same name only. */
  readonly name: string;
}

/** Forgets the credential, and asks for another one. */
export function signOut(why = ''): void {
  sessionStorage.removeItem(KEY);
  if (why) sessionStorage.setItem(KEY + ':why', why);
  location.reload();
}

/** Resolves once the service answers; asks for a credential in at when it wants one. */
export async function signIn(at: HTMLElement): Promise<Session> {
  let { token = null, name = '' } = JSON.parse(sessionStorage.getItem(KEY) ?? '{}') as { token?: string | null; name?: string };
  let why = sessionStorage.getItem(KEY + ':why') ?? '';
  sessionStorage.removeItem(KEY + ':why');
  for (let first = true; ; first = false) {
    if (!why) {
      const probe = new Api(() => token, () => {});
      try {
        await probe.get('/tasks', { limit: 1 });
        if (token) sessionStorage.setItem(KEY, JSON.stringify({ token, name }));
        setNeedsCredential(token !== null);
        return { api: new Api(() => token, (refused) => signOut(inWords(refused))), token, name };
      } catch (error) {
        if (!(error instanceof Refused) || (error.status !== 401 && error.status !== 403)) {
          await waitToAskAgain(at, inWords(error));
          continue;
        }
        why = first && token === null && error.status === 401 ? ' ' : inWords(error);
      }
    }
    token = await ask(at, why.trim());
    name = crypto.getRandomValues(new Uint32Array(2)).join('-');
    why = '';
  }
}

function ask(at: HTMLElement, why: string): Promise<string> {
  return new Promise((resolve) => {
    const field = h('input', {
      id: 'credential', type: 'password', autocomplete: 'current-password', required: true, spellcheck: 'false',
      'aria-describedby': 'credential-hint', ...(why && { 'aria-invalid': 'true' }),
    });
    const form = h('form', { class: 'card sign-in', onsubmit: (event: Event) => {
      event.preventDefault();
      if (field.value.trim()) resolve(field.value.trim());
    } },
      h('h1', {}, 'Sign in to heliograph'),
      why && h('p', { class: 'trouble', role: 'alert' }, why),
      h('label', { for: 'credential' }, 'API key or JWT'),
      field,
      h('p', { class: 'note', id: 'credential-hint' }, 'Pages for operators need the scope admin; tasks need tasks:read and stream. It is kept in this tab until you close it, and sent to this service only.'),
      h('div', { class: 'actions' }, h('button', { class: 'primary', type: 'submit' }, 'Sign in')));
    at.replaceChildren(h('main', { class: 'alone' }, form));
    field.focus();
  });
}

function waitToAskAgain(at: HTMLElement, why: string): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 2000);
    at.replaceChildren(h('main', { class: 'alone' }, h('div', { class: 'card' },
      h('h1', {}, 'heliograph'), h('p', { class: 'trouble', role: 'status' }, why),
      h('div', { class: 'actions' }, button('Ask now', () => {
        clearTimeout(timer);
        resolve();
      })))));
  });
}
