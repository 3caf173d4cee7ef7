import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  LEVELS,
  MAX_ATTEMPTS,
  OPERATIONS,
  STABLE_AFTER_MS,
  STATUSES,
  type Level,
  type Operation,
} from '../core/state.ts'
import { isGone, isPointless, plan, retryAt, type Plan, type Situation } from './plan.ts'
import { TRASH_MS } from '../testing/rows.ts'

const NOW = 1_000_000
const MINUTE = 60_000

/** A workspace that has run for an hour, as it was wished. */
const base: Situation = {
  home: 'present',
  instance: 'answering',
  desired: 'RUNNING',
  deleted: false,
  purgeAt: 0,
  goingBack: false,
  archived: false,
  provisioned: true,
  status: 'RUNNING',
  runningSince: NOW - 60 * MINUTE,
  failures: 0,
  retryAt: null,
  now: NOW,
}
const asleep = { instance: 'absent', status: 'STANDBY', runningSince: null } as const
const nothing = { ...asleep, home: 'absent', provisioned: false, status: 'PENDING' } as const
const archived = { ...nothing, provisioned: true, archived: true } as const
const deleted = { ...asleep, deleted: true, purgeAt: NOW + TRASH_MS } as const
const trashed = { ...deleted, home: 'trashed', status: 'DELETED' } as const
const untilPurge: Plan = { kind: 'settled', status: 'DELETED', stable: true, again: TRASH_MS }

const unknown: Plan = { kind: 'wait', why: 'unknown', ms: 2_000 }
const run = (operation: Operation): Plan => ({ kind: 'run', operation })
const settled = (status: Level | 'DELETED'): Plan => ({ kind: 'settled', status, stable: true })
const failed = (code: Extract<Plan, { kind: 'failed' }>['code'], at = NOW): Plan => ({
  kind: 'failed',
  code,
  at,
})

