import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Upstream } from '../core/upstream.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { createAccountTable } from '../db/accounts.ts'
import { createWorkspaceTable } from '../db/workspaces.ts'
import { createBus } from '../events/bus.ts'
import { createLive } from '../events/live.ts'
import { workspaceOrigin, workspacePath } from '../gateway/address.ts'
import { createGateway } from '../gateway/gateway.ts'
import { COOKIE } from '../gateway/headers.ts'
import { createRoutes } from '../http/api.ts'
import { createEventHub } from '../http/events.ts'
import { sendProblem } from '../http/problem.ts'
import { bearerOf, createRouter } from '../http/router.ts'
import { createHttpServer } from '../http/server.ts'
import { createSessions } from '../service/sessions.ts'
import { createWorkspaceService } from '../service/workspaces.ts'
import { createQuietLog, memoryDb } from './plane.ts'
import { ALICE, BOB, idOf, rowOf } from './rows.ts'
import { tempDir } from './temp-dir.ts'

/** Alice's, the desktop's own user's. */
export const TOKEN = 'the-token-of-this-installation-0123456789'

export type Edge = Awaited<ReturnType<typeof startEdge>>

/**
 * The real listener with everything behind it but engine, disk and reconciler: what a test wants of these it writes
 * into the table and into `upstreams`, and what was asked of them is in `enqueued`.
 */
export async function startEdge() {
  let now = Date.now()
  let ids = 0
  const db = memoryDb()
  const log = createQuietLog()
  const table = createWorkspaceTable(db)
  const bus = createBus((error) => log.error({ err: error }, 'a listener failed'))
  const live = createLive(bus)
  const sessions = createSessions({
    accounts: createAccountTable(db),
    owner: ALICE,
    token: TOKEN,
    now: () => now,
  })
  const enqueued: string[] = []
  const upstreams = new Map<string, Upstream>()
  const rendererDir = join(tempDir(), 'renderer')
  const dataDir = tempDir()
  mkdirSync(rendererDir)
  writeFileSync(join(rendererDir, 'index.html'), '<!doctype html><title>Dashboard</title>')

  const workspaces = createWorkspaceService({
    table,
    bus,
    live,
    defaults: {
      imageRef: 'image:1',
      cpus: 2,
      memoryBytes: 2 ** 30,
      standbyTtlSeconds: 300,
      archiveTtlSeconds: 600,
    },
    homePath: (key) => `/homes/${key}`,
    enqueue: (id) => void enqueued.push(id),
    newId: () => idOf(1_000 + ++ids),
    now: () => now,
  })
  const runId = randomBytes(4).toString('hex')
  const events = createEventHub({ bus, live, workspaces, runId })
  const gateway = createGateway({
    port: () => server.port(),
    bearerUser(request) {
      const bearer = bearerOf(request)
      return bearer === undefined ? undefined : sessions.bearerUser(bearer)
    },
    cookieUser: sessions.workspaceUser,
    redeem: sessions.redeem,
    enter: workspaces.enter,
    upstream: (id) => upstreams.get(id),
    wake: workspaces.wake,
    touch: workspaces.touch,
    doubt: (id) => void enqueued.push(id),
    serveEvents: (user, id, request, response) => events.serve(user, id, request, response),
    sendProblem: (response, error) => sendProblem(response, error, log),
    log,
  })
  const entryUrl = (id: string, path: string, code: string): string =>
    `${workspaceOrigin(id, server.port())}${workspacePath(id)}${path}?berth-code=${code}`
  const routes = createRoutes({
    workspaces,
    sessions,
    events,
    live,
    entryUrl,
    facts: { version: '1.2.3', defaultImage: 'image:1', dataDir, homeStore: '/homes' },
  })
  const api = createRouter({ routes, authenticate: sessions.requireUser, log })
  const server = createHttpServer({ api, gateway, rendererDir, log })
  const port = await server.listen(0)
  onTestFinished(async () => {
    gateway.close()
    events.close()
    await server.close()
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
    db,
    table,
    bus,
    live,
    log,
    sessions,
    workspaces,
    events,
    gateway,
    routes,
    runId,
    enqueued,
    upstreams,
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
    sessionOf,
    /** Lets this much time pass for sessions, codes and rows. */
    pass: (ms: number) => void (now += ms),
    now: () => now,
  }

  function sessionOf(userId: string, workspaceId: string | null): string {
    return sessions.redeem(sessions.issueCode({ userId, workspaceId }), workspaceId)!.token
  }
}
