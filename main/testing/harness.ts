/**
 * The ground under integration tests: a real engine, and a bench whose every container, network, image, directory and
 * process is cleared away at the end, also after a failure.
 */
import { randomBytes } from 'node:crypto'
import { chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { afterAll, beforeAll } from 'vitest'
import { identityOf, startControlPlane } from '../app.ts'
import { readConfig } from '../config.ts'
import { createDockerRunner, type DockerRunnerOptions } from '../runner/docker.ts'
import type { InstanceSpec } from '../runner/runner.ts'
import { watchConfinement } from './containers.ts'
import { createClient, type Client } from './client.ts'
import { endLeft } from './engine.ts'
import { spawnServe, type Headless } from './headless.ts'
import { buildImage, type Variant } from './images.ts'
import { PATIENCE_MS, until } from './until.ts'

/** The workspace image: a real code-server. */
export const IMAGE = process.env['BERTH_IMAGE'] ?? 'codercom/code-server:4.139.1'

const LABEL = 'io.berth.label'
/** Marks what a run made with the process that made it, so that a later run can tell what a dead one left. */
const MARK = /^test-(\d+)-/

export type Flags = Record<string, string | number>

/** A control plane in this process, and its user. */
export interface Plane extends Client {
  dataDir: string
  homeStore: string
  /** The workspace's directory beside its home. */
  close: () => Promise<void>
}

export type Bench = ReturnType<typeof useBench>

/** A bench for one test file. Call it at the top of the file. */
export function useBench() {
  const label = `test-${process.pid}-${randomBytes(4).toString('hex')}`
  const labels = { [LABEL]: label }
  const docker = new Docker()
  const closers: (() => Promise<unknown>)[] = []

  const defaults: Flags = {
    label,
    image: IMAGE,
    port: 0,
    cpus: 1,
    'memory-bytes': 2 ** 30,
    'standby-ttl-seconds': 0,
    'archive-ttl-seconds': 0,
    'log-level': 'error',
  }

  let checkConfinement: () => Promise<void>
  beforeAll(async () => {
    await sweep(docker)
    checkConfinement = await watchConfinement(docker, label)
  })
  afterAll(async () => {
    for (const close of closers.reverse()) await close()
    await removeAll(docker, label)
    await checkConfinement()
  })

  /** A new directory. Its path is short, as a Unix socket's has to be. */
  async function dir(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), `berth-test-${process.pid}-`))
    closers.push(() => rm(path, { recursive: true, force: true }))
    return path
  }

  return {
    label,
    labels,
    docker,
    dir,

    /** Does something at the end, before what was there earlier is cleared away. */
    atEnd: (close: () => Promise<unknown>): void => void closers.push(close),

    /** Builds an image in which code-server is something quicker. */
    async image(variant: Variant): Promise<string> {
      const ref = `berth-test:${label}-${variant}`
      await buildImage(docker, { base: IMAGE, variant, ref, labels })
      return ref
    },

    /** Starts a control plane in this process. */
    async plane(flags: Flags = {}): Promise<Plane> {
      const dataDir = String(flags['data-dir'] ?? (await dir()))
      const config = readConfig(asArgs({ ...defaults, ...flags, 'data-dir': dataDir }), {})
      const control = await startControlPlane(config, await dir())
      let open = true
      const close = async (): Promise<void> => {
        if (open) await control.close()
        open = false
      }
      closers.push(close)
      return {
        ...createClient({ url: control.url, token: control.token() }),
        dataDir,
        homeStore: config.home_store,
        close,
      }
    },

    /** A runner with nothing above it. `homeOf` makes the home of a workspace, `start` starts one there. */
    async runner(changes: Partial<DockerRunnerOptions> = {}) {
      const root = await dir()
      const store = join(root, 'home-store')
      await mkdir(store)
      const identity = identityOf(process.platform, process.getuid?.(), process.getgid?.())
      const options = {
        ...{ docker, installation: label, labels, identity, upstream: 'auto', image: IMAGE },
        runDir: join(root, 'run'),
        sources: [store],
        proxyUri: (id) => `http://{{port}}--${id}.localhost:1/`,
        ...changes,
      } satisfies DockerRunnerOptions
      const runner = createDockerRunner(options)

      async function homeOf(id: string): Promise<string> {
        const path = join(store, 'users/somebody/workspaces', id, 'home')
        await mkdir(path, { recursive: true })
        if (process.getuid?.() === 0 && options.identity)
          await chown(path, options.identity.uid, options.identity.gid)
        return path
      }
      const specOf = (id: string, homePath: string): InstanceSpec => ({
        ...{ id, homePath, imageRef: options.image },
        ...{ cpus: 1, memoryBytes: 2 ** 30, sudo: false, env: {}, anew: false },
      })
      return {
        ...runner,
        root,
        store,
        homeOf,
        specOf,
        async start(id: string, more: Partial<InstanceSpec> = {}): Promise<void> {
          const spec = { ...specOf(id, await homeOf(id)), ...more }
          await runner.start(spec, () => undefined, AbortSignal.timeout(PATIENCE_MS))
        },
      }
    },

    /** Starts the headless control plane as a process of its own. */
    async serve(flags: Flags, options?: Parameters<typeof spawnServe>[1]): Promise<Headless> {
      const headless = await spawnServe(asArgs({ ...defaults, 'log-level': 'debug', ...flags }), options)
      closers.push(() => {
        headless.kill('SIGKILL')
        return headless.ended
      })
      return headless
    },
  }
}

