import fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Transition } from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import type { Cause, Level } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { Prospect } from '../events/live.ts'
import { idOf, rowOf } from '../testing/rows.ts'
import { createActivity } from './activity.ts'
import { createTtl } from './ttl.ts'

const START = Date.parse('2026-03-01T12:00:00Z')
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const id = idOf(1)

/** Everything around: clocks that can be set, rows, and what goes on inside. */
function createWorld(...rows: Partial<WorkspaceRow>[]) {
  const world = {
    /** How far the wall clock, and time itself, are from the time that timers know. */
    wallAhead: 0,
    timeAhead: 0,
    /** What goes on inside: CPUs in use, commands, or what looking there fails with. */
    cpus: 0,
    commands: [] as string[],
    work: (): Promise<{ cpuSeconds: number; commands: string[] } | undefined> =>
      Promise.resolve({ cpuSeconds: world.cpus * seconds(), commands: world.commands }),
    /** What the database does when a wish is written. */
    onWish: (): boolean => true,
  }
  const now = (): number => Date.now() + world.wallAhead
  const monotonic = (): number => Date.now() - START + world.timeAhead
  const table = new Map<string, WorkspaceRow>()
  const wishes: { id: string; to: Level; cause: Cause; at: number }[] = []
  const warnings: { id: string; transition: Transition; at: number }[] = []
  const prospects = new Map<string, Prospect>()
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const activity = createActivity({
    now,
    touch: (of, at) => write(of, { lastAccessAt: Math.max(at, table.get(of)!.lastAccessAt) }),
    onChange: (of) => ttl.changed(of),
    log,
  })

  function write(of: string, values: Partial<WorkspaceRow>): void {
    table.set(of, { ...table.get(of)!, ...values })
  }

  const create = () =>
    createTtl({
      rows: () => [...table.values()].filter(({ status }) => status !== 'DELETED'),
      row: (of) => table.get(of),
      activity,
      work: () => world.work(),
      wish(row, to, cause) {
        const done = world.onWish() && table.get(row.id)!.wish === row.wish
        if (!done) return false
        wishes.push({ id: row.id, to, cause, at: seconds() })
        write(row.id, { desiredState: to, cause, wish: row.wish + 1 })
        ttl.changed(row.id) // as the bus does
        return true
      },
      setProspect(of, prospect) {
        const same = JSON.stringify(prospects.get(of)) === JSON.stringify(prospect)
        prospects.set(of, prospect)
        if (!same) ttl.changed(of) // as the bus does
      },
      warn: (of, transition) => warnings.push({ id: of, transition, at: seconds() }),
      now,
      monotonic,
      log,
    })
  let ttl = create()
  onTestFinished(() => ttl.close())

  const seconds = (): number => monotonic() / SECOND
  const wallSeconds = (iso: string): number => (Date.parse(iso) - START) / SECOND
  for (const [n, row] of rows.entries())
    table.set(idOf(n + 1), rowOf(idOf(n + 1), { runningSince: START, lastAccessAt: START, ...row }))

  return Object.assign(world, {
    activity,
    wishes,
    warnings,
    log,
    now,
    seconds,
    start: () => ttl.start(),
    close: () => ttl.close(),
    /** Ends this one and begins another, which knows only the rows. */
    restart(): void {
      ttl.close()
      activity.forget(id)
      ttl = create()
      ttl.start()
    },
    row: () => table.get(id)!,
    set(values: Partial<WorkspaceRow>): void {
      write(id, values)
      ttl.changed(id)
    },
    pass: (ms: number) => vi.advanceTimersByTimeAsync(ms),
    /** What is told: to what, at what second, and what holds it off. */
    told(of = id) {
      const { transition, activity } = prospects.get(of) ?? { transition: null, activity: null }
      return {
        to: transition?.to,
        at: transition && wallSeconds(transition.at),
        by: activity?.kept_awake_by,
        connections: activity?.connections,
      }
    },
    warnedAt: () => warnings.map(({ at }) => Math.round(at)),
    stoppedAt: () => wishes.map(({ at }) => Math.round(at)),
  })
}

const running: Partial<WorkspaceRow> = { status: 'RUNNING', busyShield: false }
const shielded: Partial<WorkspaceRow> = { ...running, busyShield: true }
const asleep: Partial<WorkspaceRow> = { status: 'STANDBY', desiredState: 'STANDBY', runningSince: null }

