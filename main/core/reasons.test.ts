import { describe, expect, test } from 'vitest'
import { idOf, rowOf } from '../testing/rows.ts'
import { whyNext, whyNow } from './reasons.ts'
import { CAUSES, LEVELS } from './state.ts'
import type { WorkspaceRow } from './workspace.ts'

const why = (change: Partial<WorkspaceRow>): string => whyNow(rowOf(idOf(1), change))

describe('why it is what it is', () => {
  test.each<[Partial<WorkspaceRow>, string]>([
    [{ status: 'PENDING', statusCause: 'CREATED' }, 'Not started yet'],
    [{ status: 'RUNNING', statusCause: 'VISIT' }, 'Started because somebody opened it'],
    [{ status: 'STANDBY', statusCause: 'IDLE' }, 'Put to sleep because nobody used it'],
    [
      { status: 'PENDING', archiveKey: 'a', statusCause: 'ARCHIVE_TTL' },
      'Archived because it had been asleep for a long time',
    ],
    [{ status: 'RUNNING', statusCause: 'RECOVERY' }, 'Started to bring it back to what was wished'],
    [{ status: 'DELETED', deletedAt: 1 }, 'Deleted because somebody asked for it'],
    [{ status: 'ERROR' }, 'Something failed'],
  ])('%j', (change, expected) => {
    expect(why(change)).toBe(expected)
  })

  test('an error is its own reason', () => {
    const errorInfo = {
      code: 'DISK_FULL',
      message: 'The disk is full',
      hint: 'x',
      operation: 'ARCHIVING',
      attempt: 1,
      at: '2026-01-01T00:00:00.000Z',
    } as const
    expect(why({ status: 'ERROR', errorInfo })).toBe('The disk is full')
  })
})

test('every next step has a reason, and no two causes of one have the same', () => {
  for (const level of LEVELS) {
    const reasons = CAUSES.map((cause) => whyNext(level, cause))
    expect(new Set(reasons).size).toBe(CAUSES.length)
    expect(reasons.every((reason) => !reason.includes('undefined'))).toBe(true)
  }
  expect(whyNext('STANDBY', 'IDLE')).toBe('It is put to sleep because nobody used it')
})
