import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { MAX_ATTEMPTS } from '../core/state.ts'
import { initLocalDir } from '../home-store/local-dir.ts'
import { createFakeEngine, type FakeEngine, type Failure } from '../testing/fake-runner.ts'
import { createPlane, memoryDb, type Plane } from '../testing/plane.ts'
import { ALICE } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { useVirtualTime, type VirtualTime } from '../testing/virtual-time.ts'

/** What a workspace must be, as far as a person can know who only watches what they asked for. */
interface Wished {
  level: 'STANDBY' | 'RUNNING'
  deleted: boolean
  /** Ends of its instance since the last wish: the third may leave it in ERROR. */
  deaths: number
  /** The engine refused something since the last wish. */
  refused: boolean
}
interface Model {
  workspaces: Map<string, Wished>
  up: boolean
  failing: boolean
}

/** The real thing: engine and disk, and a process that is replaced now and then. */
interface Real {
  engine: FakeEngine
  plane: Plane
  time: VirtualTime
  /** Ends the process, by a signal that it handles or by one that it does not, and starts the next one. */
  replace: (how: 'close' | 'kill') => Promise<void>
}
type Command = fc.AsyncCommand<Model, Real>

const CANARY = 'canary'

/** A command on the `n`th workspace that is not deleted; not applicable when there is none. */
function onOne(
  name: string,
  n: number,
  act: (id: string, wished: Wished, real: Real, model: Model) => void,
): Command {
  const living = ({ workspaces }: Model): [string, Wished][] => [...workspaces].filter(([, w]) => !w.deleted)
  return {
    check: (model) => living(model).length > 0,
    run(model, real) {
      const all = living(model)
      const [id, wished] = all[n % all.length]!
      act(id, wished, real, model)
      return Promise.resolve()
    },
    toString: () => `${name}(${n})`,
  }
}

function anywhere(name: string, run: (model: Model, real: Real) => Promise<void> | void): Command {
  return { check: () => true, run: async (model, real) => run(model, real), toString: () => name }
}

const anew = (wished: Wished, model: Model): void =>
  void Object.assign(wished, { deaths: 0, refused: model.failing })

const create = anywhere('create', (model, { plane }) => {
  const { id } = plane.workspaces.create(ALICE, { name: 'Notes' })
  model.workspaces.set(id, { level: 'RUNNING', deleted: false, deaths: 0, refused: model.failing })
})
const wish = (n: number, level: Wished['level']): Command =>
  onOne(`wish ${level}`, n, (id, wished, { plane }, model) => {
    plane.workspaces.desire(ALICE, id, level)
    wished.level = level
    anew(wished, model)
  })
const retry = (n: number): Command =>
  onOne('retry', n, (id, wished, { plane }, model) => {
    plane.workspaces.retry(ALICE, id)
    anew(wished, model)
  })
const remove = (n: number): Command =>
  onOne('delete', n, (id, wished, { plane }, model) => {
    plane.workspaces.remove(ALICE, id)
    wished.deleted = true
    anew(wished, model)
  })
const describeIt = (n: number): Command =>
  onOne('rename', n, (id, _, { plane }) => void plane.workspaces.patch(ALICE, id, { name: `Name ${n}` }))
const end = (n: number, how: 'dead' | 'absent' | 'unready', told: boolean): Command =>
  onOne(`instance ${how}${told ? ', told' : ''}`, n, (id, wished, { engine, plane }) => {
    if (!engine.instances.has(id)) return
    if (how === 'absent') engine.instances.delete(id)
    else engine.instances.set(id, how)
    wished.deaths++
    if (told) plane.reconciler.enqueue(id)
  })
const power = (up: boolean): Command =>
  anywhere(`engine ${up ? 'up' : 'down'}`, (model, { engine, plane }) => {
    engine.up = model.up = up
    plane.reconciler.enqueueAll()
  })
const failing = (method: 'start' | 'stop', failure: Failure): Command =>
  anywhere(`${method} ${failure}`, (model, { engine }) => {
    engine.failures[method] = failure
    model.failing = true
    for (const wished of model.workspaces.values()) wished.refused = true
  })
const mended = anywhere('mended', (model, { engine }) => {
  delete engine.failures.start
  delete engine.failures.stop
  model.failing = false
})
const replace = (how: 'close' | 'kill'): Command =>
  anywhere(`${how} and start again`, (_, real) => real.replace(how))
const little = (ms: number): Command => anywhere(`${ms} ms pass`, (_, { time }) => time.pass(ms))

