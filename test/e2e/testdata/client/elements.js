// Shows a task that it starts in the elements, and says in the body what the browser makes of them.
addEventListener('securitypolicyviolation', ({ violatedDirective }) => (document.body.dataset.violation = violatedDirective));

const { connect } = await import('/api/client/client.js');
const { useClient } = await import('/api/client/elements.js');
const hg = connect();
useClient(hg);
const task = document.querySelector('heliograph-task');
task.handle = hg.start('demo_task', { steps: 2, message: 'hello' });
const part = (element, name) => element.shadowRoot.querySelector(`[part=${name}]`);
task.addEventListener('heliograph-end', ({ detail }) => {
  const { value } = part(task, 'bar');
  document.body.dataset.ended = `${detail.status} ${value} ${getComputedStyle(part(task, 'text')).flexGrow}`;
});
hg.connection.subscribe(() => (document.body.dataset.sharing = hg.connection.getSnapshot().sharing ?? ''));
const version = document.querySelector('heliograph-version');
hg.version.subscribe(() => (document.body.dataset.offered = part(version, 'message').textContent));
