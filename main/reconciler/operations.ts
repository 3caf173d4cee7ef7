import type { Progress } from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import { failpoint } from '../core/failpoint.ts'
import { TIMEOUT_MS, type Operation } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { HomeStore } from '../home-store/home-store.ts'
import type { Bytes, Runner } from '../runner/runner.ts'
import { homeKey } from './observe.ts'

/** What an operation works on and with. */
export interface Attempt {
  row: WorkspaceRow
  opId: string
  runner: Runner
  homeStore: HomeStore
  onStep: (step: Progress['step'], bytes?: Bytes) => void
  /** Cancels what a changed wish makes pointless: the pull of an image. */
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
    const onPull = (bytes: Bytes): void => onStep('PULLING_IMAGE', bytes)
    await runner.ensureImage(row.imageRef, onPull, cancelled)
    await failpoint('starting.image-ready')
    let step: Progress['step'] | undefined
    const start = async (signal: AbortSignal): Promise<void> => {
      const { id, imageRef, cpus, memoryBytes } = row
      // A home that is mounted must not be exchanged.
      const { state } = await runner.observe(id)
      if (state === 'absent' || state === 'dead')
        await homeStore.seed(homeKey(row), opId, async (unpack) => {
          await runner.readImageHome(imageRef, unpack)
          signal.throwIfAborted()
        })
      signal.throwIfAborted()
      const anew = row.errorInfo?.code === 'NOT_ANSWERING'
      await runner.start(
        { id, imageRef, homePath: homeStore.pathOf(homeKey(row)), cpus, memoryBytes, anew },
        (begun) => onStep((step = begun)),
        signal,
      )
    }
    await within('STARTING', start, () =>
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

  // The container first: while it runs, the home is in use.
  DELETING: ({ row, opId, runner, homeStore, onStep }) =>
    within('DELETING', async (signal) => {
      onStep('STOPPING')
      await runner.stop(row.id, signal)
      await failpoint('deleting.removed-container')
      onStep('REMOVING')
      await homeStore.remove(homeKey(row), opId)
    }),

  RESTORING: () => notYet('Restoring'),
  ARCHIVING: () => notYet('Archiving'),
}

function notYet(what: string): Promise<never> {
  return Promise.reject(new AppError('NOT_SUPPORTED', `${what} is not available in this version`))
}

/** Runs `work` within the operation's time, and gives up on what does not listen to its signal. `why` may know more of a timeout. */
async function within(
  operation: Operation,
  work: (signal: AbortSignal) => Promise<void>,
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
    await Promise.race([work(clock.signal), timeout])
  } finally {
    clearTimeout(timer)
  }
}
