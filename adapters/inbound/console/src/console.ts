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
const { mode, live } = document.documentElement.dataset;
new Shell({ client, api, live: live === 'true', readOnly: mode === 'read' }, token !== null);
