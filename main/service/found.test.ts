import { beforeEach, describe, expect, test } from 'vitest'
import { archiveKey } from '../core/archive.ts'
import { AppError } from '../core/errors.ts'
import { manifestOf, type Manifest } from '../core/manifest.ts'
import { createAccountTable } from '../db/accounts.ts'
import { openDb } from '../db/open.ts'
import { createWorkspaceTable, type WorkspaceTable } from '../db/workspaces.ts'
import { createBus } from '../events/bus.ts'
import { ALICE, BOB, idOf, rowOf } from '../testing/rows.ts'
import { createFound, type FoundDeps, type FoundService } from './found.ts'

const ID = idOf(1)
const GIB = 2 ** 30
const NOW = Date.parse('2026-03-01T12:00:00Z')
/** A user of the database that was lost. */
const LOST = '01jqzzzz000000000000000009'

type Home = Awaited<ReturnType<FoundDeps['homes']>>[number]
type Container = Awaited<ReturnType<FoundDeps['orphans']>>[number]

let table: WorkspaceTable
let homes: Home[]
let undescribed: string[]
let containers: Container[]
let archives: string[]
/** What was done to the world, in order. */
let done: string[]
let deps: FoundDeps
let found: FoundService

const keyOf = (ownerId: string, id: string): string => `users/${ownerId}/workspaces/${id}/home`

beforeEach(() => {
  const db = openDb(':memory:')
  for (const user of [ALICE, BOB]) createAccountTable(db).ensureUser(user, 0)
  table = createWorkspaceTable(db)
  homes = []
  undescribed = []
  containers = []
  archives = []
  done = []
  const bus = createBus(() => undefined)
  bus.subscribe((news) => news.kind === 'workspace' && done.push(`told ${news.id}`))
  deps = {
    table,
    isKeeper: ({ id }) => id === ALICE.id,
    isUser: (id) => [ALICE.id, BOB.id].includes(id),
    homes: () => Promise.resolve([...homes]),
    observeHome: (key) => Promise.resolve(undescribed.includes(key) ? 'present' : 'absent'),
    homePath: (key) => `/homes/${key}`,
    homeKey: keyOf,
    adoptHome(from, to) {
      done.push(`moved ${from} to ${to}`)
      homes = homes.map((home) => (home.key === from ? { ...home, key: to } : home))
      return Promise.resolve()
    },
    archives: (id) =>
      Promise.resolve(
        archives
          .filter((key) => key.startsWith(id))
          .map((key) => ({
            key,
            meta: { workspace: manifestOf(rowOf(id, { ownerId: LOST, name: 'Packed' })) },
          })),
      ),
    archived: () => Promise.resolve(archives.map((key) => key.split('/')[0]!)),
    orphans: () => Promise.resolve([...containers]),
    stopOrphan(id) {
      done.push(`stopped ${id}`)
      containers = containers.filter((container) => container.id !== id)
      return Promise.resolve()
    },
    defaults: () => ({
      ...{ imageRef: 'default:1', cpus: 2, memoryBytes: GIB, standbyTtlSeconds: 5, archiveTtlSeconds: 6 },
      ...{ busyShield: true, busyCapSeconds: 77 },
    }),
    enqueue: (id) => void done.push(`asked ${id}`),
    bus,
    now: () => NOW,
  }
  found = createFound(deps)
})

/** A home that another database knew, as its manifest tells it. */
function addHome(home: Home['home'], said: Partial<Manifest> = {}, ownerId = LOST): Home {
  const manifest = { ...manifestOf(rowOf(said.id ?? ID, { ownerId })), ...said }
  const added = { key: keyOf(ownerId, manifest.id), manifest, home }
  homes.push(added)
  return added
}

function addContainer(changes: Partial<Container> = {}): void {
  const key = homes.find(({ manifest }) => manifest.id === (changes.id ?? ID))?.key
  const homePath = key === undefined ? null : `/homes/${key}`
  containers.push({ id: ID, imageRef: 'theirs:1', cpus: 3, memoryBytes: 3 * GIB, homePath, ...changes })
}

