// What can be sent from more than one page: versions, and events of the application's own.

import { ask, jsonOf } from './ask.js';
import type { App } from './page.js';

const filled = (entries: Record<string, unknown>): Record<string, unknown> => Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== '' && value !== undefined));

/** Asks for a version of the frontend and announces it. */
export function announceVersion(app: App): void {
  ask('Announce a version', [
    { name: 'version', label: 'Version', required: true, hint: 'Every page that was built as another one shows its banner.' },
    { name: 'changelog', label: 'What is new', long: true },
    { name: 'request_id', label: 'Only for this request_id', hint: 'Empty: for everyone, and the current version from now on.' },
  ], 'Announce', async (texts) => {
    await app.api.post('/versions', filled(texts));
    app.say(`Version ${texts.version} is announced.`);
  });
}

/** Asks for an event of the application's own and publishes it. */
export function publishEvent(app: App): void {
  ask('Send an event', [
    { name: 'name', label: 'Name', required: true, hint: 'For example order.changed: small letters, digits, dots, dashes.' },
    { name: 'data', label: 'Data', required: true, long: true, value: '{}', hint: 'Any JSON.' },
    { name: 'subjects', label: 'Only for these subjects', hint: 'With commas between them; empty for everyone.' },
    { name: 'request_id', label: 'Only for this request_id', hint: 'Then it is private, and not in the log.' },
  ], 'Send', async ({ name, data = '', subjects = '', request_id }) => {
    const names = subjects.split(',').map((subject) => subject.trim()).filter(Boolean);
    const sent = await app.api.post<{ id: string | null; delivered: boolean }>('/events', filled({
      name, request_id, data: jsonOf(data, 'Data'), audience: names.length ? { subjects: names } : undefined,
    }));
    app.say(sent.delivered ? `Sent${sent.id ? ` as ${sent.id}` : ''}.` : 'It was accepted, but that stream is not there.');
  });
}
