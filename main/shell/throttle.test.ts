import { expect, it, vi } from 'vitest'
import { createThrottle } from './throttle.ts'

it('lets one through in its time, each key for itself, and tells once of what it drops', () => {
  let time = 0
  const dropped = vi.fn()
  const may = createThrottle(1_000, () => time, dropped)
  const tries = (key: string) => Array.from({ length: 5 }, () => may(key)).filter(Boolean).length
  expect([tries('a'), tries('b')]).toEqual([1, 1])
  time = 999
  expect(tries('a')).toBe(0)
  time = 1_000
  expect(tries('a')).toBe(1)
  expect(dropped.mock.calls).toEqual([['a'], ['b']])
})
