// The recipes of docs/examples/stores, each with the framework that it is for. Run with
// --conditions=browser: on a server Solid's signals change nothing.
import assert from 'node:assert/strict';
import { createEffect, createRoot } from 'solid-js';
import { effectScope } from 'vue';

import { fakeClient } from 'heliograph-client/testing';
import { useStore as solid } from './stores/solid.js';
import { toReadable } from './stores/svelte.js';
import { useStore as vue } from './stores/vue.js';

const recipes = {
  vue(store) {
    const scope = effectScope();
    const value = scope.run(() => vue(store));
    return [() => value.value, () => scope.stop()];
  },
  svelte(store) {
    let value;
    const end = toReadable(store).subscribe((now) => (value = now));
    return [() => value, end];
  },
  solid(store) {
    let value;
    const end = createRoot((dispose) => {
      const tasks = solid(store);
      createEffect(() => (value = tasks()));
      return dispose;
    });
    return [() => value, end];
  },
};
for (const [name, recipe] of Object.entries(recipes)) {
  const hg = fakeClient();
  const task = hg.add({ type: 'import', mine: true });
  const [value, end] = recipe(hg.tasks({ mine: true }));
  await hg.advance(0);
  task.progress(0.5);
  await hg.advance(0);
  assert.deepEqual(value().map(({ progress }) => progress.value), [0.5], name);
  end();
  await hg.advance(0);
  task.progress(0.6);
  await hg.advance(0);
  assert.deepEqual(value().map(({ progress }) => progress.value), [0.5], `${name}: nothing is followed in the end`);
  hg.close();
}
console.log('ok');
