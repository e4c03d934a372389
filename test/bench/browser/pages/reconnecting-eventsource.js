import ReconnectingEventSource from 'reconnecting-eventsource';
import { offer } from './page.js';
import { follower, onRow, onTask, post, url } from './stream.js';

const source = new ReconnectingEventSource(url());
source.addEventListener('row', ({ data }) => onRow(JSON.parse(data)));
source.addEventListener('task_event', ({ data }) => onTask(JSON.parse(data)));

offer({ ready: new Promise((resolve) => source.addEventListener('open', resolve)), follow: follower(post) });