const away = (): Promise<never> => Promise.reject(new AppError('DOCKER_UNREACHABLE'))
const thrown = (code: string) => expect.objectContaining({ code }) as Error
const row = (id = ID) => table.get(id)!

describe('the list', () => {
  test('tells what there is, the newest first', async () => {
    addHome('present', { id: idOf(1), name: 'One' })
    addHome('trashed', { id: idOf(3), name: 'Three' })
    addHome('absent', { id: idOf(2), archive_key: archiveKey(idOf(2), 'a') })
    archives = [archiveKey(idOf(2), 'a')]
    addContainer({ id: idOf(4) })
    expect(await found.list(ALICE)).toEqual([
      {
        ...{ id: idOf(4), name: idOf(4), image_ref: 'theirs:1', created_at: null },
        ...{ home: 'absent', container: true, adoptable: false },
      },
      expect.objectContaining({ id: idOf(3), name: 'Three', home: 'trashed', adoptable: true }),
      expect.objectContaining({ id: idOf(2), home: 'archived', adoptable: true }),
      {
        ...{ id: idOf(1), name: 'One', image_ref: 'image:1', created_at: '1970-01-01T00:00:01.000Z' },
        ...{ home: 'present', container: false, adoptable: true },
      },
    ])
  })

  test('has no workspace that has a row, a deleted one neither', async () => {
    addHome('present', { id: idOf(1) })
    addHome('trashed', { id: idOf(2) })
    addContainer({ id: idOf(1) })
    table.insert(rowOf(idOf(1)))
    table.insert(rowOf(idOf(2), { status: 'DELETED', deletedAt: 1 }))
    expect(await found.list(ALICE)).toEqual([])
  })

  test('has a home with its container once', async () => {
    addHome('present')
    addContainer()
    expect(await found.list(ALICE)).toEqual([
      expect.objectContaining({ id: ID, image_ref: 'image:1', home: 'present', container: true }),
    ])
  })

  test('has the better of two that claim to be the same', async () => {
    addHome('absent', {}, LOST)
    addHome('present', {}, '01jqzzzz000000000000000008')
    addHome('trashed', {}, '01jqzzzz000000000000000007')
    expect(await found.list(ALICE)).toEqual([expect.objectContaining({ id: ID, home: 'present' })])
  })

  test('has what is mine or nobody’s, and never what is another user’s', async () => {
    addHome('present', { id: idOf(1) }, ALICE.id)
    addHome('present', { id: idOf(2) }, BOB.id)
    addHome('present', { id: idOf(3) }, LOST)
    addContainer({ id: idOf(4), homePath: `/homes/${keyOf(BOB.id, idOf(4))}` })
    expect((await found.list(ALICE)).map(({ id }) => id)).toEqual([idOf(3), idOf(1)])
    await expect(found.adopt(ALICE, [idOf(2)])).rejects.toEqual(thrown('NOT_FOUND'))
    await expect(found.removeContainer(ALICE, idOf(4))).rejects.toEqual(thrown('NOT_FOUND'))
  })

  test('has for others than the desktop’s own user what lies among their own homes, and nothing else', async () => {
    addHome('present', { id: idOf(1) }, ALICE.id)
    addHome('present', { id: idOf(2) }, BOB.id)
    addContainer({ id: idOf(2) })
    addHome('present', { id: idOf(3) }, LOST)
    archives = [archiveKey(idOf(4), 'a')] // of somebody lost
    addContainer({ id: idOf(5) })
    addContainer({ id: idOf(6), homePath: `/homes/${keyOf(BOB.id, idOf(6))}` })
    addContainer({ id: idOf(7), homePath: `/homes/${keyOf(LOST, idOf(7))}` })
    expect(await found.list(BOB)).toEqual([expect.objectContaining({ id: idOf(2), container: true })])
    for (const n of [1, 3, 4, 5, 6, 7]) {
      await expect(found.adopt(BOB, [idOf(n)])).rejects.toEqual(thrown('NOT_FOUND'))
      await expect(found.removeContainer(BOB, idOf(n))).rejects.toEqual(thrown('NOT_FOUND'))
    }
    expect(done).toEqual([])
    expect((await found.adopt(BOB, [idOf(2)])).map(({ ownerId }) => ownerId)).toEqual([BOB.id])
  })

  test('shows homes while the engine is away, and archived ones while the archives are', async () => {
    addHome('present', { id: idOf(2) })
    addHome('absent', { id: idOf(1), archive_key: archiveKey(idOf(1), 'a') })
    found = createFound({ ...deps, orphans: away, archives: away })
    expect(await found.list(ALICE)).toEqual([
      expect.objectContaining({ id: idOf(2), home: 'present', adoptable: true }),
      expect.objectContaining({ id: idOf(1), home: 'archived', adoptable: false }),
    ])
  })

  test('is not empty, but unknown, while the home store is away', async () => {
    addContainer()
    found = createFound({ ...deps, homes: () => Promise.reject(new AppError('HOME_STORE_UNAVAILABLE')) })
    await expect(found.list(ALICE)).rejects.toEqual(thrown('HOME_STORE_UNAVAILABLE'))
  })
})

