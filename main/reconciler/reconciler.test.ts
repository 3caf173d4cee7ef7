import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { arm, FAILPOINTS, type Failpoint } from '../core/failpoint.ts'
import { MAX_ATTEMPTS, type Level } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { initLocalArchives } from '../archive-store/local-dir.ts'
import type { Db } from '../db/open.ts'
import { initLocalDir } from '../home-store/local-dir.ts'
import { createFakeEngine, type FakeEngine } from '../testing/fake-runner.ts'
import { createPlane, memoryDb, type Plane } from '../testing/plane.ts'
import { ALICE, idOf, rowOf, TRASH_MS } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { useVirtualTime, type VirtualTime } from '../testing/virtual-time.ts'
import { homeKey } from './observe.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

let db: Db
let root: string
let engine: FakeEngine
let plane: Plane
let time: VirtualTime

beforeEach(async () => {
  root = tempDir()
  await initLocalDir(root)
  await initLocalArchives(join(root, 'archives'))
  db = memoryDb()
  engine = createFakeEngine()
  plane = createPlane({ db, root, engine })
  time = useVirtualTime(() => plane.busy())
})
afterEach(() => {
  expect(plane.log.errors, 'passes that failed unexpectedly').toEqual([])
  plane.kill()
})

const create = (): string => plane.workspaces.create(ALICE, { name: 'Notes' }).id
const wish = (id: string, level: Level): void => void plane.workspaces.desire(ALICE, id, level)
const retry = (id: string): void => void plane.workspaces.retry(ALICE, id)
const remove = (id: string): void => plane.workspaces.remove(ALICE, id)
const row = (id: string): WorkspaceRow => plane.table.get(id)!
const homeFile = (id: string, name = 'canary'): string => join(plane.homeOf(id), name)
const besideHome = (id: string, name: string): string => join(dirname(plane.homeOf(id)), name)
const content = (id: string): string => readFileSync(homeFile(id), 'utf8')
const undelete = (id: string): void => void plane.workspaces.undelete(ALICE, id)
/** What was done to a workspace, the oldest first: `operation cause outcome`, and the code of an error. */
const story = (id: string): string[] =>
  plane.history
    .list(id)
    .reverse()
    .map(({ operation, cause, outcome, error_code }) =>
      [operation, cause, outcome, error_code].filter((part) => part !== null).join(' '),
    )

/** True when the workspace rests at what it is, with nothing under way. */
const at =
  (id: string, status: WorkspaceRow['status'], change: Partial<WorkspaceRow> = {}) =>
  (): boolean => {
    const now = row(id)
    const rest = { status, operation: 'NONE', ...change } as Partial<WorkspaceRow>
    return Object.entries(rest).every(([field, value]) => now[field as keyof WorkspaceRow] === value)
  }

async function running(): Promise<string> {
  const id = create()
  await time.until(at(id, 'RUNNING'))
  writeFileSync(homeFile(id), 'precious')
  return id
}

async function asleep(): Promise<string> {
  const id = await running()
  wish(id, 'STANDBY')
  await time.until(at(id, 'STANDBY'))
  return id
}

/** One that failed three times to start. */
async function stuck(): Promise<string> {
  const id = await asleep()
  engine.failures.start = 'fails'
  wish(id, 'RUNNING')
  await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }))
  delete engine.failures.start
  return id
}

/** One that is archived. */
async function archived(text = 'precious'): Promise<string> {
  const id = await asleep()
  writeFileSync(homeFile(id), text)
  wish(id, 'PENDING')
  await time.until(at(id, 'PENDING'))
  return id
}

/** One in the trash. */
async function trashed(): Promise<string> {
  const id = await asleep()
  remove(id)
  await time.until(at(id, 'DELETED'))
  return id
}

/** What `field` of a workspace becomes, one value after the other. */
function watch<Field extends keyof WorkspaceRow>(id: string, field: Field): WorkspaceRow[Field][] {
  const seen = [row(id)[field]]
  plane.bus.subscribe((news) => {
    if (news.kind === 'workspace' && news.id === id && row(id)[field] !== seen.at(-1))
      seen.push(row(id)[field])
  })
  return seen
}

/** A second process on the same database, disk and engine. */
function restart(): void {
  plane = createPlane({ db, root, engine })
  plane.reconciler.start()
}

