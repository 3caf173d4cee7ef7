import type { Progress } from '../core/api.ts'
import { AppError, toAppError } from '../core/errors.ts'
import { failpoint } from '../core/failpoint.ts'
import type { Logger } from '../core/logger.ts'
import { MAX_ATTEMPTS, type Operation } from '../core/state.ts'
import { failuresOf, type Observed, type WorkspaceRow } from '../core/workspace.ts'
import type { WorkspaceTable } from '../db/workspaces.ts'
import type { Bus } from '../events/bus.ts'
import type { Live } from '../events/live.ts'
import type { HomeStore } from '../home-store/home-store.ts'
import type { Bytes, Runner } from '../runner/runner.ts'
import { createObserver, homeKey, reached, type Seen } from './observe.ts'
import { OPERATE } from './operations.ts'
import { ASK_AGAIN_MS, plan, retryAt, type Plan } from './plan.ts'
import { createQueue } from './queue.ts'

/** What no event told of is found after this long at the latest. */
const RESYNC_MS = 30_000
/** Attempts that failed because nothing could be known do not count. */
const NOT_ITS_FAULT = new Set(['DOCKER_UNREACHABLE', 'HOME_STORE_UNAVAILABLE'])
/** Only a person can mend these: no second attempt is made. */
const HOPELESS = new Set(['HOME_MISSING', 'CONTAINER_NAME_TAKEN', 'NOT_SUPPORTED'])

export interface ReconcilerDeps {
  table: WorkspaceTable
  runner: Runner
  homeStore: HomeStore
  bus: Bus
  live: Live
  log: Logger
  now: () => number
  newOpId: () => string
}

export type Reconciler = ReturnType<typeof createReconciler>

/**
 * Drives what is observed to what is desired: per workspace one pass at a time, each of which looks at the present,
 * decides (`plan`), and does at most one operation. It alone writes the observed columns.
 */