describe('adopting', () => {
  test('gives a home its place, then a row as its manifest says, then tells of it', async () => {
    const was = {
      ...{ name: 'Thesis', description: 'd', memo: 'm', imageRef: 'mine:2', cpus: 1.5, memoryBytes: 4 * GIB },
      ...{
        standbyTtlSeconds: 0,
        archiveTtlSeconds: 9,
        busyShield: false,
        busyCapSeconds: 60,
        createdAt: 5_000,
      },
    }
    addHome('present', manifestOf(rowOf(ID, { ...was, ownerId: LOST })))
    const adopted = await found.adopt(ALICE, [ID])
    expect(adopted).toEqual([
      rowOf(ID, {
        ...was,
        ...{ status: 'STANDBY', desiredState: 'STANDBY', cause: 'ADOPTED', statusCause: 'ADOPTED' },
        ...{ homeStoreKey: keyOf(ALICE.id, ID), updatedAt: NOW, statusSince: NOW, lastAccessAt: NOW },
      }),
    ])
    expect(row()).toEqual(adopted[0])
    expect(done).toEqual([`moved ${keyOf(LOST, ID)} to ${keyOf(ALICE.id, ID)}`, `told ${ID}`, `asked ${ID}`])
    expect(await found.list(ALICE)).toEqual([])
  })

  test('leaves a home where it is when that is its place', async () => {
    addHome('present', {}, ALICE.id)
    await found.adopt(ALICE, [ID])
    expect(done).toEqual([`told ${ID}`, `asked ${ID}`])
  })

  test('lets one whose container is there run on', async () => {
    addHome('present')
    addContainer()
    await found.adopt(ALICE, [ID])
    expect(row()).toMatchObject({ status: 'STANDBY', desiredState: 'RUNNING', cpus: 2 })
  })

  test('takes one out of the trash', async () => {
    addHome('trashed', { deleted_at: '2026-02-01T00:00:00Z' })
    await found.adopt(ALICE, [ID])
    expect(row()).toMatchObject({
      ...{ status: 'PENDING', desiredState: 'STANDBY', deletedAt: null },
      ...{ homeStoreKey: keyOf(ALICE.id, ID), archiveKey: null },
    })
  })

  // Newest first, as the store tells them.
  const [newest, older] = [archiveKey(ID, 'b'), archiveKey(ID, 'a')]
  // prettier-ignore
  const STANDING: [what: string, home: Home['home'], named: string | null, stored: string[], expected: string | null | undefined][] = [
    ['the archive that its manifest names', 'absent', older, [newest, older], older],
    ['the newest when the named one is gone', 'absent', archiveKey(ID, 'gone'), [newest, older], newest],
    ['the newest when none is named: its home was lost', 'absent', null, [newest], newest],
    ['none for a home that is there', 'present', older, [older], null],
    ['none for a home in the trash', 'trashed', older, [older], null],
    ['nothing when no archive of it is there', 'absent', older, [archiveKey(idOf(2), 'a')], undefined],
    ['nothing when it never had a home', 'absent', null, [], undefined],
  ]
  test.each(STANDING)('of what stands for its home: %s', async (_, home, named, stored, expected) => {
    addHome(home, { archive_key: named })
    addContainer()
    archives = stored
    const adoptable = (await found.list(ALICE)).find(({ id }) => id === ID)!.adoptable
    expect(adoptable).toBe(expected !== undefined)
    if (!adoptable) return expect(found.adopt(ALICE, [ID])).rejects.toEqual(thrown('NOT_FOUND'))
    await found.adopt(ALICE, [ID])
    expect(row().archiveKey).toBe(expected)
    expect(row().desiredState).toBe(expected === null ? 'RUNNING' : 'PENDING')
  })

  test('says that the archives are away, rather than that there is none', async () => {
    addHome('absent', { archive_key: older })
    found = createFound({
      ...deps,
      archives: () => Promise.reject(new AppError('ARCHIVE_STORE_UNAVAILABLE')),
    })
    await expect(found.adopt(ALICE, [ID])).rejects.toEqual(thrown('ARCHIVE_STORE_UNAVAILABLE'))
    expect([row(), done]).toEqual([undefined, []])
  })

  test('takes the defaults for what nobody may say of a workspace', async () => {
    addHome('present', {
      ...{ name: ' ', description: 'x'.repeat(1_001), memo: 'kept', image_ref: '--privileged', cpus: 1e9 },
      env: { GREETING: 'kept', HOME: '/' },
      ...{ memory_bytes: -1, standby_ttl_seconds: -1, archive_ttl_seconds: 7, busy_cap_seconds: 1 },
    })
    await found.adopt(ALICE, [ID])
    expect(row()).toMatchObject({
      ...{ name: ID, description: '', memo: 'kept', imageRef: 'default:1', cpus: 2, memoryBytes: GIB },
      ...{ standbyTtlSeconds: 5, archiveTtlSeconds: 7, busyShield: true, busyCapSeconds: 77, env: {} },
    })
  })

  describe('a container whose home does not describe itself', () => {
    test('brings its image and limits, when its home is one of ours', async () => {
      undescribed = [keyOf(LOST, ID)]
      addContainer({ homePath: `/homes/${keyOf(LOST, ID)}` })
      await found.adopt(ALICE, [ID])
      expect(row()).toMatchObject({
        ...{ name: ID, imageRef: 'theirs:1', cpus: 3, memoryBytes: 3 * GIB, desiredState: 'RUNNING' },
        ...{ status: 'STANDBY', createdAt: NOW, standbyTtlSeconds: 5 },
      })
      expect(done[0]).toBe(`moved ${keyOf(LOST, ID)} to ${keyOf(ALICE.id, ID)}`)
    })

    test.each([
      ['none', null],
      ['of another place', `/elsewhere/${keyOf(LOST, ID)}`],
      ['of another workspace', `/homes/${keyOf(LOST, idOf(2))}`],
      ['gone', `/homes/${keyOf(ALICE.id, ID)}`],
      ['of the system', '/etc'],
    ])('is not taken in when that is %s', async (_, homePath) => {
      undescribed = [keyOf(LOST, ID), keyOf(LOST, idOf(2))]
      addContainer({ homePath })
      expect(await found.list(ALICE)).toEqual([expect.objectContaining({ home: 'absent', adoptable: false })])
      await expect(found.adopt(ALICE, [ID])).rejects.toEqual(thrown('NOT_FOUND'))
      expect(done).toEqual([])
    })
  })

  test('of several changes nothing when one of them is unknown', async () => {
    addHome('present')
    await expect(found.adopt(ALICE, [ID, idOf(9)])).rejects.toEqual(thrown('NOT_FOUND'))
    expect([row(), done]).toEqual([undefined, []])
  })

  test('a second time changes nothing, also at the same moment', async () => {
    addHome('present')
    const both = await Promise.allSettled([found.adopt(ALICE, [ID, ID]), found.adopt(BOB, [ID])])
    expect(both).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'NOT_FOUND' } },
    ])
    await expect(found.adopt(ALICE, [ID])).rejects.toEqual(thrown('NOT_FOUND'))
    expect(row().ownerId).toBe(ALICE.id)
    expect(done).toHaveLength(3)
  })

  test('that ended half-way is found again, where it was moved to', async () => {
    addHome('present')
    const insert = (): never => {
      throw new Error('killed')
    }
    await expect(createFound({ ...deps, table: { ...table, insert } }).adopt(ALICE, [ID])).rejects.toThrow(
      'killed',
    )
    await found.adopt(ALICE, [ID])
    expect(row().homeStoreKey).toBe(homes[0]!.key)
    expect(done.filter((step) => step.startsWith('moved'))).toHaveLength(1)
  })

  test('that cannot move the home makes no row', async () => {
    addHome('present')
    found = createFound({ ...deps, adoptHome: () => Promise.reject(new AppError('HOME_NOT_WRITABLE')) })
    await expect(found.adopt(ALICE, [ID])).rejects.toEqual(thrown('HOME_NOT_WRITABLE'))
    expect([row(), done]).toEqual([undefined, []])
  })
})

