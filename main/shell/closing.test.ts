import { expect, it } from 'vitest'
import { closing, type Closing, type Situation } from './closing.ts'

const ALONE: Situation = { others: false, toTray: false, running: 0, told: false }

it.each<[string, Partial<Situation>, Closing]>([
  ['the last window', {}, 'quit'],
  ['one of several', { others: true }, 'hide'],
  ['with Berth to stay in the tray', { toTray: true, running: 1 }, 'hide'],
  ['the first time with something running', { running: 1 }, 'ask'],
  ['once that was said', { running: 1, told: true }, 'quit'],
])('closes %s', (_name, part, follows) => {
  expect(closing({ ...ALONE, ...part })).toBe(follows)
})
