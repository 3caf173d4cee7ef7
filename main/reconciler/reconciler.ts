import type { Progress } from '../core/api.ts'
import { archiveKey, parseArchiveKey } from '../core/archive.ts'
import { AppError, toAppError } from '../core/errors.ts'
import { failpoint } from '../core/failpoint.ts'
import type { Logger } from '../core/logger.ts'
import { manifestOf } from '../core/manifest.ts'
import { MAX_ATTEMPTS, type Cause, type Operation } from '../core/state.ts'
import { failuresOf, purgeAt, type Observed, type WorkspaceRow } from '../core/workspace.ts'
import type { ArchiveStore } from '../archive-store/archive-store.ts'
import type { HistoryTable } from '../db/history.ts'
import type { WorkspaceTable } from '../db/workspaces.ts'
import type { Bus } from '../events/bus.ts'
import type { Live } from '../events/live.ts'
import type { HomeStore } from '../home-store/home-store.ts'
import type { Bytes, Runner } from '../runner/runner.ts'
import { createObserver, hasLeft, homeKey, reached, type Seen } from './observe.ts'
import { OPERATE } from './operations.ts'
import { ASK_AGAIN_MS, isPointless, plan, retryAt, type Plan } from './plan.ts'
import { createQueue } from './queue.ts'

/** What no event told of is found after this long at the latest. */
const RESYNC_MS = 30_000
/** Attempts that failed because nothing could be known do not count. */
const NOT_ITS_FAULT = new Set(['DOCKER_UNREACHABLE', 'HOME_STORE_UNAVAILABLE'])
/** Only a person can mend these: no second attempt is made. */
const HOPELESS = new Set([
  'HOME_MISSING',
  'CONTAINER_NAME_TAKEN',
  'NOT_SUPPORTED',
  'ARCHIVE_MISSING',
  'ARCHIVE_CORRUPT',
  'ARCHIVE_UNSAFE',
])
/** What the container's log says more about, as far as it is asked for at all. */
const LOG_TELLS = new Set(['CONTAINER_EXITED', 'NOT_ANSWERING', 'INSTANCE_DIED'])
const LOG_LINES = 40
/** The log only decorates: an engine that does not give it is not waited for. */
const LOG_PATIENCE_MS = 3_000
/** The longest that a timer may be set for at once. */
const MAX_DELAY_MS = 2 ** 31 - 1

export interface ReconcilerDeps {
  table: WorkspaceTable
  history: HistoryTable
  runner: Runner
  homeStore: HomeStore
  archives: ArchiveStore
  bus: Bus
  live: Live
  log: Logger
  now: () => number
  /** How long a deleted workspace can be taken back, in milliseconds. */
  trashMs: () => number
  newOpId: () => string
}

/**
 * Drives what is observed to what is desired: per workspace one pass at a time, each of which looks at the present,
 * decides (`plan`), and does at most one operation. It alone writes the observed columns.
 */