describe('the way up and down', () => {
  test('a new workspace gets a home with the content of its image, and then an instance', async () => {
    const id = create()
    const operations = watch(id, 'operation')
    const statuses = watch(id, 'status')
    await time.until(at(id, 'RUNNING'))
    expect(operations).toEqual(['NONE', 'PROVISIONING', 'NONE', 'STARTING', 'NONE'])
    expect(statuses).toEqual(['PENDING', 'STANDBY', 'RUNNING'])
    expect(readFileSync(homeFile(id, '.profile'), 'utf8')).toBe('from the image\n')
    expect(engine.instances.get(id)).toBe('answering')
    expect(row(id).homeStoreKey).toBe(homeKey(row(id)))
  })

  test('every wish is acted upon at once, without any time passing', async () => {
    const begun = Date.now()
    const id = create()
    await time.idle()
    expect(row(id).status).toBe('RUNNING')
    wish(id, 'STANDBY')
    await time.idle()
    expect(row(id).status).toBe('STANDBY')
    expect(Date.now() - begun).toBeLessThan(50)
  })

  test('a stop leaves the home as it is, a start finds it again and seeds nothing', async () => {
    const id = await asleep()
    rmSync(homeFile(id, '.profile'))
    wish(id, 'RUNNING')
    await time.until(at(id, 'RUNNING'))
    expect(readFileSync(homeFile(id), 'utf8')).toBe('precious')
    expect(existsSync(homeFile(id, '.profile'))).toBe(false)
  })

  test('a stop that has ended counts as the last access', async () => {
    const id = await running()
    await time.pass(MINUTE)
    const before = Date.now()
    wish(id, 'STANDBY')
    await time.until(at(id, 'STANDBY'))
    expect(row(id).lastAccessAt).toBeGreaterThanOrEqual(before)
  })

  test('leaves no clock running once it sleeps', async () => {
    await asleep()
    await time.idle()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('every step is told while it is done, and none is left when it has ended', async () => {
    const steps: (string | null)[] = []
    plane.bus.subscribe((news) => {
      if (news.kind === 'progress') steps.push(news.progress?.step ?? null)
    })
    engine.images.clear()
    const id = await running()
    expect(steps).toEqual([
      'PREPARING_HOME',
      null,
      'PULLING_IMAGE',
      'CREATING_CONTAINER',
      'WAITING_FOR_EDITOR',
      null,
    ])
    expect(plane.live.progressOf(id)).toBeNull()
  })

  test('so is every step of a stop and of a deletion', async () => {
    const id = await running()
    const steps: (string | null)[] = []
    plane.bus.subscribe((news) => {
      if (news.kind === 'progress') steps.push(news.progress?.step ?? null)
    })
    wish(id, 'STANDBY')
    await time.until(at(id, 'STANDBY'))
    remove(id)
    await time.until(at(id, 'DELETED'))
    await time.idle()
    expect(steps).toEqual(['STOPPING', null, 'STOPPING', 'REMOVING', null])
  })

  test('D12 workspaces do not wait for each other: one whose start never ends delays nobody', async () => {
    const gate = engine.hold('start')
    const slow = create()
    await time.until(gate.reached)
    const other = create()
    await time.idle()
    expect(engine.count('start', other)).toBe(1)
    gate.open()
    await time.until(() => at(slow, 'RUNNING')() && at(other, 'RUNNING')())
  })
})

describe('an archive', () => {
  const archivesOf = (id: string) => plane.archives.list(id)

  test('takes the place of the home, and gives it back', async () => {
    const id = await running()
    const operations = watch(id, 'operation')
    wish(id, 'PENDING')
    await time.until(at(id, 'PENDING'))
    const [archive, ...more] = await archivesOf(id)
    expect(more).toEqual([])
    expect(row(id)).toMatchObject({ archiveKey: archive!.key, homeStoreKey: homeKey(row(id)) })
    expect(archive!.meta.workspace).toMatchObject({ id, name: 'Notes', archive_key: archive!.key })
    expect(readdirSync(dirname(plane.homeOf(id)))).toEqual(['workspace.json'])

    await plane.workspaces.restore(ALICE, id, undefined)
    await time.until(at(id, 'RUNNING', { archiveKey: null, restoreKey: null }))
    expect(content(id)).toBe('precious')
    expect(operations.filter((operation) => operation !== 'NONE')).toEqual([
      'STOPPING',
      'ARCHIVING',
      'RESTORING',
      'STARTING',
    ])
    expect(await archivesOf(id), 'it stays').toHaveLength(1)
  })

  test('is told of step by step, and written down with its causes', async () => {
    const steps: (string | null)[] = []
    plane.bus.subscribe((news) => {
      if (news.kind === 'progress' && steps.at(-1) !== (news.progress?.step ?? null))
        steps.push(news.progress?.step ?? null)
    })
    const id = await asleep()
    steps.length = 0
    plane.workspaces.wishFor(row(id), 'PENDING', 'ARCHIVE_TTL')
    await time.until(at(id, 'PENDING', { statusCause: 'ARCHIVE_TTL' }))
    const since = Date.now()
    expect(row(id).statusSince).toBeLessThanOrEqual(since)
    await time.pass(MINUTE)
    plane.workspaces.wishFor(row(id), 'RUNNING', 'VISIT')
    await time.until(at(id, 'RUNNING', { statusCause: 'VISIT' }))
    expect(row(id).statusSince).toBeGreaterThanOrEqual(since + MINUTE)
    expect(steps).toEqual([
      ...['PACKING', 'REMOVING', null],
      ...['VERIFYING', 'UNPACKING', null],
      ...['CREATING_CONTAINER', 'WAITING_FOR_EDITOR', null],
    ])
    expect(story(id)).toEqual([
      'PROVISIONING CREATED SUCCEEDED',
      'STARTING CREATED SUCCEEDED',
      'STOPPING PERSON SUCCEEDED',
      'ARCHIVING ARCHIVE_TTL SUCCEEDED',
      'RESTORING VISIT SUCCEEDED',
      'STARTING VISIT SUCCEEDED',
    ])
  })

  test('is written down before the home goes: while it is not, the home stays', async () => {
    const id = await asleep()
    reach('archiving.after-meta', () => {
      expect(row(id).archiveKey, 'not yet').toBeNull()
      expect(content(id)).toBe('precious')
    })
    reach('archiving.committed', () => {
      expect(row(id).archiveKey).not.toBeNull()
      expect(content(id), 'still').toBe('precious')
    })
    reach('archiving.removed-home', () => expect(existsSync(plane.homeOf(id))).toBe(false))
    wish(id, 'PENDING')
    await time.until(at(id, 'PENDING'))
    expect(reached()).toEqual(['archiving.after-meta', 'archiving.committed', 'archiving.removed-home'])
  })

  test('that cannot be written down leaves the home', async () => {
    const id = await asleep()
    db.exec(`CREATE TRIGGER full BEFORE UPDATE OF archive_key ON workspaces
      WHEN NEW.archive_key IS NOT NULL BEGIN SELECT RAISE(ABORT, 'no'); END`)
    wish(id, 'PENDING')
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }))
    expect(row(id)).toMatchObject({ archiveKey: null, errorInfo: { operation: 'ARCHIVING' } })
    expect(content(id)).toBe('precious')
    db.exec('DROP TRIGGER full')
    retry(id)
    await time.until(at(id, 'PENDING'))
  })

  test.each([
    ['fails', 'DOCKER_FAILED'],
    ['fails half way', 'ARCHIVE_FAILED'],
    ['fails late', 'DOCKER_FAILED'],
    ['disk full', 'DISK_FULL'],
    ['lies', 'ARCHIVE_FAILED'],
  ] as const)('whose packing %s three times leaves the home, and nothing else', async (failure, code) => {
    const id = await asleep()
    engine.failures.pack = failure
    wish(id, 'PENDING')
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }))
    expect(row(id)).toMatchObject({ archiveKey: null, errorInfo: { code, operation: 'ARCHIVING' } })
    expect(content(id)).toBe('precious')
    expect(await plane.archives.contents(), 'no attempt is left').toEqual([])
    delete engine.failures.pack
    retry(id)
    await time.until(at(id, 'PENDING'))
  })

  test.each(['fails', 'fails half way', 'fails late', 'disk full'] as const)(
    'whose unpacking %s three times stays, and no half of a home is there',
    async (failure) => {
      const id = await archived()
      engine.failures.unpack = failure
      wish(id, 'RUNNING')
      await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }))
      expect(row(id)).toMatchObject({ errorInfo: { operation: 'RESTORING' } })
      expect(await plane.archives.meta(row(id).archiveKey!)).toBeDefined()
      expect(readdirSync(dirname(plane.homeOf(id)))).toEqual(['workspace.json'])
      delete engine.failures.unpack
      retry(id)
      await time.until(at(id, 'RUNNING'))
      expect(content(id)).toBe('precious')
    },
  )

  test.each<['pack' | 'unpack', 'hangs' | 'is deaf', 'ARCHIVING' | 'RESTORING']>([
    ['pack', 'hangs', 'ARCHIVING'],
    ['pack', 'is deaf', 'ARCHIVING'],
    ['unpack', 'hangs', 'RESTORING'],
    ['unpack', 'is deaf', 'RESTORING'],
  ])('a %s that %s is given up after half an hour, and then works (D10)', async (method, how, operation) => {
    const id = method === 'pack' ? await asleep() : await archived()
    engine.failures[method] = how
    const begun = Date.now()
    wish(id, method === 'pack' ? 'PENDING' : 'RUNNING')
    await time.until(() => row(id).errorCount === 1, HOUR)
    expect(Date.now() - begun).toBe(30 * MINUTE)
    expect(row(id).errorInfo).toMatchObject({ code: 'TIMEOUT', operation })
    engine.mend()
    await time.until(at(id, method === 'pack' ? 'PENDING' : 'RUNNING'))
    wish(id, 'RUNNING')
    await time.until(at(id, 'RUNNING'))
    expect(content(id)).toBe('precious')
    expect(engine.mostAtOnce()).toBe(1)
  })

  test.each([
    ['RUNNING', 'STARTING PERSON SUCCEEDED'],
    ['STANDBY', 'ARCHIVING PERSON GIVEN_UP'],
  ] as const)(
    'that nobody wishes any more is given up for %s at once, with the home as it was',
    async (level, last) => {
      const id = await asleep()
      engine.failures.pack = 'hangs'
      wish(id, 'PENDING')
      await time.until(() => row(id).operation === 'ARCHIVING')
      await time.idle()
      const begun = Date.now()
      wish(id, level)
      await time.idle()
      expect(at(id, level)()).toBe(true)
      expect(Date.now() - begun).toBeLessThan(SECOND)
      expect(row(id)).toMatchObject({ errorCount: 0, errorInfo: null, archiveKey: null })
      expect(content(id)).toBe('precious')
      expect(await plane.archives.contents()).toEqual([])
      expect(story(id)).toContain('ARCHIVING PERSON GIVEN_UP')
      expect(story(id).at(-1)).toBe(last)
    },
  )

  test('that nobody wishes any more when it was just finished is not used', async () => {
    const id = await asleep()
    reach('archiving.after-meta', () => wish(id, 'STANDBY'))
    wish(id, 'PENDING')
    await time.until(at(id, 'STANDBY', { desiredState: 'STANDBY' }))
    expect(content(id)).toBe('precious')
    expect(row(id)).toMatchObject({ archiveKey: null, errorInfo: null })
  })

  test('a restore that nobody wishes any more is given up, and stays archived', async () => {
    const id = await archived()
    const { archiveKey } = row(id)
    engine.failures.unpack = 'hangs'
    wish(id, 'RUNNING')
    await time.until(() => row(id).operation === 'RESTORING')
    await time.idle()
    wish(id, 'PENDING')
    await time.idle()
    expect(at(id, 'PENDING', { archiveKey, errorCount: 0 })()).toBe(true)
    expect(readdirSync(dirname(plane.homeOf(id)))).toEqual(['workspace.json'])
    expect(story(id).at(-1)).toBe('RESTORING PERSON GIVEN_UP')
  })

  test('that is damaged is an error that no second attempt is made at, and is kept', async () => {
    const id = await archived()
    const { archiveKey } = row(id)
    const path = join(root, 'archives', archiveKey!)
    const whole = readFileSync(path)
    writeFileSync(path, whole.subarray(1))
    wish(id, 'RUNNING')
    await time.until(at(id, 'ERROR'))
    expect(row(id)).toMatchObject({
      archiveKey,
      errorCount: MAX_ATTEMPTS,
      errorInfo: { code: 'ARCHIVE_CORRUPT', attempt: 1 },
    })
    expect(existsSync(plane.homeOf(id))).toBe(false)
    writeFileSync(path, whole)
    retry(id)
    await time.until(at(id, 'RUNNING'))
    expect(content(id)).toBe('precious')
  })

  test('that is missing is an error that says so', async () => {
    const id = await archived()
    renameSync(join(root, 'archives', id), join(root, 'elsewhere'))
    wish(id, 'RUNNING')
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }))
    expect(row(id).errorInfo).toMatchObject({ code: 'ARCHIVE_MISSING', attempt: 1 })
    renameSync(join(root, 'elsewhere'), join(root, 'archives', id))
    retry(id)
    await time.until(at(id, 'RUNNING'))
    expect(content(id)).toBe('precious')
  })

  test('whose store is away is an error that says so, and nothing is lost', async () => {
    const [id, other] = [await archived(), await asleep()]
    renameSync(join(root, 'archives'), join(root, 'away'))
    wish(id, 'RUNNING')
    wish(other, 'PENDING')
    for (const each of [id, other]) {
      await time.until(at(each, 'ERROR', { errorCount: MAX_ATTEMPTS }))
      expect(row(each).errorInfo).toMatchObject({ code: 'ARCHIVE_STORE_UNAVAILABLE' })
    }
    expect(content(other)).toBe('precious')
    renameSync(join(root, 'away'), join(root, 'archives'))
    for (const each of [id, other]) retry(each)
    await time.until(() => at(id, 'RUNNING')() && at(other, 'PENDING')())
    expect(content(id)).toBe('precious')
  })

  test('that cannot be used after it was finished is removed again: the home counts, and older archives stay', async () => {
    const id = await asleep()
    for (const failpoint of ['archiving.committed', 'archiving.described'] as const) {
      arm(`${failpoint}=throw`, { onHit: () => undefined, kill: () => undefined })
      wish(id, 'PENDING')
      await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }))
      expect(row(id).archiveKey).toBeNull()
      expect(await plane.archives.list(id)).toEqual([])
      expect(content(id)).toBe('precious')
    }
    arm('', { onHit: () => undefined, kill: () => undefined })
    retry(id)
    await time.until(at(id, 'PENDING'))
    expect(await plane.archives.list(id)).toHaveLength(1)
  })

  test('of which only what stands beside the home knows is restored, as after a backup of the database', async () => {
    const id = await archived()
    const { archiveKey } = row(id)
    for (const [before, wished] of [
      [{ archiveKey: null, homeStoreKey: null }, 'RUNNING'],
      [{ archiveKey: `${id}/older/home.tar.zst` }, 'RUNNING'],
    ] as const) {
      plane.table.writeObserved(id, before)
      wish(id, wished)
      await time.until(at(id, 'RUNNING'))
      expect(content(id)).toBe('precious')
      wish(id, 'PENDING')
      await time.until(at(id, 'PENDING'))
    }
    expect(row(id).archiveKey).not.toBe(archiveKey)
  })

  test('beside a home that is there stands for nothing', async () => {
    const id = await asleep()
    plane.table.writeObserved(id, { archiveKey: `${id}/before/home.tar.zst` })
    plane.reconciler.enqueue(id)
    await time.idle()
    expect(row(id)).toMatchObject({ status: 'STANDBY', archiveKey: null })
  })

  test('that is older can be gone back to: the present home is archived first', async () => {
    const id = await archived('first')
    const first = row(id).archiveKey!
    wish(id, 'RUNNING')
    await time.until(at(id, 'RUNNING'))
    writeFileSync(homeFile(id), 'second')
    await plane.workspaces.restore(ALICE, id, first)
    await time.until(at(id, 'RUNNING', { restoreKey: null, desiredState: 'RUNNING' }))
    await time.until(() => content(id) === 'first')
    await time.until(at(id, 'RUNNING', { archiveKey: null }))
    expect(await archivesOf(id)).toHaveLength(2)
    expect(story(id).slice(-4)).toEqual([
      'STOPPING PERSON SUCCEEDED',
      'ARCHIVING PERSON SUCCEEDED',
      'RESTORING PERSON SUCCEEDED',
      'STARTING PERSON SUCCEEDED',
    ])
    const second = (await archivesOf(id)).find(({ key }) => key !== first)!.key
    await plane.workspaces.restore(ALICE, id, second)
    await time.until(() => row(id).restoreKey === null && at(id, 'RUNNING')())
    expect(content(id)).toBe('second')
  })

  test.each([
    ['is called off', 'asleep', 'second'],
    ['is wished of another one', 'another', 'third'],
  ] as const)('that is older is not unpacked any further when that %s', async (_, then, expected) => {
    const id = await archived('first')
    const first = row(id).archiveKey!
    for (const text of ['third', 'second']) {
      wish(id, 'STANDBY')
      await time.until(at(id, 'STANDBY'))
      writeFileSync(homeFile(id), text)
      wish(id, 'PENDING')
      await time.until(at(id, 'PENDING'))
      await time.pass(SECOND)
    }
    const [, third] = await archivesOf(id)
    engine.failures.unpack = 'hangs'
    await plane.workspaces.restore(ALICE, id, first)
    await time.until(() => row(id).operation === 'RESTORING')
    await time.idle()
    if (then === 'asleep') wish(id, 'STANDBY')
    else await plane.workspaces.restore(ALICE, id, third!.key)
    delete engine.failures.unpack
    await time.until(at(id, then === 'asleep' ? 'STANDBY' : 'RUNNING', { restoreKey: null }), MINUTE)
    expect(content(id)).toBe(expected)
    expect(await archivesOf(id)).toHaveLength(3)
  })

  test('that is older, and damaged, does not cost the present one', async () => {
    const id = await archived('first')
    const first = row(id).archiveKey!
    wish(id, 'STANDBY')
    await time.until(at(id, 'STANDBY'))
    writeFileSync(homeFile(id), 'second')
    writeFileSync(join(root, 'archives', first), 'damaged')
    await plane.workspaces.restore(ALICE, id, first)
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }))
    expect(row(id).errorInfo).toMatchObject({ code: 'ARCHIVE_CORRUPT' })
    wish(id, 'STANDBY')
    await time.until(at(id, 'STANDBY'))
    expect(content(id)).toBe('second')
  })
})