// prettier-ignore
const RULES: [rule: string, change: Partial<Situation>, expected: Plan][] = [
  ['a workspace that runs as wished is left alone', {}, settled('RUNNING')],
  // The way up
  ['a new workspace gets its home first', nothing, run('PROVISIONING')],
  ['a new workspace gets its home even if it is to sleep', { ...nothing, desired: 'STANDBY' }, run('PROVISIONING')],
  ['a new workspace that is to be archived has nothing to do', { ...nothing, desired: 'PENDING' }, settled('PENDING')],
  ['a home without an instance is started', asleep, run('STARTING')],
  ['an archived one is restored first', archived, run('RESTORING')],
  ['an archived one that is to sleep is restored', { ...archived, desired: 'STANDBY' }, run('RESTORING')],
  ['an archived one stays archived when that is the wish', { ...archived, desired: 'PENDING' }, settled('PENDING')],
  ['a home that is back from its archive is started, not restored again', { ...asleep, archived: true }, run('STARTING')],
  ['a start that a crash cut off before the container is begun again', { ...asleep, status: 'PENDING' }, run('STARTING')],
  ['a start goes on with a container that does not answer yet', { instance: 'unready', status: 'STANDBY' }, run('STARTING')],
  ['an instance that stopped answering is looked after by a start', { instance: 'unready' }, run('STARTING')],
  ['remains of an instance are no death while it was not running', { instance: 'dead', status: 'STANDBY' }, run('STARTING')],
  ['one found answering is running, whatever was written', { status: 'PENDING' }, settled('RUNNING')],
  // The way down
  ['a running one that is to sleep is stopped', { desired: 'STANDBY' }, run('STOPPING')],
  ['a running one that is to be archived is stopped first', { desired: 'PENDING' }, run('STOPPING')],
  ['one that does not answer is stopped all the same', { instance: 'unready', desired: 'STANDBY' }, run('STOPPING')],
  ['a dead container is cleared away by a stop', { instance: 'dead', desired: 'STANDBY' }, run('STOPPING')],
  ['a dead container is cleared away before archiving', { instance: 'dead', desired: 'PENDING' }, run('STOPPING')],
  ['one that sleeps as wished is left alone', { ...asleep, desired: 'STANDBY' }, settled('STANDBY')],
  ['a sleeping one that is to be archived is archived', { ...asleep, desired: 'PENDING' }, run('ARCHIVING')],
  ['an archive with the home still there is made again', { ...asleep, archived: true, desired: 'PENDING' }, run('ARCHIVING')],
  // Death
  ['an instance that died has failed, counted from when it came up', { instance: 'dead' }, failed('INSTANCE_DIED', NOW - 60 * MINUTE)],
  ['an instance that somebody removed has failed', { instance: 'absent' }, failed('INSTANCE_DIED', NOW - 60 * MINUTE)],
  ['a death of unknown age counts from now', { instance: 'dead', runningSince: null }, failed('INSTANCE_DIED')],
  ['one that died while it was to sleep has not failed', { instance: 'dead', desired: 'STANDBY', status: 'RUNNING' }, run('STOPPING')],
  ['one that was removed while it was to sleep sleeps', { instance: 'absent', desired: 'STANDBY', status: 'RUNNING' }, settled('STANDBY')],
  ['a death that was written down is mended', { instance: 'dead', status: 'ERROR', failures: 1, retryAt: NOW }, run('STARTING')],
  // A lost home
  ['a lost home is an error, not a new home', { ...asleep, home: 'absent' }, failed('HOME_MISSING')],
  ['a lost home is an error for one that sleeps', { ...asleep, home: 'absent', desired: 'STANDBY' }, failed('HOME_MISSING')],
  ['a lost home cannot be archived', { ...asleep, home: 'absent', desired: 'PENDING' }, failed('HOME_MISSING')],
  ['a lost home under a running instance is an error: the instance may hold the files', { home: 'absent' }, failed('HOME_MISSING')],
  ['a lost home under an instance that does not answer is an error', { home: 'absent', instance: 'unready' }, failed('HOME_MISSING')],
  ['a lost home under a dead instance is an error', { home: 'absent', instance: 'dead' }, failed('HOME_MISSING')],
  ['only a stop takes an instance away from its lost home', { home: 'absent', desired: 'STANDBY' }, run('STOPPING')],
  ['a lost home that was told of waits for a person', { ...asleep, home: 'absent', status: 'ERROR', failures: 3 }, { kind: 'stuck' }],
  ['an instance without a home that never was is stopped', { home: 'absent', provisioned: false }, run('STOPPING')],
  ['an instance beside an archive is stopped before the restore', { home: 'absent', archived: true }, run('STOPPING')],
  // Somebody else's container under our name
  ['a foreign container in the way is an error', { instance: 'foreign', status: 'STANDBY' }, failed('CONTAINER_NAME_TAKEN')],
  ['a foreign container in the way of a new workspace is an error', { ...nothing, instance: 'foreign' }, failed('CONTAINER_NAME_TAKEN')],
  ['a foreign container is no instance of one that sleeps', { ...asleep, instance: 'foreign', desired: 'STANDBY' }, settled('STANDBY')],
  ['a foreign container does not keep one from its archive', { ...asleep, instance: 'foreign', desired: 'PENDING' }, run('ARCHIVING')],
  // What cannot be seen
  ['nothing is concluded while the engine is silent', { instance: 'unknown' }, unknown],
  ['nothing is concluded while the disk is silent', { home: 'unknown' }, unknown],
  ['nothing is deleted blindly', { instance: 'unknown', deleted: true }, unknown],
  ['failures do not matter while nothing is known', { home: 'unknown', failures: 3 }, unknown],
  // Deletion
  ['a running one is deleted', { ...deleted, instance: 'answering', status: 'RUNNING' }, run('DELETING')],
  ['a sleeping one is deleted', deleted, run('DELETING')],
  ['a dead one is deleted', { ...deleted, instance: 'dead' }, run('DELETING')],
  ['one that runs on a lost home is deleted', { ...deleted, home: 'absent', instance: 'answering' }, run('DELETING')],
  ['what has neither home nor instance is deleted already', { ...nothing, deleted: true }, settled('DELETED')],
  ["somebody else's container is not ours to delete", { ...nothing, instance: 'foreign', deleted: true }, settled('DELETED')],
  ['a home beside a foreign container is deleted', { ...deleted, instance: 'foreign' }, run('DELETING')],
  ['a deletion that failed three times waits for a person', { ...deleted, failures: 3 }, { kind: 'stuck' }],
  ['a deletion that failed is tried again after a while', { ...deleted, failures: 1, retryAt: NOW + 700 }, { kind: 'wait', why: 'backoff', ms: 700 }],
  ['a wish to go back to an archive does not keep a deleted one', { ...deleted, goingBack: true }, run('DELETING')],
  // The trash
  ['what lies in the trash waits there', trashed, untilPurge],
  ['an archive in the trash waits there, with its manifest', { ...trashed, archived: true }, untilPurge],
  ['an archive in the trash waits there, without anything beside it', { ...trashed, home: 'absent', archived: true }, untilPurge],
  ['an instance that appears over the trash is stopped at once', { ...trashed, instance: 'answering' }, run('DELETING')],
  ['what has lain in the trash for long enough goes for good', { ...trashed, purgeAt: NOW }, run('DELETING')],
  ['an archive that has lain in the trash for long enough goes for good', { ...trashed, home: 'absent', archived: true, purgeAt: NOW }, run('DELETING')],
  ['one that was deleted without its home is forgotten in the end', { ...trashed, home: 'absent', purgeAt: NOW }, run('DELETING')],
  ['what a purge that was cut off has left goes', { ...trashed, provisioned: false, purgeAt: 0 }, run('DELETING')],
  ['a purge that failed is tried again after a while', { ...trashed, purgeAt: NOW, failures: 1, retryAt: NOW + 700 }, { kind: 'wait', why: 'backoff', ms: 700 }],
  ['one that is taken back gets its home back from the trash', { ...trashed, deleted: false, desired: 'STANDBY' }, run('RESTORING')],
  ['its home comes before an archive of it', { ...trashed, deleted: false, archived: true, desired: 'PENDING' }, run('RESTORING')],
  ['one that is taken back archived is archived', { ...archived, status: 'DELETED', desired: 'PENDING' }, settled('PENDING')],
  ['one that is taken back while it still runs is not disturbed', { deleted: false }, settled('RUNNING')],
  ['no home is taken from the trash under an instance', { ...trashed, deleted: false, instance: 'unready' }, run('STOPPING')],
  // Back to an older archive
  ['a running one that goes back to an archive is stopped first', { goingBack: true }, run('STOPPING')],
  ['the present home is archived before an older one takes its place', { ...asleep, goingBack: true }, run('ARCHIVING')],
  ['then the older one is restored', { ...archived, goingBack: true }, run('RESTORING')],
  ['also when it is to be archived again afterwards', { ...archived, goingBack: true, desired: 'PENDING' }, run('RESTORING')],
  ['a lost home can be replaced by an archive', { ...asleep, home: 'absent', goingBack: true }, run('RESTORING')],
  ['but not under its instance', { home: 'absent', goingBack: true }, run('STOPPING')],
  ['the remains of an instance are cleared away before going back', { instance: 'dead', goingBack: true }, run('STOPPING')],
  ['what lies in the trash is archived too before an older one takes its place', { ...trashed, deleted: false, goingBack: true }, run('RESTORING')],
  // Failures
  ['a failed start waits', { ...asleep, status: 'ERROR', failures: 1, retryAt: NOW + 1_000 }, { kind: 'wait', why: 'backoff', ms: 1_000 }],
  ['a failed start is tried again when its time has come', { ...asleep, status: 'ERROR', failures: 2, retryAt: NOW }, run('STARTING')],
  ['after three failures a person has to act', { ...asleep, status: 'ERROR', failures: 3, retryAt: null }, { kind: 'stuck' }],
  ['after three failures no old date starts it', { ...asleep, status: 'ERROR', failures: 3, retryAt: NOW - 1 }, { kind: 'stuck' }],
  ['a new wish begins anew, whatever date an old failure left', { ...asleep, status: 'ERROR', failures: 0, retryAt: NOW + 5_000 }, run('STARTING')],
  ['what has come about by itself is no error, however often it failed', { status: 'ERROR', failures: 3 }, settled('RUNNING')],
  ['a stopped one is at peace with its failures', { ...asleep, desired: 'STANDBY', status: 'ERROR', failures: 3 }, settled('STANDBY')],
  ['a death after two failed starts waits its turn', { instance: 'dead', status: 'ERROR', failures: 2, retryAt: NOW + 4_000 }, { kind: 'wait', why: 'backoff', ms: 4_000 }],
  // The stable minute
  ['one that has just come up is looked at again when its minute is over', { runningSince: NOW - 20_000 }, { kind: 'settled', status: 'RUNNING', stable: false, again: 40_000 }],
  ['its minute begins now when nobody wrote down when it came up', { runningSince: null }, { kind: 'settled', status: 'RUNNING', stable: false, again: STABLE_AFTER_MS }],
  ['one that has just had its minute is stable', { runningSince: NOW - STABLE_AFTER_MS }, settled('RUNNING')],
]

