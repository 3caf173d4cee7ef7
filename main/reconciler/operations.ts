import type { Progress } from '../core/api.ts'
import { archiveKey, type ArchiveMeta, type Packed } from '../core/archive.ts'
import { AppError } from '../core/errors.ts'
import { failpoint } from '../core/failpoint.ts'
import { manifestOf } from '../core/manifest.ts'
import { TIMEOUT_MS, type Operation } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { ArchiveStore } from '../archive-store/archive-store.ts'
import type { HomeStore } from '../home-store/home-store.ts'
import type { Bytes, Runner } from '../runner/runner.ts'
import { hasLeft, homeKey } from './observe.ts'
import { isGone } from './plan.ts'

/** What an operation works on and with. */
export interface Attempt {
  row: WorkspaceRow
  opId: string
  runner: Runner
  homeStore: HomeStore
  archives: ArchiveStore
  now: () => number
  onStep: (step: Progress['step'], bytes?: Bytes) => void
  /** Says, durably, that this archive stands for the home. */
  setArchive: (key: string) => void
  /** Nobody wishes the operation any more. */
  cancelled: AbortSignal
}

/** The side effects of each operation, in order. Each may be repeated from the start at any time. */
export const OPERATE: Record<Operation, (attempt: Attempt) => Promise<void>> = {
  PROVISIONING: ({ row, opId, homeStore, onStep }) =>
    within('PROVISIONING', () => {
      onStep('PREPARING_HOME')
      return homeStore.create(homeKey(row), opId)
    }),

  async STARTING({ row, opId, runner, homeStore, onStep, cancelled }) {
    await runner.ensureImage(row.imageRef, (bytes) => onStep('PULLING_IMAGE', bytes), cancelled)
    await failpoint('starting.image-ready')
    let step: Progress['step'] | undefined
    const start = async (signal: AbortSignal): Promise<void> => {
      const { id, imageRef, cpus, memoryBytes, sudo, env } = row
      await runner.endStorage(id) // which a crash may have left
      // A home that is mounted must not be exchanged.
      const homePath = homeStore.pathOf(homeKey(row))
      const { state } = await runner.observe(id, homePath)
      if (state === 'absent' || state === 'dead')
        await homeStore.seed(homeKey(row), opId, async (unpack) => {
          await runner.readImageHome(imageRef, unpack)
          signal.throwIfAborted()
        })
      signal.throwIfAborted()
      const anew = row.errorInfo?.code === 'NOT_ANSWERING'
      await runner.start(
        { id, imageRef, homePath, cpus, memoryBytes, sudo, env, anew },
        (begun) => onStep((step = begun)),
        signal,
      )
    }
    await within('STARTING', start, cancelled, () =>
      step === 'WAITING_FOR_EDITOR'
        ? new AppError('NOT_ANSWERING', 'The container runs, but code-server has not answered for 5 minutes')
        : undefined,
    )
  },

  STOPPING: ({ row, runner, onStep }) =>
    within('STOPPING', (signal) => {
      onStep('STOPPING')
      return runner.stop(row.id, signal)
    }),

  // Verified, then committed, then the home goes. Never the reverse.
  async ARCHIVING({ row, opId, runner, homeStore, archives, now, onStep, setArchive, cancelled }) {
    const { id, imageRef, restoreKey } = row
    const key = archiveKey(id, opId)
    const home = homeKey(row)
    // Nobody's present home goes for an older one that is not there.
    if (restoreKey !== null) await metaAt(archives, restoreKey)
    await runner.ensureImage(imageRef, (bytes) => onStep('PULLING_IMAGE', bytes), cancelled)
    let packed: Packed | undefined
    const pack = async (signal: AbortSignal): Promise<void> => {
      await runner.endStorage(id)
      const archiveDir = await archives.stage(key)
      onStep('PACKING')
      const homeDir = homeStore.pathOf(home)
      packed = await runner.pack({ id, imageRef, archiveDir, homeDir }, onStep, signal)
      await failpoint('archiving.packed')
      signal.throwIfAborted()
      await archives.commit(key, metaOf(row, opId, packed, now()))
    }
    await within('ARCHIVING', pack, cancelled)
    cancelled.throwIfAborted()
    setArchive(key)
    await failpoint('archiving.committed')
    await homeStore.describe(home, manifestOf({ ...row, archiveKey: key }))
    await failpoint('archiving.described')
    cancelled.throwIfAborted()
    onStep('REMOVING')
    // Outside of any time limit: nothing may remove a home after its operation was given up.
    await homeStore.discard(home, opId, packed!.newest_change_ms)
  },

  async RESTORING({ row, opId, runner, homeStore, archives, onStep, cancelled }) {
    const { id, imageRef } = row
    const home = homeKey(row)
    if ((await homeStore.observe(home)) === 'trashed')
      return within('RESTORING', async () => {
        await runner.endStorage(id)
        await homeStore.untrash(home)
      })
    const key = row.restoreKey ?? row.archiveKey ?? ''
    const meta = await metaAt(archives, key)
    await runner.ensureImage(imageRef, (bytes) => onStep('PULLING_IMAGE', bytes), cancelled)
    onStep('VERIFYING')
    const unpack = async (signal: AbortSignal): Promise<void> => {
      await runner.endStorage(id)
      await homeStore.restore(home, opId, (homeDir) =>
        archives.open(key, (archiveDir) =>
          runner.unpack({ id, imageRef, archiveDir, homeDir, meta }, onStep, signal),
        ),
      )
    }
    await within('RESTORING', unpack, cancelled)
  },

  // The container first: while it runs, the home is in use.
  DELETING: ({ row, opId, runner, homeStore, onStep }) =>
    within('DELETING', async (signal) => {
      onStep('STOPPING')
      await runner.endStorage(row.id)
      await runner.stop(row.id, signal)
      // Seen, and not only said: a home that is in use stays where it is.
      const home = homeKey(row)
      if (!isGone((await runner.observe(row.id, homeStore.pathOf(home))).state))
        throw new AppError('INTERNAL', 'The container was stopped, but is still there')
      await failpoint('deleting.removed-container')
      onStep('REMOVING')
      if (!hasLeft(row)) {
        await failpoint('deleting.forgotten')
        return homeStore.purge(home, opId)
      }
      if ((await homeStore.observe(home)) === 'present') await homeStore.trash(home)
    }),
}