function started(...rows: Partial<WorkspaceRow>[]) {
  const world = createWorld(...rows)
  world.start()
  return world
}

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
})

describe('an idle workspace', () => {
  test('is warned of a minute before, once, and stopped once', async () => {
    const world = started(running)
    expect(world.told()).toEqual({ to: 'STANDBY', at: 300, by: null, connections: 0 })
    await world.pass(HOUR)
    expect(world.warnedAt()).toEqual([240])
    expect(world.warnings[0]!.transition).toEqual({
      to: 'STANDBY',
      at: '2026-03-01T12:05:00.000Z',
      cause: 'IDLE',
      reason: 'It is put to sleep because nobody used it',
    })
    expect(world.wishes).toEqual([{ id, to: 'STANDBY', cause: 'IDLE', at: 300 }])
    expect(world.told().to).toBeUndefined()
  })

  test('with a short TTL is warned of half of that before', async () => {
    const world = started({ ...running, standbyTtlSeconds: 10 })
    await world.pass(MINUTE)
    expect([world.warnedAt(), world.stoppedAt()]).toEqual([[5], [10]])
  })

  test('0 is never', async () => {
    const world = started({ ...running, standbyTtlSeconds: 0 }, { ...asleep, archiveTtlSeconds: 0 })
    await world.pass(3 * HOUR)
    expect([world.warnings, world.wishes, world.told().to]).toEqual([[], [], undefined])
  })

  test('is none while a connection is open, and has its time after the last has closed', async () => {
    const world = started(running)
    const ends = [world.activity.begin(id, 'socket'), world.activity.begin(id, 'socket')]
    expect(world.told()).toEqual({ to: undefined, at: null, by: null, connections: 2 })
    await world.pass(HOUR)
    ends[0]!()
    await world.pass(HOUR)
    expect(world.told().connections).toBe(1)
    ends[1]!()
    expect(world.told()).toEqual({ to: 'STANDBY', at: 7_500, by: null, connections: 0 })
    await world.pass(HOUR)
    expect([world.warnedAt(), world.stoppedAt()]).toEqual([[7_440], [7_500]])
  })

  test('a request, and a long answer, count as use', async () => {
    const world = started(running)
    await world.pass(2 * MINUTE)
    world.activity.begin(id, 'request')()
    await world.pass(2 * MINUTE)
    const end = world.activity.begin(id, 'request')
    await world.pass(HOUR)
    expect(world.told()).toMatchObject({ to: undefined, connections: 1 })
    end()
    await world.pass(HOUR)
    expect(world.stoppedAt()).toEqual([240 + 3_600 + 300])
  })

  test('that is used after the warning is warned of again before it stops', async () => {
    const world = started(running)
    await world.pass(250 * SECOND)
    world.activity.begin(id, 'request')()
    await world.pass(HOUR)
    expect([world.warnedAt(), world.stoppedAt()]).toEqual([[240, 490], [550]])
  })

  test('is kept awake by whoever answers the warning, until then', async () => {
    const world = started(running)
    await world.pass(250 * SECOND)
    world.set({ keepAwakeUntil: START + HOUR })
    expect(world.told().at).toBe(3_600)
    await world.pass(2 * HOUR)
    expect([world.warnedAt(), world.stoppedAt()]).toEqual([[240, 3_540], [3_600]])
  })

  test('is stopped no sooner than a warning says, also when its TTL has become shorter than it has been idle', async () => {
    const world = started({ ...running, standbyTtlSeconds: 7_200 })
    await world.pass(HOUR)
    world.set({ standbyTtlSeconds: 300 })
    expect(world.told().at).toBe(3_660)
    await world.pass(HOUR)
    expect([world.warnedAt(), world.stoppedAt()]).toEqual([[3_600], [3_660]])
  })

  test('that somebody has stopped is left alone', async () => {
    const world = started(running)
    await world.pass(250 * SECOND)
    world.set({ desiredState: 'STANDBY', wish: 2 })
    await world.pass(HOUR)
    expect(world.wishes).toEqual([])
  })

  test('is stopped again when it was started again', async () => {
    const world = started(running)
    await world.pass(301 * SECOND)
    world.set({ desiredState: 'RUNNING', wish: 3, runningSince: world.now() })
    await world.pass(HOUR)
    expect(world.stoppedAt()).toEqual([300, 601])
  })

  test('is stopped on time among many', async () => {
    const world = started(
      ...Array.from({ length: 20 }, (_, n) => ({ ...running, standbyTtlSeconds: 60 + n })),
    )
    await world.pass(HOUR)
    expect(world.stoppedAt()).toEqual(Array.from({ length: 20 }, (_, n) => 60 + n))
  })
})

