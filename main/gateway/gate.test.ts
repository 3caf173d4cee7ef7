import { describe, expect, test } from 'vitest'
import { LEVELS, OPERATIONS, STATUSES, type Level, type Operation, type Status } from '../core/state.ts'
import { idOf, rowOf } from '../testing/rows.ts'
import { gate, type Gate } from './gate.ts'

type Change = Parameters<typeof rowOf>[1]
const of = (change: Change, reachable = false): Gate => gate(rowOf(idOf(1), change), reachable)

describe('with no operation under way', () => {
  test.each<[status: Status, desired: Level, change: Change, expected: Gate]>([
    ['RUNNING', 'RUNNING', {}, 'proxy'],
    ['RUNNING', 'STANDBY', {}, 'proxy'],
    ['RUNNING', 'PENDING', {}, 'proxy'],
    ['STANDBY', 'RUNNING', {}, 'rising'],
    ['STANDBY', 'STANDBY', {}, 'wake'],
    ['STANDBY', 'PENDING', {}, 'wake'],
    ['PENDING', 'RUNNING', {}, 'rising'],
    ['PENDING', 'STANDBY', {}, 'pending'],
    ['PENDING', 'PENDING', {}, 'pending'],
    ['PENDING', 'RUNNING', { archiveKey: 'a' }, 'rising'],
    ['PENDING', 'STANDBY', { archiveKey: 'a' }, 'archived'],
    ['PENDING', 'PENDING', { archiveKey: 'a' }, 'archived'],
    ['ERROR', 'RUNNING', {}, 'error'],
    ['ERROR', 'STANDBY', {}, 'error'],
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
  test.each<[operation: Operation, wished: Gate, otherwise: Gate]>([
    ['PROVISIONING', 'rising', 'rising'],
    ['RESTORING', 'rising', 'rising'],
    ['STARTING', 'rising', 'rising'],
    ['STOPPING', 'rising', 'stopping'],
    ['ARCHIVING', 'rising', 'stopping'],
  ])('%s is %s when it is to run, else %s', (operation, wished, otherwise) => {
    for (const status of STATUSES.filter((one) => one !== 'DELETED'))
      for (const desiredState of LEVELS)
        expect(of({ status, operation, desiredState }, true), `${status} → ${desiredState}`).toBe(
          desiredState === 'RUNNING' ? wished : otherwise,
        )
  })
})

test('nothing but a running one that is left alone is ever proxied, and only a sleeping one that is left alone is woken', () => {
  for (const status of STATUSES)
    for (const operation of ['NONE', ...OPERATIONS] as const)
      for (const desiredState of LEVELS)
        for (const deletedAt of [null, 5])
          for (const archiveKey of [null, 'a'])
            for (const reachable of [false, true]) {
              const found = of({ status, operation, desiredState, deletedAt, archiveKey }, reachable)
              const left = deletedAt === null && (operation === 'NONE' || operation === 'DELETING')
              const what = JSON.stringify({
                status,
                operation,
                desiredState,
                deletedAt,
                archiveKey,
                reachable,
              })
              expect(found === 'proxy', what).toBe(left && status === 'RUNNING' && reachable)
              expect(found === 'wake', what).toBe(left && status === 'STANDBY' && desiredState !== 'RUNNING')
              if (deletedAt !== null) expect(found, what).toBe('deleting')
            }
})