export function createReconciler(deps: ReconcilerDeps) {
  const { table, history, runner, homeStore, archives, bus, live, log, now } = deps
  const observe = createObserver(deps)
  const queue = createQueue(pass, (id, error) => log.error({ id, err: error }, 'a pass failed'))
  /** The archived ones that this process has seen to: what could not be removed is tried again by the next one. */
  const swept = new Set<string>()
  const attempts = new Map<
    string,
    { operation: Operation; restoreKey: string | null; abort: AbortController }
  >()
  let resync: NodeJS.Timeout | undefined

  /** Looks at the workspace soon. Call it after any change: what changed does not matter. */
  function enqueue(id: string): void {
    giveUpPointless(id)
    queue.add(id)
  }

  function enqueueAll(): void {
    for (const { id } of table.living()) enqueue(id)
  }

  async function pass(id: string): Promise<number | undefined> {
    const row = table.get(id)
    if (!row || isOver(row)) return undefined
    const seen = await observe(row)
    if (table.get(id)?.wish !== row.wish) return 0 // a wish came meanwhile: nothing begins on an older one
    if (seen.home === 'absent') {
      const corrected = await followsManifest(row)
      if (corrected !== false) return corrected === 'unknown' ? ASK_AGAIN_MS : 0
    }
    // What a crash has cut off may have been done before it.
    if (row.operation !== 'NONE' && reached(row.operation, seen, row) === true) {
      if (row.operation === 'ARCHIVING') await sweep(row)
      await finish(row, seen, row.operation)
      return 0
    }
    const decision = plan({
      home: seen.home,
      instance: seen.instance,
      desired: row.desiredState,
      deleted: row.deletedAt !== null,
      purgeAt: purgeAt(row, deps.trashMs()),
      goingBack: row.restoreKey !== null,
      archived: row.archiveKey !== null,
      provisioned: row.homeStoreKey !== null,
      status: row.status,
      runningSince: row.runningSince,
      failures: failuresOf(row),
      retryAt: row.retryAt,
      now: now(),
    })
    log.debug({ id, seen, decision }, 'planned')
    if (decision.kind !== 'wait' && row.operation === 'ARCHIVING') await dropUnused(row)
    const goesOn = decision.kind === 'run' && decision.operation === 'RESTORING'
    if (decision.kind !== 'wait' && row.operation === 'RESTORING' && !goesOn) await dropUnpacked(row)
    switch (decision.kind) {
      case 'wait':
        return decision.ms
      case 'settled':
        await settle(row, seen, decision)
        return decision.again === undefined ? undefined : Math.min(decision.again, MAX_DELAY_MS)
      case 'stuck':
        endInterrupted(row)
        write(row, { status: 'ERROR', operation: 'NONE', runningSince: null })
        return undefined
      case 'failed': {
        const error = observedFailure(decision.code, row, seen, homeStore.pathOf(homeKey(row)))
        await fail(row, error, 'NONE', decision.at)
        return 0
      }
      case 'run':
        if (decision.operation === 'RESTORING' && (await cameBack(row, seen))) return 0
        return run(row, seen, decision.operation)
    }
  }

  /**
   * The manifest is written before a home is discarded: of a home that is not there it is never older than the row, which may
   * have come from a backup of the database. True when the row had to be corrected.
   */
  async function followsManifest(row: WorkspaceRow): Promise<boolean | 'unknown'> {
    // What was just taken in has its archive from what is really there.
    if (row.deletedAt !== null || row.restoreKey !== null || row.cause === 'ADOPTED') return false
    try {
      const said = (await homeStore.manifest(homeKey(row)))?.archive_key ?? null
      if (said === null || said === row.archiveKey) return false
      // Of another home store, or of a disk that was put back: more was done since.
      if (parseArchiveKey(said)!.opId < (row.opId ?? '')) return false
      write(row, { archiveKey: said, homeStoreKey: homeKey(row) })
      return true
    } catch (error) {
      log.warn({ id: row.id, err: error }, 'the manifest cannot be read for now')
      return 'unknown'
    }
  }

  /** Removes what an attempt to archive a home has made, if the home is still there: then that counts. */
  async function dropUnused({ id, ownerId, opId }: WorkspaceRow): Promise<void> {
    if (opId === null) return
    const home = await homeStore.observe(homeKey({ id, ownerId })).catch(() => 'unknown')
    if (home !== 'present') return
    const row = table.get(id)
    const key = archiveKey(id, opId)
    if (row?.restoreKey === key) return // somebody has chosen it meanwhile
    if (row?.archiveKey === key) write(row, { archiveKey: null })
    await archives.remove(key).catch(() => undefined) // what stays is found by the collector
  }

  /** Removes what an attempt to unpack has made, when it was cut off and nobody wishes it any more. */
  async function dropUnpacked(row: WorkspaceRow): Promise<void> {
    try {
      await runner.endStorage(row.id)
      await homeStore.sweep(homeKey(row), row.opId ?? '', 0)
    } catch (error) {
      log.warn({ id: row.id, err: error }, 'could not remove what was unpacked')
    }
  }

  /** Does one operation; resolves to when to look again, in milliseconds. */
  async function run(planned: WorkspaceRow, before: Seen, operation: Operation): Promise<number> {
    const { id } = planned
    // The same operation after a crash goes on with its own files. An archive is begun anew.
    const resumed = planned.operation === operation && planned.opId !== null && operation !== 'ARCHIVING'
    const opId = resumed ? planned.opId! : deps.newOpId()
    // From the moment that a purge begins there is nothing left to take back.
    const purges =
      operation === 'DELETING' && before.home !== 'present' && purgeAt(planned, deps.trashMs()) <= now()
    const claim = {
      operation,
      opId,
      ...(purges && { homeStoreKey: null, archiveKey: null }),
      // A home that is there is one to take back, also when the row does not know of it.
      ...(before.home === 'present' && { homeStoreKey: homeKey(planned) }),
    }
    if (!table.claim(planned, claim)) return 0
    const row = table.get(id)!
    log.info({ id, operation, opId, resumed, purges }, 'operation begins')
    history.begin(id, opId, operation, causeOf(row, operation), now())
    // Taken back from the trash: it is among the living again.
    if (row.status === 'DELETED' && row.deletedAt === null) write(row, { status: 'PENDING' })
    bus.publish({ kind: 'workspace', id })
    const abort = new AbortController()
    // To take a home back from the trash is one rename: whatever is wished by now, it comes first.
    if (before.home !== 'trashed') attempts.set(id, { operation, restoreKey: row.restoreKey, abort })
    giveUpPointless(id)
    try {
      await failpoint('reconciler.claimed')
      // From here on the archive no longer stands for the home.
      if (operation === 'STARTING') write(row, { archiveKey: null })
      await OPERATE[operation]({
        row,
        opId,
        runner,
        homeStore,
        archives,
        now,
        cancelled: abort.signal,
        setArchive: (key) => write(row, { archiveKey: key }),
        onStep: (step, bytes) => showStep(id, step, bytes),
      })
      await failpoint('reconciler.executed')
      const seen = await observe(row)
      const done = reached(operation, seen, table.get(id) ?? row)
      if (done === 'unknown') return 0 // it stays claimed until its result can be seen
      if (!done) throw new AppError('INTERNAL', `${operation} ended, but its result is not to be seen`)
      // Unpacked from there, and not taken back from the trash.
      const wentBack = operation === 'RESTORING' && before.home === 'absent' && row.restoreKey !== null
      if (wentBack) table.wentBack(id, row.restoreKey!)
      await finish(row, seen, operation)
      await failpoint('reconciler.finished')
      return 0
    } catch (error) {
      if (operation === 'ARCHIVING') await dropUnused(row)
      const known = toAppError(error)
      const unknowable = NOT_ITS_FAULT.has(known.code)
      if (abort.signal.aborted) release(row, opId, operation)
      else if (unknowable) release(row, opId, operation, known)
      else await fail(row, known, operation, now(), opId)
      await failpoint('reconciler.failed')
      return unknowable ? ASK_AGAIN_MS : 0
    } finally {
      attempts.delete(id)
      live.setProgress(id, null)
    }
  }

  /** True when a home that was about to be removed for its archive turned out to hold more than that. */
  async function cameBack(row: WorkspaceRow, { home }: Seen): Promise<boolean> {
    if (home !== 'absent' || row.archiveKey === null) return false
    await sweep(row)
    return (await homeStore.observe(homeKey(row)).catch(() => 'unknown')) === 'present'
  }

  /** Removes what a crash or a failure has left of a home that is archived; what may not have been packed comes back. */
  async function sweep(row: WorkspaceRow): Promise<void> {
    swept.add(row.id)
    try {
      const key = row.archiveKey ?? ''
      const meta = await archives.meta(key)
      if (meta) await homeStore.sweep(homeKey(row), parseArchiveKey(key)!.opId, meta.newest_change_ms)
    } catch (error) {
      log.warn({ id: row.id, err: error }, 'could not remove what is left of the home')
    }
  }

  /** Writes that an operation's result was seen. A start forgives earlier failures only after a stable minute. */
  async function finish(row: WorkspaceRow, seen: Seen, operation: Operation): Promise<void> {
    const level = seen.home === 'present' ? 'STANDBY' : 'PENDING'
    const status = operation === 'STARTING' ? 'RUNNING' : operation === 'DELETING' ? 'DELETED' : level
    if (operation === 'STOPPING') table.touch(row.id, now())
    const cause = causeOf(row, operation)
    write(
      row,
      {
        status,
        operation: 'NONE',
        ...homeOf(row, seen),
        runningSince: operation === 'STARTING' ? now() : null,
        ...(operation === 'STARTING' ? {} : FORGIVEN),
      },
      cause,
    )
    const { opId } = table.get(row.id) ?? row
    if (opId !== null) history.end(row.id, opId, { outcome: 'SUCCEEDED', at: now() })
    log.info({ id: row.id, operation, status }, 'operation ended')
    await describe(row.id)
  }

  async function settle(
    row: WorkspaceRow,
    seen: Seen,
    { status, stable }: Extract<Plan, { kind: 'settled' }>,
  ): Promise<void> {
    endInterrupted(row)
    const comesFromElsewhere = row.status !== status || row.operation !== 'NONE'
    if (status === 'PENDING' && row.archiveKey !== null && (comesFromElsewhere || !swept.has(row.id)))
      await sweep(row)
    write(row, {
      status,
      operation: 'NONE',
      ...homeOf(row, seen),
      runningSince: status === 'RUNNING' ? (row.runningSince ?? now()) : null,
      ...(stable ? FORGIVEN : {}),
    })
    await describe(row.id)
  }

  /** What a crash has cut off, and nobody wishes any more, is over. */
  function endInterrupted({ id, operation, opId }: WorkspaceRow): void {
    if (operation !== 'NONE' && opId !== null) history.end(id, opId, { outcome: 'INTERRUPTED', at: now() })
  }

  /** A home that is there was made, and no archive stands for it. */
  const homeOf = (row: WorkspaceRow, seen: Seen): Partial<Observed> =>
    seen.home === 'present' && row.deletedAt === null ? { homeStoreKey: homeKey(row), archiveKey: null } : {}

  /** Keeps what stands beside the home up to date. It is of use when all else is lost, and must hold up nothing. */
  async function describe(id: string): Promise<void> {
    const row = table.get(id)
    if (!row || !hasLeft(row)) return
    try {
      await homeStore.describe(homeKey(row), manifestOf(row))
    } catch (error) {
      log.warn({ id, err: error }, 'could not write the manifest')
    }
  }

  async function fail(
    row: WorkspaceRow,
    error: AppError,
    operation: Operation | 'NONE',
    at: number,
    opId?: string,
  ): Promise<void> {
    const attempt = failuresOf(row) + 1
    const errorCount = HOPELESS.has(error.code) ? MAX_ATTEMPTS : attempt
    const logTail = LOG_TELLS.has(error.code) ? await logOf(row.id) : ''
    const errorInfo = {
      code: error.code,
      message: error.message,
      hint: error.hint,
      operation,
      attempt,
      at: new Date(now()).toISOString(),
      ...(logTail !== '' && { log_tail: logTail }),
    }
    log.warn({ id: row.id, operation, attempt, err: error }, 'operation failed')
    write(
      row,
      {
        status: 'ERROR',
        operation: 'NONE',
        runningSince: null,
        errorCount,
        errorWish: row.wish,
        errorInfo,
        retryAt: errorCount < MAX_ATTEMPTS ? retryAt(errorCount, at) : null,
      },
      operation === 'NONE' ? 'RECOVERY' : causeOf(row, operation),
    )
    const ending = { outcome: 'FAILED', at: now(), code: error.code, message: error.message } as const
    if (opId === undefined) history.note(row.id, deps.newOpId(), 'RECOVERY', ending)
    else history.end(row.id, opId, ending)
    bus.publish({ kind: 'error', id: row.id, errorInfo })
  }

  async function logOf(id: string): Promise<string> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<string>((resolve) => (timer = setTimeout(resolve, LOG_PATIENCE_MS, '')))
    const tail = runner.logTail(id, LOG_LINES).catch(() => '')
    return Promise.race([tail, late]).finally(() => clearTimeout(timer))
  }

  function release(row: WorkspaceRow, opId: string, operation: Operation, why?: AppError): void {
    log.info(
      { id: row.id, operation, why: why?.message ?? 'nobody wishes it any more' },
      'operation given up',
    )
    const said = why && { code: why.code, message: why.message }
    history.end(row.id, opId, { outcome: 'GIVEN_UP', at: now(), ...said })
    // A purge stays claimed: with nothing to take back, the row would pass for one of which nothing is left.
    if (operation !== 'DELETING' || hasLeft(row)) write(row, { operation: 'NONE' })
  }

  /** Writes and announces what differs from the row as it is now; a settled world costs no write. */
  function write(row: WorkspaceRow, values: Partial<Observed>, cause: Cause = row.cause): void {
    const current = table.get(row.id) ?? row
    const dated =
      values.status !== undefined && values.status !== current.status
        ? { ...values, statusSince: now(), statusCause: cause }
        : values
    const changed = Object.fromEntries(
      Object.entries(dated).filter(([field, value]) => current[field as keyof Observed] !== value),
    )
    if (Object.keys(changed).length === 0) return
    table.writeObserved(row.id, changed)
    bus.publish({ kind: 'workspace', id: row.id })
  }

  function showStep(id: string, step: Progress['step'], bytes?: Bytes): void {
    const shown = live.progressOf(id)
    const startedAt = shown?.step === step ? shown.started_at : new Date(now()).toISOString()
    live.setProgress(id, {
      step,
      started_at: startedAt,
      done_bytes: bytes?.done ?? null,
      total_bytes: bytes?.total ?? null,
    })
  }

  /** What nobody wishes any more ends as soon as it can. */
  function giveUpPointless(id: string): void {
    const attempt = attempts.get(id)
    const row = attempt && table.get(id)
    if (!row) return
    const goingBack = row.restoreKey !== null
    const wished = { desired: row.desiredState, deleted: row.deletedAt !== null, goingBack }
    const fromElsewhere = attempt.operation === 'RESTORING' && attempt.restoreKey !== row.restoreKey
    if (fromElsewhere || isPointless(attempt.operation, wished))
      attempt.abort.abort(new Error('the wish has changed'))
  }

  return {
    enqueue,
    enqueueAll,

    /** Begins: what a crash left behind is picked up by the same passes as everything else. */
    start(): void {
      enqueueAll()
      resync = setInterval(enqueueAll, RESYNC_MS)
    },

    /** Ends after the passes under way; what can be given up at any moment is, and is taken up again at the next start. */
    async stop(): Promise<void> {
      clearInterval(resync)
      for (const { abort } of attempts.values()) abort.abort(new Error('Berth is closing'))
      await queue.close()
    },
  }
}

