import { appendFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { ulid } from 'ulid'
import { version } from '../package.json'
import type { Config } from './config.ts'
import type { Workspace } from './core/api.ts'
import { AppError, errnoOf } from './core/errors.ts'
import { arm } from './core/failpoint.ts'
import { makeDataDir, readToken } from './data-dir.ts'
import { createAccountTable } from './db/accounts.ts'
import { lockDataDir, openDb } from './db/open.ts'
import { createWorkspaceTable } from './db/workspaces.ts'
import { createBus } from './events/bus.ts'
import { createLive } from './events/live.ts'
import { workspaceOrigin, workspacePath } from './gateway/address.ts'
import { createGateway } from './gateway/gateway.ts'
import { createLocalDir, initLocalDir } from './home-store/local-dir.ts'
import { createRoutes } from './http/api.ts'
import { createEventHub } from './http/events.ts'
import { sendProblem } from './http/problem.ts'
import { bearerOf, createRouter } from './http/router.ts'
import { createHttpServer } from './http/server.ts'
import { createLog } from './log.ts'
import { createReconciler } from './reconciler/reconciler.ts'
import { createDockerRunner } from './runner/docker.ts'
import { createSessions, PRINTED_CODE_MS } from './service/sessions.ts'
import { createWorkspaceService } from './service/workspaces.ts'

/** How long closing waits for operations under way; what is cut off then is picked up at the next start. */
const CLOSE_MS = 3_000
/** Whose files a home has when Berth runs as root: `coder` of the image. */
const UNPRIVILEGED = { uid: 1000, gid: 1000 }

/** A running control plane, as its two hosts (the desktop shell, the headless command) use it. */
export interface ControlPlane {
  url: string
  token: string
  /** The dashboard's address with which a browser signs in, once; good for an hour. */
  signInUrl: () => string
  /** The address with which a window of the desktop's own user enters a workspace, once. */
  entryUrl: (id: string) => string
  /** The desktop's own workspaces, now and after each change. */
  watch: (listener: (workspaces: Workspace[]) => void) => () => void
  desire: (id: string, state: 'RUNNING' | 'STANDBY') => void
  close: () => Promise<void>
}

/**
 * Builds the control plane and starts it. `rendererDir` holds the built dashboard.
 * A `port` of the configuration is taken or refused; without one the last one is preferred, so that
 * browsers find their storage for an origin again.
 * @throws {AppError} with a message for the person who started it.
 */
export async function startControlPlane(config: Config, rendererDir: string): Promise<ControlPlane> {
  makeDataDir(config.data_dir)
  const lock = lockDataDir(join(config.data_dir, 'berth.lock'))
  try {
    return await build(config, rendererDir, lock.release)
  } catch (error) {
    lock.release()
    throw error
  }
}

/** `release` gives the data directory free, last of all. */
async function build(config: Config, rendererDir: string, release: () => void): Promise<ControlPlane> {
  const log = createLog(config.data_dir, config.log_level)
  if (config.failpoints !== '') armFailpoints(config)

  const db = openDb(join(config.data_dir, 'berth.db'))
  const now = Date.now
  const newId = (): string => ulid().toLowerCase()
  const accounts = createAccountTable(db)
  const owner = accounts.ensureOwner({ id: newId(), name: userName() }, now())
  const installation = accounts.fact('installation', randomBytes(8).toString('hex'))
  const token = readToken(config.data_dir)
  const sessions = createSessions({ accounts, owner, token, now })

  const identity = identityOf(process.platform, process.getuid?.(), process.getgid?.())
  const knownStore = accounts.fact(`home-store:${config.home_store}`, 'new')
  if (knownStore === 'new') {
    await makeHomeStore(config.home_store)
    accounts.setFact(`home-store:${config.home_store}`, 'made')
  }
  const asRoot = process.getuid?.() === 0
  const homeStore = createLocalDir({ root: config.home_store, owner: asRoot ? identity : undefined })
  const runner = createDockerRunner({
    docker: new Docker(), // DOCKER_HOST, else the engine's usual socket
    installation,
    labels: { 'io.berth.label': config.label },
    runDir: join(config.data_dir, 'run'),
    identity,
    upstream: config.upstream,
  })

  const table = createWorkspaceTable(db)
  const bus = createBus((error) => log.error({ err: error }, 'a listener failed'))
  const live = createLive(bus)
  const reconciler = createReconciler({ table, runner, homeStore, bus, live, log, now, newOpId: newId })
  const workspaces = createWorkspaceService({
    table,
    bus,
    live,
    defaults: {
      imageRef: config.image,
      cpus: config.cpus,
      memoryBytes: config.memory_bytes,
      standbyTtlSeconds: config.standby_ttl_seconds,
      archiveTtlSeconds: config.archive_ttl_seconds,
    },
    homePath: homeStore.pathOf,
    enqueue: reconciler.enqueue,
    newId,
    now,
  })

  const events = createEventHub({ bus, live, workspaces, runId: randomBytes(4).toString('hex') })
  const gateway = createGateway({
    port: () => server.port(),
    bearerUser(request) {
      const bearer = bearerOf(request)
      return bearer === undefined ? undefined : sessions.bearerUser(bearer)
    },
    cookieUser: sessions.workspaceUser,
    redeem: sessions.redeem,
    enter: workspaces.enter,
    upstream: runner.upstream,
    wake: workspaces.wake,
    touch: workspaces.touch,
    doubt: reconciler.enqueue,
    serveEvents: (user, id, request, response) => events.serve(user, id, request, response),
    sendProblem: (response, error) => sendProblem(response, error, log),
    log,
  })
  bus.subscribe((news) => {
    const row = news.kind === 'workspace' ? table.get(news.id) : undefined
    const ends =
      row && (row.status !== 'RUNNING' || row.operation === 'STOPPING' || row.operation === 'DELETING')
    if (ends) gateway.disconnect(row.id)
  })

  const entryUrl = (id: string, path: string, code: string): string => {
    const url = new URL(workspaceOrigin(id, server.port()) + workspacePath(id) + path)
    url.searchParams.set('berth-code', code)
    return url.href
  }
  const facts = {
    version,
    defaultImage: config.image,
    dataDir: config.data_dir,
    homeStore: config.home_store,
  }
  const routes = createRoutes({ workspaces, sessions, events, live, entryUrl, facts })
  const api = createRouter({ routes, authenticate: sessions.requireUser, log })
  const server = createHttpServer({ api, gateway, rendererDir, log })

  async function close(): Promise<void> {
    gateway.close()
    events.close()
    await server.close()
    await Promise.race([reconciler.stop(), new Promise((resolve) => setTimeout(resolve, CLOSE_MS))])
    db.close()
    release()
    log.info({}, 'closed')
  }

  try {
    const port = await listen(server.listen, config.port, Number(accounts.fact('port', '0')))
    accounts.setFact('port', String(port))
  } catch (error) {
    await close()
    throw error
  }
  const watching = runner.watch({
    changed: reconciler.enqueue,
    engine(engine) {
      live.setEngine(engine)
      reconciler.enqueueAll()
      if (engine.reachable)
        runner
          .tidy((id) => table.get(id)?.status === 'DELETED')
          .catch((error: unknown) => log.warn({ err: error }, 'could not tidy up'))
    },
  })
  reconciler.start()
  const url = `http://127.0.0.1:${server.port()}`
  log.info({ url, dataDir: config.data_dir, version }, 'ready')

  return {
    url,
    token,
    signInUrl: () =>
      `${url}/#code=${sessions.issueCode({ userId: owner.id, workspaceId: null }, PRINTED_CODE_MS)}`,
    entryUrl: (id) => entryUrl(id, '/', sessions.issueCode({ userId: owner.id, workspaceId: id })),
    watch(listener) {
      listener(workspaces.all(owner))
      return bus.subscribe((news) => {
        if (news.kind === 'workspace') listener(workspaces.all(owner))
      })
    },
    desire: (id, state) => void workspaces.desire(owner, id, state),
    close() {
      watching.close()
      return close()
    },
  }
}

/** Who instances run as: on Linux the person, and never root; elsewhere the engine maps owners by itself. */
export function identityOf(
  platform: NodeJS.Platform,
  uid: number | undefined,
  gid: number | undefined,
): { uid: number; gid: number } | undefined {
  if (platform !== 'linux' || uid === undefined || gid === undefined) return undefined
  return uid === 0 ? UNPRIVILEGED : { uid, gid }
}

/** What the system calls the person; somebody of whom it knows only a number is called by that. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `user-${process.getuid?.()}`
  }
}

async function makeHomeStore(root: string): Promise<void> {
  try {
    await initLocalDir(root)
  } catch (error) {
    throw new AppError('INVALID_INPUT', `The home store ${root} cannot be used (${errnoOf(error)})`, {
      hint: 'Name another with --home-store.',
      cause: error,
    })
  }
}

/** Listens on the port that was asked for; if none was, on the `last` one or whatever is free. */
export async function listen(
  listenOn: (port: number) => Promise<number>,
  wanted: number | undefined,
  last: number,
): Promise<number> {
  try {
    return await listenOn(wanted ?? last)
  } catch (error) {
    if (wanted === undefined) return listen(listenOn, 0, 0)
    throw new AppError('PORT_UNAVAILABLE', `Port ${wanted} cannot be used (${errnoOf(error)})`, {
      cause: error,
    })
  }
}

function armFailpoints(config: Config): void {
  try {
    arm(config.failpoints, {
      onHit: (name) => appendFileSync(join(config.data_dir, 'failpoints.log'), `${name}\n`),
      kill: () => process.kill(process.pid, 'SIGKILL'),
    })
  } catch (error) {
    throw new AppError('INVALID_INPUT', (error as Error).message, { hint: 'Look at --failpoints.' })
  }
}
