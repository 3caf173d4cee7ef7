import { defineConfig } from 'vitest/config'

const unit = ['{main,renderer,build}/**/*.test.{ts,tsx}']
const integration = ['main/**/*.integration.test.ts']

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: unit, exclude: integration, testTimeout: 20_000 } },
      {
        // On the real Docker Engine, one file after the other: they share its two cores with everything else.
        test: {
          name: 'integration',
          include: integration,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