describe('wishes during an operation', () => {
  test('a stop goes on though it is no longer wished, and then what is wished now', async () => {
    const id = await running()
    const gate = engine.hold('stop')
    const statuses = watch(id, 'status')
    wish(id, 'STANDBY')
    await time.until(gate.reached)
    wish(id, 'RUNNING')
    await time.idle()
    expect(row(id).operation).toBe('STOPPING')
    gate.open()
    await time.until(at(id, 'RUNNING'))
    expect(statuses).toEqual(['RUNNING', 'STANDBY', 'RUNNING'])
  })

  test('a start that nobody wishes any more is given up', async () => {
    engine.failures.start = 'hangs'
    const id = create()
    await time.until(() => row(id).operation === 'STARTING')
    await time.idle()
    wish(id, 'STANDBY')
    await time.idle()
    expect(row(id)).toMatchObject({ status: 'STANDBY', operation: 'NONE', errorCount: 0 })
    expect(story(id)).toEqual(['PROVISIONING CREATED SUCCEEDED', 'STARTING CREATED GIVEN_UP'])
    expect(engine.instances.has(id)).toBe(false)
  })

  test('a wish that changes back costs nothing', async () => {
    const gate = engine.hold('start')
    const id = create()
    await time.until(gate.reached)
    wish(id, 'STANDBY')
    wish(id, 'RUNNING')
    gate.open()
    await time.until(at(id, 'RUNNING'))
    await time.pass(MINUTE)
    expect(engine.count('start')).toBe(1)
    expect(engine.count('stop')).toBe(0)
  })

  test('a wish that comes while the world is looked at is the one that counts', async () => {
    const id = await asleep()
    const starts = engine.count('start')
    const gate = engine.hold('observe')
    wish(id, 'RUNNING')
    await time.until(gate.reached)
    wish(id, 'STANDBY')
    gate.open()
    await time.idle()
    expect(row(id).status).toBe('STANDBY')
    expect(engine.count('start')).toBe(starts)
  })

  test('a deletion that comes while the world is looked at makes no new home', async () => {
    const id = await asleep()
    // What an attempt of an earlier process left beside the home.
    mkdirSync(join(dirname(plane.homeOf(id)), '.making-old'))
    rmSync(plane.homeOf(id), { recursive: true })
    const gate = engine.hold('observe')
    retry(id)
    await time.until(gate.reached)
    remove(id)
    gate.open()
    await time.until(at(id, 'DELETED'))
    expect(existsSync(plane.homeOf(id))).toBe(false)
    plane.workspaces.purge(ALICE, id)
    await time.idle()
    expect(existsSync(dirname(plane.homeOf(id)))).toBe(false)
  })

  test('in a storm of wishes there is one operation at a time, and the last wish wins', async () => {
    const ids = Array.from({ length: 5 }, create)
    for (let round = 0; round < 60; round++) {
      for (const [n, id] of ids.entries()) {
        wish(id, (round * 7 + n) % 3 === 0 ? 'RUNNING' : 'STANDBY')
        if (round % 5 === n) plane.reconciler.enqueue(id)
      }
      if (round % 4 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    ids.forEach((id, n) => wish(id, n % 2 === 0 ? 'RUNNING' : 'STANDBY'))
    await time.until(() => ids.every((id, n) => at(id, n % 2 === 0 ? 'RUNNING' : 'STANDBY')()))
    await time.pass(2 * MINUTE)
    for (const [n, id] of ids.entries()) {
      expect(at(id, n % 2 === 0 ? 'RUNNING' : 'STANDBY')()).toBe(true)
      expect(engine.instances.get(id)).toBe(n % 2 === 0 ? 'answering' : undefined)
    }
    expect(engine.mostAtOnce()).toBe(1)
  })
})

describe('the pull of an image', () => {
  beforeEach(() => {
    engine.images.clear()
    engine.failures.ensureImage = 'hangs'
  })

  async function pulling(): Promise<string> {
    const id = create()
    await time.until(() => plane.live.progressOf(id)?.step === 'PULLING_IMAGE')
    return id
  }

  test('tells how far it is', async () => {
    const id = await pulling()
    expect(plane.live.progressOf(id)).toMatchObject({ done_bytes: 1, total_bytes: 2 })
  })

  test('is cancelled by a stop, at once and without an error', async () => {
    const id = await pulling()
    wish(id, 'STANDBY')
    await time.idle()
    expect(row(id)).toMatchObject({ status: 'STANDBY', operation: 'NONE', errorCount: 0, errorInfo: null })
    expect(plane.live.progressOf(id)).toBeNull()
  })

  test('is cancelled by a deletion', async () => {
    const id = await pulling()
    remove(id)
    await time.idle()
    expect(row(id).status).toBe('DELETED')
  })

  test('is cancelled by a stop that came while the world was looked at', async () => {
    const id = create()
    wish(id, 'STANDBY')
    await time.until(at(id, 'STANDBY'))
    const gate = engine.hold('observe')
    wish(id, 'RUNNING')
    await time.until(gate.reached)
    wish(id, 'STANDBY')
    gate.open()
    await time.idle()
    expect(row(id)).toMatchObject({ status: 'STANDBY', operation: 'NONE' })
  })

  test('goes on after a stop and a start right behind it', async () => {
    const id = await pulling()
    wish(id, 'STANDBY')
    wish(id, 'RUNNING')
    delete engine.failures.ensureImage
    await time.idle()
    expect(row(id)).toMatchObject({ status: 'RUNNING', errorCount: 0 })
  })

  test('is not cancelled by a wish that changes nothing about it', async () => {
    const id = await pulling()
    plane.workspaces.patch(ALICE, id, { memo: 'patience' })
    wish(id, 'RUNNING')
    plane.reconciler.enqueue(id)
    await time.idle()
    expect(row(id).operation).toBe('STARTING')
    expect(engine.count('ensureImage')).toBe(1)
  })

  test('may take longer than a start may', async () => {
    delete engine.failures.ensureImage
    const gate = engine.hold('ensureImage')
    const id = create()
    await time.until(gate.reached)
    await time.pass(20 * MINUTE)
    expect(row(id).operation).toBe('STARTING')
    gate.open()
    await time.until(at(id, 'RUNNING'), MINUTE)
    expect(row(id).errorInfo).toBeNull()
  })

  test('is given up when Berth closes, and taken up again by the next process', async () => {
    const id = await pulling()
    await plane.reconciler.stop()
    expect(row(id)).toMatchObject({ operation: 'NONE', errorCount: 0 })
    delete engine.failures.ensureImage
    restart()
    await time.until(at(id, 'RUNNING'))
  })
})

describe('deletion', () => {
  const gone = (id: string): void => {
    expect(row(id)).toMatchObject({ status: 'DELETED', operation: 'NONE', errorInfo: null })
    expect(engine.instances.has(id)).toBe(false)
    expect(existsSync(plane.homeOf(id))).toBe(false)
    const left = readdirSync(dirname(plane.homeOf(id))).sort()
    expect(['trash,workspace.json', 'workspace.json']).toContain(left.join())
  }

  test.each<[string, () => Promise<string> | string]>([
    ['a running one', running],
    ['a sleeping one', asleep],
    ['an archived one', archived],
    ['one in error', stuck],
    [
      'one whose home is lost',
      async () => {
        const id = await asleep()
        rmSync(plane.homeOf(id), { recursive: true })
        return id
      },
    ],
    [
      'one whose instance died',
      async () => {
        const id = await running()
        engine.instances.set(id, 'dead')
        return id
      },
    ],
    [
      'one whose instance does not answer',
      async () => {
        const id = await running()
        engine.instances.set(id, 'unready')
        return id
      },
    ],
  ])('of %s removes the instance, puts the home in the trash, and keeps the row', async (_, make) => {
    const id = await make()
    remove(id)
    await time.until(at(id, 'DELETED'))
    gone(id)
  })

  test('of one that has nothing yet leaves nothing', async () => {
    const id = create()
    remove(id)
    await time.until(at(id, 'DELETED', { homeStoreKey: null }))
    expect(existsSync(dirname(plane.homeOf(id)))).toBe(false)
    expect(plane.workspaces.trash(ALICE)).toEqual([])
  })

  test.each(['ensureImage', 'start'] as const)('waits for a start that is in %s', async (method) => {
    const gate = engine.hold(method)
    const id = create()
    await time.until(gate.reached)
    remove(id)
    await time.idle()
    expect(row(id).status).not.toBe('DELETED')
    gate.open()
    await time.until(at(id, 'DELETED'))
    gone(id)
  })

  test('waits for a stop', async () => {
    const id = await running()
    const gate = engine.hold('stop')
    wish(id, 'STANDBY')
    await time.until(gate.reached)
    remove(id)
    gate.open()
    await time.until(at(id, 'DELETED'))
    gone(id)
  })

  test('never removes a home while its instance is there', async () => {
    const id = await running()
    engine.failures.stop = 'fails'
    remove(id)
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }))
    expect(readFileSync(homeFile(id), 'utf8')).toBe('precious')
    delete engine.failures.stop
    remove(id)
    await time.until(at(id, 'DELETED'))
    gone(id)
  })

  test('never removes a home when the stop of its instance was a lie', async () => {
    const id = await running()
    engine.failures.stop = 'lies'
    remove(id)
    await time.until(() => row(id).errorCount > 0 || row(id).status === 'DELETED')
    expect(row(id).status, 'the instance is still there').not.toBe('DELETED')
    expect(content(id)).toBe('precious')
  })

  test("leaves somebody else's container alone", async () => {
    const id = await asleep()
    engine.instances.set(id, 'foreign')
    remove(id)
    await time.until(at(id, 'DELETED'))
    expect(engine.instances.get(id)).toBe('foreign')
    expect(readFileSync(besideHome(id, 'trash/canary'), 'utf8')).toBe('precious')
  })

  test('removes what half-made and half-removed homes left', async () => {
    const id = await asleep()
    for (const name of ['.making-x', '.gone-y']) {
      mkdirSync(join(dirname(plane.homeOf(id)), name))
      writeFileSync(join(dirname(plane.homeOf(id)), name, 'file'), '')
    }
    remove(id)
    await time.until(at(id, 'DELETED'))
    gone(id)
  })

  test('leaves every other workspace alone', async () => {
    const [id, other] = [await running(), await running()]
    remove(id)
    await time.until(at(id, 'DELETED'))
    await time.pass(MINUTE)
    expect(readFileSync(homeFile(other), 'utf8')).toBe('precious')
    expect(row(other).status).toBe('RUNNING')
  })
})

