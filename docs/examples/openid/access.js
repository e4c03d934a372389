// The page's side of access control: a login at an OpenID provider, and one stream with a
// credential. Copy it; it needs nothing else.

// login returns an access token. It first sends the browser to the provider, which sends
// it back to this page with a code (authorization code with PKCE, RFC 7636). The token
// stays in memory: a page that is loaded again logs in again, without a question as long
// as the provider knows the browser. more goes into the provider's query.
export async function login({ issuer, client, more = {} }) {
  const provider = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  const page = location.origin + location.pathname;
  const query = new URLSearchParams(location.search);
  if (!query.has('code')) {
    const verifier = random();
    const state = random();
    sessionStorage.setItem('login', JSON.stringify({ verifier, state }));
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
    location.assign(`${provider.authorization_endpoint}?${new URLSearchParams({
      response_type: 'code', client_id: client, redirect_uri: page, scope: 'openid', state,
      code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: 'S256', ...more,
    })}`);
    return new Promise(() => {}); // the browser leaves
  }
  const { verifier, state } = JSON.parse(sessionStorage.getItem('login') ?? '{}');
  sessionStorage.removeItem('login');
  if (!state || query.get('state') !== state) throw new Error('this login was not begun by this page');
  history.replaceState(null, '', page);
  const answer = await fetch(provider.token_endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code', code: query.get('code'), redirect_uri: page, client_id: client, code_verifier: verifier,
    }),
  });
  if (!answer.ok) throw new Error(`the provider refuses the code: ${answer.status}`);
  return (await answer.json()).access_token;
}

// follow keeps one stream open and calls onEvent with the name and the data of each event.
// getToken returns a promise of a token that is good now. onRefused is called when the
// service does not want this user: then nothing more comes.
export function follow({ api, getToken, onEvent, onRefused }) {
  const requestID = random();
  let source;
  let last = '';
  const post = async (path) => fetch(api + path, { method: 'POST', headers: { Authorization: `Bearer ${await getToken()}` } });

  // A ticket opens one stream, once: each attempt needs a new one.
  async function open() {
    const answer = await post('/api/sse/ticket').catch(() => null);
    if (answer?.status === 401 || answer?.status === 403) return onRefused(await answer.json());
    if (!answer?.ok) return later();
    const query = new URLSearchParams({ request_id: requestID, ticket: (await answer.json()).ticket });
    if (last) query.set('last_event_id', last);
    source = new EventSource(`${api}/api/sse/stream?${query}`);
    for (const name of ['task_snapshot', 'task_event', 'version', 'stream_reset']) {
      source.addEventListener(name, (event) => {
        last = event.lastEventId || last;
        onEvent(name, JSON.parse(event.data));
      });
    }
    // In time, the stream gets a new credential and stays open.
    source.addEventListener('auth_expiring', () => post(`/api/connections/${requestID}/credential`));
    source.addEventListener('replaced', () => source.close());
    source.onerror = later; // also after auth_expired
  }

  function later() {
    source?.close(); // by itself it would come back with the ticket that was used
    setTimeout(open, 500 + Math.random() * 1500);
  }

  open();
}

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
