import type { Transition } from '../core/api.ts'
import type { Logger } from '../core/logger.ts'
import { whyNext } from '../core/reasons.ts'
import type { Cause, Level } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { Prospect } from '../events/live.ts'
import type { Activities } from './activity.ts'
import { busyWith, type Sample, type Work } from './busy.ts'
import { nextTransition, type Next } from './transition.ts'

/** The clocks are looked at this often, so that a jump is seen before anything acts on it. */
const TICK_MS = 15_000
/** The wall clock moved this much otherwise than time did: it was set, or the machine slept. */
const JUMP_MS = 20_000
/** A tick this late: the machine slept, or the process was stopped. */
const LATE_MS = 30_000
/** How long before an idle stop people are warned, and how often work is looked at, at most. */
const LEAD_MS = 60_000
const RECHECK_MS = 60_000
const MIN_RECHECK_MS = 1_000
/** What could not be known, or written, is tried again after this long. */
const AGAIN_MS = 5_000
/** After a start of Berth: nobody is stopped, and nothing is archived, before their people could come back. */
const START_GRACE_MS = 60_000
const ARCHIVE_GRACE_MS = 10 * 60_000

const UNSEEN = 'work that cannot be ruled out while Docker does not answer'

export interface TtlDeps {
  /** Every workspace that is not deleted. */
  rows: () => WorkspaceRow[]
  row: (id: string) => WorkspaceRow | undefined
  activity: Pick<Activities, 'inFlight' | 'connections' | 'lastEndAt' | 'forget'>
  /** What goes on in its instance; undefined when there is none. */
  work: (id: string) => Promise<Work | undefined>
  /** Writes the wish, unless a newer one came since the row was read; true when it did. */
  wish: (row: WorkspaceRow, to: Level, cause: Cause) => boolean
  setProspect: (id: string, prospect: Prospect) => void
  warn: (id: string, transition: Transition) => void
  now: () => number
  /** Milliseconds that passed, whatever the wall clock was set to. */
  monotonic: () => number
  log: Logger
}

/** How one deadline is being come to. When it moves, all of this begins anew. */
interface Approach {
  /** The wish and the deadline that all this belongs to. */
  readonly key: string
  next: Next | null
  /** How long before it people are warned. */
  lead: number
  /** `warned`: the stop comes next. `held`: work holds it off, and is looked at again. */
  phase: 'waiting' | 'warned' | 'held' | 'wished'
  /** Till when the phase puts the deadline off. */
  notBefore: number
  sample: Sample | null
  heldSince: number | null
  heldBy: string | null
  /** Work has held it off for as long as it may. */
  capped: boolean
  /** Work is being looked at just now. */
  looking: boolean
}