describe('the trash', () => {
  const leave = (id: string): string[] =>
    existsSync(dirname(plane.homeOf(id))) ? readdirSync(dirname(plane.homeOf(id))) : []

  test('gives a home back, and lets it be started', async () => {
    const id = await trashed()
    expect(plane.workspaces.trash(ALICE)).toMatchObject([{ id, archived: false }])
    undelete(id)
    await time.until(at(id, 'STANDBY', { deletedAt: null }))
    expect(content(id)).toBe('precious')
    wish(id, 'RUNNING')
    await time.until(at(id, 'RUNNING'))
    expect(story(id).slice(-3)).toEqual([
      'DELETING PERSON SUCCEEDED',
      'RESTORING PERSON SUCCEEDED',
      'STARTING PERSON SUCCEEDED',
    ])
  })

  test('gives an archived one back as it was', async () => {
    const id = await archived()
    const { archiveKey } = row(id)
    remove(id)
    await time.until(at(id, 'DELETED', { archiveKey }))
    undelete(id)
    await time.until(at(id, 'PENDING', { archiveKey }))
    wish(id, 'RUNNING')
    await time.until(at(id, 'RUNNING'))
    expect(content(id)).toBe('precious')
  })

  test('gives back what is still being deleted', async () => {
    const id = await running()
    const gate = engine.hold('stop')
    remove(id)
    await time.until(gate.reached)
    undelete(id)
    gate.open()
    await time.until(at(id, 'STANDBY', { deletedAt: null, desiredState: 'STANDBY' }))
    expect(content(id)).toBe('precious')
  })

  test('gives a home back although it is to be archived by then, and is an error when it cannot', async () => {
    const id = await trashed()
    engine.failures.endStorage = 'fails'
    undelete(id)
    wish(id, 'PENDING')
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }), MINUTE)
    expect(readFileSync(besideHome(id, 'trash/canary'), 'utf8')).toBe('precious')
    delete engine.failures.endStorage
    retry(id)
    await time.until(at(id, 'PENDING'))
    expect(story(id).slice(-2)).toEqual(['RESTORING PERSON SUCCEEDED', 'ARCHIVING PERSON SUCCEEDED'])
  })

  test('is emptied after seven days, not before, of the home and all that described it', async () => {
    const id = await trashed()
    const deletedAt = row(id).deletedAt!
    vi.setSystemTime(deletedAt + TRASH_MS - MINUTE)
    plane.reconciler.enqueue(id)
    await time.idle()
    expect(readFileSync(besideHome(id, 'trash/canary'), 'utf8')).toBe('precious')
    await time.until(at(id, 'DELETED', { homeStoreKey: null, archiveKey: null }), MINUTE)
    expect(Date.now()).toBeGreaterThanOrEqual(deletedAt + TRASH_MS)
    expect(leave(id)).toEqual([])
    expect(plane.workspaces.trash(ALICE)).toEqual([])
    await time.idle()
    expect(vi.getTimerCount(), 'nobody waits for it any more').toBe(0)
  })

  test('is emptied at once when a person says so, of an archived one too; the archive is left to the collector', async () => {
    const [id, other] = [await trashed(), await archived()]
    const { archiveKey } = row(other)
    remove(other)
    await time.until(at(other, 'DELETED'))
    for (const each of [id, other]) plane.workspaces.purge(ALICE, each)
    await time.idle()
    for (const each of [id, other]) {
      expect(row(each)).toMatchObject({ status: 'DELETED', homeStoreKey: null, archiveKey: null })
      expect(leave(each)).toEqual([])
    }
    expect(await plane.archives.meta(archiveKey!)).toBeDefined()
  })

  test('says that nothing can be taken back before the first file goes', async () => {
    const id = await trashed()
    reach('deleting.removed-container', () => {
      expect(row(id)).toMatchObject({ homeStoreKey: null, archiveKey: null })
      expect(() => undelete(id)).toThrow('in the trash')
      expect(existsSync(besideHome(id, 'trash/canary'))).toBe(true)
    })
    plane.workspaces.purge(ALICE, id)
    await time.idle()
    expect(reached()).toEqual(['deleting.removed-container'])
    expect(leave(id)).toEqual([])
  })

  test.each<[string, (id: string) => () => void]>([
    [
      'the engine is away',
      () => {
        engine.up = false
        return () => (engine.up = true)
      },
    ],
    [
      'the engine does no work',
      () => {
        engine.failures.stop = 'unreachable'
        return () => delete engine.failures.stop
      },
    ],
    [
      'the home store is away',
      () => {
        renameSync(root, `${root}-away`)
        return () => renameSync(`${root}-away`, root)
      },
    ],
  ])('is emptied in the end though %s meanwhile', async (_, hinder) => {
    const id = await trashed()
    const mend = hinder(id)
    plane.workspaces.purge(ALICE, id)
    await time.pass(MINUTE)
    mend()
    await time.until(() => leave(id).length === 0, MINUTE)
    await time.until(at(id, 'DELETED', { homeStoreKey: null }))
  })

  test('holds the newest home when something was deleted there before', async () => {
    const id = await asleep()
    mkdirSync(besideHome(id, 'trash'))
    writeFileSync(besideHome(id, 'trash/canary'), 'old')
    remove(id)
    await time.until(at(id, 'DELETED'))
    expect(leave(id).sort()).toEqual(['trash', 'workspace.json'])
    undelete(id)
    await time.until(at(id, 'STANDBY'))
    expect(content(id)).toBe('precious')
  })

  test('of one whose home was lost is forgotten in the end', async () => {
    const id = await asleep()
    rmSync(dirname(plane.homeOf(id)), { recursive: true })
    remove(id)
    await time.until(at(id, 'DELETED'))
    plane.workspaces.purge(ALICE, id)
    await time.until(at(id, 'DELETED', { homeStoreKey: null }), MINUTE)
  })
})