describe('a sleeping workspace', () => {
  test('is archived when its time has come, without a warning', async () => {
    const world = started({ ...asleep, archiveTtlSeconds: 3_600 })
    expect(world.told()).toMatchObject({ to: 'PENDING', at: 3_600 })
    await world.pass(2 * HOUR)
    expect(world.warnings).toEqual([])
    expect(world.wishes).toEqual([{ id, to: 'PENDING', cause: 'ARCHIVE_TTL', at: 3_600 }])
  })

  test('is not archived once somebody has woken it', async () => {
    const world = started({ ...asleep, archiveTtlSeconds: 3_600 })
    await world.pass(HOUR - SECOND)
    world.set({ desiredState: 'RUNNING', wish: 2 })
    await world.pass(HOUR)
    expect(world.wishes).toEqual([])
  })
})

test('what failed is told to be tried again, and left to others', async () => {
  const world = started({ status: 'ERROR', errorCount: 1, errorWish: 1, retryAt: START + 5_000 })
  expect(world.told()).toMatchObject({ to: 'RUNNING', at: 5 })
  await world.pass(HOUR)
  expect(world.wishes).toEqual([])
})

describe('a wish', () => {
  test('that came too late is not repeated: the newer wish counts', async () => {
    const world = started(running)
    world.onWish = () => {
      world.onWish = () => true
      const { wish } = world.row()
      world.set({ wish: wish + 1, keepAwakeUntil: START + HOUR }) // a person, in the same moment
      return true
    }
    await world.pass(30 * MINUTE)
    expect(world.wishes).toEqual([])
    expect(world.told().at).toBe(3_600)
    await world.pass(HOUR)
    expect(world.stoppedAt()).toEqual([3_600])
  })

  test('is given once, also when there is news before it is written', async () => {
    const world = started(running)
    world.onWish = vi.fn(() => {
      world.set({ memo: 'x' })
      return true
    })
    await world.pass(HOUR)
    expect(world.onWish).toHaveBeenCalledOnce()
    expect(world.stoppedAt()).toEqual([300])
  })

  test('that cannot be written is tried again', async () => {
    const world = started(running, { ...asleep, archiveTtlSeconds: 300 })
    const full = new Error('database or disk is full')
    world.onWish = () => {
      throw full
    }
    await world.pass(305 * SECOND)
    expect(world.log.error).toHaveBeenCalledWith({ id, err: full }, 'could not write a wish')
    world.onWish = () => true
    await world.pass(MINUTE)
    expect(world.wishes.map(({ to }) => to).toSorted()).toEqual(['PENDING', 'STANDBY'])
    await world.pass(HOUR)
    expect([world.wishes.length, world.warnings.length]).toEqual([2, 1])
  })
})

