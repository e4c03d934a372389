import { build } from 'esbuild';
await build({
  entryPoints: ['app.ts'], bundle: true, format: 'esm', splitting: true, platform: 'node', target: 'es2022', outdir: 'out/esbuild', outExtension: { '.js': '.mjs' },
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" }, logLevel: 'warning',
});
