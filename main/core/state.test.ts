import { describe, expect, test } from 'vitest'
import { LEVELS, OPERATIONS, TIMEOUT_MS, backoff, step, type Level, type Operation } from './state.ts'

/** Where each operation of the ladder leads, from the table in the design. */
const LEADS: Partial<Record<Operation, [from: Level, to: Level]>> = {
  PROVISIONING: ['PENDING', 'STANDBY'],
  RESTORING: ['PENDING', 'STANDBY'],
  STARTING: ['STANDBY', 'RUNNING'],
  STOPPING: ['RUNNING', 'STANDBY'],
  ARCHIVING: ['STANDBY', 'PENDING'],
}

/** The operations from `level` to `desired`, one step at a time. */
function path(level: Level, desired: Level, archived: boolean): Operation[] {
  const operation = step(level, desired, archived)
  if (operation === undefined) return []
  const [from, to] = LEADS[operation]!
  expect(from, `${operation} begins at ${level}`).toBe(level)
  return [operation, ...path(to, desired, operation === 'ARCHIVING')]
}

describe('the ladder', () => {
  test.each<[Level, Level, boolean, Operation[]]>([
    ['PENDING', 'PENDING', false, []],
    ['PENDING', 'STANDBY', false, ['PROVISIONING']],
    ['PENDING', 'STANDBY', true, ['RESTORING']],
    ['PENDING', 'RUNNING', false, ['PROVISIONING', 'STARTING']],
    ['PENDING', 'RUNNING', true, ['RESTORING', 'STARTING']],
    ['STANDBY', 'STANDBY', false, []],
    ['STANDBY', 'RUNNING', false, ['STARTING']],
    ['STANDBY', 'PENDING', false, ['ARCHIVING']],
    ['RUNNING', 'RUNNING', false, []],
    ['RUNNING', 'STANDBY', false, ['STOPPING']],
    ['RUNNING', 'PENDING', false, ['STOPPING', 'ARCHIVING']],
  ])('%s reaches %s (archived: %s) by neighbours: %j', (level, desired, archived, operations) => {
    expect(path(level, desired, archived)).toEqual(operations)
  })

  test('every level reaches every level, with and without an archive', () => {
    for (const from of LEVELS)
      for (const to of LEVELS)
        for (const archived of [false, true])
          expect(path(from, to, archived)).toHaveLength(Math.abs(LEVELS.indexOf(to) - LEVELS.indexOf(from)))
  })

  test('deletion is no step of the ladder: it is never the way from one level to another', () => {
    for (const from of LEVELS)
      for (const to of LEVELS) expect(step(from, to, false), `${from} → ${to}`).not.toBe('DELETING')
  })
})

test('every operation has the time that the design gives it', () => {
  const minutes = Object.fromEntries(
    OPERATIONS.map((operation) => [operation, TIMEOUT_MS[operation] / 60_000]),
  )
  expect(minutes).toEqual({
    PROVISIONING: 5,
    RESTORING: 30,
    STARTING: 5,
    STOPPING: 5,
    ARCHIVING: 30,
    DELETING: 10,
  })
})

test('a second attempt waits one second, a third five', () => {
  expect([1, 2].map(backoff)).toEqual([1_000, 5_000])
})
