import { beforeEach, describe, expect, test } from 'vitest'
import type { ErrorCode } from '../core/errors.ts'
import type { Outcome } from '../core/state.ts'
import { memoryDb } from '../testing/plane.ts'
import { idOf } from '../testing/rows.ts'
import { createHistoryTable, KEPT, type HistoryTable } from './history.ts'

const ID = idOf(1)

let history: HistoryTable

beforeEach(() => {
  history = createHistoryTable(memoryDb())
})

const ids = (id = ID): string[] => history.list(id).map(({ op_id }) => op_id)
const outcomes = (id = ID): (Outcome | null)[] => history.list(id).map(({ outcome }) => outcome)

/** A start under its own name that was given up. */
function giveUp(opId: string, at: number, code?: ErrorCode): void {
  history.begin(ID, opId, 'STARTING', 'PERSON', at)
  history.end(ID, opId, { outcome: 'GIVEN_UP', at, ...(code && { code, message: `at ${at}` }) })
}

test('an operation has a beginning, and an end with its outcome', () => {
  history.begin(ID, 'op1', 'STARTING', 'VISIT', 1_000)
  const begun = {
    op_id: 'op1',
    operation: 'STARTING',
    cause: 'VISIT',
    started_at: '1970-01-01T00:00:01.000Z',
    ended_at: null,
    outcome: null,
    error_code: null,
    message: null,
  }
  expect(history.list(ID)).toEqual([begun])
  history.end(ID, 'op1', { outcome: 'FAILED', at: 2_000, code: 'TIMEOUT', message: 'too long' })
  const ended = { ended_at: '1970-01-01T00:00:02.000Z', outcome: 'FAILED' }
  expect(history.list(ID)).toEqual([{ ...begun, ...ended, error_code: 'TIMEOUT', message: 'too long' }])
})

test('the end of an operation is its first, and is never written anew', () => {
  history.begin(ID, 'op1', 'STARTING', 'PERSON', 1)
  history.end(ID, 'op1', { outcome: 'SUCCEEDED', at: 2 })
  history.end(ID, 'op1', { outcome: 'FAILED', at: 3, code: 'INTERNAL' })
  history.end(ID, 'never', { outcome: 'FAILED', at: 3 })
  expect(history.list(ID)).toMatchObject([{ op_id: 'op1', outcome: 'SUCCEEDED', error_code: null }])
})

describe('what Berth’s own end cut off', () => {
  test('goes on under its own name as the same entry', () => {
    history.begin(ID, 'op1', 'ARCHIVING', 'ARCHIVE_TTL', 1)
    history.begin(ID, 'op1', 'ARCHIVING', 'ARCHIVE_TTL', 9)
    history.end(ID, 'op1', { outcome: 'SUCCEEDED', at: 10 })
    expect(history.list(ID)).toMatchObject([
      { op_id: 'op1', started_at: new Date(1).toISOString(), outcome: 'SUCCEEDED' },
    ])
  })

  test('was interrupted when another operation begins, that of another workspace was not', () => {
    history.begin(ID, 'op1', 'STARTING', 'PERSON', 1)
    history.begin(idOf(2), 'op2', 'STARTING', 'PERSON', 1)
    history.begin(ID, 'op3', 'DELETING', 'PERSON', 5)
    expect(history.list(ID)).toMatchObject([
      { op_id: 'op3', outcome: null },
      { op_id: 'op1', outcome: 'INTERRUPTED', ended_at: new Date(5).toISOString() },
    ])
    expect(outcomes(idOf(2))).toEqual([null])
  })

  test('was interrupted too when something happens without an operation', () => {
    history.begin(ID, 'op1', 'STARTING', 'PERSON', 1)
    history.note(ID, 'op2', 'RECOVERY', { outcome: 'FAILED', at: 5, code: 'HOME_MISSING' })
    expect(outcomes()).toEqual(['FAILED', 'INTERRUPTED'])
  })
})

test('what happens without an operation is an entry of its own that begins and ends at once', () => {
  history.note(ID, 'op1', 'RECOVERY', { outcome: 'FAILED', at: 7, code: 'INSTANCE_DIED', message: 'it died' })
  expect(history.list(ID)).toMatchObject([
    {
      operation: 'NONE',
      cause: 'RECOVERY',
      started_at: new Date(7).toISOString(),
      ended_at: new Date(7).toISOString(),
      error_code: 'INSTANCE_DIED',
      message: 'it died',
    },
  ])
})

describe('attempts given up one after the other', () => {
  test('for the same reason are one entry, the last', () => {
    for (let n = 1; n <= 50; n++) giveUp(`op${n}`, n, 'DOCKER_UNREACHABLE')
    expect(history.list(ID)).toMatchObject([{ op_id: 'op50', message: 'at 50' }])
  })

  test('for different reasons, or because nobody wished them any more, are all kept', () => {
    giveUp('op1', 1, 'DOCKER_UNREACHABLE')
    giveUp('op2', 2, 'HOME_STORE_UNAVAILABLE')
    giveUp('op3', 3)
    giveUp('op4', 4)
    giveUp('op5', 5, 'HOME_STORE_UNAVAILABLE')
    expect(ids()).toEqual(['op5', 'op4', 'op3', 'op2', 'op1'])
  })

  test('take away no entry of another workspace, operation, or outcome', () => {
    history.begin(idOf(2), 'other', 'STARTING', 'PERSON', 1)
    history.end(idOf(2), 'other', { outcome: 'GIVEN_UP', at: 1, code: 'DOCKER_UNREACHABLE' })
    history.begin(ID, 'op1', 'STOPPING', 'PERSON', 1)
    history.end(ID, 'op1', { outcome: 'GIVEN_UP', at: 1, code: 'DOCKER_UNREACHABLE' })
    giveUp('op2', 2, 'DOCKER_UNREACHABLE')
    history.begin(ID, 'op3', 'STARTING', 'PERSON', 3)
    history.end(ID, 'op3', { outcome: 'FAILED', at: 3, code: 'DOCKER_UNREACHABLE' })
    giveUp('op4', 4, 'DOCKER_UNREACHABLE')
    expect(ids()).toEqual(['op4', 'op3', 'op2', 'op1'])
    expect(ids(idOf(2))).toEqual(['other'])
  })
})

test('the newest come first, in the order they began, whatever the clock said', () => {
  for (const [opId, at] of [
    ['op1', 50],
    ['op2', 10],
    ['op3', 30],
  ] as const) {
    history.begin(ID, opId, 'STARTING', 'PERSON', at)
    history.end(ID, opId, { outcome: 'SUCCEEDED', at })
  }
  expect(ids()).toEqual(['op3', 'op2', 'op1'])
  expect(history.list(ID, 2).map(({ op_id }) => op_id)).toEqual(['op3', 'op2'])
})

test('only the last two hundred of each workspace are kept', () => {
  expect(KEPT).toBe(200)
  history.note(idOf(2), 'mine', 'RECOVERY', { outcome: 'FAILED', at: 1 })
  for (let n = 1; n <= KEPT + 50; n++) history.note(ID, `op${n}`, 'RECOVERY', { outcome: 'FAILED', at: n })
  expect(ids()).toHaveLength(KEPT)
  expect([ids()[0], ids().at(-1)]).toEqual([`op${KEPT + 50}`, 'op51'])
  expect(ids(idOf(2))).toEqual(['mine'])
})
