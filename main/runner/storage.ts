import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { PassThrough } from 'node:stream'
import type Docker from 'dockerode'
import { z } from 'zod'
import { packed } from '../core/archive.ts'
import { AppError } from '../core/errors.ts'
import {
  CONFINED,
  LABEL_INSTALLATION,
  LABEL_PURPOSE,
  LABEL_RUN,
  LABEL_WORKSPACE,
  NO_NEW_PRIVILEGES,
} from './container-spec.ts'
import { engineError, messageOf, statusOf } from './engine-errors.ts'
import type { Runner, StorageProgress, StorageSpec } from './runner.ts'
import program from './storage-job.mjs?raw'

const HOME = '/home/coder'
const ARCHIVE = '/archive'

const message = z.union([
  z.object({ step: z.enum(['PACKING', 'VERIFYING', 'UNPACKING']), done: z.number(), total: z.number() }),
  z.object({ result: packed.nullable() }),
  z.object({
    error: z.object({
      code: z.enum([
        'ARCHIVE_FAILED',
        'HOME_CHANGED',
        'ARCHIVE_CORRUPT',
        'ARCHIVE_UNSAFE',
        'RESTORE_FAILED',
        'HOME_NOT_WRITABLE',
        'DISK_FULL',
      ]),
      message: z.string(),
      hint: z.string().exactOptional(),
    }),
  }),
])

