import webpack from 'webpack';

const stats = await new Promise((done, fail) => webpack({
  mode: 'development', devtool: false, target: 'node', entry: './app.js', experiments: { outputModule: true },
  output: { path: import.meta.dirname + '/out/webpack', filename: 'app.mjs', module: true, chunkFormat: 'module' },
}, (error, stats) => (error ? fail(error) : done(stats))));
if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString('errors-warnings'));
