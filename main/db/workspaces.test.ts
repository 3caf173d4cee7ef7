import { beforeEach, describe, expect, test } from 'vitest'
import { memoryDb } from '../testing/plane.ts'
import { ALICE, BOB, idOf, rowOf } from '../testing/rows.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { Db } from './open.ts'
import { createWorkspaceTable, type WorkspaceTable } from './workspaces.ts'

let db: Db
let table: WorkspaceTable

beforeEach(() => {
  db = memoryDb()
  table = createWorkspaceTable(db)
})

const errorInfo = {
  code: 'DISK_FULL',
  message: 'no "space" left',
  hint: 'Free some.',
  operation: 'STARTING',
  attempt: 2,
  at: '2026-03-01T12:00:00.000Z',
} as const

describe('a row', () => {
  test('comes back as it went in, every field of it', () => {
    const row = rowOf(idOf(1), {
      name: "Robert'); DROP TABLE workspaces;--",
      description: 'ünïcödé \u{1F6A2}',
      memo: 'two\nlines',
      cpus: 1.5,
      deletedAt: 7,
      opId: 'op',
      homeStoreKey: 'users/u/workspaces/w/home',
      archiveKey: 'w/op/home.tar.zst',
      runningSince: 8,
      errorCount: 2,
      errorWish: 1,
      errorInfo,
      cause: 'IDLE',
      statusCause: 'RECOVERY',
      statusSince: 10,
      busyShield: false,
      busyCapSeconds: 60,
      keepAwakeUntil: 11,
      restoreKey: 'w/old/home.tar.zst',
      purge: true,
      retryAt: 9,
      status: 'ERROR',
      operation: 'STARTING',
    })
    table.insert(row)
    expect(table.get(row.id)).toEqual(row)
  })

  test.each([true, false])('knows %s from its contrary, however it is written', (yes) => {
    table.insert(rowOf(idOf(1), { busyShield: yes, purge: yes }))
    table.insert(rowOf(idOf(2), { busyShield: !yes, purge: !yes }))
    table.writeWishes(idOf(2), 1, { busyShield: yes, purge: yes })
    for (const n of [1, 2]) expect(table.get(idOf(n))).toMatchObject({ busyShield: yes, purge: yes })
  })

  test('that is not there is undefined', () => {
    expect(table.get(idOf(1))).toBeUndefined()
  })

  test.each([
    ['a status', { status: 'STOPPED' }],
    ['an operation', { operation: 'PAUSING' }],
    ['a desired state', { desiredState: 'ERROR' }],
    ['an owner', { ownerId: 'nobody' }],
  ])('with %s that there is not is refused', (_, change) => {
    expect(() => table.insert(rowOf(idOf(1), change as never))).toThrow(/constraint/)
    expect(table.living()).toEqual([])
  })

  test('cannot take the place of another', () => {
    table.insert(rowOf(idOf(1), { name: 'first' }))
    expect(() => table.insert(rowOf(idOf(1), { name: 'second' }))).toThrow(/UNIQUE/)
    expect(table.get(idOf(1))?.name).toBe('first')
  })
})

describe('a wish', () => {
  test('is written when no newer one came since the row was read', () => {
    table.insert(rowOf(idOf(1)))
    expect(table.writeWishes(idOf(1), 1, { desiredState: 'STANDBY', wish: 2 })).toBe(true)
    expect(table.get(idOf(1))).toMatchObject({ desiredState: 'STANDBY', wish: 2 })
  })

  test('is beaten by a newer one, and then changes nothing', () => {
    table.insert(rowOf(idOf(1)))
    table.writeWishes(idOf(1), 1, { desiredState: 'STANDBY', wish: 2 })
    expect(table.writeWishes(idOf(1), 1, { desiredState: 'RUNNING', wish: 2, memo: 'late' })).toBe(false)
    expect(table.get(idOf(1))).toMatchObject({ desiredState: 'STANDBY', wish: 2, memo: '' })
  })

  test('for one workspace touches no other', () => {
    table.insert(rowOf(idOf(1)))
    table.insert(rowOf(idOf(2)))
    table.writeWishes(idOf(1), 1, { memo: 'mine', wish: 2 })
    expect(table.get(idOf(2))).toEqual(rowOf(idOf(2)))
  })
})

describe('a claim', () => {
  const claim = (seen: string | null, opId: string, wish = 1): boolean =>
    table.claim({ id: idOf(1), opId: seen, wish }, { operation: 'STARTING', opId })

  test('is got by the first who saw the workspace, and by nobody else who saw the same', () => {
    table.insert(rowOf(idOf(1)))
    expect(claim(null, 'op-a')).toBe(true)
    expect(claim(null, 'op-b')).toBe(false)
    expect(table.get(idOf(1))).toMatchObject({ operation: 'STARTING', opId: 'op-a' })
  })

  test('is got by who saw the last claim', () => {
    table.insert(rowOf(idOf(1), { opId: 'op-a' }))
    expect(claim('op-other', 'op-b')).toBe(false)
    expect(claim(null, 'op-b')).toBe(false)
    expect(claim('op-a', 'op-b')).toBe(true)
  })

  test('is not got by who has not seen the last wish', () => {
    table.insert(rowOf(idOf(1), { wish: 2 }))
    expect(claim(null, 'op-a', 1)).toBe(false)
    expect(table.get(idOf(1))).toMatchObject({ operation: 'NONE', opId: null })
    expect(claim(null, 'op-a', 2)).toBe(true)
  })

  test('of a workspace that is not there is not got', () => {
    expect(claim(null, 'op-a')).toBe(false)
  })
})

