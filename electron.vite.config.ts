import { resolve } from 'node:path'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'electron-vite'

const here = import.meta.dirname

export default defineConfig({
  main: {
    build: {
      rolldownOptions: {
        // index: the desktop app. serve: the same control plane without a window, on plain Node.
        input: { index: resolve(here, 'main/index.ts'), serve: resolve(here, 'main/serve.ts') },
      },
    },
  },
  preload: {
    build: {
      // A sandboxed renderer cannot load an ES module as its preload.
      rolldownOptions: {
        input: resolve(here, 'preload/index.ts'),
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: resolve(here, 'renderer'),
    plugins: [react()],
    // Browsers load the same files as our own window.
    build: {
      minify: true,
      target: 'baseline-widely-available',
      rolldownOptions: { input: resolve(here, 'renderer/index.html') },
    },
  },
})
