import { build } from 'vite';
await build({ logLevel: 'warn', ssr: { noExternal: true }, build: { ssr: 'app.ts', outDir: 'out/vite', target: 'es2022', rollupOptions: { output: { entryFileNames: 'app.mjs' } } } });
await build({ logLevel: 'warn', build: { outDir: 'out/vite-page' } });
