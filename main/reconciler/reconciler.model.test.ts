import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { initLocalArchives } from '../archive-store/local-dir.ts'
import { archiveKey } from '../core/archive.ts'
import { AppError } from '../core/errors.ts'
import { arm, FAILPOINTS, type Failpoint } from '../core/failpoint.ts'
import { LEVELS, MAX_ATTEMPTS, OPERATIONS, type Level } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { Db } from '../db/open.ts'
import { createWorkspaceTable, type WorkspaceTable } from '../db/workspaces.ts'
import { initLocalDir } from '../home-store/local-dir.ts'
import { createFakeEngine, type FakeEngine, type Failure } from '../testing/fake-runner.ts'
import { createPlane, memoryDb, type Plane } from '../testing/plane.ts'
import { ALICE, TRASH_MS } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { useVirtualTime, type VirtualTime } from '../testing/virtual-time.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const CANARY = 'canary'

/** What a workspace must be, as far as a person can know who only watches what they asked for. */
interface Known {
  level: Level
  deleted: boolean
  /** Its deletion was wished once. */
  everDeleted: boolean
  purged: boolean
  /** What its files say; null while nobody has written any. */
  content: string | null
  /** The archives that it may go back to, with what they hold. */
  backTo: Map<string, string | null>
  /** The one of them that was wished last, and was not called off. */
  goal: string | null
  /** Ends of its instance since the last wish: the third may leave it in ERROR. */
  deaths: number
  /** Something went wrong for it on purpose since the last wish. */
  refused: boolean
}
interface Model {
  workspaces: Map<string, Known>
  up: boolean
  failing: boolean
  /** Damaged files of archives, and what was in them. */
  damaged: Map<string, Buffer>
}

/** The real thing: engine, database and disk, and a process that is replaced now and then. */
interface Real {
  root: string
  engine: FakeEngine
  table: WorkspaceTable
  plane: Plane
  time: VirtualTime
  /** Where the process is to fail or to be killed, once. */
  trap: { name: Failpoint; how: 'throw' | 'kill' } | undefined
  /** It was killed in the trap. */
  dead: boolean
  /** The whole world is as it must be at every moment. */
  inspect: () => void
  /** Starts the next process when this one was killed. */
  revive: () => Promise<void>
  /** Ends the process, by a signal that it handles or by one that it does not, and starts the next one. */
  replace: (how: 'close' | 'kill') => Promise<void>
}
type Command = fc.AsyncCommand<Model, Real>
type Act = (id: string, known: Known, real: Real, model: Model) => Promise<void> | void

/** As many lives are lived; more of them find more. */
const RUNS = Number(process.env['BERTH_MODEL_RUNS'] ?? 200)
/** The same lives each time; other seeds look further. */
const SEED = Number(process.env['BERTH_MODEL_SEED'] ?? 1)

let steps = 0
let inspections = 0

function anywhere(name: string, run: (model: Model, real: Real) => Promise<void> | void): Command {
  return {
    check: () => true,
    async run(model, real) {
      await real.revive()
      await run(model, real)
      real.inspect()
      steps++
    },
    toString: () => name,
  }
}

/** A command on the `n`th workspace that is deleted or is not; not applicable when there is none. */
function onOne(name: string, n: number, act: Act, deleted = false): Command {
  const all = ({ workspaces }: Model): [string, Known][] =>
    [...workspaces].filter(([, known]) => known.deleted === deleted)
  return {
    ...anywhere(`${name}(${n})`, async (model, real) => {
      const some = all(model)
      const [id, known] = some[n % some.length]!
      await act(id, known, real, model)
    }),
    check: (model) => all(model).length > 0,
  }
}

const anew = (known: Known, model: Model): void =>
  void Object.assign(known, { deaths: 0, refused: model.failing || model.damaged.size > 0 })

/** True when `act` was done, false when it was refused with one of `codes`. */
async function done(act: () => unknown, ...codes: string[]): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (error instanceof AppError && codes.includes(error.code)) return false
    throw error
  }
}

