import type Docker from 'dockerode'
import { AppError } from '../core/errors.ts'
import { engineError, messageOf, statusOf } from './engine-errors.ts'
import type { Bytes } from './runner.ts'

/** A pull that says nothing for this long has failed. */
const SILENCE_MS = 2 * 60_000
/** Progress is told at most this often; the engine speaks far oftener. */
const TELL_MS = 200
/** An engine that takes longer to say whether it has an image is not there. */
const ANSWER_MS = 30_000

interface PullEvent {
  id?: string
  status?: string
  error?: string
  progressDetail?: { current?: number; total?: number }
}

/** True when the engine has the image. @throws {AppError} DOCKER_UNREACHABLE; the signal's reason when cancelled. */
export async function hasImage(docker: Docker, ref: string, signal: AbortSignal): Promise<boolean> {
  try {
    await inTime(docker.getImage(ref).inspect(), signal)
    return true
  } catch (error) {
    if (statusOf(error) === 404) return false
    throw engineError(error)
  }
}

/** The engine's answer, unless it takes too long or is no longer wanted. */
function inTime<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const silence = AbortSignal.timeout(ANSWER_MS)
    silence.onabort = () => reject(new AppError('DOCKER_UNREACHABLE', 'Docker does not answer'))
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: silence })
    answer.then(resolve, reject)
  })
}

/**
 * Pulls `ref` unless it is there.
 * @throws {AppError} IMAGE_NOT_FOUND, IMAGE_PULL_FAILED, DOCKER_UNREACHABLE; the signal's reason when cancelled.
 */
export async function ensureImage(
  docker: Docker,
  ref: string,
  onProgress: (bytes: Bytes) => void,
  signal: AbortSignal,
): Promise<void> {
  if (await hasImage(docker, ref, signal)) return
  const silence = new AbortController()
  const watchdog = setTimeout(() => silence.abort(), SILENCE_MS)
  const layers = new Map<string, Bytes>()
  // Told now and then rather than at each event, and never left untold when the engine falls silent after it.
  let untold: Bytes | undefined
  const tell = (): void => {
    if (untold) onProgress(untold)
    untold = undefined
  }
  const teller = setInterval(tell, TELL_MS)
  try {
    const stream = await docker.pull(withTag(ref), { abortSignal: AbortSignal.any([signal, silence.signal]) })
    await new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(
        stream,
        (error) => (error ? reject(error) : resolve()),
        (event: PullEvent) => {
          watchdog.refresh()
          if (event.error !== undefined) return reject(new Error(event.error))
          untold = addUp(layers, event) ?? untold
        },
      )
    })
    tell()
  } catch (error) {
    signal.throwIfAborted()
    if (silence.signal.aborted)
      throw new AppError('IMAGE_PULL_FAILED', `The registry of ${ref} has said nothing for two minutes`)
    throw pullError(ref, error)
  } finally {
    clearTimeout(watchdog)
    clearInterval(teller)
  }
  // The engine ends some failed pulls without an error.
  if (!(await hasImage(docker, ref, signal)))
    throw new AppError('IMAGE_PULL_FAILED', `${ref} is not there after its pull`)
}

/** Without a tag the engine would pull every tag there is. */
function withTag(ref: string): string {
  return /[:@][^/]*$/.test(ref) ? ref : `${ref}:latest`
}

/** Bytes over all layers seen so far, after `event`; undefined when it says nothing of bytes. */
export function addUp(layers: Map<string, Bytes>, event: PullEvent): Bytes | undefined {
  if (event.id === undefined) return undefined
  const known = layers.get(event.id)
  const { current, total } = event.progressDetail ?? {}
  if (event.status === 'Downloading' && current !== undefined && total !== undefined)
    layers.set(event.id, { done: current, total })
  else if (event.status === 'Download complete' && known)
    layers.set(event.id, { done: known.total, total: known.total })
  else return undefined
  let done = 0
  let sum = 0
  for (const layer of layers.values()) {
    done += layer.done
    sum += layer.total
  }
  return { done, total: sum }
}

function pullError(ref: string, error: unknown): AppError {
  const known = engineError(error)
  if (known.code === 'DOCKER_UNREACHABLE' || known.code === 'DISK_FULL') return known
  const message = messageOf(error)
  if (statusOf(error) === 404 || /not found|manifest unknown|access denied|does not exist/i.test(message))
    return new AppError('IMAGE_NOT_FOUND', `The image ${ref} was not found: ${message}`, { cause: error })
  return new AppError('IMAGE_PULL_FAILED', `The image ${ref} could not be pulled: ${message}`, {
    cause: error,
  })
}