describe('the plan', () => {
  test.each(RULES)('%s', (_, change, expected) => {
    expect(plan({ ...base, ...change })).toEqual(expected)
  })

  test('the first failure costs a second, the next five, from when it happened', () => {
    expect(retryAt(1, NOW)).toBe(NOW + 1_000)
    expect(retryAt(2, NOW)).toBe(NOW + 5_000)
  })
})

/** Every situation there is, times included only as before, at and after. */
function* situations(): Generator<Situation> {
  for (const home of ['absent', 'present', 'trashed', 'unknown'] as const)
    for (const instance of ['absent', 'foreign', 'dead', 'unready', 'answering', 'unknown'] as const)
      for (const desired of LEVELS)
        for (const purge of [undefined, 0, NOW + MINUTE])
          for (const goingBack of [false, true])
            for (const isArchived of [false, true])
              for (const provisioned of [false, true])
                for (const status of STATUSES)
                  for (const failures of [0, 1, 3])
                    for (const retry of [null, NOW - 1, NOW + 1_000])
                      for (const runningSince of [null, NOW - 1_000, NOW - 2 * MINUTE])
                        yield { home, instance, desired, deleted: purge !== undefined, purgeAt: purge ?? 0, goingBack, archived: isArchived, provisioned, status, failures, retryAt: retry, runningSince, now: NOW } // prettier-ignore
}