const create = anywhere('create', (model, { plane }) => {
  if (model.workspaces.size >= 5) return
  const { id } = plane.workspaces.create(ALICE, { name: 'Notes' })
  model.workspaces.set(id, {
    level: 'RUNNING',
    deleted: false,
    everDeleted: false,
    purged: false,
    content: null,
    backTo: new Map(),
    goal: null,
    deaths: 0,
    refused: model.failing,
  })
})
const wish = (n: number, level: Level): Command =>
  onOne(`wish ${level}`, n, (id, known, { plane }, model) => {
    plane.workspaces.desire(ALICE, id, level)
    known.level = level
    known.goal = null
    anew(known, model)
  })
const visit = (n: number): Command =>
  onOne('visit', n, (id, known, { plane, table }, model) => {
    plane.workspaces.wishFor(table.get(id)!, 'RUNNING', 'VISIT')
    known.level = 'RUNNING'
    anew(known, model)
  })
const retry = (n: number): Command =>
  onOne('retry', n, (id, known, { plane }, model) => {
    known.level = plane.workspaces.retry(ALICE, id).desired_state
    anew(known, model)
  })
const restore = (n: number): Command =>
  onOne('restore', n, async (id, known, { plane, table }, model) => {
    const archived = table.get(id)!.archiveKey !== null
    const restored = await done(() => plane.workspaces.restore(ALICE, id, undefined), 'ARCHIVE_MISSING')
    expect(restored, 'it is as it was shown').toBe(archived)
    if (!restored) return
    Object.assign(known, { level: 'RUNNING', goal: null })
    anew(known, model)
  })
const goBack = (n: number, which: number): Command =>
  onOne(`go back to archive ${which}`, n, async (id, known, real, model) => {
    const keys = archivesOf(real, id)
    const key = keys[which % (keys.length || 1)]
    if (key === undefined) return
    known.backTo.set(key, contentOfArchive(real, model, key) ?? null)
    const { plane, table } = real
    if (!(await done(() => plane.workspaces.restore(ALICE, id, key), 'ARCHIVE_MISSING'))) return
    known.goal = table.get(id)!.restoreKey
    known.level = 'RUNNING'
    anew(known, model)
  })
const remove = (n: number): Command =>
  onOne('delete', n, (id, known, { plane }, model) => {
    plane.workspaces.remove(ALICE, id)
    Object.assign(known, { deleted: true, everDeleted: true, goal: null })
    anew(known, model)
  })
const undelete = (n: number): Command =>
  onOne(
    'undelete',
    n,
    async (id, known, { plane, table }, model) => {
      const before = table.get(id)!
      const there = !before.purge && (before.homeStoreKey ?? before.archiveKey) !== null
      expect(await done(() => plane.workspaces.undelete(ALICE, id), 'NOT_FOUND')).toBe(there)
      if (!there) return
      Object.assign(known, { deleted: false, level: table.get(id)!.desiredState })
      anew(known, model)
    },
    true,
  )
const purge = (n: number): Command =>
  onOne(
    'purge',
    n,
    async (id, known, { plane }, model) => {
      if (!(await done(() => plane.workspaces.purge(ALICE, id), 'NOT_FOUND'))) return
      known.purged = true
      anew(known, model)
    },
    true,
  )
const describeIt = (n: number): Command =>
  onOne('rename', n, (id, _, { plane }) => void plane.workspaces.patch(ALICE, id, { name: `Name ${n}` }))
const keepAwake = (n: number): Command =>
  onOne('keep awake', n, (id, _, { plane }) => {
    const until = new Date(Date.now() + 10 * MINUTE).toISOString()
    plane.workspaces.patch(ALICE, id, { keep_awake_until: until })
  })
let writes = 0
/** A person changes a file, which they can while the home is theirs. */
const write = (n: number): Command =>
  onOne('write', n, (id, known, { plane, table }) => {
    const { operation, status, desiredState, restoreKey } = table.get(id)!
    const theirs =
      operation === 'NONE' && status !== 'ERROR' && status === desiredState && restoreKey === null
    if (!theirs || !existsSync(plane.homeOf(id))) return
    expectBack(known)
    known.content = `${id} ${++writes}`
    writeFileSync(join(plane.homeOf(id), CANARY), known.content)
  })
