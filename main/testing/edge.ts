import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { readConfig } from '../config.ts'
import type { Usage } from '../core/api.ts'
import type { ArchiveMeta } from '../core/archive.ts'
import type { Upstream } from '../core/upstream.ts'
import { BLANK, type WorkspaceRow } from '../core/workspace.ts'
import { createAccountTable } from '../db/accounts.ts'
import { createHistoryTable } from '../db/history.ts'
import { createShareTable } from '../db/shares.ts'
import { createWorkspaceTable } from '../db/workspaces.ts'
import { createBus } from '../events/bus.ts'
import { createLive } from '../events/live.ts'
import { portOrigin, workspaceOrigin, workspacePath } from '../gateway/address.ts'
import { createGateway } from '../gateway/gateway.ts'
import { COOKIE, PORT_COOKIE } from '../gateway/headers.ts'
import { createOwnFront } from '../gateway/own-front.ts'
import { createRoutes } from '../http/api.ts'
import { createEventHub } from '../http/events.ts'
import { sendProblem } from '../http/problem.ts'
import { bearerOf, createRouter } from '../http/router.ts'
import { createHttpServer } from '../http/server.ts'
import { createPreferences, defaultsOf } from '../preferences.ts'
import type { Listener } from '../runner/runner.ts'
import { createAccounts } from '../service/accounts.ts'
import { createFound, type FoundDeps } from '../service/found.ts'
import { createLimiter } from '../service/limiter.ts'
import { createPasswords } from '../service/passwords.ts'
import { createSessions } from '../service/sessions.ts'
import { createShares } from '../service/shares.ts'
import { createWorkspaceService } from '../service/workspaces.ts'
import { createActivity } from '../ttl/activity.ts'
import { createQuietLog, memoryDb } from './plane.ts'
import { ALICE, BOB, idOf, rowOf, TRASH_MS } from './rows.ts'
import { tempDir } from './temp-dir.ts'

/** Alice's, the desktop's own user's. */
export const TOKEN = 'the-token-of-this-installation-0123456789'

export type Edge = Awaited<ReturnType<typeof startEdge>>

/**
 * The real listener with everything behind it but engine, disk and reconciler: what a test wants of these it writes
 * into the table, `upstreams`, `archives`, `homes`, `orphans` and `logs`, and what was asked of them is in `enqueued`.
 */
