import { describe, expect, test } from 'vitest'
import {
  CAUSES,
  LEVELS,
  OPERATIONS,
  STATUSES,
  type Cause,
  type Level,
  type Operation,
  type Status,
} from '../core/state.ts'
import { idOf, rowOf } from '../testing/rows.ts'
import { ACTIONS, MAY, gate, wakes, type Gate } from './gate.ts'

type Change = Parameters<typeof rowOf>[1]
const of = (change: Change, reachable = false): Gate => gate(rowOf(idOf(1), change), reachable)
const TTLS: readonly Cause[] = ['IDLE', 'ARCHIVE_TTL']

describe('with no operation under way', () => {
  test.each<[status: Status, desired: Level, change: Change, expected: Gate]>([
    ['RUNNING', 'RUNNING', {}, 'proxy'],
    ['RUNNING', 'STANDBY', {}, 'proxy'],
    ['RUNNING', 'PENDING', {}, 'proxy'],
    ['STANDBY', 'RUNNING', {}, 'rising'],
    ['STANDBY', 'STANDBY', {}, 'wake'],
    ['STANDBY', 'STANDBY', { cause: 'PERSON' }, 'wake'],
    ['STANDBY', 'PENDING', { cause: 'PERSON' }, 'stopping'],
    ['STANDBY', 'PENDING', { cause: 'ARCHIVE_TTL' }, 'wake'],
    ['PENDING', 'RUNNING', {}, 'rising'],
    ['PENDING', 'STANDBY', {}, 'pending'],
    ['PENDING', 'PENDING', {}, 'pending'],
    ['PENDING', 'RUNNING', { archiveKey: 'a' }, 'rising'],
    ['PENDING', 'STANDBY', { archiveKey: 'a' }, 'archived'],
    ['PENDING', 'PENDING', { archiveKey: 'a' }, 'archived'],
    ['PENDING', 'PENDING', { archiveKey: 'a', cause: 'ARCHIVE_TTL' }, 'archived'],
    ['ERROR', 'RUNNING', {}, 'error'],
    ['ERROR', 'STANDBY', { cause: 'IDLE' }, 'error'],
    ['ERROR', 'PENDING', {}, 'error'],
    ['DELETED', 'RUNNING', {}, 'deleting'],
    ['DELETED', 'STANDBY', {}, 'deleting'],
    ['DELETED', 'PENDING', {}, 'deleting'],
  ])('%s that is to be %s (%o) is %s', (status, desiredState, change, expected) => {
    expect(of({ status, desiredState, ...change }, true)).toBe(expected)
  })

  test('one that runs and cannot be reached is not proxied', () => {
    expect(of({ status: 'RUNNING' }, false)).toBe('rising')
  })
})

describe('with an operation under way, in every status', () => {
  test.each<[operation: Operation, wished: Gate, byPerson: Gate, byTtl: Gate]>([
    ['PROVISIONING', 'rising', 'rising', 'rising'],
    ['RESTORING', 'rising', 'rising', 'rising'],
    ['STARTING', 'rising', 'rising', 'rising'],
    ['STOPPING', 'rising', 'stopping', 'wake'],
    ['ARCHIVING', 'rising', 'stopping', 'wake'],
  ])(
    '%s is %s when it is to run, %s when a person stops it, %s when its time is over',
    (operation, ...expected) => {
      const [wished, byPerson, byTtl] = expected
      for (const status of STATUSES.filter((one) => one !== 'DELETED'))
        for (const desiredState of LEVELS)
          for (const cause of CAUSES)
            expect(
              of({ status, operation, desiredState, cause }, true),
              `${status} → ${desiredState}, ${cause}`,
            ).toBe(desiredState === 'RUNNING' ? wished : TTLS.includes(cause) ? byTtl : byPerson)
    },
  )
})

test('only a running one that is left alone is ever proxied, and what a person wants down, failed or archived is never woken', () => {
  for (const status of STATUSES)
    for (const operation of ['NONE', ...OPERATIONS] as const)
      for (const desiredState of LEVELS)
        for (const cause of CAUSES)
          for (const deletedAt of [null, 5])
            for (const archiveKey of [null, 'a'])
              for (const reachable of [false, true]) {
                const change = { status, operation, desiredState, cause, deletedAt, archiveKey }
                const row = rowOf(idOf(1), change)
                const found = gate(row, reachable)
                const what = JSON.stringify({ ...change, reachable })
                const left = deletedAt === null && (operation === 'NONE' || operation === 'DELETING')
                expect(found === 'proxy', what).toBe(left && status === 'RUNNING' && reachable)
                if (deletedAt !== null) expect(found, what).toBe('deleting')
                if (!wakes(row, found)) continue
                expect(desiredState, what).not.toBe('RUNNING')
                expect(['archived', 'pending', 'error', 'stopping', 'deleting'], what).not.toContain(found)
                if (!TTLS.includes(cause))
                  expect([status, desiredState], what).toEqual(['STANDBY', 'STANDBY'])
              }
})

test('one that a TTL is about to stop is woken while it still runs, one that a person is about to stop is not', () => {
  const running = { status: 'RUNNING', desiredState: 'STANDBY' } as const
  for (const cause of CAUSES) {
    const row = rowOf(idOf(1), { ...running, cause })
    expect(wakes(row, gate(row, true)), cause).toBe(TTLS.includes(cause))
  }
})

test('a page may ask a workspace for nothing while it is proxied, and for each action somewhere', () => {
  expect(MAY.proxy).toEqual([])
  expect(MAY.deleting).toEqual([])
  expect(new Set(Object.values(MAY).flat())).toEqual(new Set(ACTIONS))
})
