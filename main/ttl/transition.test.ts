import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LEVELS, OPERATIONS, STATUSES } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { idOf, rowOf } from '../testing/rows.ts'
import { nextTransition, type Circumstances, type Next } from './transition.ts'

const NOW = 1_000_000_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Runs as wished for an hour, and was last used a minute ago; sleeps after five minutes, is archived after a day. */
const running: Partial<WorkspaceRow> = {
  status: 'RUNNING',
  runningSince: NOW - HOUR,
  lastAccessAt: NOW - MINUTE,
}
const asleep: Partial<WorkspaceRow> = {
  ...running,
  status: 'STANDBY',
  desiredState: 'STANDBY',
  runningSince: null,
}
const failed: Partial<WorkspaceRow> = {
  ...running,
  status: 'ERROR',
  runningSince: null,
  errorCount: 1,
  errorWish: 1,
}
const around: Circumstances = { now: NOW, inFlight: false, lastEndAt: null, floor: 0 }

const next = (row: Partial<WorkspaceRow>, circumstances: Partial<Circumstances> = {}): Next | null =>
  nextTransition(rowOf(idOf(1), row), { ...around, ...circumstances })

const idle = (at: number): Next => ({ to: 'STANDBY', at, cause: 'IDLE' })
const archive = (at: number): Next => ({ to: 'PENDING', at, cause: 'ARCHIVE_TTL' })

// prettier-ignore
const RULES: [rule: string, row: Partial<WorkspaceRow>, circumstances: Partial<Circumstances>, expected: Next | null][] = [
  // RUNNING
  ['sleeps after its TTL, counted from the last access', running, {}, idle(NOW + 4 * MINUTE)],
  ['counted from the end of the last connection, if that was later', running, { lastEndAt: NOW - 1_000 }, idle(NOW - 1_000 + 5 * MINUTE)],
  ['counted from its start, if nobody came since', { ...running, runningSince: NOW }, {}, idle(NOW + 5 * MINUTE)],
  ['is due when that is past', { ...running, lastAccessAt: NOW - HOUR }, {}, idle(NOW - HOUR + 5 * MINUTE)],
  ['0 is never', { ...running, standbyTtlSeconds: 0 }, {}, null],
  ['nobody is idle while something is in flight', { ...running, lastAccessAt: NOW - HOUR }, { inFlight: true }, null],
  ['is kept awake until then', { ...running, keepAwakeUntil: NOW + HOUR }, {}, idle(NOW + HOUR)],
  ['a time that it was kept awake until is no reason to stop', { ...running, keepAwakeUntil: NOW - HOUR }, {}, idle(NOW + 4 * MINUTE)],
  ['not before the floor', running, { floor: NOW + 10 * MINUTE }, idle(NOW + 10 * MINUTE)],
  ['a clock that was set back holds nobody', { ...running, lastAccessAt: NOW + DAY, runningSince: NOW + DAY }, { lastEndAt: NOW + DAY }, idle(NOW + 5 * MINUTE)],
  ['is on its way to sleep already', { ...running, desiredState: 'STANDBY' }, {}, null],
  ['is being stopped', { ...running, operation: 'STOPPING' }, {}, null],
  ['is being deleted', { ...running, deletedAt: NOW }, {}, null],
  ['is on its way back to an archive', { ...running, restoreKey: 'key' }, {}, null],
  // STANDBY
  ['is archived after its TTL', asleep, {}, archive(NOW - MINUTE + DAY)],
  ['0 archives never', { ...asleep, archiveTtlSeconds: 0 }, {}, null],
  ['not archived before the floor', { ...asleep, lastAccessAt: NOW - 2 * DAY }, { floor: NOW + MINUTE }, archive(NOW + MINUTE)],
  ['an access that is still to come counts as now', { ...asleep, lastAccessAt: NOW + DAY }, {}, archive(NOW + DAY)],
  ['is on its way up', { ...asleep, desiredState: 'RUNNING' }, {}, null],
  ['is on its way into the archive', { ...asleep, desiredState: 'PENDING' }, {}, null],
  ['is being archived', { ...asleep, operation: 'ARCHIVING' }, {}, null],
  ['a deleted one is not archived', { ...asleep, deletedAt: NOW }, {}, null],
  ['one that goes back to an archive does that by itself', { ...asleep, restoreKey: 'key' }, {}, null],
  // The others
  ['what failed is tried again', { ...failed, retryAt: NOW + 5_000 }, {}, { to: 'RUNNING', at: NOW + 5_000, cause: 'RETRY' }],
  ['what failed too often waits', { ...failed, errorCount: 3, retryAt: null }, {}, null],
  ['what failed under an older wish is tried at once', { ...failed, errorWish: 0, retryAt: NOW + 5_000 }, {}, null],
  ['an error is never archived', { ...failed, desiredState: 'STANDBY', lastAccessAt: NOW - 9 * DAY, retryAt: null }, {}, null],
  ['an archived one stays so', { ...asleep, status: 'PENDING', desiredState: 'PENDING', archiveKey: 'key' }, {}, null],
]
test.each(RULES)('%s', (_, row, circumstances, expected) => {
  expect(next(row, circumstances)).toEqual(expected)
})