/** @throws {AppError} ARCHIVE_MISSING */
async function metaAt(archives: ArchiveStore, key: string): Promise<ArchiveMeta> {
  const meta = key === '' ? undefined : await archives.meta(key)
  if (!meta) throw new AppError('ARCHIVE_MISSING', `The archive ${key} is not there`)
  return meta
}

function metaOf(row: WorkspaceRow, opId: string, packed: Packed, now: number): ArchiveMeta {
  return {
    ...packed,
    format: 1,
    workspace_id: row.id,
    op_id: opId,
    created_at: new Date(now).toISOString(),
    image_ref: row.imageRef,
    workspace: manifestOf({ ...row, archiveKey: archiveKey(row.id, opId) }),
  }
}

const NEVER = new AbortController().signal

/**
 * Runs `work` within the operation's time, and gives up on what does not listen to its signal; `cancelled` ends it sooner,
 * as soon as it listens. `why` may know more of a timeout.
 */
async function within(
  operation: Operation,
  work: (signal: AbortSignal) => Promise<void>,
  cancelled: AbortSignal = NEVER,
  why: () => AppError | undefined = () => undefined,
): Promise<void> {
  const ms = TIMEOUT_MS[operation]
  const clock = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = why() ?? new AppError('TIMEOUT', `${operation} took longer than ${ms / 60_000} minutes`)
      clock.abort(error)
      reject(error)
    }, ms)
  })
  try {
    await Promise.race([work(AbortSignal.any([clock.signal, cancelled])), timeout])
  } finally {
    clearTimeout(timer)
  }
}
