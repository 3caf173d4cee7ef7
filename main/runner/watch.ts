import type Docker from 'dockerode'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Engine } from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import { engineError } from './engine-errors.ts'
import { LABEL_INSTALLATION, LABEL_WORKSPACE } from './container-spec.ts'

const RECONNECT_MS = 1_000
/** An engine that hangs says nothing, not even that it is gone: it is asked this often, and has so long to answer. */
const TIMES = { pingMs: 10_000, patienceMs: 5_000 }

/** Dockerode's types do not know that these can be given up, too. */
interface Asked {
  version: (options: { abortSignal: AbortSignal }) => Promise<{ Version: string }>
  ping: (options: { abortSignal: AbortSignal }) => Promise<unknown>
}

interface DockerEvent {
  Actor?: { Attributes?: Record<string, string> }
}

/**
 * Follows the engine's events, and connects again for ever. `changed` is only a hint: what is missed,
 * the slow resync finds.
 */
export function watchEngine(
  docker: Docker,
  installation: string,
  on: { changed: (id: string) => void; engine: (engine: Engine) => void },
  { pingMs, patienceMs } = TIMES,
): { close: () => void } {
  const asked = docker as unknown as Asked
  const closed = new AbortController()
  const isClosed = (): boolean => closed.signal.aborted

  async function follow(): Promise<void> {
    const { Version } = await inTime((abortSignal) => asked.version({ abortSignal }))
    const over = new AbortController()
    const ping = setInterval(() => {
      inTime((abortSignal) => asked.ping({ abortSignal })).catch((error: unknown) => over.abort(error))
    }, pingMs)
    const silence = new Promise<never>((_, reject) => {
      over.signal.addEventListener('abort', () => reject(engineError(over.signal.reason)))
    })
    try {
      await Promise.race([listen(Version, AbortSignal.any([closed.signal, over.signal])), silence])
    } finally {
      clearInterval(ping)
      over.abort()
    }
  }

  async function inTime<T>(ask: (patience: AbortSignal) => Promise<T>): Promise<T> {
    const patience = AbortSignal.timeout(patienceMs)
    try {
      return await ask(patience)
    } catch (error) {
      throw patience.aborted ? new AppError('DOCKER_UNREACHABLE', 'Docker does not answer') : error
    }
  }

  async function listen(version: string, abortSignal: AbortSignal): Promise<void> {
    const stream = (await docker.getEvents({
      filters: { type: ['container'], label: [`${LABEL_INSTALLATION}=${installation}`] },
      abortSignal,
    })) as Readable
    on.engine({ reachable: true, version, message: null, hint: null })
    for await (const line of createInterface(stream)) {
      const id = (JSON.parse(line) as DockerEvent).Actor?.Attributes?.[LABEL_WORKSPACE]
      if (id !== undefined) on.changed(id)
    }
    throw engineError(Object.assign(new Error('the event stream ended'), { code: 'ECONNRESET' }))
  }

  async function run(): Promise<void> {
    while (!isClosed()) {
      try {
        await follow()
      } catch (error) {
        if (isClosed()) return
        const { message, hint } = engineError(error)
        on.engine({ reachable: false, version: null, message, hint })
      }
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS))
    }
  }

  void run()
  return { close: () => closed.abort() }
}
