import { beforeEach, describe, expect, test } from 'vitest'
import type { CreateWorkspace } from '../core/api.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { createWorkspaceTable, type WorkspaceTable } from '../db/workspaces.ts'
import { createBus } from '../events/bus.ts'
import { createLive, type Live } from '../events/live.ts'
import { memoryDb } from '../testing/plane.ts'
import { ALICE, BOB, idOf, rowOf } from '../testing/rows.ts'
import { createWorkspaceService, type WorkspaceService } from './workspaces.ts'

const ID = idOf(1)
const KEY = 'users/u/workspaces/w/home'

let table: WorkspaceTable
let live: Live
let service: WorkspaceService
let now: number
/** What was announced and what the reconciler was asked, in order. */
let asked: string[]

beforeEach(() => {
  table = createWorkspaceTable(memoryDb())
  const bus = createBus(() => undefined)
  live = createLive(bus)
  now = 100_000
  asked = []
  let ids = 500
  bus.subscribe((news) => news.kind === 'workspace' && asked.push(`told ${news.id}`))
  service = createWorkspaceService({
    table,
    bus,
    live,
    defaults: { imageRef: 'default:1', cpus: 2, memoryBytes: 4, standbyTtlSeconds: 5, archiveTtlSeconds: 6 },
    homePath: (key) => `/homes/${key}`,
    enqueue: (id) => void asked.push(`asked ${id}`),
    newId: () => idOf(++ids),
    now: () => now,
  })
})

const add = (change: Partial<WorkspaceRow> = {}): void => table.insert(rowOf(ID, change))
const row = (): WorkspaceRow => table.get(ID)!
const thrown = (code: string) => expect.objectContaining({ code }) as Error

describe('creating', () => {
  test('takes what was said and the defaults for the rest', () => {
    const made = service.create(ALICE, { name: 'x', cpus: 8 })
    expect(table.get(made.id)).toEqual(
      rowOf(made.id, {
        name: 'x',
        imageRef: 'default:1',
        cpus: 8,
        memoryBytes: 4,
        standbyTtlSeconds: 5,
        archiveTtlSeconds: 6,
        createdAt: now,
        updatedAt: now,
        lastAccessAt: now,
      }),
    )
  })

  test('ignores what is not there, as a client may send it', () => {
    const input = { name: 'x', memo: undefined, image_ref: undefined } as unknown as CreateWorkspace
    expect(service.create(ALICE, input)).toMatchObject({ memo: '', image_ref: 'default:1' })
  })

  test('tells of it and has it looked at, in this order', () => {
    const { id } = service.create(ALICE, { name: 'x' })
    expect(asked).toEqual([`told ${id}`, `asked ${id}`])
  })
})

describe('whose it is', () => {
  const uses: [string, (id: string) => unknown][] = [
    ['get', (id) => service.get(ALICE, id)],
    ['patch', (id) => service.patch(ALICE, id, { name: 'x' })],
    ['desire', (id) => service.desire(ALICE, id, 'STANDBY')],
    ['retry', (id) => service.retry(ALICE, id)],
    ['remove', (id) => service.remove(ALICE, id)],
    ['enter', (id) => service.enter(ALICE, id)],
  ]

  test.each(uses)('%s is forbidden to others, and changes and tells nothing', (_, use) => {
    add({ ownerId: BOB.id })
    const before = row()
    expect(() => use(ID)).toThrow(thrown('FORBIDDEN'))
    expect(row()).toEqual(before)
    expect(asked).toEqual([])
  })

  test.each(uses)('%s does not find what is not there or was deleted', (_, use) => {
    expect(() => use(ID)).toThrow(thrown('NOT_FOUND'))
    add({ status: 'DELETED', deletedAt: 1 })
    expect(() => use(ID)).toThrow(thrown('NOT_FOUND'))
    expect(asked).toEqual([])
  })
})

