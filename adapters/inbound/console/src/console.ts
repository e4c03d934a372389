// The entry of the console.

import { connect } from '../../webclient/src/client.js';
import { definePages } from './pages.js';
import { signIn } from './parts/session.js';
import { Shell } from './parts/shell.js';
import { applyTheme } from './parts/theme.js';

applyTheme();
definePages();
const { api, token, name } = await signIn(document.body);
const client = connect({ name: `console${name}`, ...(token && { getToken: () => token }) });
new Shell({ client, api, readOnly: document.documentElement.dataset.mode === 'read' }, token !== null);
