import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MAX_ATTEMPTS, type Level } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { Db } from '../db/open.ts'
import { initLocalDir } from '../home-store/local-dir.ts'
import { createFakeEngine, type FakeEngine } from '../testing/fake-runner.ts'
import { createPlane, memoryDb, type Plane } from '../testing/plane.ts'
import { ALICE, idOf, rowOf } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { useVirtualTime, type VirtualTime } from '../testing/virtual-time.ts'
import { homeKey } from './observe.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

let db: Db
let root: string
let engine: FakeEngine
let plane: Plane
let time: VirtualTime

beforeEach(async () => {
  root = tempDir()
  await initLocalDir(root)
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
  test('stands for its home no more once an instance is started on that', async () => {
    const id = await asleep()
    plane.table.writeObserved(id, { archiveKey: 'the/archive' })
    plane.reconciler.enqueue(id)
    await time.idle()
    expect(row(id).archiveKey).toBe('the/archive')
    const gate = engine.hold('start')
    wish(id, 'RUNNING')
    await time.until(gate.reached)
    expect(row(id).archiveKey, 'before the instance can change anything').toBeNull()
    gate.open()
    await time.until(at(id, 'RUNNING', { archiveKey: null }))
  })

  test('is kept by everything else that is tried on it', async () => {
    const id = await asleep()
    rmSync(plane.homeOf(id), { recursive: true })
    plane.table.writeObserved(id, { archiveKey: 'the/archive', status: 'PENDING' })
    wish(id, 'RUNNING')
    await time.until(at(id, 'ERROR'))
    expect(row(id)).toMatchObject({ archiveKey: 'the/archive', errorInfo: { code: 'NOT_SUPPORTED' } })
    remove(id)
    await time.until(at(id, 'DELETED'))
    expect(row(id).archiveKey, 'for the collector').toBe('the/archive')
  })
})

describe('wishes during an operation', () => {
  test('a wish that changes is honoured after the operation, which is not cut off', async () => {
    const gate = engine.hold('start')
    const id = create()
    const statuses = watch(id, 'status')
    await time.until(gate.reached)
    wish(id, 'STANDBY')
    await time.idle()
    expect(row(id).operation).toBe('STARTING')
    gate.open()
    await time.until(at(id, 'STANDBY'))
    expect(statuses).toEqual(['PENDING', 'STANDBY', 'RUNNING', 'STANDBY'])
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

  test('a deletion that comes while the world is looked at leaves nothing of the home', async () => {
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
    expect(existsSync(dirname(plane.homeOf(id)))).toBe(false)
  }

  test.each<[string, () => Promise<string> | string]>([
    ['one that was never looked at', create],
    ['a running one', running],
    ['a sleeping one', asleep],
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
  ])('of %s removes the instance and then the home, and keeps the row', async (_, make) => {
    const id = await make()
    remove(id)
    await time.until(at(id, 'DELETED'))
    gone(id)
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
  })

  test("leaves somebody else's container alone", async () => {
    const id = await asleep()
    engine.instances.set(id, 'foreign')
    remove(id)
    await time.until(at(id, 'DELETED'))
    expect(engine.instances.get(id)).toBe('foreign')
    expect(existsSync(dirname(plane.homeOf(id)))).toBe(false)
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

test("C7 somebody else's container under our name is an error, and is never touched", async () => {
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
  test('costs no write and no change on a second look, whatever state it settled in', async () => {
    const ids = [await running(), await asleep(), await stuck(), await running()]
    const lost = await asleep()
    rmSync(plane.homeOf(lost), { recursive: true })
    retry(lost)
    const deleted = await asleep()
    remove(deleted)
    await time.until(() => at(lost, 'ERROR')() && at(deleted, 'DELETED')())
    await time.pass(2 * MINUTE)
    const writes = (): unknown => db.prepare('SELECT total_changes() AS n').get()
    const news: unknown[] = []
    plane.bus.subscribe((one) => news.push(one))
    const before = { writes: writes(), mutations: engine.mutations(), looks: engine.count('observe') }
    plane.reconciler.start()
    for (let round = 0; round < 10; round++) await time.pass(30 * SECOND)
    expect(engine.count('observe') - before.looks).toBeGreaterThanOrEqual(10 * (ids.length + 1))
    expect({ writes: writes(), mutations: engine.mutations() }).toEqual({
      writes: before.writes,
      mutations: before.mutations,
    })
    expect(news).toEqual([])
  })
})

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
    expect(existsSync(dirname(plane.homeOf(id)))).toBe(false)
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
