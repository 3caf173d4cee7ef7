import type { Readable } from 'node:stream'
import type { Engine } from '../core/api.ts'
import type { Upstream } from '../core/upstream.ts'

/** What an instance is made of. */
export interface InstanceSpec {
  id: string
  imageRef: string
  /** Absolute path on this machine, mounted at `/home/coder`. */
  homePath: string
  cpus: number
  memoryBytes: number
  /** Whether a container that runs already is replaced: it was waited for in vain. */
  anew: boolean
}

export interface Instance {
  /**
   * `dead`: a container that is not running. `unready`: it runs, but code-server does not answer.
   * `foreign`: a container that is not ours has the name.
   */
  state: 'absent' | 'foreign' | 'dead' | 'unready' | 'answering'
  /** Of a dead one: how it ended, in words. */
  ending?: string
}

export interface Bytes {
  done: number
  total: number
}

export type StartStep = 'CREATING_CONTAINER' | 'WAITING_FOR_EDITOR'

/**
 * Turns wishes into engine calls. Every method is idempotent and touches only containers with this installation's label.
 * All throw AppError; DOCKER_UNREACHABLE means that nothing is known.
 */
export interface Runner {
  observe(id: string): Promise<Instance>
  /** Pulls the image if the engine has it not. Without an end of its own: `signal` cancels, silence for two minutes fails. */
  ensureImage(ref: string, onProgress: (bytes: Bytes) => void, signal: AbortSignal): Promise<void>
  /** A tar stream of the image's own `/home/coder`, given to `use`. */
  readImageHome(ref: string, use: (tar: Readable) => Promise<void>): Promise<void>
  /** Resolves once code-server answers. */
  start(spec: InstanceSpec, onStep: (step: StartStep) => void, signal: AbortSignal): Promise<void>
  /** SIGTERM, ten seconds, SIGKILL, and the container is removed. */
  stop(id: string, signal: AbortSignal): Promise<void>
  /** Of an instance that answered when it was last observed. */
  upstream(id: string): Upstream | undefined
  /** Removes what a crash, or an answer that came too late, may have left behind. */
  tidy(isDeleted: (id: string) => boolean): Promise<void>
  /** Follows the engine until `close`: hints that a workspace changed, and news of the engine itself. */
  watch(on: { changed: (id: string) => void; engine: (engine: Engine) => void }): { close: () => void }
}