const end = (n: number, how: 'dead' | 'absent' | 'unready', told: boolean): Command =>
  onOne(`instance ${how}${told ? ', told' : ''}`, n, (id, known, { engine, plane }) => {
    if (!engine.instances.has(id)) return
    if (how === 'absent') engine.instances.delete(id)
    else engine.instances.set(id, how)
    known.deaths++
    if (told) plane.reconciler.enqueue(id)
  })
const power = (up: boolean): Command =>
  anywhere(`engine ${up ? 'up' : 'down'}`, (model, { engine, plane }) => {
    engine.up = model.up = up
    plane.reconciler.enqueueAll()
  })
type Faulty = keyof FakeEngine['failures']
const failing = (method: Faulty, failure: Failure): Command =>
  anywhere(`${method} ${failure}`, (model, { engine }) => {
    engine.failures[method] = failure
    spoil(model)
    model.failing = true
  })
function spoil(model: Model): void {
  for (const known of model.workspaces.values()) known.refused = true
}
const damage = (n: number, which: number, what: '' | '.meta'): Command =>
  onOne(`damage archive ${which}${what}`, n, (id, known, real, model) => {
    const keys = archivesOf(real, id)
    const path = join(real.root, 'archives', `${keys[which % (keys.length || 1)]}${what}`)
    if (!existsSync(path) || model.damaged.has(path)) return
    const whole = readFileSync(path)
    model.damaged.set(path, whole)
    writeFileSync(path, whole.subarray(1))
    known.refused = true
  })
const mended = anywhere('mended', (model, { engine }) => {
  engine.mend()
  model.failing = false
  for (const [path, whole] of model.damaged) if (existsSync(path)) writeFileSync(path, whole)
  model.damaged.clear()
})
const trap = (name: Failpoint, how: 'throw' | 'kill'): Command =>
  anywhere(`${how} at ${name}`, (model, real) => {
    real.trap = { name, how }
    if (how === 'throw') spoil(model)
  })
const replace = (how: 'close' | 'kill'): Command =>
  anywhere(`${how} and start again`, (_, real) => real.replace(how))
const collect = anywhere('collect', async (_, { plane, time }) => {
  void plane.collector.run()
  await time.idle()
})
const little = (ms: number): Command => anywhere(`${ms} ms pass`, (_, { time }) => time.pass(ms))
/** As when the machine slept. */
let jumped = 0
const jump = (ms: number): Command =>
  anywhere(`the clock jumps by ${ms} ms`, () => {
    jumped += ms
    vi.setSystemTime(Date.now() + ms)
  })

const settle = anywhere('settle', async (model, real) => {
  const { engine, time, table, plane } = real
  real.trap = undefined
  if (!model.up) {
    await time.pass(35_000) // what was under way has noticed
    const world = (): unknown => ({ instances: [...engine.instances], rows: statesOf(table) })
    const before = world()
    await time.pass(35_000)
    expect(world()).toEqual(before)
    return
  }
  const ids = [...model.workspaces.keys()]
  // A resync is the longest that anything may stay unnoticed.
  await time.pass(35_000)
  await time.until(() => ids.every((id) => rests(real, id)), 6 * HOUR)
  for (const [id, known] of model.workspaces) expectSettled(real, id, known)
  for (const id of engine.instances.keys())
    expect(model.workspaces.has(id), 'an instance of nothing').toBe(true)
  const unexpected = plane.log.errors.filter((one) => !/failpoint/.test(String((one as { err: Error }).err)))
  expect(unexpected).toEqual([])
})

/** What a TTL may change by itself while the engine is away is not its business here. */
const statesOf = (table: WorkspaceTable): unknown =>
  table.living().map(({ id, status, operation, archiveKey: key, homeStoreKey }) => ({ id, status, operation, key, homeStoreKey })) // prettier-ignore

const waitsForPerson = ({ status, errorCount, errorWish, wish }: WorkspaceRow): boolean =>
  status === 'ERROR' && errorCount === MAX_ATTEMPTS && errorWish === wish

function rests({ table, engine, plane }: Real, id: string): boolean {
  const row = table.get(id)!
  if (row.operation !== 'NONE') return false
  if (waitsForPerson(row)) return true
  if (row.deletedAt !== null) return row.status === 'DELETED'
  const seen = engine.instances.get(id) === 'answering' ? 'RUNNING' : existsSync(plane.homeOf(id)) ? 'STANDBY' : 'PENDING' // prettier-ignore
  return row.restoreKey === null && row.status === row.desiredState && row.status === seen
}