describe('D11 while the engine cannot be reached', () => {
  test('nothing is concluded, changed or counted, and it goes on by itself afterwards', async () => {
    plane.reconciler.start()
    const [up, down, leaving] = [await running(), await asleep(), await running()]
    engine.up = false
    const before = [row(up), row(down)]
    const looks = engine.calls.length
    const mutations = engine.mutations()
    remove(leaving)
    plane.reconciler.enqueueAll()
    await time.pass(10 * MINUTE)
    expect([row(up), row(down)]).toEqual(before)
    expect(row(leaving)).toMatchObject({ status: 'RUNNING', errorCount: 0 })
    expect(readFileSync(homeFile(leaving), 'utf8')).toBe('precious')
    expect(engine.mutations()).toBe(mutations)
    expect(engine.calls.length - looks, 'asked now and then, not all the time').toBeLessThan(3 * (10 * 60))

    engine.up = true
    await time.until(at(leaving, 'DELETED'), 30 * SECOND)
    expect(row(up).status).toBe('RUNNING')
    expect(row(down).status).toBe('STANDBY')
  })

  test('a wish of that time is honoured when it is back', async () => {
    const id = await asleep()
    engine.up = false
    wish(id, 'RUNNING')
    await time.pass(MINUTE)
    expect(row(id)).toMatchObject({ status: 'STANDBY', errorCount: 0 })
    engine.up = true
    await time.until(at(id, 'RUNNING'), 30 * SECOND)
  })

  test.each(['ensureImage', 'start', 'stop'] as const)(
    'an operation that it interrupts in %s is not counted, and goes on',
    async (method) => {
      const id = method === 'stop' ? await running() : await asleep()
      const gate = engine.hold(method)
      wish(id, method === 'stop' ? 'STANDBY' : 'RUNNING')
      await time.until(gate.reached)
      engine.up = false
      gate.open()
      await time.pass(MINUTE)
      expect(row(id)).toMatchObject({ errorCount: 0, errorInfo: null })
      engine.up = true
      await time.until(at(id, method === 'stop' ? 'STANDBY' : 'RUNNING'), 30 * SECOND)
    },
  )

  test('an operation whose result cannot be seen stays claimed until it can', async () => {
    const id = await asleep()
    const gate = engine.hold('start')
    wish(id, 'RUNNING')
    await time.until(gate.reached)
    engine.failures.observe = 'unreachable'
    gate.open()
    await time.pass(5 * SECOND)
    const { opId } = row(id)
    expect(row(id)).toMatchObject({ operation: 'STARTING', errorCount: 0 })
    delete engine.failures.observe
    await time.until(at(id, 'RUNNING', { opId }), 30 * SECOND)
    expect(engine.count('start', id)).toBe(2)
  })

  test('an engine that answers looks but no work is not asked over and over', async () => {
    const id = await asleep()
    const before = engine.count('start')
    engine.failures.start = 'unreachable'
    wish(id, 'RUNNING')
    await time.pass(MINUTE)
    expect(engine.count('start') - before).toBeLessThanOrEqual(60)
    expect(row(id).errorCount).toBe(0)
    delete engine.failures.start
    await time.until(at(id, 'RUNNING'), 30 * SECOND)
  })

  test('an engine that says nothing at all is as unknown as one that refuses', async () => {
    const id = await running()
    engine.failures.observe = 'hangs'
    wish(id, 'STANDBY')
    await time.pass(2 * MINUTE)
    expect(row(id)).toMatchObject({ status: 'RUNNING', operation: 'NONE', errorCount: 0 })
    delete engine.failures.observe
    await time.until(at(id, 'STANDBY'))
  })
})

describe('while the home store is not there', () => {
  test('nothing is concluded: no error, no new home, no deletion', async () => {
    const [id, leaving] = [await asleep(), await asleep()]
    const away = `${root}-away`
    renameSync(root, away)
    mkdirSync(root) // an empty mount point
    wish(id, 'RUNNING')
    remove(leaving)
    const fresh = create()
    await time.pass(MINUTE)
    for (const each of [id, leaving, fresh])
      expect(row(each)).toMatchObject({ errorCount: 0, operation: 'NONE' })
    expect(row(fresh).status).toBe('PENDING')
    expect(row(leaving).status).toBe('STANDBY')

    rmSync(root, { recursive: true })
    renameSync(away, root)
    await time.until(() => at(id, 'RUNNING')() && at(fresh, 'RUNNING')() && at(leaving, 'DELETED')())
    expect(readFileSync(homeFile(id), 'utf8')).toBe('precious')
  })

  test('a deletion that its home store refuses is not tried over and over', async () => {
    const id = await asleep()
    rmSync(plane.homeOf(id), { recursive: true })
    writeFileSync(plane.homeOf(id), 'not a directory')
    const before = engine.count('stop')
    remove(id)
    await time.pass(MINUTE)
    expect(engine.count('stop') - before).toBeLessThanOrEqual(60)
  })
})

