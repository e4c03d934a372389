import { connect } from '/api/client/client.js';
import { SHORT, draw, offer, seen, show } from './page.js';

const hg = connect({ share: new URLSearchParams(location.search).get('share') ?? 'auto' });

hg.on('event', ({ data: { id, value, text } }) => {
  seen.events++;
  show(id, value, text);
});

const tasks = hg.tasks({ type: 'work', active: true });
tasks.subscribe(() => {
  seen.progress = 0;
  for (const { id, seq, progress } of tasks.getSnapshot()) {
    seen.progress += seq;
    draw(id, progress.value ?? 0, progress.text);
  }
});

const ready = new Promise((resolve) => hg.connection.subscribe(() => hg.connection.getSnapshot().state === 'open' && resolve()));

async function follow(shown) {
  for await (const { progress } of hg.start('work', SHORT, { key: crypto.randomUUID() })) if (progress.value !== null) return shown(progress.value);
}

offer({ ready, follow, early: true });
