import { beforeEach, describe, expect, test } from 'vitest'
import type { CreateWorkspace } from '../core/api.ts'
import { archiveKey } from '../core/archive.ts'
import { AppError } from '../core/errors.ts'
import { CAUSES, LEVELS } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { createHistoryTable, type HistoryTable } from '../db/history.ts'
import { createWorkspaceTable, type WorkspaceTable } from '../db/workspaces.ts'
import { createBus } from '../events/bus.ts'
import { createLive, type Live, type Prospect } from '../events/live.ts'
import { memoryDb } from '../testing/plane.ts'
import { metaOf } from '../testing/archives.ts'
import { ALICE, BOB, idOf, rowOf, TRASH_MS } from '../testing/rows.ts'
import { createWorkspaceService, type WorkspaceService } from './workspaces.ts'

const ID = idOf(1)
const KEY = 'users/u/workspaces/w/home'
const [OLD, NEW] = [archiveKey(ID, 'old'), archiveKey(ID, 'new')]

let table: WorkspaceTable
let history: HistoryTable
let archives: (id: string) => Promise<{ key: string; meta: ReturnType<typeof metaOf> }[]>
let live: Live
let service: WorkspaceService
let now: number
/** What was announced and what the reconciler was asked, in order. */
let asked: string[]