/** It went back to the archive that was wished, if one was. */
function expectBack(known: Known): void {
  if (known.goal !== null) expect(known.content).toBe(known.backTo.get(known.goal))
  known.goal = null
}

function expectSettled({ table, engine, plane }: Real, id: string, known: Known): void {
  const row = table.get(id)!
  const beside = dirname(plane.homeOf(id))
  const why = JSON.stringify({ row, known })
  expect(row.deletedAt !== null, why).toBe(known.deleted)
  if (!known.deleted) {
    // A TTL lowers the level, and nothing but a person or a visit raises it.
    const lowered = row.cause === 'IDLE' || row.cause === 'ARCHIVE_TTL'
    const distance = LEVELS.indexOf(known.level) - LEVELS.indexOf(row.desiredState)
    expect(lowered ? distance > 0 : distance === 0, why).toBe(true)
  }
  if (row.status === 'ERROR') {
    expect(known.refused || known.deaths >= MAX_ATTEMPTS, `it has a reason: ${why}`).toBe(true)
    expect(row.errorInfo, why).not.toBeNull()
    return
  }
  if (row.status !== 'RUNNING') expect(engine.instances.get(id), why).toBeUndefined()
  if (!known.deleted) expectBack(known)
  known.backTo.clear()
  // A home that was never finished is cleared away by the next attempt to make one.
  const left = existsSync(beside)
    ? readdirSync(beside)
        .sort()
        .filter((name) => !name.startsWith('.making-'))
    : []
  const home =
    row.status === 'RUNNING' || row.status === 'STANDBY' ? ['home', 'workspace.json'] : ['workspace.json']
  if (row.status === 'DELETED') {
    const over = row.homeStoreKey === null && row.archiveKey === null
    expect(
      left.filter((name) => over || (name !== 'trash' && name !== 'workspace.json')),
      why,
    ).toEqual([])
  } else if (row.homeStoreKey !== null)
    expect(
      left.filter((name) => name !== 'trash'),
      why,
    ).toEqual(home)
}

/** What the canary in a directory says; null when there is none, undefined without the directory. */
function contentOf(dir: string): string | null | undefined {
  if (!existsSync(dir)) return undefined
  const path = join(dir, CANARY)
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}

/** The finished archives of a workspace. */
function archivesOf({ root }: Real, id: string): string[] {
  const dir = join(root, 'archives', id)
  const opIds = existsSync(dir) ? readdirSync(dir).sort() : []
  return opIds
    .map((opId) => archiveKey(id, opId))
    .filter((key) => existsSync(join(root, 'archives', `${key}.meta`)))
}

/** What the canary in a finished archive says, as it was before it was damaged; undefined without the archive. */
function contentOfArchive({ root }: Real, { damaged }: Model, key: string): string | null | undefined {
  const path = join(root, 'archives', key)
  if (!existsSync(`${path}.meta`) || !existsSync(path)) return undefined
  const text = (damaged.get(path) ?? readFileSync(path)).toString()
  return (JSON.parse(text) as Record<string, string>)[CANARY] ?? null
}

/** What must be true at every moment. */
function inspect(real: Real, model: Model): void {
  inspections++
  const { engine, table, plane } = real
  expect(engine.violations).toEqual([])
  expect(engine.mostAtOnce(), 'operations at a time for one workspace').toBeLessThanOrEqual(1)
  for (const [id, known] of model.workspaces) {
    const row = table.get(id)!
    const why = (): string => JSON.stringify({ row, known })
    if (row.status === 'DELETED') expect(known.everDeleted, why()).toBe(true)
    const overdue = known.everDeleted && row.deletedAt !== null && row.deletedAt + TRASH_MS <= Date.now()
    if (known.purged || overdue) continue

    const home = contentOf(plane.homeOf(id))
    const uses = ['answering', 'unready'].includes(engine.instances.get(id) ?? '')
    if (uses) expect(home, `an instance without its home: ${why()}`).not.toBeUndefined()
    const archive = row.archiveKey === null ? undefined : contentOfArchive(real, model, row.archiveKey)
    if (row.archiveKey !== null) expect(archive, `its archive is finished: ${why()}`).not.toBeUndefined()
    const held =
      home ?? (home === null ? null : (contentOf(join(dirname(plane.homeOf(id)), 'trash')) ?? archive))
    if (held === known.content) continue
    if (known.content === null && held === undefined) continue // nothing was made yet
    // Back to an older archive, with one of what was there before.
    const wentBack = [...known.backTo.values()].includes(held ?? null) && home !== undefined
    const kept = archivesOf(real, id).some((key) => contentOfArchive(real, model, key) === known.content)
    if (!wentBack || !kept) expect.fail(`its files are gone (${held}): ${why()}`)
    known.content = held ?? null
  }
}