describe('the lists', () => {
  beforeEach(() => {
    for (const n of [3, 1, 5, 2, 4]) table.insert(rowOf(idOf(n)))
    table.insert(rowOf(idOf(6), { ownerId: BOB.id }))
    table.insert(rowOf(idOf(7), { status: 'DELETED', deletedAt: 5 }))
    table.insert(rowOf(idOf(8), { deletedAt: 5, status: 'RUNNING' }))
  })
  const ids = (rows: { id: string }[]): string[] => rows.map(({ id }) => id)

  test('a page is one owner’s, oldest first, from after the cursor, deleted ones left out', () => {
    expect(ids(table.page(ALICE.id, '', 3))).toEqual([1, 2, 3].map(idOf))
    expect(ids(table.page(ALICE.id, idOf(3), 3))).toEqual([4, 5, 8].map(idOf))
    expect(ids(table.page(ALICE.id, idOf(8), 3))).toEqual([])
    expect(ids(table.page(BOB.id, '', 100))).toEqual([idOf(6)])
  })

  test('pages of every size together hold every workspace once', () => {
    for (let size = 1; size <= 7; size++) {
      const seen: string[] = []
      for (let page = ids(table.page(ALICE.id, '', size)); page.length > 0;) {
        seen.push(...page)
        page = ids(table.page(ALICE.id, page.at(-1)!, size))
      }
      expect(seen).toEqual([1, 2, 3, 4, 5, 8].map(idOf))
    }
  })

  test('the living are everybody’s, those being deleted included', () => {
    expect(ids(table.living())).toEqual([1, 2, 3, 4, 5, 6, 8].map(idOf))
  })

  const KEYS = { homeStoreKey: 'users/u/workspaces/w/home', archiveKey: 'w/op/home.tar.zst' }

  test('a deleted one is among the living as long as there is anything left of it, or to do', () => {
    const deleted = { status: 'DELETED', deletedAt: 5 } as const
    table.insert(rowOf(idOf(10), { ...deleted, homeStoreKey: KEYS.homeStoreKey }))
    table.insert(rowOf(idOf(11), { ...deleted, archiveKey: KEYS.archiveKey }))
    table.insert(rowOf(idOf(12), { ...deleted, operation: 'DELETING' }))
    table.insert(rowOf(idOf(13), { ...deleted, deletedAt: null }))
    expect(ids(table.living()).slice(-4)).toEqual([10, 11, 12, 13].map(idOf))
    expect(ids(table.page(ALICE.id, idOf(9), 9)), 'taken back').toEqual([idOf(13)])
  })

  test('the trash is one owner’s, latest first, of what can be taken back', () => {
    const deleted = (n: number, changes: Partial<WorkspaceRow>): void =>
      table.insert(rowOf(idOf(n), { status: 'DELETED', deletedAt: n, ...changes }))
    deleted(10, { homeStoreKey: KEYS.homeStoreKey })
    deleted(11, { archiveKey: KEYS.archiveKey })
    deleted(12, { ...KEYS, purge: true })
    deleted(13, { ...KEYS, ownerId: BOB.id })
    deleted(14, { ...KEYS, deletedAt: null })
    deleted(15, { ...KEYS, status: 'RUNNING' })
    expect(ids(table.trashed(ALICE.id))).toEqual([11, 10].map(idOf))
  })
})

test('the last access is the one told last, also when the clock was set back', () => {
  table.insert(rowOf(idOf(1)))
  table.touch(idOf(1), 5_000)
  table.touch(idOf(1), 4_000)
  expect(table.get(idOf(1))?.lastAccessAt).toBe(4_000)
})

test('what was observed is cleared with null and written with objects', () => {
  table.insert(rowOf(idOf(1), { runningSince: 5 }))
  table.writeObserved(idOf(1), { errorInfo, runningSince: null })
  expect(table.get(idOf(1))).toMatchObject({ errorInfo, runningSince: null })
  table.writeObserved(idOf(1), { errorInfo: null })
  expect(table.get(idOf(1))?.errorInfo).toBeNull()
})

test('the wish to go back to an archive is fulfilled by that archive alone', () => {
  table.insert(rowOf(idOf(1), { restoreKey: 'newer' }))
  table.wentBack(idOf(1), 'older')
  expect(table.get(idOf(1))?.restoreKey).toBe('newer')
  table.wentBack(idOf(1), 'newer')
  expect(table.get(idOf(1))?.restoreKey).toBeNull()
})

test('after a recovery nothing is gone back to again, and what was deleted has its days in the trash anew', () => {
  table.insert(rowOf(idOf(1), { restoreKey: 'w/op/home.tar.zst' }))
  table.insert(rowOf(idOf(2), { deletedAt: 5 }))
  table.insert(rowOf(idOf(3), { deletedAt: 5, purge: true }))
  table.forgetOldWishes(9_000)
  expect([1, 2, 3].map((n) => table.get(idOf(n))).map((row) => [row?.restoreKey, row?.deletedAt])).toEqual([
    [null, null],
    [null, 9_000],
    [null, 5],
  ])
})
