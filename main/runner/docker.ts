import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { AppError, errnoOf, toAppError } from '../core/errors.ts'
import { failpoint } from '../core/failpoint.ts'
import type { Upstream } from '../core/upstream.ts'
import {
  LABEL_INSTALLATION,
  LABEL_PURPOSE,
  LABEL_RUN,
  LABEL_WORKSPACE,
  PORT,
  containerName,
  containerSpec,
  homeOf,
  seedSpec,
} from './container-spec.ts'
import { demultiplex } from './demultiplex.ts'
import { engineError, messageOf, statusOf } from './engine-errors.ts'
import { ensureImage, hasImage } from './image.ts'
import { readListening } from './listening.ts'
import { nameUser, type Identity } from './name-user.ts'
import { listOrphans } from './orphans.ts'
import { answers } from './probe.ts'
import { remapsUsers, risksOf, type EngineInfo, type EngineVersion } from './risks.ts'
import { createRunDirs } from './run-dir.ts'
import { createSourceCheck } from './sources.ts'
import { createStorage } from './storage.ts'
import { readUse } from './usage.ts'
import { watchEngine } from './watch.ts'
import { readWork } from './work.ts'
import type { Instance, InstanceSpec, Runner, StartStep } from './runner.ts'

const STOP_GRACE_SECONDS = 10
const PROBE_MS = 5_000
const POLL_MS = 25
/** Of a log that is told: what comes before is left out. */
const MAX_LOG_CHARS = 256 * 1024

/** Dockerode's types do not know that these can be given up. */
interface Asked {
  info: (options: { abortSignal: AbortSignal }) => Promise<EngineInfo>
  version: (options: { abortSignal: AbortSignal }) => Promise<EngineVersion>
}

export interface DockerRunnerOptions {
  docker: Docker
  /** Names this data directory in labels: containers of others are never touched. */
  installation: string
  /** More labels for all that is made. */
  labels: Record<string, string>
  /** A directory of this user alone; per instance it holds code-server's configuration and socket. */
  runDir: string
  /** Directories below which all homes and archives lie: nothing else is ever mounted. */
  sources: readonly string[]
  /** Who an instance runs as, and so whose files a home has; undefined where the engine maps owners itself. */
  identity: Identity | undefined
  /**
   * `port`: published on 127.0.0.1, with a secret per start. `auto`: a Unix socket and no TCP port at all where the
   * engine shares this machine's kernel, else the same as `port`.
   */
  upstream: 'auto' | 'port'
  /** `VSCODE_PROXY_URI` of a workspace. */
  proxyUri: (id: string) => string
  /** What jobs are made of that are no workspace's. */
  image: string
}