/** True for a deleted workspace of which nothing is left. */
const isOver = (row: WorkspaceRow): boolean =>
  row.status === 'DELETED' && row.deletedAt !== null && row.operation === 'NONE' && !hasLeft(row)

/** Why an operation is done. */
function causeOf(row: WorkspaceRow, operation: Operation): Cause {
  if (failuresOf(row) > 0) return row.errorInfo?.code === 'INSTANCE_DIED' ? 'RECOVERY' : 'RETRY'
  return operation === 'STARTING' && row.status === 'RUNNING' ? 'RECOVERY' : row.cause
}

const FORGIVEN = { errorCount: 0, errorWish: null, errorInfo: null, retryAt: null } as const

function observedFailure(
  code: 'INSTANCE_DIED' | 'HOME_MISSING' | 'CONTAINER_NAME_TAKEN',
  row: WorkspaceRow,
  seen: Seen,
  homePath: string,
): AppError {
  switch (code) {
    case 'INSTANCE_DIED':
      return new AppError(code, `The container ended by itself (${seen.ending ?? 'it was removed'})`)
    case 'HOME_MISSING':
      return new AppError(code, `The home directory ${homePath} is gone`)
    case 'CONTAINER_NAME_TAKEN':
      return new AppError(code, `A container that is not Berth's has the name ws-${row.id}`)
  }
}