describe('work inside', () => {
  test('holds off the stop for as long as it goes on, unannounced, and then there is a warning first', async () => {
    const world = started(shielded)
    world.commands = ['npm run build']
    await world.pass(HOUR)
    expect([world.wishes, world.warnings]).toEqual([[], []])
    expect(world.told()).toMatchObject({ to: 'STANDBY', by: '`npm run build`' })
    world.commands = []
    await world.pass(3 * MINUTE)
    expect(world.warnedAt()).toEqual([world.stoppedAt()[0]! - 60])
    expect(world.stoppedAt()[0]! - 3_600).toBeLessThanOrEqual(120)
    expect(world.told().by).toBeNull()
  })

  test('that began after the warning holds as well', async () => {
    const world = started(shielded)
    await world.pass(250 * SECOND)
    expect(world.warnedAt()).toEqual([240])
    world.commands = ['make']
    await world.pass(HOUR)
    expect([world.wishes, world.told().by]).toEqual([[], '`make`'])
  })

  test('is also what uses CPU time between the looks', async () => {
    const world = started(shielded)
    world.cpus = 1.3
    await world.pass(10 * MINUTE)
    expect([world.wishes, world.told().by]).toEqual([[], 'work that uses 1.3 CPUs'])
    world.cpus = 0.05
    await world.pass(4 * MINUTE)
    expect(world.stoppedAt()).toHaveLength(1)
  })

  test('is looked at often where the TTL is short', async () => {
    const world = started({ ...shielded, standbyTtlSeconds: 4 })
    world.commands = ['sleep 20']
    await world.pass(20 * SECOND)
    expect([world.wishes, world.told().by]).toEqual([[], '`sleep 20`'])
    world.commands = []
    await world.pass(7 * SECOND)
    expect(world.wishes).toHaveLength(1)
  })

  test('counts for nothing where the shield is off, nor once it is switched off', async () => {
    const world = started(running)
    world.commands = ['make']
    await world.pass(301 * SECOND)
    expect(world.stoppedAt()).toEqual([300])

    world.set({ desiredState: 'RUNNING', wish: 3, runningSince: world.now(), busyShield: true })
    await world.pass(20 * MINUTE)
    expect(world.told().by).toBe('`make`')
    world.set({ busyShield: false })
    const off = world.seconds()
    expect(world.told()).toMatchObject({ by: null, at: off + 60 })
    await world.pass(MINUTE)
    expect(world.stoppedAt()).toEqual([300, off + 60])
  })

  test('holds no longer than it may, and its end is announced too', async () => {
    const world = started({ ...shielded, busyCapSeconds: 1_830 })
    world.commands = ['npm run dev']
    // It is first seen when there would have been a warning.
    await world.pass((240 + 1_770) * SECOND)
    expect(world.warnedAt()).toEqual([240 + 1_770])
    expect(world.told()).toMatchObject({ at: 240 + 1_830, by: null })
    await world.pass(3 * HOUR)
    expect([world.warnedAt(), world.stoppedAt()]).toEqual([[240 + 1_770], [240 + 1_830]])
  })

  test('is forgotten when somebody comes: what it holds later may be held as long again', async () => {
    const world = started({ ...shielded, busyCapSeconds: 1_800 })
    world.commands = ['npm run dev']
    await world.pass(20 * MINUTE)
    const end = world.activity.begin(id, 'socket')
    expect(world.told()).toEqual({ to: undefined, at: null, by: null, connections: 1 })
    await world.pass(MINUTE)
    end()
    await world.pass(3 * HOUR)
    expect(world.stoppedAt()).toEqual([1_260 + 240 + 1_800])
  })

  test('that cannot be seen holds, and is looked at again soon', async () => {
    const world = started(shielded)
    const { work } = world
    world.work = () => Promise.reject(new AppError('DOCKER_UNREACHABLE'))
    await world.pass(HOUR)
    expect(world.wishes).toEqual([])
    expect(world.told().by).toMatch(/Docker does not answer/)
    world.work = work
    await world.pass(67 * SECOND)
    expect(world.stoppedAt()).toHaveLength(1)
  })

  test('of an instance that is not there holds nothing', async () => {
    const world = started(shielded)
    world.work = () => Promise.resolve(undefined)
    await world.pass(10 * MINUTE)
    expect(world.stoppedAt()).toEqual([300])
  })

  test('is looked at by one at a time, however much news there is', async () => {
    const world = started(shielded)
    await world.pass(239 * SECOND)
    world.work = vi.fn(() => new Promise<undefined>(() => undefined))
    await world.pass(2 * SECOND)
    for (let i = 0; i < 100; i++) world.set({ memo: `${i}` })
    await world.pass(MINUTE)
    expect(world.work).toHaveBeenCalledOnce()
  })

  test('looked at for a deadline that has moved meanwhile decides nothing', async () => {
    const world = started(shielded)
    await world.pass(299 * SECOND)
    const answer = Promise.withResolvers<undefined>()
    world.work = () => answer.promise
    await world.pass(2 * SECOND)
    world.set({ keepAwakeUntil: START + HOUR })
    answer.resolve(undefined)
    await world.pass(10 * MINUTE)
    expect([world.wishes, world.told().at]).toEqual([[], 3_600])
  })
})