beforeEach(() => {
  const db = memoryDb()
  table = createWorkspaceTable(db)
  history = createHistoryTable(db)
  archives = () => Promise.resolve([NEW, OLD].map((key) => ({ key, meta: metaOf(ID, { bytes: 7 }) })))
  const bus = createBus(() => undefined)
  live = createLive(bus)
  now = 100_000
  asked = []
  let ids = 500
  bus.subscribe((news) => news.kind === 'workspace' && asked.push(`told ${news.id}`))
  service = createWorkspaceService({
    table,
    history,
    archives: (id) => archives(id),
    bus,
    live,
    defaults: () => ({
      imageRef: 'default:1',
      cpus: 2,
      memoryBytes: 4,
      standbyTtlSeconds: 5,
      archiveTtlSeconds: 6,
    }),
    homePath: (key) => `/homes/${key}`,
    sharing: () => null,
    enqueue: (id) => void asked.push(`asked ${id}`),
    trashMs: () => TRASH_MS,
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
        statusSince: now,
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

describe('a duplicate', () => {
  test('has all that was said of the other, and nothing of what became of it', () => {
    const said = {
      ...{ description: 'd', memo: 'm', imageRef: 'mine:2', cpus: 1.5, memoryBytes: 2 ** 31 },
      ...{ standbyTtlSeconds: 7, archiveTtlSeconds: 8, busyShield: false, busyCapSeconds: 90 },
      ...{ sudo: true, env: { GREETING: 'ahoy' } },
    }
    add({
      ...said,
      ...{ status: 'STANDBY', desiredState: 'STANDBY', cause: 'IDLE', keepAwakeUntil: 5, wish: 7 },
      ...{ homeStoreKey: 'users/a/workspaces/b/home', archiveKey: OLD, restoreKey: OLD, errorCount: 2 },
    })
    const before = row()
    const { id } = service.duplicate(ALICE, ID)
    const made = { createdAt: now, updatedAt: now, statusSince: now, lastAccessAt: now }
    expect(table.get(id)).toEqual(rowOf(id, { ...said, ...made, name: `${before.name} copy` }))
    expect(row()).toEqual(before)
    expect(asked).toEqual([`told ${id}`, `asked ${id}`])
  })

  test.each([
    ['x'.repeat(100), `${'x'.repeat(95)} copy`],
    [`${'x'.repeat(94)}⛵️🚢`, `${'x'.repeat(94)}⛵ copy`],
    [`${'x'.repeat(94)}🚢`, `${'x'.repeat(94)} copy`],
  ])('of %j has a name that is not too long', (name, expected) => {
    add({ name })
    expect(service.duplicate(ALICE, ID).name).toBe(expected)
  })
})

describe('whose it is', () => {
  const uses: [string, (id: string) => unknown][] = [
    ['get', (id) => service.get(ALICE, id)],
    ['duplicate', (id) => service.duplicate(ALICE, id)],
    ['patch', (id) => service.patch(ALICE, id, { name: 'x' })],
    ['desire', (id) => service.desire(ALICE, id, 'STANDBY')],
    ['retry', (id) => service.retry(ALICE, id)],
    ['remove', (id) => service.remove(ALICE, id)],
    ['enter', (id) => service.enter(ALICE, id)],
    ['restore', (id) => service.restore(ALICE, id, OLD)],
    ['archives', (id) => service.archives(ALICE, id)],
    ['history', (id) => service.history(ALICE, id)],
  ]
  /** Those of deleted ones. */
  const ofTrash: typeof uses = [
    ['undelete', (id) => service.undelete(ALICE, id)],
    ['purge', (id) => service.purge(ALICE, id)],
  ]

  const refusal = async (use: (id: string) => unknown): Promise<unknown> => {
    try {
      await use(ID)
    } catch (error) {
      return error
    }
    return undefined
  }

  test.each([...uses, ...ofTrash])(
    '%s is forbidden to others, and changes and tells nothing',
    async (_, use) => {
      const trashed = ofTrash.some(([, each]) => each === use)
      add({ ownerId: BOB.id, ...(trashed && { status: 'DELETED', deletedAt: 1, homeStoreKey: KEY }) })
      const before = row()
      expect(await refusal(use)).toEqual(thrown('FORBIDDEN'))
      expect(row()).toEqual(before)
      expect(asked).toEqual([])
    },
  )

  test.each(uses)('%s does not find what is not there or was deleted', async (_, use) => {
    expect(await refusal(use)).toEqual(thrown('NOT_FOUND'))
    add({ status: 'DELETED', deletedAt: 1, homeStoreKey: KEY })
    expect(await refusal(use)).toEqual(thrown('NOT_FOUND'))
    expect(asked).toEqual([])
  })

  test.each(ofTrash)('%s does not find what is not there, is alive, or is gone for good', async (_, use) => {
    expect(await refusal(use)).toEqual(thrown('NOT_FOUND'))
    add({ homeStoreKey: KEY })
    expect(await refusal(use)).toEqual(thrown('NOT_FOUND'))
    table.writeObserved(ID, { status: 'DELETED', homeStoreKey: null })
    table.writeWishes(ID, 1, { deletedAt: 1 })
    expect(await refusal(use)).toEqual(thrown('NOT_FOUND'))
    expect(asked).toEqual([])
  })
})

describe('a wish', () => {
  test.each([
    [{ desired_state: 'STANDBY' as const }, 2],
    [{ image_ref: 'other:2' }, 2],
    [{ cpus: 4 }, 2],
    [{ memory_bytes: 2 ** 31 }, 2],
    [{ env: { A: 'b' } }, 2],
    [{ desired_state: 'RUNNING' as const, name: 'x' }, 2],
    [{ name: 'x' }, 1],
    [{ description: 'x' }, 1],
    [{ memo: 'x' }, 1],
    [{ standby_ttl_seconds: 0 }, 1],
    [{ archive_ttl_seconds: 0 }, 1],
    [{ busy_shield: false }, 1],
    [{ busy_cap_seconds: 60 }, 1],
    [{ keep_awake_until: '2026-03-01T12:00:00Z' }, 1],
    [{ keep_awake_until: null }, 1],
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

describe('what may keep it awake', () => {
  test('is written as it was said, with times as ours', () => {
    add({ keepAwakeUntil: 5 })
    service.patch(ALICE, ID, { memo: 'x' })
    expect(row().keepAwakeUntil).toBe(5)
    service.patch(ALICE, ID, {
      keep_awake_until: '2026-03-01T12:00:00+01:00',
      busy_shield: false,
      busy_cap_seconds: 60,
    })
    const at = Date.UTC(2026, 2, 1, 11)
    expect(row()).toMatchObject({ keepAwakeUntil: at, busyShield: false, busyCapSeconds: 60 })
    expect(service.get(ALICE, ID)).toMatchObject({
      keep_awake_until: new Date(at).toISOString(),
      busy_shield: false,
      busy_cap_seconds: 60,
    })
    service.patch(ALICE, ID, { keep_awake_until: null, busy_shield: true })
    expect(row()).toMatchObject({ keepAwakeUntil: null, busyShield: true })
  })
})

describe('who wished it', () => {
  test.each<[string, () => unknown]>([
    ['a level', () => service.desire(ALICE, ID, 'STANDBY')],
    ['a change of the level', () => service.patch(ALICE, ID, { desired_state: 'STANDBY' })],
    ['a retry', () => service.retry(ALICE, ID)],
    ['a restore', () => service.restore(ALICE, ID, OLD)],
    ['a deletion', () => service.remove(ALICE, ID)],
    ['a start from a page', () => service.act(row(), 'start')],
  ])('is a person: %s', async (_, act) => {
    add({ cause: 'IDLE' })
    await act()
    expect(row()).toMatchObject({ cause: 'PERSON', wish: 2 })
  })

  test('is as before when the level was not spoken of', () => {
    add({ cause: 'IDLE' })
    service.patch(ALICE, ID, { name: 'x', cpus: 4 })
    expect(row()).toMatchObject({ cause: 'IDLE', wish: 2 })
  })
})

describe('a wish of a rule or a visit', () => {
  test.each(CAUSES.flatMap((cause) => LEVELS.map((level) => [level, cause] as const)))(
    '%s by %s is written and told',
    (level, cause) => {
      add()
      expect(service.wishFor(row(), level, cause)).toBe(true)
      expect(row()).toMatchObject({ desiredState: level, cause, wish: 2, updatedAt: now })
      expect(asked).toEqual([`told ${ID}`, `asked ${ID}`])
    },
  )

  test.each<[string, () => unknown]>([
    ['the same level', () => service.desire(ALICE, ID, 'RUNNING')],
    ['another level', () => service.desire(ALICE, ID, 'STANDBY')],
    ['a retry', () => service.retry(ALICE, ID)],
    ['an archive', () => service.restore(ALICE, ID, OLD)],
    ['its deletion', () => service.remove(ALICE, ID)],
    ['another image', () => service.patch(ALICE, ID, { image_ref: 'other:1' })],
  ])(
    'is beaten by what a person wished since the row was read (%s), and then tells nothing',
    async (_, act) => {
      add({ status: 'RUNNING' })
      const seen = row()
      await act()
      const wished = row()
      asked.length = 0
      expect(service.wishFor(seen, 'STANDBY', 'IDLE')).toBe(false)
      expect(row()).toEqual(wished)
      expect(asked).toEqual([])
    },
  )

  test('does not take away the way back to an older archive', () => {
    add({ restoreKey: OLD })
    service.wishFor(row(), 'RUNNING', 'VISIT')
    expect(row().restoreKey).toBe(OLD)
  })
})

describe('going back to an archive', () => {
  const archived = { status: 'PENDING', desiredState: 'PENDING', homeStoreKey: KEY, archiveKey: NEW } as const

  test('wishes an archived one running, from the archive that stands for its home', async () => {
    add(archived)
    await service.restore(ALICE, ID, undefined)
    expect(row()).toMatchObject({ desiredState: 'RUNNING', restoreKey: null, archiveKey: NEW, wish: 2 })
  })

  test.each([
    ['the one that stands for its home', archived, NEW, null],
    ['an older one', archived, OLD, OLD],
    ['one of a sleeping workspace', { status: 'STANDBY', homeStoreKey: KEY } as const, NEW, NEW],
  ])('takes %s by its name', async (_, change, key, restoreKey) => {
    add(change)
    await service.restore(ALICE, ID, key)
    expect(row()).toMatchObject({ desiredState: 'RUNNING', restoreKey, wish: 2 })
    expect(asked).toEqual([`told ${ID}`, `asked ${ID}`])
  })

  test.each([
    ['without a name, when it is not archived', undefined],
    ['that is not there', archiveKey(ID, 'never')],
    ['of another workspace', archiveKey(idOf(2), 'old')],
  ])('is refused for one %s', async (_, key) => {
    add({ homeStoreKey: KEY })
    await expect(service.restore(ALICE, ID, key)).rejects.toThrow(thrown('ARCHIVE_MISSING'))
    expect(row().wish).toBe(1)
    expect(asked).toEqual([])
  })

  test('is refused while the archives cannot be seen', async () => {
    add(archived)
    archives = () => Promise.reject(new AppError('ARCHIVE_STORE_UNAVAILABLE'))
    await expect(service.restore(ALICE, ID, OLD)).rejects.toThrow(thrown('ARCHIVE_STORE_UNAVAILABLE'))
    expect(row().wish).toBe(1)
  })

  test('is refused when it was deleted meanwhile', async () => {
    add(archived)
    const listed = archives
    archives = (id) => (service.remove(ALICE, ID), listed(id))
    await expect(service.restore(ALICE, ID, OLD)).rejects.toThrow(thrown('BEING_DELETED'))
    expect(row()).toMatchObject({ restoreKey: null, wish: 2 })
  })

  test.each<[string, () => unknown, string | null]>([
    ['asleep ends it', () => service.desire(ALICE, ID, 'STANDBY'), null],
    ['archived ends it', () => service.patch(ALICE, ID, { desired_state: 'PENDING' }), null],
    ['running ends it', () => service.desire(ALICE, ID, 'RUNNING'), null],
    ['again goes on with it', () => service.retry(ALICE, ID), OLD],
    ['deleted ends it', () => service.remove(ALICE, ID), null],
  ])('a wish for %s', (_, act, restoreKey) => {
    add({ restoreKey: OLD })
    act()
    expect(row().restoreKey).toBe(restoreKey)
  })

  test('can choose among the archives there are, with the one that stands for the home marked', async () => {
    add(archived)
    expect(await service.archives(ALICE, ID)).toMatchObject([
      { key: NEW, current: true, bytes: 7, image_ref: 'image:1' },
      { key: OLD, current: false },
    ])
  })

  test('cannot choose the archive of an attempt under way: it goes again when that fails', async () => {
    const attempt = NEW.split('/')[1]!
    add({ operation: 'ARCHIVING', opId: attempt })
    expect((await service.archives(ALICE, ID)).map(({ key }) => key)).toEqual([OLD])
    await expect(service.restore(ALICE, ID, NEW)).rejects.toThrow(thrown('ARCHIVE_MISSING'))
    table.writeObserved(ID, { archiveKey: NEW })
    expect((await service.archives(ALICE, ID)).map(({ key }) => key)).toEqual([NEW, OLD])
  })
})

describe('the trash', () => {
  const inTrash = { status: 'DELETED', deletedAt: 50_000, homeStoreKey: KEY } as const

  test('lists what can be taken back, the latest first, each for its owner', () => {
    table.insert(rowOf(idOf(1), inTrash))
    table.insert(rowOf(idOf(2), { ...inTrash, deletedAt: 60_000, homeStoreKey: null, archiveKey: NEW }))
    table.insert(rowOf(idOf(3), { ...inTrash, ownerId: BOB.id }))
    table.insert(rowOf(idOf(4), { ...inTrash, purge: true }))
    table.insert(rowOf(idOf(5), { ...inTrash, homeStoreKey: null }))
    table.insert(rowOf(idOf(6)))
    const at = (ms: number): string => new Date(ms).toISOString()
    expect(service.trash(ALICE)).toEqual([
      { id: idOf(2), name: 'Notes', deleted_at: at(60_000), purge_at: at(60_000 + TRASH_MS), archived: true },
      {
        id: idOf(1),
        name: 'Notes',
        deleted_at: at(50_000),
        purge_at: at(50_000 + TRASH_MS),
        archived: false,
      },
    ])
  })

  test.each([
    ['asleep', {}, 'STANDBY'],
    ['archived, when it was', { archiveKey: NEW }, 'PENDING'],
    [
      'also while it is still being deleted',
      { status: 'RUNNING', operation: 'DELETING', opId: 'op' } as const,
      'STANDBY',
    ],
  ])('gives back: %s', (_, change, desiredState) => {
    add({ ...inTrash, ...change })
    const observed = { status: row().status, operation: row().operation, opId: row().opId }
    service.undelete(ALICE, ID)
    expect(row()).toMatchObject({ deletedAt: null, desiredState, cause: 'PERSON', wish: 2, ...observed })
    expect(asked).toEqual([`told ${ID}`, `asked ${ID}`])
  })

  test('gives back with its archive TTL begun anew', () => {
    add({ ...inTrash, lastAccessAt: 1 })
    service.undelete(ALICE, ID)
    expect(row().lastAccessAt).toBe(now)
  })

  test('gives nothing back once it is to go for good, or has begun to', () => {
    add(inTrash)
    service.purge(ALICE, ID)
    expect(row()).toMatchObject({ purge: true, wish: 2, deletedAt: 50_000 })
    expect(asked).toEqual([`told ${ID}`, `asked ${ID}`])
    for (const use of [service.undelete, service.purge])
      expect(() => use(ALICE, ID)).toThrow(thrown('NOT_FOUND'))
    table.writeWishes(ID, 2, { purge: false })
    // Claimed when its time had come: nothing is left to take back.
    table.claim(row(), { operation: 'DELETING', opId: 'op', homeStoreKey: null, archiveKey: null })
    for (const use of [service.undelete, service.purge])
      expect(() => use(ALICE, ID)).toThrow(thrown('NOT_FOUND'))
    expect(service.trash(ALICE)).toEqual([])
  })
})

describe('what a page of the gateway asks for', () => {
  test.each([
    ['start', {}, { desiredState: 'RUNNING' }],
    ['restore', { archiveKey: NEW, desiredState: 'PENDING' }, { desiredState: 'RUNNING', archiveKey: NEW }],
    ['cancel', {}, { desiredState: 'STANDBY' }],
    ['cancel', { archiveKey: NEW }, { desiredState: 'PENDING' }],
    ['cancel', { restoreKey: OLD }, { desiredState: 'STANDBY', restoreKey: null }],
    ['retry', { restoreKey: OLD }, { desiredState: 'RUNNING', restoreKey: OLD }],
    ['retry', { desiredState: 'STANDBY' }, { desiredState: 'RUNNING' }],
  ] as const)('%s with %j', (action, change, expected) => {
    add({ cause: 'VISIT', ...change })
    service.act(row(), action)
    expect(row()).toMatchObject({ ...expected, cause: 'PERSON', wish: 2 })
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

  test('has what comes next and who is at work in it, while that is known', () => {
    add()
    expect(service.get(ALICE, ID)).toMatchObject({ next_transition: null, activity: { connections: 0 } })
    const prospect = {
      transition: { to: 'STANDBY', at: '2026-01-01T00:00:00.000Z', cause: 'IDLE', reason: 'x' },
      activity: { connections: 2, kept_awake_by: null },
    } as unknown as Prospect
    live.setProspect(ID, prospect)
    expect(service.get(ALICE, ID)).toMatchObject({
      next_transition: prospect.transition,
      activity: prospect.activity,
    })
  })

  test('says why it is what it is, and since when', () => {
    const statusSince = Date.UTC(2026, 0, 1)
    add({ status: 'STANDBY', statusSince, statusCause: 'IDLE' })
    expect(service.get(ALICE, ID)).toMatchObject({
      status_since: '2026-01-01T00:00:00.000Z',
      status_cause: 'IDLE',
      status_reason: 'Put to sleep because nobody used it',
    })
  })

  test('has no place of a home while an archive stands for it', () => {
    add({ status: 'PENDING', homeStoreKey: KEY, archiveKey: NEW })
    expect(service.get(ALICE, ID)).toMatchObject({
      home_path: null,
      display_status: 'ARCHIVED',
      archive_key: NEW,
    })
  })

  test('has its history, the newest first', () => {
    add()
    history.begin(ID, 'op1', 'STARTING', 'CREATED', 1)
    history.end(ID, 'op1', { outcome: 'SUCCEEDED', at: 2 })
    history.begin(ID, 'op2', 'STOPPING', 'IDLE', 3)
    expect(service.history(ALICE, ID)).toMatchObject([
      { op_id: 'op2', operation: 'STOPPING', cause: 'IDLE', outcome: null },
      { op_id: 'op1', outcome: 'SUCCEEDED' },
    ])
  })

  test('has the progress of now', () => {
    add({ operation: 'STARTING' })
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
