import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { archiveKey, type ArchiveMeta } from '../core/archive.ts'
import { AppError } from '../core/errors.ts'
import { manifestOf } from '../core/manifest.ts'
import { createAccountTable } from '../db/accounts.ts'
import { createGarbageTable, type GarbageTable } from '../db/garbage.ts'
import { openDb } from '../db/open.ts'
import { createWorkspaceTable, type WorkspaceTable } from '../db/workspaces.ts'
import { ALICE, idOf, rowOf } from '../testing/rows.ts'
import type { Content } from './collect.ts'
import { EVERY_MS, SOON_MS, createCollector, type Collector, type CollectorDeps } from './collector.ts'

const HOUR = 3_600_000
const ID = idOf(1)
const key = (n: number): string => archiveKey(ID, `op${n}`)

let table: WorkspaceTable
let garbage: GarbageTable
let contents: Content[]
let now: number
let logged: [level: string, fields: Record<string, unknown>, message: string][]

beforeEach(() => {
  const db = openDb(':memory:')
  createAccountTable(db).ensureUser(ALICE, 0)
  table = createWorkspaceTable(db)
  garbage = createGarbageTable(db)
  now = 100 * HOUR
  logged = []
  // 5 is the newest; with three kept, 1 and 2 are garbage.
  contents = [1, 2, 3, 4, 5].map((n) => ({ key: key(n), finished: true, changedAt: n * HOUR }))
  table.insert(rowOf(ID, { status: 'STANDBY', homeStoreKey: 'h' }))
})

const metaOf = (key: string): ArchiveMeta => ({
  ...{ format: 1, workspace_id: ID, op_id: key, created_at: '2026-01-01T00:00:00Z', image_ref: 'i' },
  ...{ sha256: '', bytes: 77, content_bytes: 0, disk_bytes: 0, entries: 1, skipped: 0, newest_change_ms: 1 },
  workspace: manifestOf(table.get(ID)!),
})

function collector(store: Partial<CollectorDeps['archives']> = {}): Collector {
  const log = (level: string) => (fields: Record<string, unknown>, message: string) =>
    void logged.push([level, fields, message])
  return createCollector({
    keep: () => 3,
    archives: {
      contents: () => Promise.resolve([...contents]),
      meta: (key) => Promise.resolve(metaOf(key)),
      remove(key) {
        contents = contents.filter((content) => content.key !== key)
        return Promise.resolve()
      },
      ...store,
    },
    rowOf: table.get,
    garbage,
    now: () => now,
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
  })
}

const left = (): number[] => contents.map(({ key }) => Number(/op(\d)/.exec(key)![1]))
const away = (): Promise<never> => Promise.reject(new AppError('ARCHIVE_STORE_UNAVAILABLE'))

/** They are known as garbage, and two hours have passed. */
async function wait(): Promise<void> {
  await collector().run()
  now += 2 * HOUR
  logged = []
}

test('removes garbage two hours after it was first seen, and says so', async () => {
  const { run } = collector()
  await run()
  now += 2 * HOUR - 1
  await run()
  expect([left(), logged]).toEqual([[1, 2, 3, 4, 5], []])
  now += 1
  await run()
  expect(left()).toEqual([3, 4, 5])
  expect(garbage.all().size).toBe(0)
  const why = 'nothing has referred to it for two hours'
  expect(logged).toEqual([1, 2].map((n) => ['info', { key: key(n), bytes: 77, why }, 'removed an archive']))
})

test('remembers over a restart since when something has been garbage', async () => {
  await wait()
  await collector().run()
  expect(left()).toEqual([3, 4, 5])
})

test('begins anew with what was wanted in between', async () => {
  await wait()
  table.writeObserved(ID, { status: 'ERROR' })
  await collector().run()
  table.writeObserved(ID, { status: 'STANDBY' })
  await collector().run()
  expect(left()).toEqual([1, 2, 3, 4, 5])
})

test('asks again right before a removal', async () => {
  await wait()
  await collector({
    meta(key) {
      // Somebody wishes for the second one while the first is looked at.
      table.writeWishes(ID, 1, { restoreKey: archiveKey(ID, 'op2') })
      return Promise.resolve(metaOf(key))
    },
  }).run()
  expect(left()).toEqual([2, 3, 4, 5])
})

test('removes what cannot be read, without its size, and attempts', async () => {
  await wait()
  contents.push({ key: key(9), finished: false, changedAt: now - 2 * HOUR })
  await collector({ meta: () => Promise.reject(new AppError('ARCHIVE_CORRUPT')) }).run()
  expect(left()).toEqual([3, 4, 5])
  expect(logged.map(([, fields]) => fields)).toEqual([
    { key: key(1), bytes: undefined, why: 'nothing has referred to it for two hours' },
    { key: key(2), bytes: undefined, why: 'nothing has referred to it for two hours' },
    { key: key(9), bytes: undefined, why: 'it was never finished' },
  ])
})

test('a store that is away changes nothing', async () => {
  await wait()
  const before = garbage.all()
  await collector({ contents: away }).run()
  expect(garbage.all()).toEqual(before)
  expect(logged.map(([level]) => level)).toEqual(['warn'])
})

test('one that cannot be removed is tried again, and holds up no other', async () => {
  await wait()
  const remove = (key: string): Promise<void> => {
    if (key.includes('op1')) return away()
    contents = contents.filter((content) => content.key !== key)
    return Promise.resolve()
  }
  await collector({ remove }).run()
  expect([left(), logged.map(([level]) => level)]).toEqual([
    [1, 3, 4, 5],
    ['warn', 'info'],
  ])
  await collector().run()
  expect(left()).toEqual([3, 4, 5])
})

test('a lost database removes nothing', async () => {
  await wait()
  const { run } = createCollector({
    keep: () => 3,
    archives: { contents: () => Promise.resolve(contents), meta: away, remove: away },
    rowOf: () => undefined,
    garbage,
    now: () => now,
    log: console,
  })
  await run()
  expect(left()).toEqual([1, 2, 3, 4, 5])
})

test('there is one pass at a time', async () => {
  let passes = 0
  const { run } = collector({ contents: () => Promise.resolve((passes++, [])) })
  await Promise.all([run(), run(), run()])
  expect(passes).toBe(1)
  await run()
  expect(passes).toBe(2)
})

test('passes come soon after the start and then every half hour, until it is closed', async () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  let passes = 0
  const { start, close } = collector({ contents: () => Promise.resolve((passes++, [])) })
  start()
  await vi.advanceTimersByTimeAsync(SOON_MS - 1)
  expect(passes).toBe(0)
  await vi.advanceTimersByTimeAsync(1)
  expect(passes).toBe(1)
  await vi.advanceTimersByTimeAsync(2 * EVERY_MS)
  expect(passes).toBe(3)
  await close()
  await vi.advanceTimersByTimeAsync(10 * EVERY_MS)
  expect(passes).toBe(3)
})

test('closing waits for the removal under way, and begins no other', async () => {
  await wait()
  let removed = (): void => undefined
  let reached = (): void => undefined
  const removing = new Promise<void>((resolve) => (reached = resolve))
  const { run, close } = collector({
    async remove(key) {
      reached()
      await new Promise<void>((resolve) => (removed = resolve))
      contents = contents.filter((content) => content.key !== key)
    },
  })
  void run()
  await removing
  const closed = close().then(left)
  removed()
  expect(await closed).toEqual([2, 3, 4, 5])
})
