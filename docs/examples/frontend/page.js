// What docs/frontend.md shows of pages without React.
const [bar, log] = [document.querySelector('progress'), document.querySelector('pre')];

import { connect } from '/api/client/client.js';          // from npm: 'heliograph-client'

const hg = connect();
const task = hg.start('import', {rows: 20});               // or hg.follow(id)
for await (const t of task) bar.value = t.progress.value ?? 0;
const {rows} = await task.result;                          // or throws TaskFailed, TaskCancelled, TaskExpired

for await (const {text, gap} of task.output()) log.append(text ?? `[${gap} bytes are lost]`);
log.append(`${rows} rows\n`);

export function connectAs(user, session) {
  const hg = connect({name: user.id, getToken: () => session.accessToken()});   // null: nobody is logged in
  return hg;
}