/** Fails with the first situation that breaks the rule. */
function always(holds: (s: Situation, decision: Plan) => boolean): void {
  for (const s of situations()) {
    const decision = plan(s)
    if (!holds(s, decision)) expect.fail(JSON.stringify({ s, decision }))
  }
}

describe('in every situation', () => {
  test('the same situation gets the same plan and is not changed by planning', () => {
    always((s, decision) => JSON.stringify(plan(Object.freeze({ ...s }))) === JSON.stringify(decision))
  })

  test('nothing is run, settled or failed while home or instance is unknown', () => {
    always((s, decision) => {
      const waits = decision.kind === 'wait' && decision.why === 'unknown'
      return waits === (s.home === 'unknown' || s.instance === 'unknown')
    })
  })

  test('nothing is run or failed once more after three failures', () => {
    always((s, { kind }) => s.failures < MAX_ATTEMPTS || (kind !== 'run' && kind !== 'failed'))
  })

  test('a home is removed only when it was deleted, or is to be archived; never under an instance', () => {
    always((s, decision) => {
      if (decision.kind !== 'run') return true
      if (decision.operation === 'DELETING') return s.deleted
      if (decision.operation === 'ARCHIVING')
        return s.home === 'present' && isGone(s.instance) && (s.goingBack || s.desired === 'PENDING')
      return true
    })
  })

  test('what lies in the trash goes only when its time has come', () => {
    always((s, decision) => {
      const removes = decision.kind === 'run' && decision.operation === 'DELETING'
      return !removes || s.home === 'present' || !isGone(s.instance) || s.purgeAt <= s.now
    })
  })

  test('a home is made only where none was ever, and restored only from the trash or an archive', () => {
    always((s, decision) => {
      if (decision.kind !== 'run') return true
      if (decision.operation === 'PROVISIONING') return s.home === 'absent' && !s.provisioned && !s.archived
      if (decision.operation === 'RESTORING')
        return (
          isGone(s.instance) && (s.home === 'trashed' || (s.home === 'absent' && (s.archived || s.goingBack)))
        )
      return true
    })
  })

  test('a home that is there wins over its archive', () => {
    always((s, decision) => {
      if (s.home !== 'present') return true
      const same = plan({ ...s, archived: !s.archived })
      return JSON.stringify(same) === JSON.stringify(decision)
    })
  })

  test('a lost home is HOME_MISSING, unless an archive stands for it or is wished', () => {
    always((s, decision) => {
      const missing = decision.kind === 'failed' && decision.code === 'HOME_MISSING'
      return !missing || (s.home === 'absent' && s.provisioned && !s.archived && !s.goingBack && !s.deleted)
    })
  })

  test('nothing is begun that would be given up as pointless', () => {
    always((s, decision) => {
      if (decision.kind !== 'run' || s.home === 'trashed') return true
      return !isPointless(decision.operation, s)
    })
  })

  test('an instance is started only on a home, and stopped only where one is', () => {
    always((s, decision) => {
      if (decision.kind !== 'run') return true
      if (decision.operation === 'STARTING')
        return s.home === 'present' && s.desired === 'RUNNING' && s.instance !== 'foreign' && !s.goingBack
      if (decision.operation === 'STOPPING') return !isGone(s.instance)
      return true
    })
  })

  test('settled means that what is seen is what is wished', () => {
    always((s, decision) => {
      if (decision.kind !== 'settled') return true
      if (decision.status === 'DELETED') return s.deleted && s.home !== 'present' && isGone(s.instance)
      if (s.deleted || s.goingBack || decision.status !== s.desired) return false
      if (decision.status === 'RUNNING') return s.home === 'present' && s.instance === 'answering'
      return isGone(s.instance) && (decision.status === 'STANDBY') === (s.home === 'present')
    })
  })

  test('a deleted workspace is never anything but deleted', () => {
    always((s, decision) => !s.deleted || !('operation' in decision) || decision.operation === 'DELETING')
  })

  test('no wait is negative or for ever', () => {
    always((_, decision) => {
      const ms =
        decision.kind === 'wait' ? decision.ms : decision.kind === 'settled' ? (decision.again ?? 1) : 1
      return ms > 0 && ms <= MINUTE
    })
  })
})

