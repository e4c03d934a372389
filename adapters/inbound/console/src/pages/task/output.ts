// What a task prints, live.

import { inWords } from '../../parts/api.js';
import { button, h, note, show } from '../../parts/dom.js';
import { bytes, short } from '../../parts/format.js';
import { download } from '../../parts/jsontree.js';
import type { App } from '../../parts/page.js';

/** So many characters are shown, the newest. */
const MOST = 200_000;

/** A section that is there once the task has printed something. */
export function outputOf(app: App, id: string, signal: AbortSignal): HTMLElement {
  const text = h('pre', { class: 'output', tabindex: '0', 'aria-label': 'Output' });
  const words = note();
  const section = h('section', { class: 'card', hidden: true },
    h('div', { class: 'heading' }, h('h2', {}, 'Output'), button('Download', async () => {
      try {
        download(`${short(id)}.txt`, await (await app.api.fetch(`/tasks/${id}/output`)).text(), 'text/plain');
      } catch (error) {
        app.say(inWords(error));
      }
    }, { class: 'small' })),
    words, text);
  let length = 0;
  const add = (more: string) => {
    const atEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 8;
    section.hidden = false;
    text.append(more);
    for (length += more.length; length > MOST && text.firstChild; text.firstChild.remove()) length -= text.firstChild.textContent!.length;
    if (atEnd) text.scrollTop = text.scrollHeight;
  };
  void (async () => {
    try {
      for await (const chunk of app.client.follow(id).output({ signal })) add(chunk.text ?? `\n[${bytes(chunk.gap!)} are not kept]\n`);
    } catch (error) {
      if (!signal.aborted && length) show(words, inWords(error));
    }
  })();
  return section;
}