export function createReconciler(deps: ReconcilerDeps) {
  const { table, runner, homeStore, bus, live, log, now } = deps
  const observe = createObserver(deps)
  const queue = createQueue(pass, (id, error) => log.error({ id, err: error }, 'a pass failed'))
  const pulls = new Map<string, AbortController>()
  let resync: NodeJS.Timeout | undefined

  /** Looks at the workspace soon. Call it after any change: what changed does not matter. */
  function enqueue(id: string): void {
    cancelPointlessPull(id)
    queue.add(id)
  }

  function enqueueAll(): void {
    for (const { id } of table.living()) enqueue(id)
  }

  async function pass(id: string): Promise<number | undefined> {
    const row = table.get(id)
    if (!row || row.status === 'DELETED') return undefined
    const seen = await observe(row)
    if (table.get(id)?.wish !== row.wish) return 0 // a wish came meanwhile: nothing begins on an older one
    const decision = plan({
      home: seen.home,
      instance: seen.instance,
      desired: row.desiredState,
      deleted: row.deletedAt !== null,
      archived: row.archiveKey !== null,
      provisioned: row.homeStoreKey !== null,
      status: row.status,
      runningSince: row.runningSince,
      failures: failuresOf(row),
      retryAt: row.retryAt,
      now: now(),
    })
    log.debug({ id, seen, decision }, 'planned')
    switch (decision.kind) {
      case 'wait':
        return decision.ms
      case 'settled':
        settle(row, seen, decision)
        return decision.again
      case 'stuck':
        write(row, { status: 'ERROR', operation: 'NONE', runningSince: null })
        return undefined
      case 'failed':
        fail(
          row,
          observedFailure(decision.code, row, seen, homeStore.pathOf(homeKey(row))),
          'NONE',
          decision.at,
        )
        return 0
      case 'run':
        return run(row, decision.operation)
    }
  }

  /** Does one operation; resolves to when to look again, in milliseconds. */
  async function run(row: WorkspaceRow, operation: Operation): Promise<number> {
    // The same operation after a crash goes on with its own files.
    const resumed = row.operation === operation && row.opId !== null
    const opId = resumed ? row.opId! : deps.newOpId()
    if (!table.claim(row.id, row.opId, { operation, opId })) return 0
    log.info({ id: row.id, operation, opId, resumed }, 'operation begins')
    bus.publish({ kind: 'workspace', id: row.id })
    const pull = new AbortController()
    pulls.set(row.id, pull)
    try {
      await failpoint('reconciler.claimed')
      // From here on the archive no longer stands for the home.
      if (operation === 'STARTING' && row.archiveKey !== null)
        table.writeObserved(row.id, { archiveKey: null })
      await OPERATE[operation]({
        row,
        opId,
        runner,
        homeStore,
        cancelled: pull.signal,
        onStep: (step, bytes) => showStep(row.id, step, bytes),
      })
      await failpoint('reconciler.executed')
      const seen = await observe(row)
      const done = reached(operation, seen)
      if (done === 'unknown') return 0 // it stays claimed until its result can be seen
      if (!done) throw new AppError('INTERNAL', `${operation} ended, but its result is not to be seen`)
      finish(row, seen, operation)
      await failpoint('reconciler.finished')
      return 0
    } catch (error) {
      const known = toAppError(error)
      const unknowable = NOT_ITS_FAULT.has(known.code)
      if (unknowable || error === pull.signal.reason) release(row, operation, known.message)
      else fail(row, known, operation, now())
      await failpoint('reconciler.failed')
      return unknowable ? ASK_AGAIN_MS : 0
    } finally {
      pulls.delete(row.id)
      live.setProgress(row.id, null)
    }
  }

  /** Writes that an operation's result was seen. A start forgives earlier failures only after a stable minute. */
  function finish(row: WorkspaceRow, seen: Seen, operation: Operation): void {
    const level = seen.home === 'present' ? 'STANDBY' : 'PENDING'
    const status = operation === 'STARTING' ? 'RUNNING' : operation === 'DELETING' ? 'DELETED' : level
    if (operation === 'STOPPING') table.touch(row.id, now())
    write(row, {
      status,
      operation: 'NONE',
      homeStoreKey: seen.home === 'present' ? homeKey(row) : row.homeStoreKey,
      runningSince: operation === 'STARTING' ? now() : null,
      ...(operation === 'STARTING' ? {} : FORGIVEN),
    })
    log.info({ id: row.id, operation, status }, 'operation ended')
  }

  function settle(
    row: WorkspaceRow,
    seen: Seen,
    { status, stable }: Extract<Plan, { kind: 'settled' }>,
  ): void {
    write(row, {
      status,
      operation: 'NONE',
      homeStoreKey: seen.home === 'present' && row.deletedAt === null ? homeKey(row) : row.homeStoreKey,
      runningSince: status === 'RUNNING' ? (row.runningSince ?? now()) : null,
      ...(stable ? FORGIVEN : {}),
    })
  }

  function fail(row: WorkspaceRow, error: AppError, operation: Operation | 'NONE', at: number): void {
    const attempt = failuresOf(row) + 1
    const errorCount = HOPELESS.has(error.code) ? MAX_ATTEMPTS : attempt
    const errorInfo = {
      code: error.code,
      message: error.message,
      hint: error.hint,
      operation,
      attempt,
      at: new Date(now()).toISOString(),
    }
    log.warn({ id: row.id, operation, attempt, err: error }, 'operation failed')
    write(row, {
      status: 'ERROR',
      operation: 'NONE',
      runningSince: null,
      errorCount,
      errorWish: row.wish,
      errorInfo,
      retryAt: errorCount < MAX_ATTEMPTS ? retryAt(errorCount, at) : null,
    })
    bus.publish({ kind: 'error', id: row.id, errorInfo })
  }

  function release(row: WorkspaceRow, operation: Operation, why: string): void {
    log.info({ id: row.id, operation, why }, 'operation given up')
    write(row, { operation: 'NONE' })
  }

  /** Writes and announces what differs from the row as it is now; a settled world costs no write. */
  function write(row: WorkspaceRow, values: Partial<Observed>): void {
    const current = table.get(row.id) ?? row
    const changed = Object.fromEntries(
      Object.entries(values).filter(([field, value]) => current[field as keyof Observed] !== value),
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

  /** A pull serves a start: when nobody wishes that any more, it ends. */
  function cancelPointlessPull(id: string): void {
    const pull = pulls.get(id)
    if (!pull) return
    const row = table.get(id)
    if (row && (row.deletedAt !== null || row.desiredState !== 'RUNNING'))
      pull.abort(new Error('the wish has changed'))
  }

  return {
    enqueue,
    enqueueAll,

    /** Begins: what a crash left behind is picked up by the same passes as everything else. */
    start(): void {
      enqueueAll()
      resync = setInterval(enqueueAll, RESYNC_MS)
    },

    /** Ends after the passes under way; a pull is given up (and taken up again at the next start). */
    async stop(): Promise<void> {
      clearInterval(resync)
      for (const pull of pulls.values()) pull.abort(new Error('Berth is closing'))
      await queue.close()
    },
  }
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