/** A workspace with all that the reconciler knows of it, and a clock. */
type World = Situation & { readonly steps: readonly Operation[] }

const level = (s: Situation): number => (s.home !== 'present' ? 0 : s.instance === 'answering' ? 2 : 1)

/** What the reconciler and the world make of a plan when its operation works. */
function apply(w: World, decision: Plan): World {
  const forgiven = { failures: 0, retryAt: null }
  switch (decision.kind) {
    case 'settled': {
      const runningSince = decision.status === 'RUNNING' ? (w.runningSince ?? w.now) : null
      const home = w.home === 'present' && !w.deleted ? { provisioned: true, archived: false } : {}
      return {
        ...w,
        ...home,
        status: decision.status,
        runningSince,
        now: w.now + (decision.again ?? 0),
        ...(decision.stable && forgiven),
      }
    }
    case 'wait':
      return { ...w, now: w.now + decision.ms }
    case 'stuck':
      return { ...w, status: 'ERROR', runningSince: null }
    case 'failed':
      return fail(w, decision.code === 'INSTANCE_DIED' ? w.failures + 1 : MAX_ATTEMPTS, decision.at)
    case 'run': {
      const next = { ...w, ...effect(w, decision.operation), steps: [...w.steps, decision.operation] }
      return decision.operation === 'STARTING' ? next : { ...next, ...forgiven }
    }
  }
}