/** How many operations ended in which way. */
const ends = new Map<string, number>()
function count(db: Db): void {
  const how = db.prepare("SELECT operation || ' ' || coalesce(outcome, 'OPEN') FROM history").pluck()
  for (const end of how.all() as string[]) ends.set(end, (ends.get(end) ?? 0) + 1)
}

const which = fc.nat(4)
const weighted = (times: number, command: fc.Arbitrary<Command>): fc.Arbitrary<Command>[] =>
  Array.from({ length: times }, () => command)
const commands = fc.commands(
  [
    ...weighted(2, fc.constant(create)),
    ...weighted(2, fc.tuple(which, fc.constantFrom(...LEVELS)).map((args) => wish(...args))), // prettier-ignore
    ...weighted(2, which.map((n) => wish(n, 'PENDING'))), // prettier-ignore
    ...weighted(3, which.map(write)), // prettier-ignore
    which.map(visit),
    which.map(retry),
    which.map(restore),
    ...weighted(2, fc.tuple(which, which).map((args) => goBack(...args))), // prettier-ignore
    which.map(remove),
    which.map(undelete),
    which.map(purge),
    which.map(describeIt),
    which.map(keepAwake),
    fc.tuple(which, fc.constantFrom('dead', 'absent', 'unready'), fc.boolean()).map((args) => end(...args)),
    fc.constantFrom(true, true, false).map(power),
    fc
      .oneof(
        fc.tuple(fc.constantFrom('start', 'stop'), fc.constantFrom('fails', 'fails late', 'lies')),
        fc.tuple(fc.constant('pack'), fc.constantFrom('fails', 'fails half way', 'fails late', 'disk full', 'lies', 'hangs', 'is deaf')), // prettier-ignore
        fc.tuple(fc.constant('unpack'), fc.constantFrom('fails', 'fails half way', 'fails late', 'disk full', 'hangs', 'is deaf')), // prettier-ignore
        fc.tuple(fc.constantFrom('ensureImage', 'readImageHome', 'endStorage'), fc.constant('fails')),
      )
      .map(([method, failure]) => failing(method as Faulty, failure as Failure)),
    fc.tuple(which, which, fc.constantFrom('' as const, '.meta' as const)).map((args) => damage(...args)),
    ...weighted(3, fc.constant(mended)),
    ...weighted(2, fc.tuple(fc.constantFrom(...FAILPOINTS), fc.constantFrom('throw', 'kill')).map((args) => trap(...args))), // prettier-ignore
    fc.constantFrom('close', 'kill').map(replace),
    fc.constant(collect),
    ...weighted(6, fc.integer({ min: 1, max: 3_000 }).map(little)), // prettier-ignore
    fc.constantFrom(70_000, 4 * MINUTE, 16 * MINUTE).map(little),
    fc.constantFrom(8 * HOUR, TRASH_MS).map(jump),
    ...weighted(4, fc.constant(settle)),
  ],
  { maxCommands: 80, size: 'max' },
)

/** However it went: with everything mended, and asked for once more, it is as wished, without an error. */
const ending = [
  power(true),
  mended,
  anywhere('retry all', (model, { plane }) => {
    for (const [id, known] of model.workspaces) {
      if (known.deleted) plane.reconciler.enqueue(id)
      else known.level = plane.workspaces.retry(ALICE, id).desired_state
      Object.assign(known, { deaths: 0, refused: known.deleted })
    }
  }),
  settle,
]

afterEach(() => arm('', { onHit: () => undefined, kill: () => undefined }))