/** What differs between the kinds of job. */
const KINDS = {
  // Not DAC_READ_SEARCH, with which any file of the machine could be opened by its number. The home is mounted read-only.
  pack: { failed: 'ARCHIVE_FAILED', capabilities: ['DAC_OVERRIDE'] },
  unpack: { failed: 'RESTORE_FAILED', capabilities: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID'] },
  erase: { failed: 'HOME_NOT_WRITABLE', capabilities: ['DAC_OVERRIDE', 'FOWNER'] },
} as const
type Kind = keyof typeof KINDS

/** What a job works on. One that erases is no workspace's, and has no archive. */
type Spec = Pick<StorageSpec, 'imageRef' | 'homeDir'> & Partial<Pick<StorageSpec, 'id' | 'archiveDir'>>

export interface Storage extends Pick<Runner, 'pack' | 'unpack' | 'erase' | 'endStorage'> {
  /** Removes the containers that another run of this installation has left. */
  tidy(): Promise<void>
}

/**
 * Storage jobs: short-lived containers that can do nothing but read the one directory and write the other, or empty one.
 * `labels` name the installation; `run` tells this process's containers from those that a crash has left; `image` is what
 * a job is made of that is no workspace's; `requireSource` refuses to mount what is not Berth's own.
 */
export function createStorage({
  docker,
  labels,
  run,
  image,
  requireSource,
}: {
  docker: Docker
  labels: Record<string, string>
  run: string
  image: string
  requireSource: (path: string) => Promise<void>
}): Storage {
  const list = (...more: string[]): Promise<Docker.ContainerInfo[]> =>
    docker.listContainers({
      all: true,
      filters: {
        label: [
          `${LABEL_INSTALLATION}=${labels[LABEL_INSTALLATION] ?? ''}`,
          `${LABEL_PURPOSE}=storage`,
          ...more,
        ],
      },
    })

  async function remove(container: string): Promise<void> {
    try {
      await docker.getContainer(container).remove({ force: true, v: true })
    } catch (error) {
      if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error // it is gone, or going
    }
  }

  /** Ends every job of a workspace; what is being removed by somebody else is waited for. */
  async function endAll(id: string): Promise<void> {
    for (let tries = 0; tries < 600; tries++) {
      const containers = await list(`${LABEL_WORKSPACE}=${id}`)
      if (containers.length === 0) return
      for (const { Id } of containers) await remove(Id)
      await sleep(50)
    }
    throw new AppError('DOCKER_FAILED', `A storage job of ${id} does not go away`)
  }

  async function create(kind: Kind, spec: Spec, job: object): Promise<Docker.Container> {
    await requireSource(spec.homeDir)
    if (spec.archiveDir !== undefined) await requireSource(spec.archiveDir)
    try {
      return await docker.createContainer({
        Image: spec.imageRef,
        Labels: {
          ...labels,
          ...(spec.id !== undefined && { [LABEL_WORKSPACE]: spec.id }),
          [LABEL_PURPOSE]: 'storage',
          [LABEL_RUN]: run,
        },
        User: '0:0',
        WorkingDir: '/',
        Env: [
          `BERTH_STORAGE_JOB=${JSON.stringify({ ...job, kind, home: HOME, archive: ARCHIVE })}`,
          'NODE_OPTIONS=',
        ],
        Entrypoint: [
          'sh',
          '-c',
          'exec "$(command -v node || echo /usr/lib/code-server/lib/node)" --input-type=module -e "$0"',
        ],
        Cmd: [program],
        Healthcheck: { Test: ['NONE'] },
        HostConfig: {
          ...CONFINED,
          ...NO_NEW_PRIVILEGES,
          Mounts: [
            bind(spec.homeDir, HOME, kind === 'pack'),
            ...(spec.archiveDir === undefined ? [] : [bind(spec.archiveDir, ARCHIVE, kind === 'unpack')]),
          ],
          NetworkMode: 'none',
          ReadonlyRootfs: true,
          Memory: 2 ** 30,
          MemorySwap: 2 ** 30,
          PidsLimit: 256,
          CapAdd: [...KINDS[kind].capabilities],
          LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
        },
      })
    } catch (error) {
      if (statusOf(error) === 404 && /no such image/i.test(messageOf(error)))
        throw new AppError('IMAGE_NOT_FOUND', `The image ${spec.imageRef} is not there`, { cause: error })
      throw error
    }
  }

  /** Runs the program to its end; null is the result of a job that has nothing to tell. */
  async function work(
    kind: Kind,
    spec: Spec,
    job: object,
    onProgress: StorageProgress,
    signal: AbortSignal,
  ): Promise<z.infer<typeof packed> | null> {
    if (spec.id !== undefined) await endAll(spec.id)
    signal.throwIfAborted()
    const container = await create(kind, spec, job)
    let gone: Promise<void> | undefined
    const end = (): Promise<void> => (gone ??= remove(container.id).catch(() => undefined)) // else the next job, or tidy(), does it
    try {
      const attached = await container.attach({ stream: true, stdout: true, stderr: true })
      const [stdout, stderr] = [new PassThrough(), new PassThrough()]
      docker.modem.demuxStream(attached, stdout, stderr)
      attached.on('error', () => undefined) // what became of the container tells
      attached.on('close', () => stdout.end())
      let words = ''
      stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-1_000)))

      signal.throwIfAborted()
      signal.addEventListener('abort', () => void end())
      await container.start()
      for await (const line of createInterface({ input: stdout })) {
        signal.throwIfAborted()
        const said = parse(line)
        if (said === undefined) continue
        if ('step' in said) onProgress(said.step, { done: said.done, total: said.total })
        else if ('result' in said) return said.result
        else throw new AppError(said.error.code, said.error.message, said.error)
      }
      throw new AppError(KINDS[kind].failed, `The storage job ended ${await endingOf(container, words)}`)
    } finally {
      await end()
    }
  }

  /** How a container ended that had said nothing of it. */
  async function endingOf(container: Docker.Container, words: string): Promise<string> {
    try {
      const { State } = await container.inspect()
      if (State.OOMKilled) return 'for want of memory'
      return `before its time (exit code ${State.ExitCode})${words && `: ${words.trim()}`}`
    } catch (error) {
      if (statusOf(error) === 404) return 'because its container was removed'
      throw error
    }
  }

  /** The same with errors for people; a job that was cancelled failed because of that. */
  async function explained<T>(kind: Kind, job: Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await job
    } catch (error) {
      signal.throwIfAborted()
      const known = engineError(error)
      throw known.code === 'DOCKER_FAILED'
        ? new AppError(KINDS[kind].failed, known.message, { cause: error })
        : known
    }
  }

  return {
    async pack(spec, onProgress, signal) {
      await requireSource(spec.archiveDir)
      const file = join(spec.archiveDir, 'home.tar.zst')
      await writeFile(file, '', { mode: 0o600 }) // made here, so that it belongs to who runs Berth
      const result = await explained('pack', work('pack', spec, {}, onProgress, signal), signal)
      return packed.parse(result)
    },

    async unpack({ meta, ...spec }, onProgress, signal) {
      await explained(
        'unpack',
        work('unpack', spec, { meta: packed.parse(meta) }, onProgress, signal),
        signal,
      )
    },

    async erase(dir, signal) {
      const spec = { imageRef: image, homeDir: dir }
      await explained(
        'erase',
        work('erase', spec, {}, () => undefined, signal),
        signal,
      )
    },

    async endStorage(id) {
      try {
        await endAll(id)
      } catch (error) {
        throw engineError(error)
      }
    },

    async tidy() {
      try {
        for (const { Id, Labels } of await list()) if (Labels[LABEL_RUN] !== run) await remove(Id)
      } catch (error) {
        throw engineError(error)
      }
    },
  }
}

const bind = (Source: string, Target: string, ReadOnly: boolean) =>
  ({ Type: 'bind', Source, Target, ReadOnly }) as const

/** A line of the program; undefined for a line that a death cut off. */
function parse(line: string): z.infer<typeof message> | undefined {
  try {
    return message.parse(JSON.parse(line))
  } catch {
    return undefined
  }
}