describe('removing a container', () => {
  test('takes that of a workspace nobody knows, and leaves its home', async () => {
    addHome('present')
    addContainer()
    await found.removeContainer(ALICE, ID)
    expect(done).toEqual([`stopped ${ID}`])
    expect(await found.list(ALICE)).toEqual([expect.objectContaining({ home: 'present', container: false })])
  })

  test('never takes that of a workspace with a row, or none at all', async () => {
    addContainer()
    addHome('present', { id: idOf(2) })
    table.insert(rowOf(ID))
    for (const id of [ID, idOf(2), idOf(3)])
      await expect(found.removeContainer(ALICE, id)).rejects.toEqual(thrown('NOT_FOUND'))
    expect(done).toEqual([])
  })

  test('never takes that of a workspace that is being adopted', async () => {
    addHome('present')
    addContainer()
    const both = await Promise.allSettled([found.adopt(ALICE, [ID]), found.removeContainer(ALICE, ID)])
    expect(both[1]).toMatchObject({ reason: { code: 'NOT_FOUND' } })
    expect(done).not.toContain(`stopped ${ID}`)
  })

  test('says that the engine is away', async () => {
    found = createFound({ ...deps, orphans: away })
    await expect(found.removeContainer(ALICE, ID)).rejects.toEqual(thrown('DOCKER_UNREACHABLE'))
  })
})

