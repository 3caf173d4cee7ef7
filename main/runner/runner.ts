import type { Readable } from 'node:stream'
import type { Engine, System } from '../core/api.ts'
import type { ArchiveMeta, Packed } from '../core/archive.ts'
import type { Upstream } from '../core/upstream.ts'

/** What an instance is made of. */
export interface InstanceSpec {
  id: string
  imageRef: string
  /** Absolute path on this machine, mounted at `/home/coder`. */
  homePath: string
  cpus: number
  memoryBytes: number
  /** Whether programs inside may become root of the container. */
  sudo: boolean
  /** Environment variables of what runs inside, beside Berth's own. */
  env: Readonly<Record<string, string>>
  /** Whether a container that runs already is replaced: it was waited for in vain. */
  anew: boolean
}

export interface Instance {
  /**
   * `dead`: a container that is not running. `unready`: it runs, but code-server does not answer.
   * `foreign`: a container that is not ours has the name. One that has another home than it should counts as `dead`.
   */
  state: 'absent' | 'foreign' | 'dead' | 'unready' | 'answering'
  /** Of a dead one: how it ended, in words. */
  ending?: string
}

export interface Bytes {
  done: number
  total: number
}

/** What a storage job works on. Paths are absolute, on this machine. */
export interface StorageSpec {
  id: string
  /** The image that the job's container is made of, which brings GNU tar and zstd. */
  imageRef: string
  /** Holds `home.tar.zst`, or is empty when that is to be made. */
  archiveDir: string
  /** The home to pack, or the empty directory that becomes one. */
  homeDir: string
}

/** How far a storage job is. */
export type StorageProgress = (step: 'PACKING' | 'VERIFYING' | 'UNPACKING', bytes: Bytes) => void

/** What goes on in an instance. */
export interface Work {
  /** CPU time used since it was started, in seconds. */
  cpuSeconds: number
  /** Commands that run in its terminals. */
  commands: string[]
}

/** What an instance uses. */
export interface Use {
  /** CPU time used since it was started, in seconds. */
  cpuSeconds: number
  /** Memory now, without cached files that the kernel takes back first. */
  memoryBytes: number
}

/** A TCP port on which something in an instance listens. */
export interface Listener {
  port: number
  /** Beyond loopback, where other users of this machine reach it by the container's own address. */
  exposed: boolean
}

/** A container with our label whose workspace nobody knows. */
export interface Orphan {
  id: string
  imageRef: string
  cpus: number
  memoryBytes: number
  /** What is mounted as its home. */
  homePath: string | null
}

/** What of the engine weakens isolation, and what to do about it. */
export type Risk = System['risks'][number]

export type StartStep = 'CREATING_CONTAINER' | 'WAITING_FOR_EDITOR'

/**
 * Turns wishes into engine calls. Every method is idempotent and touches only containers with this installation's label.
 * All throw AppError; DOCKER_UNREACHABLE means that nothing is known.
 */
export interface Runner {
  /** `homePath` is what its container must have as its home. */
  observe(id: string, homePath: string): Promise<Instance>
  /** Pulls the image if the engine has it not. Without an end of its own: `signal` cancels, silence for two minutes fails. */
  ensureImage(ref: string, onProgress: (bytes: Bytes) => void, signal: AbortSignal): Promise<void>
  /** Whether the engine has the image already. */
  hasImage(ref: string): Promise<boolean>
  /** A tar stream of the image's own `/home/coder`, given to `use`. */
  readImageHome(ref: string, use: (tar: Readable) => Promise<void>): Promise<void>
  /** Resolves once code-server answers. */
  start(spec: InstanceSpec, onStep: (step: StartStep) => void, signal: AbortSignal): Promise<void>
  /** SIGTERM, ten seconds, SIGKILL, and the container is removed. */
  stop(id: string, signal: AbortSignal): Promise<void>
  /**
   * Packs a home into `home.tar.zst`, reads it back, and compares it with the home; nothing else may use the home meanwhile.
   * The files are on disk when it resolves. An earlier job of this workspace that still runs is ended first.
   * @throws {AppError} ARCHIVE_FAILED, HOME_CHANGED, DISK_FULL; the signal's reason when cancelled.
   */
  pack(spec: StorageSpec, onProgress: StorageProgress, signal: AbortSignal): Promise<Packed>
  /**
   * Unpacks an archive, after its sum and every name in it were checked. The files are on disk when it resolves.
   * @throws {AppError} ARCHIVE_CORRUPT, ARCHIVE_UNSAFE, RESTORE_FAILED, DISK_FULL; the signal's reason when cancelled.
   */
  unpack(
    spec: StorageSpec & { meta: ArchiveMeta },
    onProgress: StorageProgress,
    signal: AbortSignal,
  ): Promise<void>
  /** Removes all that is in a directory, whosever it is: what this process itself may not remove. */
  erase(dir: string, signal: AbortSignal): Promise<void>
  /** Ends storage jobs of a workspace that a Berth before this one, or an attempt given up, has left. */
  endStorage(id: string): Promise<void>
  /** What goes on in an instance; undefined when there is none. */
  work(id: string): Promise<Work | undefined>
  /** What an instance uses; undefined when none runs. One cheap question, to be asked often. */
  usage(id: string): Promise<Use | undefined>
  /**
   * What listens in an instance, ascending by port, without code-server's own; empty when there is none.
   * It is the workspace's own word.
   */
  listening(id: string): Promise<Listener[]>
  /** The end of the log of a workspace's container; empty when there is none. */
  logTail(id: string, lines: number): Promise<string>
  /** This installation's containers of workspaces that `isKnown` does not know. */
  orphans(isKnown: (id: string) => boolean): Promise<Orphan[]>
  /** Of an instance that answered when it was last observed. */
  upstream(id: string): Upstream | undefined
  /** What is known of the engine that weakens isolation; empty while it cannot be asked. */
  risks(): Promise<Risk[]>
  /** Milliseconds by which the engine's clock is ahead of ours; undefined when it does not tell its time. */
  clockOffset(): Promise<number | undefined>
  /** Removes what a crash, or an answer that came too late, may have left behind. */
  tidy(isDeleted: (id: string) => boolean): Promise<void>
  /** Follows the engine until `close`: hints that a workspace changed, and news of the engine itself. */
  watch(on: { changed: (id: string) => void; engine: (engine: Engine) => void }): { close: () => void }
}