export async function startEdge() {
  let now = Date.now()
  let ids = 0
  const db = memoryDb()
  const log = createQuietLog()
  const table = createWorkspaceTable(db)
  const bus = createBus((error) => log.error({ err: error }, 'a listener failed'))
  const live = createLive(bus)
  const accountTable = createAccountTable(db)
  const sessions = createSessions({
    accounts: accountTable,
    owner: ALICE,
    token: TOKEN,
    now: () => now,
    onEnd(sessionIds) {
      for (const id of sessionIds) expel(`session:${id}`)
    },
  })
  const accounts = createAccounts({
    table: accountTable,
    workspaces: table,
    sessions,
    passwords: createPasswords(),
    owner: ALICE,
    newId: () => idOf(1_000 + ++ids),
    now: () => now,
    monotonic: () => now,
  })
  /** The tokens that took the place of `TOKEN`, the newest last. */
  const newTokens: string[] = []
  /** What listens inside a workspace. */
  const listening = new Map<string, Listener[]>()
  /** What a workspace used. */
  const usage = new Map<string, Usage[]>()
  /** How many streams in full there were, each time that changed. */
  const full: number[] = []
  const enqueued: string[] = []
  const upstreams = new Map<string, Upstream>()
  const archives = new Map<string, { key: string; meta: ArchiveMeta }[]>()
  const homes: Awaited<ReturnType<FoundDeps['homes']>> = []
  const orphans: Awaited<ReturnType<FoundDeps['orphans']>> = []
  const logs = new Map<string, string>()
  /** What the gateway called activity, and whether it is over. */
  const begun: { id: string; kind: 'socket' | 'request'; ended: boolean }[] = []
  /** Each time a visitor's number of connections became 0 or stopped being 0. */
  const visitors: { workspaceId: string; visitor: string }[] = []
  const rendererDir = join(tempDir(), 'renderer')
  const dataDir = tempDir()
  const set = { image: 'image:1', memory_bytes: 2 ** 30, archive_ttl_seconds: 600 }
  writeFileSync(join(dataDir, 'settings.json'), JSON.stringify(set))
  const preferences = createPreferences(readConfig([], {}, dataDir), (error) =>
    log.error({ err: error }, 'a listener failed'),
  )
  mkdirSync(rendererDir)
  writeFileSync(join(rendererDir, 'index.html'), '<!doctype html><title>Dashboard</title>')

  const defaults = () => defaultsOf(preferences.get())
  const enqueue = (id: string): void => void enqueued.push(id)
  const archivesOf = (id: string) => Promise.resolve(archives.get(id) ?? [])
  const homePath = (key: string): string => `/homes/${key}`
  const workspaces = createWorkspaceService({
    table,
    history: createHistoryTable(db),
    archives: archivesOf,
    bus,
    live,
    defaults,
    homePath: (key, ownerId) => (ownerId === ALICE.id ? homePath(key) : null),
    sharing: () => null,
    trashMs: () => TRASH_MS,
    enqueue,
    newId: () => idOf(1_000 + ++ids),
    now: () => now,
  })
  const found = createFound({
    table,
    isKeeper: accounts.isKeeper,
    isUser: (id) => id === ALICE.id || id === BOB.id,
    homes: () => Promise.resolve(homes),
    observeHome: (key) => Promise.resolve(homes.find((home) => home.key === key)?.home ?? 'absent'),
    homePath,
    homeKey: (ownerId, id) => `users/${ownerId}/workspaces/${id}/home`,
    adoptHome: () => Promise.resolve(),
    archives: archivesOf,
    archived: () => Promise.resolve([...archives.keys()]),
    orphans: () => Promise.resolve(orphans),
    stopOrphan: (id) =>
      Promise.resolve(
        void orphans.splice(
          orphans.findIndex((orphan) => orphan.id === id),
          1,
        ),
      ),
    defaults: () => ({ ...BLANK, ...defaults() }),
    enqueue,
    bus,
    now: () => now,
  })
  const activity = createActivity({ now: () => now, touch: table.touch, onChange: () => undefined, log })
  const runId = randomBytes(4).toString('hex')
  const events = createEventHub({
    bus,
    live,
    workspaces,
    isKeeper: accounts.isKeeper,
    onFull: (count) => void full.push(count),
    runId,
  })
  const front = createOwnFront({
    port: () => server.port(),
    sessions,
    bearerOf,
    enter: workspaces.enter,
  })
  const gateway = createGateway({
    upstream: (id) => upstreams.get(id),
    wake: (row) => void workspaces.wishFor(row, 'RUNNING', 'VISIT'),
    act: workspaces.act,
    begin(id, kind) {
      const use = { id, kind, ended: false }
      begun.push(use)
      const end = activity.begin(id, kind)
      return () => {
        use.ended = true
        end()
      }
    },
    doubt: enqueue,
    serveEvents: ({ row, visitor, isOwner }, request, response) =>
      events.glimpse(row.id, isOwner ? 'owner' : 'guest', visitor, request, response),
    sendProblem: (response, error) => sendProblem(response, error, log),
    onVisitor: (workspaceId, visitor) => void visitors.push({ workspaceId, visitor }),
    now: () => now,
    log,
  })
  /** Ends all connections of a visitor. */
  function expel(visitor: string): void {
    gateway.expel(visitor)
    events.expel(visitor)
  }
  function entryUrl(id: string, inside: number | null, path: string, code: string): string {
    const [origin, prefix] =
      inside === null
        ? [workspaceOrigin(id, server.port()), workspacePath(id)]
        : [portOrigin(id, inside, server.port()), '']
    return `${origin}${prefix}${path}${path.includes('?') ? '&' : '?'}berth-code=${code}`
  }
  const tries = createLimiter({ max: 100, windowMs: 60_000, now: () => now })
  const shares = createShares({
    table: createShareTable(db),
    enter: workspaces.enter,
    row: table.get,
    bus,
    facts: (id) => ({ url: `https://192.0.2.1:9/w/${id}/`, ports: [], problem: null, fingerprint: 'AB:CD' }),
    connections: gateway.connections,
    tries,
    onOut(guestIds) {
      for (const id of guestIds) expel(`guest:${id}`)
    },
    sync: () => undefined,
    settled: () => Promise.resolve(),
    newId: () => idOf(1_000 + ++ids),
    now: () => now,
    log,
  })
  const routes = createRoutes({
    workspaces,
    shares,
    found,
    sessions,
    accounts,
    tokenFile: {
      read: () => newTokens.at(-1) ?? TOKEN,
      write: (token) => void newTokens.push(token),
    },
    rotate: shares.endAll,
    events,
    live,
    entryUrl,
    portUrl: (id, inside) => `${portOrigin(id, inside, server.port())}/`,
    listening: (id) => Promise.resolve(listening.get(id) ?? []),
    usage: (id) => usage.get(id) ?? [],
    doctor: () =>
      Promise.resolve({ checked_at: new Date(now).toISOString(), checks: [], report: 'All is well.\n' }),
    risks: () => Promise.resolve([{ message: 'The engine is open.', hint: 'Close it.' }]),
    logTail: (id, lines) => Promise.resolve((logs.get(id) ?? '').split('\n').slice(-lines).join('\n')),
    facts: {
      version: '1.2.3',
      data_dir: dataDir,
      home_store: '/homes',
      archive_store: '/archives',
      recovered: null,
    },
    preferences,
  })
  const api = createRouter({ routes, authenticate: sessions.requirePrincipal, log })
  const server = createHttpServer({ api, gateway, front, rendererDir, log })
  const port = await server.listen(0)
  onTestFinished(async () => {
    const ended = gateway.close()
    events.close()
    shares.close()
    await server.close()
    await ended
  })

  /** Adds a workspace in some state; a running one that answers when `upstream` is given. */
  function add(n: number, change: Partial<WorkspaceRow> = {}, upstream?: Upstream): string {
    const id = idOf(n)
    table.insert(rowOf(id, change))
    if (upstream) upstreams.set(id, upstream)
    return id
  }

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    hostOf: (id: string) => `${id}.localhost:${port}`,
    originOf: (id: string) => workspaceOrigin(id, port),
    /** The host and the origin of the server on a port of a workspace. */
    portHostOf: (id: string, inside: number) => `${inside}--${id}.localhost:${port}`,
    portOriginOf: (id: string, inside: number) => portOrigin(id, inside, port),
    db,
    table,
    bus,
    live,
    log,
    sessions,
    accounts,
    dataDir,
    preferences,
    newTokens,
    listening,
    usage,
    full,
    workspaces,
    events,
    front,
    gateway,
    shares,
    expel,
    visitors,
    routes,
    runId,
    enqueued,
    upstreams,
    archives,
    homes,
    orphans,
    logs,
    begun,
    add,
    running: (n: number, upstream: Upstream) =>
      add(n, { status: 'RUNNING', desiredState: 'RUNNING' }, upstream),
    asleep: (n: number, change: Partial<WorkspaceRow> = {}) =>
      add(n, { status: 'STANDBY', desiredState: 'STANDBY', ...change }),

    /** `Authorization` of the desktop's own user. */
    bearer: { authorization: `Bearer ${TOKEN}` },
    /** `Authorization` of a session of Bob's. */
    bobsBearer: () => ({ authorization: `Bearer ${sessionOf(BOB.id, null)}` }),
    /** `Cookie` of a session for the pages of one workspace. */
    cookie: (id: string, userId = ALICE.id) => ({ cookie: `${COOKIE}=${sessionOf(userId, id)}` }),
    /** `Cookie` of a session for the server on a port of a workspace. */
    portCookie: (id: string, inside: number, userId = ALICE.id) => ({
      cookie: `${PORT_COOKIE}=${sessionOf(userId, id, inside)}`,
    }),
    sessionOf,
    /** Lets this much time pass for sessions, codes and rows. */
    pass: (ms: number) => void (now += ms),
    now: () => now,
  }

  /** The token of a new session: for the API, or for the pages of a workspace, or for a port of it. */
  function sessionOf(userId: string, workspaceId: string | null, inside: number | null = null): string {
    const code = sessions.issueCode({ userId, parentId: null, workspaceId, port: inside })
    return sessions.redeem(code, workspaceId, inside)!.token
  }
}
