import { appendFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import * as os from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { ulid } from 'ulid'
import { version } from '../package.json'
import { createLocalArchives, initLocalArchives } from './archive-store/local-dir.ts'
import { createCollector } from './collector/collector.ts'
import type { Config } from './config.ts'
import type { Engine, Guest, Transition, Workspace } from './core/api.ts'
import { AppError, errnoOf } from './core/errors.ts'
import { parseArchiveKey } from './core/archive.ts'
import { arm } from './core/failpoint.ts'
import type { Level } from './core/state.ts'
import { BLANK } from './core/workspace.ts'
import { makeDataDir, readInstallation, readToken, writeInstallation, writeToken } from './data-dir.ts'
import { createAccountTable, type User } from './db/accounts.ts'
import { createBackups, letNobodyIn, openOrRecover } from './db/backup.ts'
import { createGarbageTable } from './db/garbage.ts'
import { createHistoryTable } from './db/history.ts'
import { lockDataDir } from './db/open.ts'
import { createWorkspaceTable } from './db/workspaces.ts'
import { createDoctor } from './doctor/doctor.ts'
import { diskOf, tryToWrite } from './doctor/look.ts'
import { createBus } from './events/bus.ts'
import { createLive } from './events/live.ts'
import { CODE, portOrigin, workspaceOrigin, workspacePath } from './gateway/address.ts'
import { createGateway } from './gateway/gateway.ts'
import { createOwnFront } from './gateway/own-front.ts'
import { createLocalDir, initLocalDir } from './home-store/local-dir.ts'
import { createRoutes } from './http/api.ts'
import { createEventHub } from './http/events.ts'
import { sendProblem } from './http/problem.ts'
import { bearerOf, createRouter } from './http/router.ts'
import { createHttpServer } from './http/server.ts'
import { createLog } from './log.ts'
import { createPreferences, defaultsOf, type Preferences } from './preferences.ts'
import { homeKey } from './reconciler/observe.ts'
import { createReconciler } from './reconciler/reconciler.ts'
import { createDockerRunner } from './runner/docker.ts'
import { createAccounts } from './service/accounts.ts'
import { createFound } from './service/found.ts'
import { createPasswords } from './service/passwords.ts'
import { createSessions, PRINTED_CODE_MS } from './service/sessions.ts'
import { createWorkspaceService } from './service/workspaces.ts'
import { createSharing } from './sharing.ts'
import { createActivity } from './ttl/activity.ts'
import { createTtl } from './ttl/ttl.ts'
import { createUsage } from './usage/usage.ts'

/** How long closing waits for operations under way; what is cut off then is picked up at the next start. */
const CLOSE_MS = 3_000
/** How long removing a container that was found may take. */
const STOP_MS = 60_000
/** How long removing what another user has made in a home may take. */
const ERASE_MS = 600_000
/** Sessions that have expired are looked for this often. */
const SWEEP_MS = 60_000
/** Whose files a home has when Berth runs as root: `coder` of the image. */
const UNPRIVILEGED = { uid: 1000, gid: 1000 }

/** A running control plane, as its two hosts (the desktop shell, the headless command) use it. */
export interface ControlPlane {
  url: string
  /** The installation's token as it is now. */
  token: () => string
  /** The dashboard's address with which a browser signs in, once; good for an hour. */
  signInUrl: () => string
  /** The address with which a window of the desktop's own user enters a workspace, or the server on a port inside, once. */
  entryUrl: (id: string, port?: number | null, path?: string) => string
  /** Whether this was a workspace once; of what it has never heard of it does not say so. */
  isDeleted: (id: string) => boolean
  /** The desktop's own workspaces, now and after each change. */
  watch: (listener: (workspaces: Workspace[]) => void) => () => void
  /** Guests who ask to be let in to one of these. */
  onRing: (listener: (workspace: Workspace, guest: Guest) => void) => () => void
  /** One of these is about to sleep by itself. */
  onWarning: (listener: (workspace: Workspace, transition: Transition) => void) => () => void
  /** The engine, now and after each change. */
  onEngine: (listener: (engine: Engine) => void) => () => void
  allow: (guestId: string) => void
  deny: (guestId: string) => void
  /** No idle stop before this time, in milliseconds; null lets it sleep. */
  keepAwake: (id: string, until: number | null) => void
  desire: (id: string, state: Level) => void
  /** What a person sets while it runs. */
  preferences: Preferences
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
  const preferences = createPreferences(config, (error) => log.error({ err: error }, 'a listener failed'))
  if (config.failpoints !== '') armFailpoints(config)

  const now = Date.now
  const monotonic = (): number => performance.now()
  const backupsDir = join(config.data_dir, 'backups')
  const { db, recovered } = openOrRecover(join(config.data_dir, 'berth.db'), backupsDir, now)
  const table = createWorkspaceTable(db)
  const garbage = createGarbageTable(db)
  if (recovered) {
    log.warn({ recovered }, 'the database was lost')
    letNobodyIn(db) // what a backup knows may have been ended since
    table.forgetOldWishes(now())
    garbage.remove([...garbage.all().keys()]) // since when anything is garbage is not known any more
  }
  const newId = (): string => ulid().toLowerCase()
  const accountTable = createAccountTable(db)
  const named = readInstallation(config.data_dir)
  const owner = accountTable.ensureOwner({ id: named?.owner_id ?? newId(), name: userName() }, now())
  const installation = named?.id ?? accountTable.fact('installation', randomBytes(8).toString('hex'))
  if (!named) writeInstallation(config.data_dir, { id: installation, owner_id: owner.id })
  const tokenFile = {
    read: () => readToken(config.data_dir),
    write: (token: string) => writeToken(config.data_dir, token),
  }
  const sessions = createSessions({
    accounts: accountTable,
    owner,
    token: tokenFile.read(),
    now,
    onEnd(ids) {
      for (const id of ids) expel(`session:${id}`)
    },
  })
  const accounts = createAccounts({
    table: accountTable,
    workspaces: table,
    sessions,
    passwords: createPasswords(),
    owner,
    newId,
    now,
    monotonic,
  })

  const front = createOwnFront({
    port: () => server.port(),
    sessions,
    bearerOf,
    enter: (user: User, id) => workspaces.enter(user, id),
  })

  const identity = identityOf(process.platform, process.getuid?.(), process.getgid?.())
  /** Makes a store, once: what is missing later was lost. */
  async function once(what: string, root: string, make: (root: string) => Promise<void>): Promise<void> {
    if (accountTable.fact(`${what}:${root}`, 'new') !== 'new') return
    await make(root)
    accountTable.setFact(`${what}:${root}`, 'made')
  }
  await once('home-store', config.home_store, (root) => makeStore(root, initLocalDir, 'home store'))
  const archivesDir = join(config.data_dir, 'archives')
  await once('archive-store', archivesDir, (root) => makeStore(root, initLocalArchives, 'archive store'))
  const archives = createLocalArchives({ root: archivesDir })
  const asRoot = process.getuid?.() === 0
  const runner = createDockerRunner({
    docker: new Docker(), // DOCKER_HOST, else the engine's usual socket
    installation,
    labels: { 'io.berth.label': config.label },
    runDir: join(config.data_dir, 'run'),
    identity,
    upstream: config.upstream,
    sources: [config.home_store, archivesDir],
    proxyUri: front.portTemplate,
    image: config.image,
  })
  const homeStore = createLocalDir({
    root: config.home_store,
    owner: asRoot ? identity : undefined,
    erase: (dir) => runner.erase(dir, AbortSignal.timeout(ERASE_MS)),
  })

  const history = createHistoryTable(db)
  const bus = createBus((error) => log.error({ err: error }, 'a listener failed'))
  const live = createLive(bus)
  const trashMs = (): number => preferences.get().trash_days * 86_400_000
  const reconciler = createReconciler({
    table,
    history,
    runner,
    homeStore,
    archives,
    bus,
    live,
    log,
    now,
    trashMs,
    newOpId: newId,
  })
  const defaults = () => defaultsOf(preferences.get())
  const workspaces = createWorkspaceService({
    table,
    history,
    archives: archives.list,
    bus,
    live,
    defaults,
    homePath: (key, ownerId) => (ownerId === owner.id ? homeStore.pathOf(key) : null),
    sharing: (id) => sharing.shares.sharing(id),
    trashMs,
    enqueue: reconciler.enqueue,
    newId,
    now,
  })
  const found = createFound({
    table,
    isUser: (id) => accountTable.user(id) !== undefined,
    isKeeper: accounts.isKeeper,
    homes: homeStore.found,
    observeHome: homeStore.observe,
    homePath: homeStore.pathOf,
    homeKey: (ownerId, id) => homeKey({ ownerId, id }),
    adoptHome: homeStore.adopt,
    archives: archives.list,
    archived: async () => [
      ...new Set((await archives.contents()).map(({ key }) => parseArchiveKey(key)!.id)),
    ],
    orphans: () => runner.orphans((id) => table.get(id) !== undefined),
    stopOrphan: (id) => runner.stop(id, AbortSignal.timeout(STOP_MS)),
    defaults: () => ({ ...BLANK, ...defaults() }),
    enqueue: reconciler.enqueue,
    bus,
    now,
  })
  const activity = createActivity({ now, touch: table.touch, onChange: (id) => ttl.changed(id), log })
  const ttl = createTtl({
    rows: table.living,
    row: table.get,
    activity,
    work: runner.work,
    wish: workspaces.wishFor,
    setProspect: live.setProspect,
    warn: (id, transition) => bus.publish({ kind: 'warning', id, transition }),
    now,
    monotonic,
    log,
  })
  const collector = createCollector({
    archives,
    rowOf: table.get,
    garbage,
    keep: () => preferences.get().keep_archives,
    now,
    log,
  })
  const backups = createBackups({ db, dir: backupsDir, now, log })

  const usage = createUsage({
    running: () => table.living().flatMap(({ id, status }) => (status === 'RUNNING' ? id : [])),
    look: runner.usage,
    tell: (id, usage) => bus.publish({ kind: 'usage', id, usage }),
    now,
    monotonic,
    log,
  })
  const events = createEventHub({
    bus,
    live,
    workspaces,
    isKeeper: accounts.isKeeper,
    onFull: usage.follow,
    runId: randomBytes(4).toString('hex'),
  })
  const problem = (response: ServerResponse, error: unknown): void => sendProblem(response, error, log)
  const gateway = createGateway({
    upstream: runner.upstream,
    wake: (row) => void workspaces.wishFor(row, 'RUNNING', 'VISIT'),
    act: workspaces.act,
    begin: activity.begin,
    doubt: reconciler.enqueue,
    serveEvents: ({ row, visitor, isOwner }, request, response) =>
      events.glimpse(row.id, isOwner ? 'owner' : 'guest', visitor, request, response),
    sendProblem: problem,
    onVisitor: (id, visitor) => sharing.visited(id, visitor),
    now,
    log,
  })
  /** Ends all connections of a visitor. */
  function expel(visitor: string): void {
    gateway.expel(visitor)
    events.expel(visitor)
  }
  const sharing = createSharing({
    config,
    chosenAddress: () => preferences.get().share_address ?? undefined,
    db,
    row: table.get,
    enter: workspaces.enter,
    bus,
    gateway: () => gateway,
    expel,
    sendProblem: problem,
    newId,
    now,
    monotonic,
    log,
  })
  bus.subscribe((news) => {
    const row = news.kind === 'workspace' ? table.get(news.id) : undefined
    if (!row) return
    ttl.changed(row.id)
    if (row.status === 'DELETED') live.forget(row.id)
    if (row.status !== 'RUNNING') usage.forget(row.id)
    const ends = row.status !== 'RUNNING' || row.operation === 'STOPPING' || row.operation === 'DELETING'
    if (ends) gateway.disconnect(row.id)
  })

  const portUrl = (id: string, port: number): string => `${portOrigin(id, port, server.port())}/`
  function entryUrl(id: string, port: number | null, path: string, code: string): string {
    const editor = workspaceOrigin(id, server.port()) + workspacePath(id)
    const [address = '', ...fragment] = path.split('#')
    // Byte for byte: what a server makes of its query is its own affair.
    const query = `${address.includes('?') ? '&' : '?'}${CODE}=${code}`
    return [
      (port === null ? editor : portOrigin(id, port, server.port())) + address + query,
      ...fragment,
    ].join('#')
  }
  const facts = {
    version,
    data_dir: config.data_dir,
    home_store: config.home_store,
    archive_store: archivesDir,
    recovered,
  }
  const { logTail, listening, risks } = runner
  const doctor = createDoctor({
    engine: live.engine,
    risks,
    image: () => preferences.get().image,
    hasImage: runner.hasImage,
    clockOffset: runner.clockOffset,
    dataDir: config.data_dir,
    // What neither store has says whether it can be asked.
    homeStore: {
      root: config.home_store,
      seen: () => homeStore.observe(homeKey({ ownerId: owner.id, id: 'none' })),
    },
    homeStoreProblem: live.homeStoreProblem,
    archiveStore: { root: archivesDir, seen: () => archives.list('none') },
    diskOf,
    tryToWrite,
    integrity: () => String(db.pragma('quick_check(1)', { simple: true })),
    newestBackup: backups.newest,
    recovered: recovered !== null,
    port: () => server.port(),
    shares: sharing.problems,
    address: sharing.address,
    versions: {
      Berth: version,
      Node: process.versions.node,
      Electron: process.versions['electron'],
      System: `${os.type()} ${os.release()} ${os.arch()}`,
    },
    rows: table.living,
    places: [
      [os.homedir(), '~'],
      [config.data_dir, '<data directory>'],
      [config.home_store, '<home store>'],
      [archivesDir, '<archive store>'],
    ],
    now,
  })
  const routes = createRoutes({
    workspaces,
    shares: sharing.shares,
    found,
    sessions,
    accounts,
    tokenFile,
    rotate: sharing.rotate,
    events,
    live,
    entryUrl,
    portUrl,
    listening,
    usage: usage.read,
    risks,
    doctor,
    logTail,
    facts,
    preferences,
  })
  const api = createRouter({ routes, authenticate: sessions.requirePrincipal, log })
  const server = createHttpServer({ api, gateway, front, rendererDir, log })
  /** A session whose windows or dashboards are open is in use. */
  function sweepSessions(): void {
    try {
      sessions.sweep((id) => gateway.connections(`session:${id}`) + events.count(`session:${id}`) > 0)
    } catch (error) {
      log.warn({ err: error }, 'could not end what has expired')
    }
  }
  const sweeping = setInterval(sweepSessions, SWEEP_MS)

  async function close(): Promise<void> {
    clearInterval(sweeping)
    const unreachable = Promise.all([server.close(), sharing.close(), gateway.close()])
    events.close()
    usage.close()
    ttl.close()
    await unreachable
    const ended = Promise.all([reconciler.stop(), collector.close(), backups.close()])
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, CLOSE_MS))])
    db.close()
    release()
    log.info({}, 'closed')
  }

  try {
    const port = await listen(server.listen, config.port, Number(accountTable.fact('port', '0')))
    accountTable.setFact('port', String(port))
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
  ttl.start()
  collector.start()
  backups.start()
  sharing.start()
  preferences.subscribe(() => {
    reconciler.enqueueAll() // the trash may be due now
    sharing.sync()
  })
  const url = `http://127.0.0.1:${server.port()}`
  /** Of the desktop's own user, entered from no other session. */
  const scopeOf = (workspaceId: string | null) => ({
    userId: owner.id,
    parentId: null,
    workspaceId,
    port: null,
  })
  log.info({ url, dataDir: config.data_dir, version }, 'ready')

  return {
    url,
    token: tokenFile.read,
    signInUrl: () => `${url}/#code=${sessions.issueCode(scopeOf(null), PRINTED_CODE_MS)}`,
    entryUrl: (id, port = null, path = '/') =>
      entryUrl(id, port, path, sessions.issueCode({ ...scopeOf(id), port })),
    preferences,
    isDeleted: (id) => table.get(id)?.status === 'DELETED',
    watch(listener) {
      listener(workspaces.all(owner))
      return bus.subscribe((news) => {
        if (news.kind === 'workspace') listener(workspaces.all(owner))
      })
    },
    onRing: (listener) =>
      bus.subscribe((news) => {
        const rung = news.kind === 'ring' ? workspaces.announced(news.id) : undefined
        if (news.kind === 'ring' && rung?.ownerId === owner.id) listener(rung.workspace, news.guest)
      }),
    onWarning: (listener) =>
      bus.subscribe((news) => {
        const warned = news.kind === 'warning' ? workspaces.announced(news.id) : undefined
        if (news.kind === 'warning' && warned?.ownerId === owner.id)
          listener(warned.workspace, news.transition)
      }),
    onEngine(listener) {
      listener(live.engine())
      return bus.subscribe((news) => {
        if (news.kind === 'engine') listener(news.engine)
      })
    },
    allow: (guestId) => void sharing.shares.allow(owner, guestId),
    deny: (guestId) => sharing.shares.expel(owner, guestId),
    desire: (id, state) => void workspaces.desire(owner, id, state),
    keepAwake: (id, until) =>
      void workspaces.patch(owner, id, {
        keep_awake_until: until === null ? null : new Date(until).toISOString(),
      }),
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
    return os.userInfo().username
  } catch {
    return `user-${process.getuid?.()}`
  }
}

async function makeStore(root: string, init: (root: string) => Promise<void>, what: string): Promise<void> {
  try {
    await init(root)
  } catch (error) {
    throw new AppError('INVALID_INPUT', `The ${what} ${root} cannot be used (${errnoOf(error)})`, {
      hint: 'Make room for it there, or name another place (--home-store, --data-dir).',
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