/** Wishes workspaces to sleep and into the archive when their time has come, and tells what comes next. */
export function createTtl(deps: TtlDeps) {
  const { activity, now, monotonic, log } = deps
  const approaches = new Map<string, Approach>()
  /** Times that were still to come when they were first seen, and when that was: they count as that. */
  const corrected = new Map<number, number>()
  /** Since when the clock tells how long nobody was there. */
  let trusted = { since: 0, resumed: false }
  /** Of the wall clock from time itself. */
  let offset = 0
  let timer: NodeJS.Timeout | undefined
  let expected = Infinity
  let open = false

  /** Looks at a workspace. Call it after any news of it or of its activity: what changed does not matter. */
  function changed(id: string): void {
    if (!open) return
    if (hasJumped()) return tick()
    lookSafely(id)
    schedule()
  }

  function tick(): void {
    if (!open) return
    if (hasJumped()) {
      log.info({}, 'time has jumped: everything is given its time afresh')
      trust(true)
    }
    try {
      for (const { id } of deps.rows()) lookSafely(id)
    } catch (error) {
      log.error({ err: error }, 'could not see to what comes next')
      approaches.clear()
    }
    schedule()
  }

  function trust(resumed: boolean): void {
    trusted = { since: now(), resumed }
    offset = now() - monotonic()
    expected = Infinity
    corrected.clear()
    approaches.clear()
  }

  function hasJumped(): boolean {
    const present = now() - monotonic()
    if (Math.abs(present - offset) > JUMP_MS || monotonic() - expected > LATE_MS) return true
    offset = present // a clock that is put right bit by bit does not jump
    return false
  }

  /** One timer for all, for the earliest that there is to do. */
  function schedule(): void {
    clearTimeout(timer)
    const due = Math.min(...[...approaches.values()].map(dueAt))
    const delay = Math.max(1, Math.min(due - now(), TICK_MS))
    expected = monotonic() + delay
    timer = setTimeout(tick, delay).unref()
  }

  function dueAt({ next, lead, phase, looking }: Approach): number {
    if (!next || next.cause === 'RETRY' || phase === 'wished' || looking) return Infinity
    return phase === 'waiting' ? next.at - lead : next.at
  }

  /** What fails now (the database, on a broken disk) is tried again at the next tick, and no sooner. */
  function safely(id: string, work: () => void): void {
    try {
      work()
    } catch (error) {
      log.error({ id, err: error }, 'could not see to what comes next')
      approaches.delete(id)
    }
  }

  const lookSafely = (id: string): void => safely(id, () => look(id))

  function look(id: string): void {
    const row = deps.row(id)
    if (!row || row.status === 'DELETED') {
      approaches.delete(id)
      return activity.forget(id)
    }
    const approach = approachOf(row)
    if (now() >= dueAt(approach)) act(row, approach)
    publish(id)
  }

  /** As it is now: the same object as long as neither the wish nor the deadline has changed. */
  function approachOf(row: WorkspaceRow): Approach {
    const times = { runningSince: past(row.runningSince), lastAccessAt: past(row.lastAccessAt) ?? 0 }
    const next = nextTransition(
      { ...row, ...times },
      {
        now: now(),
        inFlight: activity.inFlight(row.id),
        lastEndAt: past(activity.lastEndAt(row.id)),
        floor: trusted.since + graceOf(row),
      },
    )
    const key = `${row.wish} ${next?.cause} ${next?.at}`
    const known = approaches.get(row.id)
    const approach = known?.key === key ? known : { key, ...NEW }
    approaches.set(row.id, approach)
    if (approach.phase === 'held' && !row.busyShield)
      Object.assign(approach, { phase: 'waiting', notBefore: 0, heldBy: null })
    approach.lead = next?.cause === 'IDLE' ? Math.min(LEAD_MS, (row.standbyTtlSeconds * 1_000) / 2) : 0
    approach.next = next && { ...next, at: Math.max(next.at, approach.notBefore) }
    return approach
  }

  function past(time: number | null): number | null {
    if (time === null || (time <= now() && !corrected.has(time))) return time
    if (!corrected.has(time)) corrected.set(time, now())
    return corrected.get(time)!
  }

  function graceOf(row: WorkspaceRow): number {
    if (row.status !== 'RUNNING') return Math.min(ARCHIVE_GRACE_MS, row.archiveTtlSeconds * 1_000)
    return Math.min(trusted.resumed ? Infinity : START_GRACE_MS, row.standbyTtlSeconds * 1_000)
  }

  function act(row: WorkspaceRow, approach: Approach): void {
    if (approach.next?.cause === 'ARCHIVE_TTL') return fulfil(row, approach)
    if (row.busyShield && !approach.capped) return void lookInside(row.id, approach)
    proceed(row, approach)
  }

  async function lookInside(id: string, approach: Approach): Promise<void> {
    approach.looking = true
    const work = await deps.work(id).catch((error: unknown) => {
      log.warn({ id, err: error }, 'cannot see whether work is going on')
      return 'unknown' as const
    })
    approach.looking = false
    if (!open) return
    safely(id, () => {
      const row = deps.row(id)
      // A deadline that has moved meanwhile is another's business.
      if (row && !hasJumped() && approachOf(row) === approach) judge(row, approach, work)
    })
    changed(id)
  }

  function judge(row: WorkspaceRow, approach: Approach, work: Work | 'unknown' | undefined): void {
    if (work === 'unknown') return hold(row, approach, UNSEEN, AGAIN_MS)
    const sample = work ? { ...work, at: monotonic() } : null
    const busy = sample && busyWith(approach.sample, sample)
    approach.sample = sample
    if (busy === null) return proceed(row, approach)
    hold(row, approach, busy, RECHECK_MS)
  }

  function hold(row: WorkspaceRow, approach: Approach, by: string, ms: number): void {
    const again = Math.max(Math.min(ms, row.standbyTtlSeconds * 1_000), MIN_RECHECK_MS)
    approach.heldSince ??= now()
    const end = approach.heldSince + row.busyCapSeconds * 1_000 - approach.lead
    approach.capped = now() >= end
    if (approach.capped) return warn(row.id, approach)
    Object.assign(approach, { phase: 'held', heldBy: by, notBefore: Math.min(now() + again, end) })
  }

  /** Nothing holds it off: first the warning, then the wish. */
  function proceed(row: WorkspaceRow, approach: Approach): void {
    if (approach.phase === 'warned') fulfil(row, approach)
    else warn(row.id, approach)
  }

  function warn(id: string, approach: Approach): void {
    const notBefore = now() + approach.lead
    const next = { ...approach.next!, at: Math.max(approach.next!.at, notBefore) }
    Object.assign(approach, { phase: 'warned', heldBy: null, notBefore, next })
    deps.warn(id, toWire(next))
  }

  function fulfil(row: WorkspaceRow, approach: Approach): void {
    const { phase, next } = approach
    approach.phase = 'wished'
    try {
      if (deps.wish(row, next!.to, next!.cause)) return
    } catch (error) {
      log.error({ id: row.id, err: error }, 'could not write a wish')
    }
    Object.assign(approach, { phase, notBefore: now() + AGAIN_MS })
    const current = deps.row(row.id)
    if (current) approachOf(current)
  }

  function publish(id: string): void {
    const approach = approaches.get(id)
    deps.setProspect(id, {
      transition: approach?.next ? toWire(approach.next) : null,
      activity: { connections: activity.connections(id), kept_awake_by: approach?.heldBy ?? null },
    })
  }

  return {
    changed,

    /** Begins: deadlines come from the rows, and so are what they were before a restart. */
    start(): void {
      open = true
      trust(false)
      tick()
    },

    close(): void {
      open = false
      clearTimeout(timer)
    },
  }
}

const NEW: Omit<Approach, 'key'> = {
  next: null,
  lead: 0,
  phase: 'waiting',
  notBefore: 0,
  sample: null,
  heldSince: null,
  heldBy: null,
  capped: false,
  looking: false,
}

const toWire = ({ to, at, cause }: Next): Transition => ({
  to,
  at: new Date(at).toISOString(),
  cause,
  reason: whyNext(to, cause),
})