describe('a workspace of which nothing but archives is left', () => {
  beforeEach(() => {
    archives = [archiveKey(ID, 'b'), archiveKey(ID, 'a')]
  })

  test('is found by what its newest archive says, and taken in archived', async () => {
    expect(await found.list(ALICE)).toMatchObject([
      { id: ID, name: 'Packed', home: 'archived', adoptable: true },
    ])
    await found.adopt(ALICE, [ID])
    expect(row(ID)).toMatchObject({
      name: 'Packed',
      archiveKey: archiveKey(ID, 'b'),
      desiredState: 'PENDING',
    })
    // There is nothing of a home that would have to be moved.
    expect(done).toEqual([`told ${ID}`, `asked ${ID}`])
    expect(await found.list(ALICE)).toEqual([])
  })

  test('is not found while its row is there, though that was deleted', async () => {
    table.insert(rowOf(ID, { status: 'DELETED', deletedAt: 1 }))
    expect(await found.list(ALICE)).toEqual([])
  })

  test('hides nothing else while archives are away', async () => {
    addHome('present', { id: idOf(2) })
    found = createFound({
      ...deps,
      archived: () => Promise.reject(new AppError('ARCHIVE_STORE_UNAVAILABLE')),
    })
    expect((await found.list(ALICE)).map(({ id }) => id)).toEqual([idOf(2)])
  })
})

test('nothing is taken in while the engine is away: what runs would be put to sleep', async () => {
  addHome('present')
  found = createFound({ ...deps, orphans: away })
  await expect(found.adopt(ALICE, [ID])).rejects.toMatchObject({ code: 'DOCKER_UNREACHABLE' })
  expect(done).toEqual([])
  expect(await found.list(ALICE)).toHaveLength(1)
})

test('a container that has another home is none of the workspace that is found', async () => {
  addHome('present')
  containers = [{ id: ID, imageRef: 'image:1', cpus: 1, memoryBytes: GIB, homePath: '/elsewhere/home' }]
  expect(await found.list(ALICE)).toMatchObject([{ id: ID, container: false }])
})