function fail(w: World, failures: number, at: number): World {
  return {
    ...w,
    status: 'ERROR',
    runningSince: null,
    failures,
    retryAt: failures < MAX_ATTEMPTS ? retryAt(failures, at) : null,
  }
}

function effect(w: World, operation: Operation): Partial<World> {
  const gone = w.instance === 'foreign' ? 'foreign' : 'absent'
  switch (operation) {
    case 'PROVISIONING':
    case 'RESTORING':
      return {
        home: 'present',
        provisioned: true,
        archived: false,
        goingBack: w.goingBack && w.home === 'trashed',
        status: 'STANDBY',
        runningSince: null,
      }
    case 'STARTING':
      return { instance: 'answering', archived: false, status: 'RUNNING', runningSince: w.now }
    case 'STOPPING':
      return { instance: gone, status: w.home === 'present' ? 'STANDBY' : 'PENDING', runningSince: null }
    case 'ARCHIVING':
      return { home: 'absent', archived: true, status: 'PENDING', runningSince: null }
    case 'DELETING': {
      const over = { instance: gone, status: 'DELETED', runningSince: null } as const
      if (w.home !== 'present' && w.purgeAt <= w.now)
        return { ...over, home: 'absent', archived: false, provisioned: false }
      const left = w.provisioned || w.archived
      return { ...over, home: !left ? 'absent' : w.home === 'present' ? 'trashed' : w.home }
    }
  }
}

const wish = (w: World, change: Partial<Situation>): World => ({ ...w, ...change, failures: 0 })
const remove = (w: World): World =>
  wish(w, { deleted: true, goingBack: false, purgeAt: w.provisioned || w.archived ? w.now + TRASH_MS : 0 })
const takeBack = (w: World): World =>
  w.deleted && (w.provisioned || w.archived)
    ? wish(w, { deleted: false, purgeAt: 0, desired: w.archived ? 'PENDING' : 'STANDBY' })
    : w

/** Plans and applies until nothing changes any more. */
function drive(w: World, limit = 30): World {
  for (let round = 0; round < limit; round++) {
    const decision = plan(w)
    const next = apply(w, decision)
    if (decision.kind === 'run' && decision.operation !== 'DELETING')
      expect(
        Math.abs(level(next) - level(w)),
        `${decision.operation} from ${JSON.stringify(w)}`,
      ).toBeLessThanOrEqual(1)
    if (JSON.stringify(next) === JSON.stringify(w)) return w
    w = next
  }
  return expect.fail(`does not settle: ${JSON.stringify(w)}`)
}

/** It ends as wished, or with an error that only a person can mend. */
function expectEnd(w: World): void {
  const decision = plan(w)
  if (decision.kind === 'stuck') {
    const lost = w.home === 'absent' && w.provisioned && !w.archived && !w.goingBack
    const taken = w.instance === 'foreign' && w.desired === 'RUNNING'
    expect(w.status).toBe('ERROR')
    expect({ w, mended: w.failures < MAX_ATTEMPTS }).toEqual({ w, mended: false })
    expect(lost || taken || w.failures === MAX_ATTEMPTS).toBe(true)
  } else
    expect(decision).toEqual({ kind: 'settled', status: w.deleted ? 'DELETED' : w.desired, stable: true })
}