describe('whatever the situation', () => {
  const time = fc
    .oneof(fc.constantFrom(-DAY, -MINUTE, 0, MINUTE, DAY), fc.integer({ min: -9 * DAY, max: 9 * DAY }))
    .map((ms) => NOW + ms)
  const ttl = fc.constantFrom(0, 1, 300, 86_400)
  const anyRow = fc
    .record({
      status: fc.constantFrom(...STATUSES),
      operation: fc.constantFrom('NONE' as const, 'NONE' as const, 'NONE' as const, ...OPERATIONS),
      desiredState: fc.constantFrom(...LEVELS),
      standbyTtlSeconds: ttl,
      archiveTtlSeconds: ttl,
      deletedAt: fc.option(time, { freq: 2 }),
      runningSince: fc.option(time),
      keepAwakeUntil: fc.option(time),
      lastAccessAt: time,
      retryAt: fc.option(time),
      restoreKey: fc.option(fc.constant('key'), { freq: 2 }),
      errorCount: fc.nat(3),
      errorWish: fc.constantFrom(null, 0, 1),
    })
    .map((values) => rowOf(idOf(1), values))
  const anyCircumstances = fc.record({
    now: fc.constant(NOW),
    inFlight: fc.boolean(),
    lastEndAt: fc.option(time),
    floor: time,
  })
  const always = (holds: (row: WorkspaceRow, around: Circumstances, next: Next) => void): void =>
    fc.assert(
      fc.property(anyRow, anyCircumstances, (row, circumstances) => {
        const found = nextTransition(row, circumstances)
        if (found) holds(row, circumstances, found)
      }),
      { numRuns: 2_000 },
    )

  test('0 is never, and nobody is stopped in the middle of something', () => {
    always((row, { inFlight }, { cause }) => {
      if (cause === 'IDLE')
        expect([row.standbyTtlSeconds > 0, inFlight, row.status]).toEqual([true, false, 'RUNNING'])
      if (cause === 'ARCHIVE_TTL') expect([row.archiveTtlSeconds > 0, row.status]).toEqual([true, 'STANDBY'])
    })
  })

  test('a TTL takes what is where it was wished to be one level down, and nothing acts on what is deleted or under way', () => {
    always((row, _, { to, cause }) => {
      expect([row.operation, row.deletedAt, row.restoreKey]).toEqual(['NONE', null, null])
      if (cause === 'RETRY') return expect([row.status, to]).toEqual(['ERROR', row.desiredState])
      expect(row.status).toBe(row.desiredState)
      expect(LEVELS.indexOf(to)).toBe(LEVELS.indexOf(row.desiredState) - 1)
    })
  })

  test('D13 no TTL acts before the floor, before its time, or before it may', () => {
    always((row, { floor, lastEndAt }, { at, cause }) => {
      if (cause === 'RETRY') return
      const ttl = (cause === 'IDLE' ? row.standbyTtlSeconds : row.archiveTtlSeconds) * 1_000
      expect(at).toBeGreaterThanOrEqual(floor)
      expect(at).toBeGreaterThanOrEqual(Math.min(row.lastAccessAt, NOW) + ttl)
      if (cause === 'ARCHIVE_TTL') return
      for (const since of [row.runningSince, lastEndAt])
        expect(at).toBeGreaterThanOrEqual(Math.min(since ?? 0, NOW) + ttl)
      expect(at).toBeGreaterThanOrEqual(row.keepAwakeUntil ?? 0)
    })
  })

  test('no clock holds anything for longer than its TTL, but for a wish or the floor', () => {
    always((row, { floor }, { at, cause }) => {
      if (cause === 'RETRY') return
      const ttl = (cause === 'IDLE' ? row.standbyTtlSeconds : row.archiveTtlSeconds) * 1_000
      const wished = cause === 'IDLE' ? (row.keepAwakeUntil ?? 0) : 0
      expect(at).toBeLessThanOrEqual(Math.max(NOW + ttl, floor, wished))
    })
  })
})