describe('failures', () => {
  test('a failed operation is told of, and tried again after one and five seconds', async () => {
    const id = await asleep()
    const told: number[] = []
    plane.bus.subscribe((news) => {
      if (news.kind === 'error') told.push(Date.now() - begun)
    })
    engine.failures.start = 'fails'
    const begun = Date.now()
    wish(id, 'RUNNING')
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }))
    expect(told.map((ms) => Math.round(ms / 100) / 10)).toEqual([0, 1, 6])
    expect(row(id).errorInfo).toEqual({
      code: 'DOCKER_FAILED',
      message: 'start was refused',
      hint: expect.stringMatching(/retry/) as string,
      operation: 'STARTING',
      attempt: 3,
      at: new Date(begun + told.at(-1)!).toISOString(),
    })
    expect(story(id).slice(-3)).toEqual([
      'STARTING PERSON FAILED DOCKER_FAILED',
      'STARTING RETRY FAILED DOCKER_FAILED',
      'STARTING RETRY FAILED DOCKER_FAILED',
    ])
  })

  test('three of them end it, however long one waits and however often one looks', async () => {
    const id = await stuck()
    const starts = engine.count('start')
    plane.reconciler.start()
    await time.pass(60 * MINUTE)
    expect(row(id).status).toBe('ERROR')
    expect(engine.count('start')).toBe(starts)
  })

  test.each<[string, (id: string) => void, WorkspaceRow['status']]>([
    ['a start', (id) => wish(id, 'RUNNING'), 'RUNNING'],
    ['a retry', retry, 'RUNNING'],
    ['a new image', (id) => void plane.workspaces.patch(ALICE, id, { image_ref: 'image:2' }), 'RUNNING'],
    ['a stop', (id) => wish(id, 'STANDBY'), 'STANDBY'],
  ])('%s by a person clears them and goes on', async (_, act, status) => {
    const id = await stuck()
    act(id)
    await time.until(at(id, status), SECOND)
    await time.until(at(id, status, { errorCount: 0, errorInfo: null, retryAt: null }), 2 * MINUTE)
  })

  test('a wish that is no wish about its state does not clear them', async () => {
    const id = await stuck()
    plane.workspaces.patch(ALICE, id, { name: 'Renamed', memo: 'broken' })
    await time.pass(MINUTE)
    expect(row(id)).toMatchObject({ status: 'ERROR', errorCount: MAX_ATTEMPTS })
  })

  test('a success after a failure is forgiven once it has answered for a minute, not before', async () => {
    const id = await asleep()
    engine.failures.start = 'fails'
    wish(id, 'RUNNING')
    await time.until(at(id, 'ERROR', { errorCount: 1 }))
    delete engine.failures.start
    await time.until(at(id, 'RUNNING'))
    await time.pass(59 * SECOND)
    expect(row(id).errorCount).toBe(1)
    await time.pass(2 * SECOND)
    expect(row(id)).toMatchObject({ errorCount: 0, errorInfo: null, retryAt: null })
  })

  test('a wish made after three failures has three attempts of its own', async () => {
    const id = await stuck()
    engine.failures.start = 'fails'
    const starts = engine.count('start')
    wish(id, 'RUNNING')
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS, errorWish: row(id).wish }))
    expect(engine.count('start') - starts).toBe(3)
  })

  test('a stop that fails is counted, also when somebody looks while it is under way', async () => {
    const id = await running()
    engine.failures.stop = 'fails'
    const gate = engine.hold('stop')
    wish(id, 'STANDBY')
    await time.until(gate.reached)
    plane.reconciler.enqueue(id)
    gate.open()
    await time.until(() => row(id).errorCount === 1, SECOND)
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }))
    expect(engine.count('stop')).toBe(3)
  })

  test('a deletion that fails is counted, although its own container events make Berth look', async () => {
    const id = await running()
    engine.failures.stop = 'fails'
    const events = setInterval(() => plane.reconciler.enqueue(id), 100)
    remove(id)
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }), MINUTE)
    clearInterval(events)
    expect(engine.count('stop')).toBe(3)
  })

  test('a start that fails under an older wish does not hold up the newer one', async () => {
    const id = await asleep()
    engine.failures.start = 'fails'
    const gate = engine.hold('start')
    wish(id, 'RUNNING')
    await time.until(gate.reached)
    wish(id, 'STANDBY')
    gate.open()
    await time.idle()
    expect(row(id)).toMatchObject({ status: 'STANDBY', operation: 'NONE', errorCount: 0, errorInfo: null })
  })

  test('an image that does not exist is tried three times like anything else', async () => {
    engine.failures.ensureImage = 'fails'
    const id = create()
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }))
    expect(engine.count('ensureImage')).toBe(3)
    expect(engine.count('start')).toBe(0)
  })

  test.each(['hangs', 'is deaf'] as const)('a start that %s is given up after five minutes', async (how) => {
    const id = await asleep()
    engine.failures.start = how
    const begun = Date.now()
    wish(id, 'RUNNING')
    await time.until(() => row(id).errorCount === 1)
    expect(Date.now() - begun).toBe(5 * MINUTE)
    expect(row(id).errorInfo).toMatchObject({ code: 'TIMEOUT', operation: 'STARTING' })
    await time.until(() => row(id).errorCount === 2)
    if (how === 'hangs') expect(engine.mostAtOnce(), 'the first has ended').toBe(1)
  })

  test('code-server that never answers is told with the end of the log, and gets a new container the next time', async () => {
    const id = await asleep()
    engine.starts.length = 0
    engine.failures.start = 'never answers'
    wish(id, 'RUNNING')
    await time.until(() => row(id).errorCount === 1)
    expect(row(id).errorInfo).toMatchObject({
      code: 'NOT_ANSWERING',
      operation: 'STARTING',
      log_tail: `the log of ${id}`,
    })
    engine.mend()
    await time.until(at(id, 'RUNNING'))
    expect(engine.starts.map(({ anew }) => anew)).toEqual([false, true])
  })

  test('a start that was done although it is said to have failed is a start (D10)', async () => {
    const id = await asleep()
    engine.failures.start = 'fails late'
    const starts = engine.count('start')
    wish(id, 'RUNNING')
    await time.until(at(id, 'RUNNING'), MINUTE)
    expect(engine.count('start') - starts).toBe(1)
    await time.until(at(id, 'RUNNING', { errorCount: 0 }), 2 * MINUTE)
  })

  test('a stop that was done although it is said to have failed is a stop (D10)', async () => {
    const id = await running()
    engine.failures.stop = 'fails late'
    wish(id, 'STANDBY')
    await time.until(at(id, 'STANDBY', { errorCount: 0 }), MINUTE)
    expect(engine.count('stop')).toBe(1)
  })

  test('an operation that says it is done and did nothing has failed', async () => {
    const id = await asleep()
    engine.failures.start = 'lies'
    wish(id, 'RUNNING')
    await time.until(at(id, 'ERROR', { errorCount: 1 }))
    expect(row(id).errorInfo).toMatchObject({ code: 'INTERNAL', operation: 'STARTING' })
  })
})