const present = fc.record({
  home: fc.constantFrom('absent' as const, 'present' as const, 'trashed' as const),
  purgeAt: fc.integer({ min: NOW - 1, max: NOW + TRASH_MS }),
  goingBack: fc.boolean(),
  instance: fc.constantFrom('absent', 'foreign', 'dead', 'unready', 'answering'),
  desired: fc.constantFrom(...LEVELS),
  deleted: fc.boolean(),
  archived: fc.boolean(),
  provisioned: fc.boolean(),
  status: fc.constantFrom(...LEVELS, 'ERROR' as const),
  failures: fc.integer({ min: 0, max: 3 }),
  retryAt: fc.option(fc.integer({ min: NOW - 10_000, max: NOW + 10_000 }), { nil: null }),
  runningSince: fc.option(fc.integer({ min: NOW - 2 * MINUTE, max: NOW }), { nil: null }),
}) as fc.Arbitrary<Omit<Situation, 'now'>>
const worlds: fc.Arbitrary<World> = present.map((s) => ({ ...s, now: NOW, steps: [] }))

const happenings: fc.Arbitrary<(w: World) => World> = fc.oneof(
  fc.constantFrom(...LEVELS).map((desired) => (w: World) => wish(w, { desired })),
  fc.constant(remove),
  fc.constant(takeBack),
  fc.constant((w: World) => (w.deleted ? wish(w, { purgeAt: 0 }) : w)),
  fc.constant((w: World) =>
    w.deleted || !w.provisioned ? w : wish(w, { goingBack: true, desired: 'RUNNING' }),
  ),
  fc.constant((w: World) => wish(w, {})),
  fc.constant((w: World): World => (isGone(w.instance) ? w : { ...w, instance: 'dead' })),
  fc.constant((w: World): World => (isGone(w.instance) ? w : { ...w, instance: 'absent' })),
  fc.constant((w: World): World => (w.instance === 'answering' ? { ...w, instance: 'unready' } : w)),
  fc.constant((w: World) => ({ ...w, now: w.now + MINUTE })),
  // One pass that goes well, and one whose operation fails.
  fc.constant((w: World) => apply(w, plan(w))),
  fc.constant((w: World) => (plan(w).kind === 'run' ? fail(w, w.failures + 1, w.now) : w)),
)

