import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { createElement, version } from 'react';
import { renderToString } from 'react-dom/server';

import * as hooks from '../../src/react.js';
import { fakeClient } from '../../src/testing.js';

const everything = () => [
  hooks.useTask('import', { resume: true }).task,
  hooks.useTaskById('0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a').task,
  hooks.useTasks({ mine: true }).length,
  hooks.useTaskOutput('0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a').text,
  hooks.useTaskTypes().types,
  hooks.useNewVersion({ build: '1' }),
  hooks.useConnection().state,
];
const Component = () => JSON.stringify(everything());
const NOTHING = JSON.stringify([null, null, 0, '', null, null, 'idle']);
const plain = (html: string) => html.replaceAll('&quot;', '"');

test(`B17 a server renders as if nothing were known, and asks for nothing (React ${version})`, () => {
  assert.equal(typeof globalThis.window, 'undefined');
  const fetches = mock.method(globalThis, 'fetch', () => assert.fail('a server asks'));
  assert.equal(plain(renderToString(createElement(Component))), NOTHING, 'without a provider');
  const hg = fakeClient();
  hg.add({ type: 'import', mine: true, id: '0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a' });
  hg.announce('2');
  const follow = mock.method(hg, 'follow');
  assert.equal(plain(renderToString(createElement(hooks.HeliographProvider, { client: hg }, createElement(Component)))), NOTHING);
  assert.equal(follow.mock.callCount() + fetches.mock.callCount(), 0);
});

test('B17 what a server rendered is taken over without a difference', async () => {
  const hg = fakeClient();
  const task = hg.add({ type: 'import', mine: true, id: '0b0f6a5e-6f0c-4a37-9a57-0f2f8b7f6f0a' });
  hg.announce('2');
  const html = renderToString(createElement(hooks.HeliographProvider, { client: hg }, createElement(Component)));
  const errors = mock.method(console, 'error');
  const { render, unmountAll } = await import('./render.js');
  const view = await render(hg, everything, { html });
  assert.equal(JSON.stringify(view.all[0]), NOTHING, 'the first render says what the server said');
  assert.deepEqual([(view.now()[0] as any).id, (view.now()[1] as any).status, view.now()[2], view.now()[6]], [task.id, 'running', 1, 'open']);
  await unmountAll();
  assert.deepEqual(errors.mock.calls.map((call) => call.arguments[0]), []);
});