describe('an instance that ends by itself', () => {
  /** Ends an instance from outside, and tells of it as the engine does. */
  function die(id: string): void {
    engine.instances.set(id, 'dead')
    plane.reconciler.enqueue(id)
  }

  test('is started again at once when it ran for a good while', async () => {
    const id = await running()
    await time.pass(2 * MINUTE)
    const begun = Date.now()
    die(id)
    await time.idle()
    await time.until(at(id, 'RUNNING'), SECOND)
    expect(Date.now() - begun).toBeLessThan(100)
    expect(engine.instances.get(id)).toBe('answering')
  })

  test('is told of with what it was', async () => {
    const id = await running()
    const codes: string[] = []
    plane.bus.subscribe((news) => {
      if (news.kind === 'error') codes.push(`${news.errorInfo.code} ${news.errorInfo.operation}`)
    })
    die(id)
    await time.until(at(id, 'RUNNING', { errorCount: 1 }))
    expect(codes).toEqual(['INSTANCE_DIED NONE'])
    expect(row(id)).toMatchObject({ statusCause: 'RECOVERY', errorInfo: { log_tail: `the log of ${id}` } })
    expect(story(id).slice(-2)).toEqual(['NONE RECOVERY FAILED INSTANCE_DIED', 'STARTING RECOVERY SUCCEEDED'])
  })

  test('over and over ends in ERROR with its home intact', async () => {
    const id = await running()
    plane.bus.subscribe((news) => {
      if (news.kind === 'workspace' && at(id, 'RUNNING')()) die(id)
    })
    die(id)
    await time.until(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS }), MINUTE)
    expect(row(id).errorInfo).toMatchObject({ code: 'INSTANCE_DIED' })
    expect(readFileSync(homeFile(id), 'utf8')).toBe('precious')
    const starts = engine.count('start')
    await time.pass(60 * MINUTE)
    expect(engine.count('start')).toBe(starts)
  })

  test('once in a while is no crash loop', async () => {
    const id = await running()
    for (let deaths = 0; deaths < 5; deaths++) {
      await time.pass(2 * MINUTE)
      die(id)
      await time.until(at(id, 'RUNNING'), MINUTE)
    }
    await time.pass(2 * MINUTE)
    expect(row(id)).toMatchObject({ status: 'RUNNING', errorCount: 0 })
  })

  test('after a stop was wished is simply stopped', async () => {
    const id = await running()
    const gate = engine.hold('stop')
    wish(id, 'STANDBY')
    await time.until(gate.reached)
    die(id)
    gate.open()
    await time.until(at(id, 'STANDBY', { errorCount: 0 }))
  })
})

describe('a lost home', () => {
  async function lost(level: 'RUNNING' | 'STANDBY'): Promise<string> {
    const id = level === 'RUNNING' ? await running() : await asleep()
    renameSync(plane.homeOf(id), join(root, 'elsewhere'))
    return id
  }

  test('is an error that no second attempt is made at, and never a new home', async () => {
    const id = await lost('STANDBY')
    wish(id, 'RUNNING')
    await time.until(at(id, 'ERROR'))
    expect(row(id)).toMatchObject({
      errorCount: MAX_ATTEMPTS,
      errorInfo: { code: 'HOME_MISSING', attempt: 1 },
    })
    for (const again of [
      retry,
      (each: string) => wish(each, 'RUNNING'),
      (each: string) => wish(each, 'STANDBY'),
    ]) {
      again(id)
      await time.pass(MINUTE)
      expect(at(id, 'ERROR')()).toBe(true)
      expect(existsSync(plane.homeOf(id))).toBe(false)
    }
  })

  test('leaves a running instance alone until a person stops it', async () => {
    const id = await lost('RUNNING')
    plane.reconciler.enqueue(id)
    await time.until(at(id, 'ERROR'))
    expect(engine.instances.get(id)).toBe('answering')
    wish(id, 'STANDBY')
    await time.until(() => !engine.instances.has(id))
    await time.until(at(id, 'ERROR'))
    expect(existsSync(plane.homeOf(id))).toBe(false)
  })

  test('that is put back is used again', async () => {
    const id = await lost('STANDBY')
    wish(id, 'RUNNING')
    await time.until(at(id, 'ERROR'))
    renameSync(join(root, 'elsewhere'), plane.homeOf(id))
    retry(id)
    await time.until(at(id, 'RUNNING'))
    expect(readFileSync(homeFile(id), 'utf8')).toBe('precious')
  })
})

test("C7: somebody else's container under our name is an error, and is never touched", async () => {
  const id = await asleep()
  engine.instances.set(id, 'foreign')
  const mutations = engine.mutations()
  wish(id, 'RUNNING')
  await time.until(at(id, 'ERROR'))
  expect(row(id)).toMatchObject({
    errorCount: MAX_ATTEMPTS,
    errorInfo: { code: 'CONTAINER_NAME_TAKEN', attempt: 1 },
  })
  await time.pass(10 * MINUTE)
  expect(engine.instances.get(id)).toBe('foreign')
  expect(engine.mutations()).toBe(mutations)
  engine.instances.delete(id)
  retry(id)
  await time.until(at(id, 'RUNNING'))
})

describe('D7 a settled world', () => {
  test('of 200 costs no write and no change on a second look, whatever state they settled in', async () => {
    const ids = [await running(), await stuck(), await archived(), await trashed()]
    for (let n = ids.length; n < 199; n++) ids.push(create())
    await time.until(() => ids.slice(4).every((id) => at(id, 'RUNNING')()))
    const levels = ['STANDBY', 'PENDING', 'RUNNING'] as const
    ids.slice(4).forEach((id, n) => (n % 4 === 3 ? remove(id) : wish(id, levels[n % 4]!)))
    const lost = await asleep()
    rmSync(plane.homeOf(lost), { recursive: true })
    retry(lost)
    const rests = (id: string): boolean => {
      const { operation, status, desiredState, deletedAt } = row(id)
      return operation === 'NONE' && status === (deletedAt === null ? desiredState : 'DELETED')
    }
    await time.until(() => at(lost, 'ERROR')() && ids.slice(4).every(rests))
    await time.pass(2 * MINUTE)
    const writes = (): unknown => db.prepare('SELECT total_changes() AS n').get()
    const news: unknown[] = []
    plane.bus.subscribe((one) => news.push(one))
    const before = { writes: writes(), mutations: engine.mutations() }
    const looks = engine.count('observe')
    plane.reconciler.enqueueAll()
    await time.idle()
    expect(engine.count('observe') - looks).toBe(200)
    expect({ writes: writes(), mutations: engine.mutations() }).toEqual(before)
    expect(news).toEqual([])
  })
})

test.each(['start', 'pack', 'observe'] as const)(
  'D12 one of twelve workspaces whose %s never ends delays none of the others',
  async (method) => {
    const ids: string[] = []
    for (let n = 0; n < 12; n++) ids.push(await asleep())
    const poisoned = ids.pop()!
    const gate = engine.hold(method)
    wish(poisoned, method === 'pack' ? 'PENDING' : 'RUNNING')
    await time.until(gate.reached)
    gate.forget()
    const begun = Date.now()
    ids.forEach((id, n) => wish(id, n % 2 === 0 ? 'RUNNING' : 'PENDING'))
    await time.until(() => ids.every((id, n) => at(id, n % 2 === 0 ? 'RUNNING' : 'PENDING')()), MINUTE)
    expect(Date.now() - begun).toBeLessThan(SECOND)
    expect(row(poisoned).status).toBe('STANDBY')
  },
)

describe('D8 with no events at all', () => {
  test('the resync finds a death', async () => {
    plane.reconciler.start()
    const id = await running()
    await time.pass(2 * MINUTE)
    engine.instances.delete(id)
    await time.until(() => engine.instances.get(id) === 'answering', 31 * SECOND)
    await time.until(at(id, 'RUNNING'), SECOND)
  })

  test('the resync finds a wish that nobody announced', async () => {
    plane.reconciler.start()
    const id = await running()
    plane.table.writeWishes(id, row(id).wish, { desiredState: 'STANDBY', wish: row(id).wish + 1 })
    await time.until(at(id, 'STANDBY'), 31 * SECOND)
  })

  test('the resync finds an instance that nobody here started', async () => {
    plane.reconciler.start()
    const id = await asleep()
    engine.instances.set(id, 'answering')
    await time.until(() => !engine.instances.has(id), 31 * SECOND)
  })
})

