// A program with the client library: node program.mjs URL-OF-THE-SCRIPTS API.
import { pathToFileURL } from 'node:url';

const [, , folder, api] = process.argv;
const { connect, StartRefused } = await import(pathToFileURL(folder + '/client.js'));
const hg = connect({ api });
const task = hg.start('demo_task', { message: 'from a program', steps: 2, delay: 0.01 });
const states = [];
for await (const { status } of task) if (states.at(-1) !== status) states.push(status);
const refused = await hg.start('no_such_type').started.catch((error) => error instanceof StartRefused && `${error.name} ${error.code}`);
const large = await hg.start('demo_task', { message: 'x'.repeat(200_000), steps: 1, delay: 0 }).result;
console.log(JSON.stringify({ last: states.at(-1), result: await task.result, refused, large: large.message.length }));
hg.close(); // and the program ends: nothing is left