const settle = anywhere('settle', async (model, { engine, plane, time }) => {
  if (!model.up) {
    await time.pass(35_000) // what was under way has noticed
    const before = { instances: [...engine.instances], mutations: [...plane.table.living()] }
    await time.pass(35_000)
    expect({ instances: [...engine.instances], mutations: [...plane.table.living()] }).toEqual(before)
    return
  }
  const ids = [...model.workspaces.keys()]
  const waitsForPerson = (id: string): boolean => {
    const { status, errorCount, errorWish, wish } = plane.table.get(id)!
    return status === 'ERROR' && errorCount === MAX_ATTEMPTS && errorWish === wish
  }
  const rests = (id: string): boolean => {
    const row = plane.table.get(id)!
    const goal = row.deletedAt === null ? row.desiredState : 'DELETED'
    const seen = engine.instances.get(id) === 'answering' ? 'RUNNING' : 'STANDBY'
    return (
      row.operation === 'NONE' &&
      (waitsForPerson(id) || (row.status === goal && (goal === seen || goal === 'DELETED')))
    )
  }
  // A resync is the longest that anything may stay unnoticed.
  await time.pass(35_000)
  await time.until(() => ids.every(rests), 30 * 60_000)

  expect(engine.mostAtOnce(), 'operations at a time for one workspace').toBeLessThanOrEqual(1)
  for (const [id, wished] of model.workspaces) {
    const row = plane.table.get(id)!
    const instance = engine.instances.get(id)
    const home = plane.homeOf(id)
    expect(row, id).toMatchObject({ operation: 'NONE', desiredState: wished.level })
    expect(row.deletedAt !== null, `${id} deleted`).toBe(wished.deleted)
    if (row.status === 'ERROR')
      expect(
        wished.refused || wished.deaths >= MAX_ATTEMPTS,
        `${id} has a reason: ${JSON.stringify({ row, wished })}`,
      ).toBe(true)
    else expect(row.status, id).toBe(wished.deleted ? 'DELETED' : wished.level)
    if (row.status === 'RUNNING') expect(instance, id).toBe('answering')
    if (row.status === 'STANDBY' || row.status === 'DELETED') expect(instance, id).toBeUndefined()

    if (row.status === 'DELETED') expect(existsSync(dirname(home)), `${id} left something`).toBe(false)
    else if (!wished.deleted) {
      expect(existsSync(home), `${id} has its home`).toBe(true)
      const canary = join(home, CANARY)
      if (existsSync(join(home, '..', CANARY)))
        expect(readFileSync(canary, 'utf8'), `${id} kept its files`).toBe(id)
      else {
        writeFileSync(canary, id)
        writeFileSync(join(home, '..', CANARY), 'there is one inside')
      }
    }
  }
  for (const id of engine.instances.keys())
    expect(model.workspaces.get(id), 'an instance of nothing').toBeDefined()
  expect(plane.log.errors).toEqual([])
})

const which = fc.nat(3)
const commands = fc.commands(
  [
    fc.constant(create),
    which.map((n) => wish(n, 'RUNNING')),
    which.map((n) => wish(n, 'STANDBY')),
    which.map(retry),
    which.map(remove),
    which.map(describeIt),
    fc.tuple(which, fc.constantFrom('dead', 'absent', 'unready'), fc.boolean()).map((args) => end(...args)),
    fc.boolean().map(power),
    fc
      .tuple(fc.constantFrom('start', 'stop'), fc.constantFrom<Failure>('fails', 'fails late', 'lies'))
      .map((args) => failing(...args)),
    fc.constant(mended),
    fc.constantFrom('close', 'kill').map(replace),
    fc.integer({ min: 1, max: 3_000 }).map(little),
    fc.constant(little(70_000)),
    fc.constant(settle),
    fc.constant(settle),
  ],
  { maxCommands: 40, size: '+1' },
)

test('whatever is wished, and whatever happens to process, engine and instances, it converges and loses nothing', async () => {
  const dir = tempDir()
  let real: Real | undefined
  let runs = 0
  const time = useVirtualTime(() => real?.plane.busy() ?? false)
  await fc.assert(
    fc.asyncProperty(
      commands,
      fc.array(fc.nat(400), { minLength: 5, maxLength: 5 }),
      async (plan, latencies) => {
        const root = join(dir, String(++runs))
        mkdirSync(root)
        await initLocalDir(root)
        const db = memoryDb()
        const engine = createFakeEngine()
        let calls = 0
        engine.latency = () => latencies[calls++ % latencies.length]!
        const begin = (): Plane => {
          const plane = createPlane({ db, root, engine })
          plane.reconciler.start()
          return plane
        }
        const now: Real = {
          engine,
          time,
          plane: begin(),
          async replace(how) {
            if (how === 'kill') {
              now.plane.kill()
              engine.cutOff()
              await time.idle()
            } else {
              let closed = false
              void now.plane.reconciler.stop().then(() => (closed = true))
              await time.until(() => closed)
            }
            now.plane = begin()
          },
        }
        real = now
        const model: Model = { workspaces: new Map(), up: true, failing: false }
        try {
          const ending = [power(true), mended, settle]
          await fc.asyncModelRun(() => ({ model, real: now }), [...plan, ...ending])
        } finally {
          now.plane.kill()
          vi.clearAllTimers()
          db.close()
        }
      },
    ),
    { numRuns: 60 },
  )
}, 60_000)