describe('D14 the next process', () => {
  const left = (id: string, change: Partial<WorkspaceRow>): void => {
    plane.table.insert(rowOf(id, change))
    plane.reconciler.start()
  }
  const home = (id: string): void => {
    mkdirSync(plane.homeOf(id), { recursive: true })
    writeFileSync(homeFile(id), 'precious')
  }
  const provisioned = (id: string): Partial<WorkspaceRow> => ({
    status: 'STANDBY',
    homeStoreKey: `users/${ALICE.id}/workspaces/${id}/home`,
  })

  test('finishes a start under its own name', async () => {
    const id = idOf(90_001)
    home(id)
    left(id, { ...provisioned(id), operation: 'STARTING', opId: 'op-before' })
    await time.until(at(id, 'RUNNING'))
    expect(row(id).opId).toBe('op-before')
  })

  test('finishes a start whose container has come up meanwhile without touching it', async () => {
    const id = idOf(90_002)
    home(id)
    engine.instances.set(id, 'answering')
    left(id, { ...provisioned(id), operation: 'STARTING', opId: 'op-before' })
    await time.until(at(id, 'RUNNING'))
    expect(engine.mutations()).toBe(0)
  })

  test('finishes a deletion under its own name', async () => {
    const id = idOf(90_003)
    home(id)
    engine.instances.set(id, 'answering')
    const deleted = { deletedAt: 5, operation: 'DELETING', opId: 'op-before' } as const
    left(id, { ...provisioned(id), ...deleted })
    await time.until(at(id, 'DELETED'))
    expect(row(id).opId).toBe('op-before')
    expect(existsSync(plane.homeOf(id))).toBe(false)
    expect(readFileSync(besideHome(id, 'trash/canary'), 'utf8')).toBe('precious')
  })

  test('finishes a home whose making was cut off, and leaves none of its remains', async () => {
    const id = idOf(90_004)
    mkdirSync(join(dirname(plane.homeOf(id)), '.making-op-before'), { recursive: true })
    left(id, { operation: 'PROVISIONING', opId: 'op-before' })
    await time.until(at(id, 'RUNNING'))
    expect(existsSync(join(dirname(plane.homeOf(id)), '.making-op-before'))).toBe(false)
  })

  test('takes the home that was made and never written down', async () => {
    const id = idOf(90_005)
    home(id)
    left(id, { operation: 'PROVISIONING', opId: 'op-before' })
    await time.until(at(id, 'RUNNING'))
    expect(readFileSync(homeFile(id), 'utf8')).toBe('precious')
    expect(row(id).homeStoreKey).not.toBeNull()
  })

  test('heads for the wish of now, not for the operation of then', async () => {
    const id = idOf(90_006)
    home(id)
    engine.instances.set(id, 'answering')
    left(id, { ...provisioned(id), operation: 'STARTING', opId: 'op-before', desiredState: 'STANDBY' })
    await time.until(at(id, 'STANDBY'))
    expect(engine.count('start')).toBe(0)
    expect(row(id).opId).not.toBe('op-before')
  })

  test('goes on waiting for a person where the last one did', async () => {
    const id = await stuck()
    plane.kill()
    restart()
    await time.pass(10 * MINUTE)
    expect(at(id, 'ERROR', { errorCount: MAX_ATTEMPTS })()).toBe(true)
  })

  test('ends what was cut off in the history when nobody wishes it any more', async () => {
    const id = await asleep()
    plane.history.begin(id, 'op-before', 'ARCHIVING', 'PERSON', Date.now())
    plane.table.writeObserved(id, { operation: 'ARCHIVING', opId: 'op-before' })
    plane.reconciler.enqueue(id)
    await time.until(at(id, 'STANDBY', { operation: 'NONE' }))
    expect(story(id).at(-1)).toBe('ARCHIVING PERSON INTERRUPTED')
  })

  test('removes what was unpacked of an archive when nobody wishes it any more', async () => {
    const id = await archived()
    mkdirSync(besideHome(id, '.making-op-before-x'))
    plane.table.writeObserved(id, { operation: 'RESTORING', opId: 'op-before' })
    remove(id)
    await time.until(at(id, 'DELETED'))
    expect(readdirSync(dirname(plane.homeOf(id)))).toEqual(['workspace.json'])
    expect(engine.count('endStorage', id)).toBeGreaterThan(0)
  })

  test('finishes an archive whose home is half removed, and leaves nothing of it', async () => {
    const id = await archived()
    mkdirSync(besideHome(id, '.gone-op-before'))
    plane.table.writeObserved(id, { operation: 'ARCHIVING', opId: 'op-before', status: 'STANDBY' })
    plane.reconciler.enqueue(id)
    await time.until(at(id, 'PENDING'))
    expect(engine.count('pack', id)).toBe(1)
    expect(readdirSync(dirname(plane.homeOf(id)))).toEqual(['workspace.json'])
  })

  test('finishes a purge that has begun, and takes nothing back from it', async () => {
    const id = await trashed()
    const purged = { operation: 'DELETING', opId: 'op-before', homeStoreKey: null } as const
    plane.table.writeObserved(id, purged)
    expect(() => undelete(id)).toThrow('in the trash')
    plane.reconciler.start()
    await time.until(at(id, 'DELETED'))
    expect(existsSync(dirname(plane.homeOf(id)))).toBe(false)
  })

  test.each<[Level, 'open' | 'forget', string]>([
    ['RUNNING', 'open', 'although what it asked for is done later'],
    ['RUNNING', 'forget', 'and nothing of what it asked for is done'],
    ['STANDBY', 'open', 'although what it asked for is done later'],
    ['STANDBY', 'forget', 'and nothing of what it asked for is done'],
  ])('converges to %s when the last was killed in any call (%s), %s', async (level, then) => {
    const methods =
      level === 'RUNNING' ? (['observe', 'ensureImage', 'start'] as const) : (['observe', 'stop'] as const)
    for (const method of methods) {
      const id = level === 'RUNNING' ? create() : await running()
      const gate = engine.hold(method)
      wish(id, level)
      await time.until(gate.reached, SECOND)
      plane.kill()
      gate[then]()
      restart()
      await time.until(at(id, level))
      expect(engine.instances.get(id), method).toBe(level === 'RUNNING' ? 'answering' : undefined)
      expect(row(id).errorCount, method).toBe(0)
    }
  })

  test('seeds a home from the beginning when the last was killed in the middle of it', async () => {
    const id = create()
    const gate = engine.hold('readImageHome')
    await time.until(gate.reached, SECOND)
    plane.kill()
    gate.forget()
    restart()
    await time.until(at(id, 'RUNNING'))
    expect(readFileSync(homeFile(id, '.profile'), 'utf8')).toBe('from the image\n')
  })
})

/** What happens at failpoints, and which of those were reached. */
const points = new Map<Failpoint, () => void>()
let hits: Failpoint[] = []
const reached = (): Failpoint[] => hits
function reach(name: Failpoint, happens: () => void): void {
  points.set(name, happens)
  const armed = [...points.keys()].map((each) => `${each}=kill`).join(',')
  // Once each: what is done again after a failure goes well.
  const onHit = (hit: Failpoint): void => {
    const happen = points.get(hit)
    if (!points.delete(hit)) return
    hits.push(hit)
    happen?.()
  }
  arm(armed, { onHit, kill: () => undefined })
}
function fail(name: Failpoint): void {
  reach(name, () => {
    throw new Error(`failpoint ${name}`)
  })
}
afterEach(() => {
  arm('', { onHit: () => undefined, kill: () => undefined })
  points.clear()
  hits = []
})

/** Those of the engine's own side are passed by no fake. */
const PASSED = FAILPOINTS.filter(
  (name) => !/^(starting\.(?!image-ready|seed-staged|seeded)|stopping\.)/.test(name),
)

describe('D3 at every failpoint', () => {
  /** A whole life, as it is wished; each step says when it is there. */
  async function live(): Promise<string> {
    plane.reconciler.start()
    const id = create()
    const there = async (status: WorkspaceRow['status'], change: Partial<WorkspaceRow> = {}): Promise<void> =>
      time.until(at(id, status, change))
    await there('RUNNING')
    writeFileSync(homeFile(id), 'precious')
    wish(id, 'PENDING')
    await there('PENDING')
    wish(id, 'STANDBY')
    await there('STANDBY')
    expect(content(id)).toBe('precious')
    remove(id)
    await there('DELETED')
    undelete(id)
    await there('STANDBY')
    expect(content(id)).toBe('precious')
    remove(id)
    await there('DELETED')
    plane.workspaces.purge(ALICE, id)
    await there('DELETED', { homeStoreKey: null })
    return id
  }
  /** Nothing lies around. */
  async function expectTidy(id: string): Promise<void> {
    await time.until(() => !existsSync(dirname(plane.homeOf(id))))
    expect(engine.instances.size).toBe(0)
    const archives = await plane.archives.contents()
    expect(archives.every(({ finished }) => finished)).toBe(true)
    expect(engine.violations).toEqual([])
    expect(engine.mostAtOnce()).toBe(1)
  }

  test.each(PASSED)('%s: what throws there is tried again, and nothing is lost', async (name) => {
    fail(name)
    // Passed only when something fails.
    if (name === 'reconciler.failed') fail('archiving.packed')
    const id = await live()
    expect(reached()).toContain(name)
    await expectTidy(id)
    plane.log.errors.length = 0 // one that was thrown outside of an operation is logged
  })

  test.each(PASSED)('%s: the process that is killed there leaves the rest to the next', async (name) => {
    const kill = (): void => {
      const onDisk = new Error().stack!.includes('local-dir.ts')
      plane.kill(onDisk)
      engine.cutOff()
      restart()
      return new Promise(() => undefined) as never
    }
    const point = { hit: false }
    const onHit = (hit: Failpoint): void => {
      if (hit === name) point.hit = true
    }
    let killed = false
    arm(`${name}=kill`, {
      onHit,
      kill: () => {
        if (killed) return undefined
        killed = true
        return kill()
      },
    })
    if (name === 'reconciler.failed') engine.failures.pack = 'fails'
    const healed = setInterval(() => killed && delete engine.failures.pack, 10)
    const id = await live()
    clearInterval(healed)
    expect(point.hit).toBe(true)
    await expectTidy(id)
    if (name !== 'reconciler.failed') expect(story(id).join('\n')).not.toMatch(/FAILED|GIVEN_UP/)
    plane.log.errors.length = 0
  })
})
