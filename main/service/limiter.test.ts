import { beforeEach, expect, test } from 'vitest'
import { AppError } from '../core/errors.ts'
import { createLimiter, type Limiter } from './limiter.ts'

let now: number
let limiter: Limiter
beforeEach(() => {
  now = 1_000_000
  limiter = createLimiter({ max: 3, windowMs: 60_000, now: () => now })
})

/** What the key is told: how many seconds to wait, or null. */
function waitOf(key: string): number | null {
  try {
    limiter.check(key)
    return null
  } catch (error) {
    expect(error).toMatchObject({ code: 'TOO_MANY_TRIES' })
    return (error as AppError).retryAfterSeconds ?? NaN
  }
}
const fail = (key: string, times: number): void => {
  for (let n = 0; n < times; n++) limiter.fail(key)
}

test('a key waits once it has failed so often, and no other does', () => {
  fail('a', 2)
  expect(waitOf('a')).toBeNull()
  limiter.fail('a')
  expect([waitOf('a'), waitOf('b')]).toEqual([60, null])
})

test('it waits until the first of these failures is out of the window', () => {
  limiter.fail('a')
  now += 20_000
  fail('a', 2)
  expect(waitOf('a')).toBe(40)
  now += 39_999
  expect(waitOf('a')).toBe(1)
  now += 1
  expect(waitOf('a')).toBeNull()
  limiter.fail('a')
  expect(waitOf('a')).toBe(20)
})

test('a key that has succeeded begins anew', () => {
  fail('a', 3)
  limiter.forget('a')
  fail('a', 2)
  expect(waitOf('a')).toBeNull()
})

test('failures beyond the limit make nobody wait longer than the window', () => {
  fail('a', 1_000)
  expect(waitOf('a')).toBe(60)
  now += 60_000
  expect(waitOf('a')).toBeNull()
})

test.each([
  [1, '1 second'],
  [59, '59 seconds'],
  [60, '1 minute'],
  [61, '2 minutes'],
])('a wait of %d s is told as %s', (seconds, words) => {
  const limiter = createLimiter({ max: 1, windowMs: seconds * 1_000, now: () => now })
  limiter.fail('a')
  expect(() => limiter.check('a')).toThrow(`wait ${words}`)
})

test('however many keys fail, no more than so many are remembered, the latest of them', () => {
  fail('first', 3)
  for (let n = 0; n < 9_999; n++) limiter.fail(`key ${n}`)
  expect(waitOf('first')).toBe(60)
  limiter.fail('one more')
  expect(waitOf('first')).toBeNull()
  fail('key 0', 2)
  expect(waitOf('key 0')).toBe(60)
})
