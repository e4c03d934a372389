// Vite's development server in front of the service: pages come from the one, /api from the other.

import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  server: {
    proxy: {
      '/api': {
        target: 'http://localhost:8080',
        // Without this line Vite keeps a stream open whose service is gone, and pages notice that late.
        configure: (proxy) => proxy.on('proxyRes', (from, _, to) => from.on('close', () => to.destroy())),
      },
    },
  },
});