describe('a wish', () => {
  test.each([
    [{ desired_state: 'STANDBY' as const }, 2],
    [{ image_ref: 'other:2' }, 2],
    [{ cpus: 4 }, 2],
    [{ memory_bytes: 2 ** 31 }, 2],
    [{ desired_state: 'RUNNING' as const, name: 'x' }, 2],
    [{ name: 'x' }, 1],
    [{ description: 'x' }, 1],
    [{ memo: 'x' }, 1],
    [{ standby_ttl_seconds: 0 }, 1],
    [{ archive_ttl_seconds: 0 }, 1],
    [{}, 1],
  ])('%j counts up to %i: only what an error may have waited for begins anew', (patch, wish) => {
    add({ errorCount: 3, errorWish: 1, status: 'ERROR' })
    service.patch(ALICE, ID, patch)
    expect(row().wish).toBe(wish)
    expect(row().updatedAt).toBe(now)
    expect(asked).toEqual([`told ${ID}`, `asked ${ID}`])
  })

  test('repeated is a wish again: that is how a person retries', () => {
    add({ desiredState: 'RUNNING' })
    service.desire(ALICE, ID, 'RUNNING')
    service.retry(ALICE, ID)
    expect(row()).toMatchObject({ desiredState: 'RUNNING', wish: 3 })
  })

  test('never touches what was observed', () => {
    add({
      status: 'ERROR',
      operation: 'STARTING',
      opId: 'op',
      errorCount: 2,
      errorWish: 1,
      runningSince: 5,
      retryAt: 9,
    })
    service.patch(ALICE, ID, { desired_state: 'STANDBY', cpus: 1 })
    service.retry(ALICE, ID)
    service.remove(ALICE, ID)
    const observed = {
      status: 'ERROR',
      operation: 'STARTING',
      opId: 'op',
      errorCount: 2,
      errorWish: 1,
      runningSince: 5,
      retryAt: 9,
    }
    expect(row()).toMatchObject(observed)
  })

  test('for what is being deleted is refused, a new name or memo is not', () => {
    add({ deletedAt: 5 })
    expect(() => service.desire(ALICE, ID, 'RUNNING')).toThrow(thrown('BEING_DELETED'))
    expect(() => service.patch(ALICE, ID, { desired_state: 'STANDBY', memo: 'x' })).toThrow(
      thrown('BEING_DELETED'),
    )
    expect(row()).toMatchObject({ desiredState: 'RUNNING', memo: '', wish: 1 })
    service.patch(ALICE, ID, { memo: 'x' })
    service.retry(ALICE, ID)
    expect(row()).toMatchObject({ memo: 'x', wish: 2, deletedAt: 5 })
  })

  test('to delete keeps its first date, and begins anew each time', () => {
    add()
    service.remove(ALICE, ID)
    now += 1_000
    service.remove(ALICE, ID)
    expect(row()).toMatchObject({ deletedAt: 100_000, wish: 3 })
  })
})

describe('waking', () => {
  test('wishes it running', () => {
    add({ status: 'STANDBY', desiredState: 'STANDBY' })
    service.wake(row())
    expect(row()).toMatchObject({ desiredState: 'RUNNING', wish: 2 })
    expect(asked).toEqual([`told ${ID}`, `asked ${ID}`])
  })

  test('is beaten by a wish that a person made meanwhile, and then tells nothing', () => {
    add({ status: 'STANDBY', desiredState: 'STANDBY' })
    const seen = row()
    service.desire(ALICE, ID, 'STANDBY')
    asked.length = 0
    service.wake(seen)
    expect(row()).toMatchObject({ desiredState: 'STANDBY', wish: 2 })
    expect(asked).toEqual([])
  })
})

describe('touching', () => {
  test('moves the last access at most every thirty seconds', () => {
    add({ lastAccessAt: now })
    now += 29_999
    service.touch(row())
    expect(row().lastAccessAt).toBe(100_000)
    now += 1
    service.touch(row())
    expect(row().lastAccessAt).toBe(130_000)
  })
})

describe('what people see', () => {
  test('has times as RFC 3339 in UTC, and the home’s place once there is one', () => {
    add({ createdAt: Date.UTC(2026, 1, 3, 4, 5, 6, 7) })
    expect(service.get(ALICE, ID)).toMatchObject({ created_at: '2026-02-03T04:05:06.007Z', home_path: null })
    table.writeObserved(ID, { homeStoreKey: KEY })
    expect(service.get(ALICE, ID).home_path).toBe(`/homes/${KEY}`)
  })

  test('shows the deletion that is under way, even between its steps, but an error as an error', () => {
    add({ status: 'RUNNING' })
    service.remove(ALICE, ID)
    expect(service.get(ALICE, ID)).toMatchObject({ operation: 'DELETING', status: 'RUNNING' })
    table.writeObserved(ID, { status: 'ERROR' })
    expect(service.get(ALICE, ID)).toMatchObject({ operation: 'NONE', status: 'ERROR' })
  })

  test('counts the failures of the present wish alone', () => {
    add({ status: 'ERROR', errorCount: 2, errorWish: 1 })
    expect(service.get(ALICE, ID).error_count).toBe(2)
    service.retry(ALICE, ID)
    expect(service.get(ALICE, ID).error_count).toBe(0)
  })

  test('tells when an error is tried again, and that one that waits for a person is not', () => {
    add({ status: 'ERROR', errorCount: 1, errorWish: 1, retryAt: Date.UTC(2026, 0, 1) })
    expect(service.get(ALICE, ID).next_transition).toMatchObject({
      to: 'RUNNING',
      at: '2026-01-01T00:00:00.000Z',
    })
    table.writeObserved(ID, { retryAt: null })
    expect(service.get(ALICE, ID).next_transition).toBeNull()
  })

  test('has the progress of now', () => {
    add()
    const progress = { step: 'PULLING_IMAGE', started_at: '', done_bytes: 1, total_bytes: 2 } as const
    live.setProgress(ID, progress)
    expect(service.get(ALICE, ID).progress).toEqual(progress)
  })

  test('is all of it in a list without pages, for the owner alone', () => {
    for (let n = 1; n <= 120; n++) table.insert(rowOf(idOf(n), { ownerId: n % 2 === 0 ? ALICE.id : BOB.id }))
    expect(service.all(ALICE)).toHaveLength(60)
    expect(service.list(ALICE, undefined, 50).items).toHaveLength(50)
  })
})
