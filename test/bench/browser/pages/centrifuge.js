import { Centrifuge } from 'centrifuge';
import { offer } from './page.js';
import { follower, onRow, onTask } from './stream.js';

const centrifuge = new Centrifuge(`ws://${location.host}/connection/websocket`);
const channel = centrifuge.newSubscription('bench');
channel.on('publication', ({ data }) => (data.event_type ? onTask(data) : onRow(data)));
const ready = new Promise((resolve) => channel.on('subscribed', resolve));
channel.subscribe();
centrifuge.connect();

offer({ ready, follow: follower(async (params) => (await centrifuge.rpc('start', params)).data) });