const asArgs = (flags: Flags): string[] => Object.entries(flags).map(([name, value]) => `--${name}=${value}`)

/** Removes what was made with this label. What the engine is still busy with is tried again until it is gone. */
async function removeAll(docker: Docker, label: string): Promise<void> {
  let last: unknown
  const gone = async (): Promise<boolean> => (last = await removeOnce(docker, label)) === undefined
  await until(`nothing of ${label} is left`, gone, { last: () => last })
}

/** One try at that; resolves to what was still there: the engine's refusal, or that it took its time. */
async function removeOnce(docker: Docker, label: string): Promise<unknown> {
  const filters = { label: [`${LABEL}=${label}`] }
  let refusal: unknown
  const refused = (error: unknown): void => void (refusal = error)
  const containers = await docker.listContainers({ all: true, filters })
  for (const { Id } of containers)
    await docker.getContainer(Id).remove({ force: true, v: true }).catch(refused)
  const networks = await docker.listNetworks({ filters })
  for (const { Id } of networks) await docker.getNetwork(Id).remove().catch(refused)
  const images = await docker.listImages({ filters })
  for (const { Id } of images) await docker.getImage(Id).remove({ force: true }).catch(refused)
  return containers.length + networks.length + images.length === 0 ? undefined : (refusal ?? 'being removed')
}

/** Removes what runs that no longer live have left. */
async function sweep(docker: Docker): Promise<void> {
  const filters = { label: [LABEL] }
  const made = [
    ...(await docker.listContainers({ all: true, filters })),
    ...(await docker.listImages({ filters })),
    ...(await docker.listNetworks({ filters })),
  ]
  // Docker's own answer for something without labels is null.
  const labels = made.map(({ Labels }) => (Labels as Record<string, string> | null)?.[LABEL] ?? '')
  for (const label of new Set(labels)) if (isLeftOver(MARK.exec(label)?.[1])) await removeOnce(docker, label) // what an engine keeps is no fault of this run's
  for (const name of await readdir(tmpdir())) {
    if (!isLeftOver(/^berth-test-(\d+)-/.exec(name)?.[1])) continue
    await endLeft(join(tmpdir(), name))
    await rm(join(tmpdir(), name), { recursive: true, force: true })
  }
}

/** True when the process that made it has ended. */
function isLeftOver(pid: string | undefined): boolean {
  if (pid === undefined) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