describe('a restart', () => {
  test('keeps deadlines, which come from the last access', async () => {
    const world = started(running, { ...asleep, archiveTtlSeconds: 3_600 })
    await world.pass(100 * SECOND)
    world.restart()
    expect([world.told().at, world.told(idOf(2)).at]).toEqual([300, 3_600])
    await world.pass(HOUR)
    expect(world.stoppedAt()).toEqual([300, 3_600])
  })

  test('gives people a minute to come back, and archives nothing for ten', async () => {
    const world = started(
      { ...running, runningSince: START - DAY, lastAccessAt: START - DAY },
      { ...asleep, lastAccessAt: START - 9 * DAY },
    )
    await world.pass(HOUR)
    expect([world.warnedAt(), world.stoppedAt()]).toEqual([[0], [60, 600]])
  })

  test('with a clock that was set back gives everything its time from then on', async () => {
    const future = { runningSince: START + DAY, lastAccessAt: START + DAY }
    const world = started({ ...running, ...future }, { ...asleep, ...future, archiveTtlSeconds: 3_600 })
    await world.pass(2 * HOUR)
    expect(world.stoppedAt()).toEqual([300, 3_600])
  })
})

describe('D13 when time jumps by eight hours', () => {
  /** How the clocks see it. */
  const JUMPS: [what: string, wall: number, time: number][] = [
    ['as the machine sleeps, or the clock is set', 8 * HOUR, 0],
    ['as the machine sleeps where time itself goes on', 8 * HOUR, 8 * HOUR],
    ['as the clock is set back', -8 * HOUR, 0],
  ]
  test.each(JUMPS)(
    '%s, nothing is stopped or archived at once, and all in its time',
    async (_, wall, time) => {
      const world = started(
        running,
        { ...running, standbyTtlSeconds: 7_200 },
        { ...asleep, archiveTtlSeconds: 3_600 },
        { ...asleep, archiveTtlSeconds: 120 * 3_600 },
      )
      await world.pass(100 * SECOND)
      const { length } = world.wishes
      world.wallAhead += wall
      world.timeAhead += time
      const woken = world.seconds()
      await world.pass(290 * SECOND)
      expect(world.wishes.slice(length)).toEqual([])
      await world.pass(9 * HOUR)
      const after = world.wishes.map((wish) => [wish.id, wish.at - woken] as const)
      // The tick that finds it comes within fifteen seconds.
      expect(after.map(([of]) => of)).toEqual([idOf(1), idOf(3), idOf(2)])
      expect(Math.abs(after[0]![1] - 307)).toBeLessThanOrEqual(8)
      expect(Math.abs(after[2]![1] - 7_207)).toBeLessThanOrEqual(8)
    },
  )

  test('it is seen by whatever comes first, such as news of a workspace', async () => {
    const world = started(running)
    await world.pass(100 * SECOND)
    world.wallAhead += 8 * HOUR
    world.set({ memo: 'x' })
    expect([world.wishes, world.told().at]).toEqual([[], 8 * 3_600 + 100 + 300])
  })

  test('also while work is being looked at', async () => {
    const world = started(shielded)
    await world.pass(299 * SECOND)
    const answer = Promise.withResolvers<undefined>()
    world.work = () => answer.promise
    await world.pass(2 * SECOND)
    world.wallAhead += 8 * HOUR
    answer.resolve(undefined)
    await world.pass(4 * MINUTE)
    expect(world.wishes).toEqual([])
  })

  test('a warning that was given before counts no more', async () => {
    const world = started(running)
    await world.pass(250 * SECOND)
    world.wallAhead += 8 * HOUR
    await world.pass(HOUR)
    expect(world.warnings).toHaveLength(2)
    expect(world.stoppedAt()[0]! - world.warnedAt()[1]!).toBe(60)
  })

  test('nor does one for a time until which it was kept awake', async () => {
    const world = started({ ...running, keepAwakeUntil: START + HOUR })
    await world.pass(HOUR - 30 * SECOND)
    expect(world.warnedAt()).toEqual([3_540])
    world.wallAhead -= 30 * MINUTE
    await world.pass(HOUR)
    expect([world.warnedAt(), world.stoppedAt()]).toEqual([[3_540, 5_340], [5_400]])
  })

  test('a clock that is put right bit by bit is no jump', async () => {
    const world = started(running)
    for (let minute = 0; minute < 4; minute++) {
      world.wallAhead += 10 * SECOND
      await world.pass(MINUTE)
    }
    expect(world.told().at).toBe(300)
  })
})

