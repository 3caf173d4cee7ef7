import type Docker from 'dockerode'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Engine } from '../core/api.ts'
import { engineError } from './engine-errors.ts'
import { LABEL_INSTALLATION, LABEL_WORKSPACE } from './container-spec.ts'

const RECONNECT_MS = 1_000

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
): { close: () => void } {
  const closed = new AbortController()
  const isClosed = (): boolean => closed.signal.aborted

  async function follow(): Promise<void> {
    const { Version } = await docker.version()
    const stream = (await docker.getEvents({
      filters: { type: ['container'], label: [`${LABEL_INSTALLATION}=${installation}`] },
      abortSignal: closed.signal,
    })) as Readable
    on.engine({ reachable: true, version: Version, message: null, hint: null })
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