describe('planning and doing, over and over', () => {
  test('ends as wished or with an error for a person, from every situation, in few steps', () => {
    fc.assert(
      fc.property(worlds, (w) => expectEnd(drive(w))),
      { numRuns: 3_000 },
    )
  })

  test('ends as last wished, whatever was wished, died or failed on the way', () => {
    fc.assert(
      fc.property(worlds, fc.array(happenings, { maxLength: 25 }), (start, events) => {
        const w = events.reduce((now, happen) => happen(now), start)
        expectEnd(drive(w))
      }),
      { numRuns: 2_000 },
    )
  })

  test('goes from one wish to the next by the shortest way', () => {
    for (const from of LEVELS)
      for (const to of LEVELS) {
        const before = drive({ ...base, ...nothing, desired: from, steps: [] })
        const after = drive({ ...wish(before, { desired: to }), steps: [] })
        expect(after.status, `${from} → ${to}`).toBe(to)
        expect(after.steps, `${from} → ${to}`).toHaveLength(
          Math.abs(LEVELS.indexOf(to) - LEVELS.indexOf(from)),
        )
      }
  })

  test('goes back to an older archive by way of a new one, and then to where it was wished', () => {
    const back: Record<Level, Operation[]> = {
      RUNNING: ['STOPPING', 'ARCHIVING', 'RESTORING', 'STARTING'],
      STANDBY: ['ARCHIVING', 'RESTORING', 'STARTING'],
      PENDING: ['RESTORING', 'STARTING'],
    }
    for (const from of LEVELS) {
      const before = drive({ ...base, desired: from, steps: [] })
      const after = drive({ ...wish(before, { goingBack: true, desired: 'RUNNING' }), steps: [] })
      expect(after).toMatchObject({ status: 'RUNNING', goingBack: false, archived: false })
      expect(after.steps, from).toEqual(back[from])
    }
  })

  test('a deleted one waits in the trash for its time, and can be taken back to every level until then', () => {
    for (const from of LEVELS) {
      const made = drive({ ...base, desired: from, steps: [] })
      const gone = { ...remove(made), steps: [] }
      expect(drive(gone), from).toMatchObject({
        status: 'DELETED',
        home: 'absent',
        archived: false,
        provisioned: false,
        now: made.now + TRASH_MS,
      })
      let waits: World = gone
      while (plan(waits).kind === 'run') waits = apply(waits, plan(waits))
      for (const to of LEVELS) {
        const back = drive(wish(takeBack(waits), { desired: to }))
        expect(back, `${from} → ${to}`).toMatchObject({ status: to, deleted: false })
        expect(back.steps, `${from} → ${to}`).not.toContain('PROVISIONING')
      }
    }
  })

  test('three failures in a row end it, and one wish sets it going again', () => {
    let w: World = { ...base, ...asleep, steps: [] }
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      while (plan(w).kind === 'wait') w = apply(w, plan(w))
      expect(plan(w)).toEqual(run('STARTING'))
      w = fail(w, w.failures + 1, w.now)
    }
    expect(plan({ ...w, now: w.now + 24 * 60 * MINUTE })).toEqual({ kind: 'stuck' })
    expect(plan(wish(w, {}))).toEqual(run('STARTING'))
  })

  test('a crash loop ends, and a death after a stable minute does not count towards it', () => {
    const die = (w: World): World => ({ ...w, instance: 'dead' })
    let w: World = { ...base, runningSince: NOW - 1_000, steps: [] }
    for (let deaths = 0; deaths < 3; deaths++) {
      w = die(w)
      while (plan(w).kind !== 'settled' && plan(w).kind !== 'stuck') w = apply(w, plan(w))
    }
    expect(plan(w)).toEqual({ kind: 'stuck' })

    w = drive({ ...base, runningSince: NOW - 1_000, steps: [] })
    for (let deaths = 0; deaths < 5; deaths++) w = drive(die(w))
    expect(w).toMatchObject({ status: 'RUNNING', failures: 0 })
  })
})

describe('an operation under way', () => {
  const wished = { desired: 'RUNNING', deleted: false, goingBack: false } as const

  // prettier-ignore
  test.each<[Operation, Partial<Parameters<typeof isPointless>[1]>, boolean]>([
    ['STARTING', {}, false],
    ['STARTING', { desired: 'STANDBY' }, true],
    ['STARTING', { goingBack: true }, true],
    ['ARCHIVING', {}, true],
    ['ARCHIVING', { desired: 'STANDBY' }, true],
    ['ARCHIVING', { desired: 'PENDING' }, false],
    ['ARCHIVING', { goingBack: true }, false],
    ['RESTORING', {}, false],
    ['RESTORING', { desired: 'STANDBY' }, false],
    ['RESTORING', { desired: 'PENDING' }, true],
    ['RESTORING', { desired: 'PENDING', goingBack: true }, false],
  ])('%s under %j is pointless: %s', (operation, change, expected) => {
    expect(isPointless(operation, { ...wished, ...change })).toBe(expected)
    expect(isPointless(operation, { ...wished, ...change, deleted: true })).toBe(true)
  })

  test('is never pre-empted otherwise', () => {
    const given = new Set(
      OPERATIONS.filter((operation) =>
        LEVELS.some((desired) => isPointless(operation, { ...wished, desired, deleted: true })),
      ),
    )
    expect(given).toEqual(new Set(['RESTORING', 'STARTING', 'ARCHIVING']))
  })
})