/** Workspaces as containers of a Docker Engine. */
export function createDockerRunner(options: DockerRunnerOptions): Runner {
  const { docker, installation, identity } = options
  const labels = { ...options.labels, [LABEL_INSTALLATION]: installation }
  const network = `berth-${installation}`
  const upstreams = new Map<string, Upstream>()
  /** Tells this process's passing containers from those that a crash has left. */
  const run = randomBytes(8).toString('hex')
  let networkReady: Promise<void> | undefined

  const runDirs = createRunDirs(options.runDir, identity)
  const requireSource = createSourceCheck([...options.sources, options.runDir])
  const storage = createStorage({ docker, labels, run, image: options.image, requireSource })

  /** Our container, even if somebody has renamed it; `foreign` when one that is not ours, and so not to be touched, has the name. */
  async function find(id: string): Promise<Docker.ContainerInspectInfo | 'foreign' | undefined> {
    try {
      const named = await inspectAny(containerName(id))
      const { [LABEL_INSTALLATION]: owner, [LABEL_WORKSPACE]: workspace } = named?.Config.Labels ?? {}
      if (owner === installation && workspace === id) return named
      // A storage job bears the workspace's name too.
      const all = await list(`${LABEL_WORKSPACE}=${id}`)
      const renamed = all.find(({ Labels }) => Labels[LABEL_PURPOSE] === 'instance')
      return (renamed && (await inspectAny(renamed.Id))) ?? (named && 'foreign')
    } catch (error) {
      throw engineError(error)
    }
  }

  async function inspectAny(nameOrId: string): Promise<Docker.ContainerInspectInfo | undefined> {
    try {
      return await docker.getContainer(nameOrId).inspect()
    } catch (error) {
      if (statusOf(error) === 404) return undefined
      throw error
    }
  }

  /** This installation's containers with one more label. */
  const list = (label: string): Promise<Docker.ContainerInfo[]> =>
    docker.listContainers({
      all: true,
      filters: { label: [`${LABEL_INSTALLATION}=${installation}`, label] },
    })

  /** Our container. @throws {AppError} CONTAINER_NAME_TAKEN */
  async function inspect(id: string): Promise<Docker.ContainerInspectInfo | undefined> {
    const found = await find(id)
    if (found === 'foreign')
      throw new AppError(
        'CONTAINER_NAME_TAKEN',
        `A container that is not Berth's has the name ${containerName(id)}`,
      )
    return found
  }

  async function observe(id: string, homePath: string): Promise<Instance> {
    const info = await find(id)
    if (info === 'foreign') return { state: 'foreign' }
    if (info?.State.Running && homeOf(info) !== homePath) {
      forget(id)
      return { state: 'dead', ending: `its home was ${homeOf(info)}` }
    }
    const upstream = info?.State.Running ? await resolve(id, info) : undefined
    // Asked twice: one slow answer on a busy machine must not cost a person their terminals.
    const ready = upstream && ((await answers(upstream, PROBE_MS)) || (await answers(upstream, PROBE_MS)))
    if (upstream && ready) upstreams.set(id, upstream)
    else forget(id)
    if (!info) {
      // What a crash, or a start that was given up, has left there.
      await runDirs.remove(id).catch(() => undefined)
      return { state: 'absent' }
    }
    if (!info.State.Running) return { state: 'dead', ending: await endingOf(info) }
    return { state: ready ? 'answering' : 'unready' }
  }

  /** Read from the engine and the run directory each time: a host port may pass to another workspace. */
  async function resolve(id: string, info: Docker.ContainerInspectInfo): Promise<Upstream | undefined> {
    const binding = info.NetworkSettings.Ports[`${PORT}/tcp`]?.[0]
    if (!binding) {
      const socketPath = runDirs.socketPath(id)
      return socketPath === undefined ? undefined : { socketPath }
    }
    const secret = await runDirs.secret(id)
    if (secret === undefined) return undefined
    const cookie = `code-server-session=${encodeURIComponent(secret)}`
    return { host: '127.0.0.1', port: Number(binding.HostPort), cookie }
  }

  function forget(id: string): void {
    upstreams.delete(id)
    runDirs.unpin(id)
  }

  /** True for a container that runs and can be waited for; without its secret a published port never opens. */
  async function isAlive(id: string, info: Docker.ContainerInspectInfo | undefined): Promise<boolean> {
    if (!info?.State.Running) return false
    return info.NetworkSettings.Ports[`${PORT}/tcp`] === undefined || (await runDirs.secret(id)) !== undefined
  }

  async function endingOf({ Id, State }: Docker.ContainerInspectInfo): Promise<string> {
    const why = State.OOMKilled ? 'it ran out of memory: give it more' : `exit code ${State.ExitCode}`
    const log = (await logTail(Id, 1)).slice(-300)
    return log === '' ? why : `${why}; its last words: ${log}`
  }

  async function logTail(container: string, lines: number): Promise<string> {
    try {
      const raw = await docker.getContainer(container).logs({ stdout: true, stderr: true, tail: lines })
      return demultiplex(raw).trim().slice(-MAX_LOG_CHARS)
    } catch {
      return '' // only decorates another message
    }
  }

  async function start(
    spec: InstanceSpec,
    onStep: (step: StartStep) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let found = await inspect(spec.id)
    // Somebody may have unsaved work there: it is ended, not killed.
    if (found?.State.Running && homeOf(found) !== spec.homePath) {
      await stop(spec.id, signal)
      found = undefined
    }
    const kept = !spec.anew && (await isAlive(spec.id, found))
    if (!kept) {
      onStep('CREATING_CONTAINER')
      const engine = await info()
      requireOwnUsers(engine)
      await ensureNetwork()
      await failpoint('starting.network-ready')
      // A call that came back after its time is over does no more; nor does what follows it.
      signal.throwIfAborted()
      if (found) await remove(spec.id, found.Id)
      await failpoint('starting.removed-remains')
      await requireUnused(spec.homePath)
      const published = publishes(engine)
      await prepareRunDir(spec.id, published)
      await failpoint('starting.prepared')
      signal.throwIfAborted()
      // The engine refuses more CPUs than it has.
      await create({ ...spec, cpus: Math.min(spec.cpus, engine.NCPU) }, published, signal)
    }
    onStep('WAITING_FOR_EDITOR')
    const ending = await untilAnswering(spec.id, signal)
    if (ending !== undefined)
      throw kept
        ? new AppError('INSTANCE_DIED', `The container ended by itself (${ending})`)
        : new AppError('CONTAINER_EXITED', `The container ended at once: ${ending}`)
    await failpoint('starting.answered')
  }

  /** @throws {AppError} HOME_IN_USE: two containers on one home would spoil each other's files. */
  async function requireUnused(homePath: string): Promise<void> {
    try {
      const [user] = await docker.listContainers({ filters: { volume: [homePath] } })
      if (user) throw new AppError('HOME_IN_USE', `The container ${user.Names[0]?.slice(1)} uses ${homePath}`)
    } catch (error) {
      throw engineError(error)
    }
  }

  async function prepareRunDir(id: string, published: boolean): Promise<void> {
    try {
      await runDirs.prepare(id, published)
    } catch (error) {
      const known = toAppError(error)
      if (known.code !== 'INTERNAL') throw known
      const where = `${runDirs.socketDir(id)} (${errnoOf(error)})`
      throw new AppError('SOCKET_FAILED', `No socket can be made in ${where}`, { cause: error })
    }
  }

  /** Only there does a Unix socket in a mounted directory reach from the container to this process. */
  function sharesKernel(engine: EngineInfo): boolean {
    const local = (docker.modem as { socketPath?: string }).socketPath !== undefined
    return local && process.platform === 'linux' && !/docker desktop/i.test(engine.OperatingSystem)
  }

  const publishes = (engine: EngineInfo): boolean => options.upstream === 'port' || !sharesKernel(engine)

  /** Rootless engines and remapped users have other numbers for everybody: files would belong to nobody. */
  function requireOwnUsers(engine: EngineInfo): void {
    if (identity && remapsUsers(engine))
      throw new AppError('NOT_SUPPORTED', 'This Docker Engine runs rootless or with remapped users', {
        hint: 'Use an engine with ordinary users (DOCKER_HOST or "docker context use" name it), then retry.',
      })
  }

  async function info(): Promise<EngineInfo> {
    try {
      return (await docker.info()) as EngineInfo
    } catch (error) {
      throw engineError(error)
    }
  }

  async function create(spec: InstanceSpec, published: boolean, signal: AbortSignal): Promise<void> {
    const [configDir, socketDir] = [runDirs.configDir(spec.id), runDirs.socketDir(spec.id)]
    for (const source of [spec.homePath, configDir, socketDir]) await requireSource(source)
    try {
      const container = await docker.createContainer(
        containerSpec(spec, {
          labels,
          network,
          configDir,
          socketDir,
          identity,
          published,
          proxyUri: options.proxyUri(spec.id),
        }),
      )
      await failpoint('starting.created')
      if (identity && (identity.uid !== 1000 || identity.gid !== 1000)) await nameUser(container, identity)
      await failpoint('starting.named-user')
      signal.throwIfAborted()
      await container.start()
      await failpoint('starting.started')
    } catch (error) {
      signal.throwIfAborted()
      if (statusOf(error) === 404 && /no such image/i.test(messageOf(error)))
        throw new AppError('IMAGE_NOT_FOUND', `The image ${spec.imageRef} is not there`, { cause: error })
      if (/port is already allocated|address already in use|ports are not available/i.test(messageOf(error)))
        throw new AppError('SOCKET_FAILED', `The port cannot be used: ${messageOf(error)}`, { cause: error })
      throw engineError(error)
    }
  }

  /** Resolves once code-server answers, or to how its container ended. */
  async function untilAnswering(id: string, signal: AbortSignal): Promise<string | undefined> {
    let info: Docker.ContainerInspectInfo | undefined
    for (let round = 0; ; round++) {
      signal.throwIfAborted()
      // The socket of a container that ended says nothing: look at the container itself now and then.
      if (round % 20 === 0) {
        info = await inspect(id)
        if (!info) return 'it was removed'
        if (!info.State.Running) return endingOf(info)
        if (info.State.Paused) await docker.getContainer(info.Id).unpause()
      }
      const upstream = info && (await resolve(id, info))
      if (upstream && (await answers(upstream, PROBE_MS))) return void upstreams.set(id, upstream)
      await sleep(POLL_MS)
    }
  }

  async function remove(id: string, container: string): Promise<void> {
    forget(id)
    try {
      await docker.getContainer(container).remove({ force: true, v: true })
    } catch (error) {
      if (statusOf(error) === 404) return
      if (statusOf(error) !== 409) throw engineError(error)
      await untilGone(id) // its removal is under way already
    }
  }

  async function untilGone(id: string): Promise<void> {
    for (let tries = 0; (await inspect(id)) !== undefined; tries++) {
      if (tries === 100)
        throw new AppError('DOCKER_FAILED', `The container ${containerName(id)} does not go away`)
      await sleep(100)
    }
  }

  async function stop(id: string, signal: AbortSignal): Promise<void> {
    const found = await find(id)
    const info = found === 'foreign' ? undefined : found
    if (info?.State.Running) {
      try {
        if (info.State.Paused) await docker.getContainer(info.Id).unpause()
        await docker.getContainer(info.Id).stop({ t: STOP_GRACE_SECONDS, abortSignal: signal })
      } catch (error) {
        signal.throwIfAborted()
        if (statusOf(error) !== 304 && statusOf(error) !== 404) throw engineError(error)
      }
    }
    await failpoint('stopping.stopped')
    if (info) await remove(id, info.Id)
    await runDirs.remove(id)
    await failpoint('stopping.removed')
  }

  /** One bridge for all, on which the engine lets no container talk to another; asked once for all who ask at the same time. */
  function ensureNetwork(): Promise<void> {
    networkReady ??= makeNetwork()
      .catch((error: unknown) => {
        throw engineError(error)
      })
      .finally(() => (networkReady = undefined))
    return networkReady
  }

  async function makeNetwork(): Promise<void> {
    const found = await docker.listNetworks({ filters: { label: [`${LABEL_INSTALLATION}=${installation}`] } })
    if (found.some(({ Name }) => Name === network)) return
    await docker.createNetwork({
      Name: network,
      Driver: 'bridge',
      CheckDuplicate: true,
      Labels: labels,
      Options: { 'com.docker.network.bridge.enable_icc': 'false' },
    })
  }

  async function readImageHome(ref: string, use: (tar: Readable) => Promise<void>): Promise<void> {
    const container = await docker
      .createContainer(seedSpec(ref, { ...labels, [LABEL_RUN]: run }))
      .catch((error: unknown) => {
        throw engineError(error)
      })
    try {
      await failpoint('starting.seed-created')
      const archive = await container.getArchive({ path: '/home/coder' }).catch((error: unknown) => {
        if (statusOf(error) !== 404) throw engineError(error)
      })
      if (archive) await use(archive as Readable) // an image without that directory gives an empty home
    } finally {
      await container.remove({ force: true, v: true }).catch(() => undefined) // else tidy() finds it
    }
  }

  /** What `ask` gives for our container of the workspace; `none` where there is none. */
  async function ofContainer<T>(id: string, none: T, ask: (container: string) => Promise<T>): Promise<T> {
    const found = await find(id)
    return found === undefined || found === 'foreign' ? none : ask(found.Id)
  }

  return {
    observe,
    start,
    stop,
    readImageHome,
    async pack(spec, onProgress, signal) {
      await requireUnused(spec.homeDir)
      return storage.pack(spec, onProgress, signal)
    },
    unpack: storage.unpack,
    erase: storage.erase,
    endStorage: storage.endStorage,
    listening: (id) =>
      ofContainer(id, [], async (container) => readListening(docker, container, sharesKernel(await info()))),
    work: (id) => ofContainer(id, undefined, (container) => readWork(docker, container)),
    usage: (id) => ofContainer(id, undefined, (container) => readUse(docker, container)),
    logTail: (id, lines) => ofContainer(id, '', (container) => logTail(container, lines)),
    orphans: (isKnown) => listOrphans(docker, installation, isKnown),
    ensureImage: (ref, onProgress, signal) => ensureImage(docker, ref, onProgress, signal),
    hasImage: (ref) => hasImage(docker, ref, AbortSignal.timeout(PROBE_MS)),
    upstream: (id) => upstreams.get(id),

    async risks() {
      try {
        const patience = { abortSignal: AbortSignal.timeout(PROBE_MS) }
        const asked = docker as Asked
        const [engine, version] = await Promise.all([asked.info(patience), asked.version(patience)])
        return risksOf(engine, version, process.platform, publishes(engine))
      } catch {
        return [] // of what cannot be asked nothing is said
      }
    },

    async clockOffset() {
      const before = Date.now()
      const { SystemTime } = await (docker as Asked)
        .info({ abortSignal: AbortSignal.timeout(PROBE_MS) })
        .catch((error: unknown) => {
          throw engineError(error)
        })
      const theirs = Date.parse(SystemTime ?? '')
      // It was told some time in between.
      const ours = Math.min(Math.max(theirs, before), Date.now())
      return Number.isNaN(theirs) ? undefined : theirs - ours
    },

    async tidy(isDeleted) {
      try {
        // Of a start that the engine answered only after the workspace was gone.
        const instances = await list(`${LABEL_PURPOSE}=instance`)
        const left = instances.filter(({ Labels }) => isDeleted(Labels[LABEL_WORKSPACE] ?? ''))
        const seeds = await list(`${LABEL_PURPOSE}=seed`)
        left.push(...seeds.filter(({ Labels }) => Labels[LABEL_RUN] !== run))
        // What is being removed by somebody else holds up nothing.
        for (const { Id } of left)
          await docker
            .getContainer(Id)
            .remove({ force: true, v: true })
            .catch(() => undefined)
        await storage.tidy()
      } catch (error) {
        throw engineError(error)
      }
    },

    watch: (on) => watchEngine(docker, installation, on),
  }
}
