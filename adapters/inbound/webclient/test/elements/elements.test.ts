import { page } from '../dom.js';
import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

import { HeliographTask, HeliographVersion, useClient } from '../../src/elements.js';
import { fakeClient } from '../../src/testing.js';
import type { FakeClient } from '../../types/testing.js';

let hg: FakeClient;
beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  hg = fakeClient();
  useClient(hg);
});
afterEach(() => {
  document.body.replaceChildren();
  hg.close();
  mock.restoreAll();
});

/** Puts an element with attributes into the page. */
function put<E extends HTMLElement>(name: string, attributes: Record<string, string> = {}): E {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  document.body.append(element);
  return element as E;
}
const part = (element: HTMLElement, name: string) => element.shadowRoot!.querySelector<any>(`[part=${name}]`);

test('B18 heliograph-task shows a task as a bar and in words, and says its end', async () => {
  const task = hg.add({ type: 'import', progress: { value: null } });
  const element = put<HeliographTask>('heliograph-task', { task: task.id });
  const ends: any[] = [];
  document.body.addEventListener('heliograph-end', (event) => ends.push((event as CustomEvent).detail.status));
  await hg.advance(0);
  const bar = part(element, 'bar');
  assert.deepEqual([bar.getAttribute('role'), bar.getAttribute('aria-label'), bar.hasAttribute('value')], ['progressbar', 'import', false]);
  const status = part(element, 'status');
  assert.deepEqual([status.getAttribute('aria-live'), status.textContent], ['polite', 'running']);
  task.progress(0.5, 'row 10');
  assert.deepEqual([bar.value, part(element, 'text').textContent, part(element, 'status').textContent], [0.5, 'row 10', 'running']);
  const words = status.firstElementChild;
  task.progress(0.6, 'row 12');
  assert.equal(status.firstElementChild, words, 'progress is not announced');
  task.complete();
  assert.deepEqual([bar.value, status.textContent, element.getAttribute('status'), ends], [1, 'completed', 'completed', ['completed']]);
  assert.equal(element.view!.status, 'completed');
});

test('B18 heliograph-task says why a task failed, and is hidden without a task', async () => {
  const element = put<HeliographTask>('heliograph-task', { label: 'Your import' });
  assert.equal(element.hidden, true);
  const task = hg.add({ type: 'import' });
  element.task = task.id;
  await hg.advance(0);
  task.fail('no disk');
  assert.equal(element.hidden, false);
  assert.equal(part(element, 'status').textContent, 'failed: no disk');
  assert.equal(part(element, 'bar').getAttribute('aria-label'), 'Your import');
  element.setAttribute('label', 'Another');
  assert.equal(part(element, 'bar').getAttribute('aria-label'), 'Another');
  element.task = null;
  assert.equal(element.hidden, true);
});

test('B10 its button asks the task to stop, once, and only where it may', async () => {
  const element = put<HeliographTask>('heliograph-task', { cancellable: '' });
  element.handle = hg.start('import');
  await hg.advance(0);
  const cancel = part(element, 'cancel');
  assert.equal(cancel.hidden, false);
  cancel.click();
  await hg.advance(0);
  assert.deepEqual([hg.task().signal.aborted, cancel.disabled, part(element, 'status').textContent], [true, true, 'cancelling']);
  hg.task().stop();
  assert.deepEqual([cancel.hidden, part(element, 'status').textContent], [true, 'cancelled']);
  const other = put<HeliographTask>('heliograph-task', { task: hg.add({ type: 'a' }).id });
  await hg.advance(0);
  assert.equal(part(other, 'cancel').hidden, true);
});

test('B15 an element that leaves the page follows nothing, and goes on when it is back', async () => {
  const task = hg.add({ type: 'import' });
  const element = put<HeliographTask>('heliograph-task', { task: task.id });
  await hg.advance(0);
  element.remove();
  task.progress(0.5);
  await hg.advance(0);
  assert.equal(part(element, 'bar').hasAttribute('value'), false);
  document.body.append(element);
  await hg.advance(0);
  assert.equal(part(element, 'bar').value, 0.5);
});

test('B18 heliograph-version offers another version than the page, and goes when it is dismissed', () => {
  const reload = mock.method(location, 'reload', () => {});
  const [one, two] = [put<HeliographVersion>('heliograph-version', { build: '1.4.0' }), put<HeliographVersion>('heliograph-version', { build: '1.4.0' })];
  const shown = (element: HTMLElement) => !part(element, 'reload').parentElement.hidden;
  assert.deepEqual([shown(one), part(one, 'message').textContent], [false, '']);
  hg.announce('1.4.0');
  assert.equal(shown(one), false);
  hg.announce({ version: '1.5.0', changelog: 'faster\nnicer' });
  assert.deepEqual([shown(one), part(one, 'message').textContent, part(one, 'changelog').textContent], [true, 'Version 1.5.0 is there.', 'faster\nnicer']);
  hg.connect({ state: 'reconnecting' });
  assert.equal(shown(one), true);
  part(one, 'dismiss').click();
  assert.deepEqual([shown(one), shown(two), part(one, 'message').textContent], [false, false, '']);
  hg.announce('1.6.0');
  part(two, 'reload').click();
  assert.equal(reload.mock.callCount(), 1);
  assert.equal(shown(two), false, 'it was reloaded for it');
});

test('B18 what the page writes into a slot stands in place of the words', async () => {
  const task = hg.add({ type: 'import' });
  const element = put<HeliographTask>('heliograph-task', { task: task.id });
  element.append(Object.assign(document.createElement('span'), { slot: 'completed', textContent: 'Fertig' }));
  await hg.advance(0);
  task.complete();
  assert.equal(part(element, 'status').querySelector('slot').getAttribute('name'), 'completed');
});

test('B18 styles are adopted and nothing is inline, so that a strict policy allows all of it', async () => {
  const html = mock.method(page.Element.prototype, 'insertAdjacentHTML', () => assert.fail('HTML text'));
  for (const element of [put('heliograph-task', { task: hg.add({ type: 'a', progress: { value: 0.3 } }).id, cancellable: '' }), put('heliograph-version')]) {
    await hg.advance(0);
    assert.equal(element.shadowRoot!.adoptedStyleSheets.length, 1);
    assert.equal(element.shadowRoot!.querySelectorAll('style, script, [style], [onclick]').length, 0);
  }
  assert.equal(html.mock.callCount(), 0);
});