test('whatever is wished, and whatever happens to process, engine, instances, archives and clock, it converges and loses nothing', async () => {
  const dir = tempDir()
  let real: Real | undefined
  let runs = 0
  const time = useVirtualTime(() => real?.plane.busy() ?? false)
  await fc.assert(
    fc.asyncProperty(
      commands,
      fc.array(fc.nat(400), { minLength: 5, maxLength: 5 }),
      async (plan, latencies) => {
        vi.setSystemTime(Date.UTC(2100, 0, 1)) // every file is older than this clock
        jumped = 0
        const root = join(dir, String(++runs))
        mkdirSync(root)
        await initLocalDir(root)
        await initLocalArchives(join(root, 'archives'))
        const db: Db = memoryDb()
        const engine = createFakeEngine()
        let calls = 0
        engine.latency = () => latencies[calls++ % latencies.length]!
        const model: Model = { workspaces: new Map(), up: true, failing: false, damaged: new Map() }
        // What breaks an invariant in the middle of a pass must not be taken for a failure of that pass.
        let broken: unknown
        const look = (): void => {
          try {
            inspect(now, model)
          } catch (error) {
            broken ??= error
          }
        }
        const begin = (): Plane => {
          const plane = createPlane({
            ...{ db, root, engine },
            defaults: { standbyTtlSeconds: 120, archiveTtlSeconds: 600 },
            onWrite: () => now.plane === plane && look(),
            monotonic: () => Date.now() - jumped,
          })
          plane.reconciler.start()
          plane.ttl.start()
          return plane
        }
        const now: Real = {
          ...{ root, engine, time, trap: undefined, dead: false },
          table: createWorkspaceTable(db),
          plane: undefined as unknown as Plane,
          inspect() {
            look()
            // eslint-disable-next-line @typescript-eslint/only-throw-error -- as it was caught
            if (broken !== undefined) throw broken
          },
          async revive() {
            if (!now.dead) return
            await time.idle()
            now.dead = false
            now.plane = begin()
          },
          async replace(how) {
            if (how === 'kill') {
              now.plane.kill()
              engine.cutOff()
              now.dead = true
              return now.revive()
            }
            let closed = false
            now.trap = undefined
            now.plane.ttl.close()
            void now.plane.reconciler.stop().then(() => (closed = true))
            await time.until(() => closed, HOUR)
            now.plane = begin()
          },
        }
        now.plane = begin()
        real = now
        let dies = false
        arm(FAILPOINTS.map((name) => `${name}=kill`).join(','), {
          onHit(name) {
            look()
            dies = now.trap?.name === name && !now.dead
            if (!dies) return
            const { how } = now.trap!
            now.trap = undefined
            if (how === 'throw') throw new Error(`failpoint ${name}`)
          },
          kill() {
            if (!dies) return undefined
            now.plane.kill(new Error().stack!.includes('local-dir.ts'))
            engine.cutOff()
            now.dead = true
            return new Promise(() => undefined) as never
          },
        })
        try {
          await fc.asyncModelRun(() => ({ model, real: now }), [...plan, ...ending])
        } finally {
          now.plane.kill()
          count(db)
          vi.clearAllTimers()
          db.close()
          rmSync(root, { recursive: true, force: true, maxRetries: 3 })
        }
      },
    ),
    { numRuns: RUNS, seed: SEED },
  )
  console.info(`${steps} steps, ${inspections} inspections,`, Object.fromEntries(ends))
  expect(steps).toBeGreaterThanOrEqual(3_000)
  expect(inspections).toBeGreaterThan(steps)
  // Else nothing of it would have been put to the test.
  const ended = (end: string): number => ends.get(end) ?? 0
  for (const operation of OPERATIONS) expect(ended(`${operation} SUCCEEDED`), operation).toBeGreaterThan(10)
  const all = (...outcomes: string[]): number =>
    [...ends].reduce(
      (sum, [end, n]) => (outcomes.some((outcome) => end.endsWith(outcome)) ? sum + n : sum),
      0,
    )
  expect(all('FAILED')).toBeGreaterThan(10)
  expect(all('GIVEN_UP', 'INTERRUPTED')).toBeGreaterThan(0)
}, 1_800_000)
