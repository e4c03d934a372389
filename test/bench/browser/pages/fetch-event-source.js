import { fetchEventSource } from '@microsoft/fetch-event-source';
import { offer } from './page.js';
import { follower, onRow, onTask, post, url } from './stream.js';

const ready = new Promise((resolve) => {
  fetchEventSource(url(), {
    async onopen() {
      resolve();
    },
    onmessage({ event, data }) {
      if (event === 'row') onRow(JSON.parse(data));
      else if (event === 'task_event') onTask(JSON.parse(data));
    },
  });
});

offer({ ready, follow: follower(post) });