test('what fails for one workspace does not end the time of the others, nor of itself', async () => {
  const world = started(running, running)
  const broken = new Error('disk I/O error')
  const { inFlight } = world.activity
  world.activity.inFlight = (of) => {
    if (of === id) throw broken
    return inFlight(of)
  }
  await world.pass(301 * SECOND)
  expect(world.wishes.map((wish) => wish.id)).toEqual([idOf(2)])
  expect(world.log.error).toHaveBeenCalledWith({ id, err: broken }, expect.any(String))
  expect(world.log.error.mock.calls.length, 'it is not tried all the time').toBeLessThan(60)
  world.activity.inFlight = inFlight
  await world.pass(2 * MINUTE)
  expect(world.wishes).toHaveLength(2)
})

test('what is deleted has no deadline, and nobody in it', async () => {
  const world = started(running)
  world.activity.begin(id, 'socket')
  world.set({ status: 'DELETED' })
  expect(world.activity.inFlight(id)).toBe(false)
  await world.pass(HOUR)
  expect(world.wishes).toEqual([])
})

test('once closed, nothing happens any more', async () => {
  const world = started(shielded)
  const answer = Promise.withResolvers<undefined>()
  world.work = () => answer.promise
  await world.pass(241 * SECOND)
  world.close()
  answer.resolve(undefined)
  await world.pass(0)
  expect(vi.getTimerCount()).toBe(0)
  world.set({ standbyTtlSeconds: 1 })
  await world.pass(HOUR)
  expect([world.warnings, world.wishes]).toEqual([[], []])
})

describe('whatever happens', () => {
  const TTL = 100
  const LEAD = 50
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('pass' as const), seconds: fc.integer({ min: 1, max: 120 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constantFrom('open', 'close', 'request', 'work', 'rest', 'away', 'restart', 'news'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('jump' as const),
        seconds: fc.constantFrom(-9_000, -40, 40, 9_000),
      }),
    },
  )

  test('nobody is stopped in use, at work, sooner than their time, or without the warning; and all are in the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        vi.setSystemTime(START)
        const world = createWorld({ ...shielded, standbyTtlSeconds: TTL })
        const { work } = world
        let ends: (() => void)[] = []
        let since = 0
        let stopped = 0
        const faults: string[] = []
        const used = (): void => void (since = world.seconds())

        /** Judges each wish in the moment that it is given. */
        world.onWish = () => {
          if (ends.length > 0) faults.push('in use')
          if (world.commands.length > 0 || world.work !== work) faults.push('at work')
          if (world.seconds() - since < TTL - 0.01) faults.push('too soon')
          if (world.seconds() - world.warnings.at(-1)!.at < LEAD - 0.01) faults.push('without a warning')
          return true
        }
        function startAgain(): void {
          if (world.wishes.length === stopped) return
          if (world.wishes.length !== ++stopped) faults.push('twice')
          world.set({ desiredState: 'RUNNING', wish: world.row().wish + 1, runningSince: world.now() })
          used()
        }

        world.start()
        for (const { kind, ...more } of steps) {
          const { seconds = 0 } = more as { seconds?: number }
          if (kind === 'pass') await world.pass(seconds * SECOND)
          if (kind === 'open') ends.push(world.activity.begin(id, 'socket'))
          if (kind === 'close') (ends.pop() ?? (() => world.activity.begin(id, 'socket')()))()
          if (kind === 'request') world.activity.begin(id, 'request')()
          if (['open', 'close', 'request'].includes(kind)) used()
          if (kind === 'work') world.commands = ['make']
          if (kind === 'rest') [world.commands, world.work] = [[], work]
          if (kind === 'away') world.work = () => Promise.reject(new Error('away'))
          if (kind === 'news') world.set({})
          if (kind === 'jump') {
            world.wallAhead += seconds * SECOND
            used()
            await world.pass(16 * SECOND) // so that it is seen
          }
          if (kind === 'restart') {
            world.restart()
            ends = []
            since = world.seconds() + 60 - TTL
          }
          startAgain()
        }
        if (ends.length > 0) used()
        for (const end of ends.splice(0)) end()
        ;[world.commands, world.work] = [[], work]
        await world.pass((TTL + 60 + LEAD + 15) * SECOND)
        world.close()
        expect([faults, world.wishes.length]).toEqual([[], stopped + 1])
      }),
      { numRuns: 200 },
    )
  }, 60_000)
})
