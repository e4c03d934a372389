// W1: what somebody sees who has just started the service.

import { command, curl } from '../../parts/copy.js';
import { button, h, link, note, show } from '../../parts/dom.js';
import type { App } from '../../parts/page.js';
import { inWords } from '../../parts/api.js';
import { linkTo } from '../../parts/place.js';

const KEY = 'heliograph:first-run';
/** With more tasks than this somebody has begun. */
const FEW = 3;

const DEMO = { type: 'demo_task', params: { steps: 20, delay: 0.5, message: 'hello' } };

/** Shows in at what to do first; tasks is how many there are, null while that is unknown. */
export function firstRun(at: HTMLElement, app: App, tasks: number | null): void {
  if (tasks === null || tasks > FEW || (tasks > 0 && localStorage.getItem(KEY))) {
    at.hidden = true;
    return;
  }
  at.hidden = false;
  const said = tasks === 0 ? 'none' : 'some';
  if (at.dataset.said === said) return;
  at.dataset.said = said;
  const start = button('Start a demo task', async () => {
    start.disabled = true;
    try {
      await app.client.start(DEMO.type, DEMO.params).started;
    } catch (error) {
      app.say(inWords(error));
    }
    start.disabled = false;
  }, { class: 'primary', 'data-demo': '' });
  const second = link(location.href, 'Open this in a second tab', { target: '_blank', rel: 'noopener' });
  if (tasks === 0) {
    show(at, h('section', { class: 'card first-run' },
      h('h2', {}, 'Nothing has run yet'),
      h('p', {}, app.readOnly ? 'This page is read only. Start a task from a terminal:' : 'Start a task here, or from a terminal, and watch it move:'),
      !app.readOnly && h('div', { class: 'actions' }, start, link(linkTo('start'), 'Start one of your own', { class: 'button quiet' })),
      command(curl('POST', '/tasks', DEMO)),
      note(second, ': both show the same, over one stream.')));
    void app.client.types().then((types) => {
      if (types.some(({ type }) => type === DEMO.type)) return;
      start.hidden = true; // in production there are no demo tasks
    }, () => {});
    return;
  }
  show(at, h('section', { class: 'card first-run' },
    h('h2', {}, 'It moves'),
    h('p', {}, second, ': it shows the same, over the same stream. Reload, or stop the service and start it again: the page comes back by itself.'),
    h('div', { class: 'actions' }, !app.readOnly && start, button('Got it', () => {
      localStorage.setItem(KEY, 'seen');
      at.hidden = true;
    }, { class: 'quiet' }))));
}
