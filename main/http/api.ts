import { statfs } from 'node:fs/promises'
import { z } from 'zod'
import * as api from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import { withoutPlaces } from '../core/glimpse.ts'
import type { Live } from '../events/live.ts'
import type { FoundService } from '../service/found.ts'
import type { WorkspaceService } from '../service/workspaces.ts'
import type { createEventHub } from './events.ts'
import { openapi } from './openapi.ts'
import { route, type Route } from './router.ts'
import { createSessionRoutes, type SessionRoutesDeps } from './session-routes.ts'
import { createShareRoutes, type ShareRoutesDeps } from './share-routes.ts'

export interface ApiDeps extends SessionRoutesDeps {
  workspaces: WorkspaceService
  shares: ShareRoutesDeps
  events: ReturnType<typeof createEventHub>
  live: Live
  /** The address with which a browser enters a workspace, or the server on a port inside it, and the code in it. */
  entryUrl: (id: string, port: number | null, path: string, code: string) => string
  /** Where a browser finds the server on a port inside a workspace. */
  portUrl: (id: string, port: number) => string
  /** What listens inside a running workspace. */
  listening: (id: string) => Promise<Pick<api.Listening, 'port' | 'exposed'>[]>
  found: FoundService
  /** The end of a workspace's log, this many lines of it. */
  logTail: (id: string, lines: number) => Promise<string>
  /** What a workspace used in the last minutes, the oldest first. */
  usage: (id: string) => api.Usage[]
  /** What of the engine weakens isolation. */
  risks: () => Promise<api.System['risks']>
  /** Looks at all that Berth stands on. */
  doctor: () => Promise<api.Doctor>
  /** What of `system` does not change. */
  facts: Omit<
    api.System,
    | 'node_version'
    | 'engine'
    | 'default_image'
    | 'keep_archives'
    | 'trash_days'
    | 'home_store_problem'
    | 'risks'
    | 'disk'
  >
  preferences: { get: () => api.Settings; patch: (change: api.PatchSettings) => api.Settings }
}

const nothing = z.strictObject({}).optional()
/** In `system`, for others than the desktop's own user: where things are on this machine is not told. */
const NOT_TOLD = { data_dir: '', home_store: '', archive_store: '', recovered: null, risks: [] }

/** The routes of `/api/v1`. */
export function createRoutes(deps: ApiDeps): readonly Route[] {
  const { workspaces, found, sessions, accounts, events, live, facts, preferences } = deps
  function requireKeeper(user: Pick<api.User, 'id'>): void {
    if (accounts.isKeeper(user)) return
    throw new AppError('FORBIDDEN', "Only the desktop's own user may do this", {
      hint: "Ask the desktop's own user.",
    })
  }

  const workspace = '/workspaces/{id}'
  const routes: Route[] = [
    route({
      method: 'GET',
      path: '/healthz',
      summary: 'Whether the control plane answers',
      status: 200,
      answer: api.health,
      handle: () => ({ status: 'ok' }),
    }),
    ...createSessionRoutes(deps),
    ...createShareRoutes(deps.shares),
    route({
      method: 'GET',
      path: '/workspaces',
      summary: 'My workspaces, oldest first',
      query: api.listQuery,
      status: 200,
      answer: api.workspaceList,
      handle: ({ user, query }) => workspaces.list(user, query.cursor, query.limit),
    }),
    route({
      method: 'POST',
      path: '/workspaces',
      summary: 'Create a workspace; it heads for RUNNING at once',
      body: api.createWorkspace,
      status: 201,
      answer: api.workspace,
      handle: ({ user, body }) => workspaces.create(user, body),
    }),
    route({
      method: 'GET',
      path: workspace,
      summary: 'One workspace',
      status: 200,
      answer: api.workspace,
      handle: ({ user, id }) => workspaces.get(user, id),
    }),
    route({
      method: 'PATCH',
      path: workspace,
      summary: 'Change what it is called, made of, or desired to be',
      body: api.patchWorkspace,
      status: 200,
      answer: api.workspace,
      handle: ({ user, id, body }) => workspaces.patch(user, id, body),
    }),
    route({
      method: 'DELETE',
      path: workspace,
      summary: 'Delete it: the container goes, and its files wait in the trash',
      status: 204,
      handle: ({ user, id }) => workspaces.remove(user, id),
    }),
    route({
      method: 'POST',
      path: `${workspace}:duplicate`,
      summary: 'Create another with the same settings and memo, and a home of its own',
      body: nothing,
      status: 201,
      answer: api.workspace,
      handle: ({ user, id }) => workspaces.duplicate(user, id),
    }),
    route({
      method: 'POST',
      path: `${workspace}:start`,
      summary: 'Wish it running',
      body: nothing,
      status: 202,
      answer: api.workspace,
      handle: ({ user, id }) => workspaces.desire(user, id, 'RUNNING'),
    }),
    route({
      method: 'POST',
      path: `${workspace}:stop`,
      summary: 'Wish it in standby',
      body: nothing,
      status: 202,
      answer: api.workspace,
      handle: ({ user, id }) => workspaces.desire(user, id, 'STANDBY'),
    }),
    route({
      method: 'POST',
      path: `${workspace}:archive`,
      summary: 'Wish its home packed into an archive',
      body: nothing,
      status: 202,
      answer: api.workspace,
      handle: ({ user, id }) => workspaces.desire(user, id, 'PENDING'),
    }),
    route({
      method: 'POST',
      path: `${workspace}:restore`,
      summary: 'Wish it running from its archive, or back to an older one',
      body: api.restoreWorkspace,
      status: 202,
      answer: api.workspace,
      handle: ({ user, id, body }) => workspaces.restore(user, id, body?.archive_key),
    }),
    route({
      method: 'POST',
      path: `${workspace}:retry`,
      summary: 'Try again after an error',
      body: nothing,
      status: 202,
      answer: api.workspace,
      handle: ({ user, id }) => workspaces.retry(user, id),
    }),
    route({
      method: 'POST',
      path: `${workspace}:open`,
      summary: 'An address with which a browser may enter it once',
      body: api.openWorkspace,
      status: 200,
      answer: api.opened,
      handle({ user, sessionId, id, body }) {
        const { id: workspaceId } = workspaces.get(user, id)
        const { path = '/', port = null } = body ?? {}
        const code = sessions.issueCode({ userId: user.id, parentId: sessionId, workspaceId, port })
        return { url: deps.entryUrl(workspaceId, port, path, code) }
      },
    }),
    route({
      method: 'GET',
      path: `${workspace}/ports`,
      summary: 'The servers inside it, while it runs',
      status: 200,
      answer: api.listeningList,
      async handle({ user, id }) {
        if (workspaces.get(user, id).status !== 'RUNNING') throw new AppError('NOT_RUNNING')
        const listeners = await deps.listening(id)
        return { items: listeners.map((one) => ({ ...one, url: deps.portUrl(id, one.port) })) }
      },
    }),
    route({
      method: 'GET',
      path: `${workspace}/authorize`,
      summary: 'Whether I may enter it',
      status: 200,
      answer: api.health,
      handle({ user, id }) {
        workspaces.get(user, id)
        return { status: 'ok' }
      },
    }),
    route({
      method: 'GET',
      path: `${workspace}/archives`,
      summary: 'Its archives, the newest first',
      status: 200,
      answer: api.archiveList,
      handle: async ({ user, id }) => ({ items: await workspaces.archives(user, id) }),
    }),
    route({
      method: 'GET',
      path: `${workspace}/history`,
      summary: 'What was done to it and why, the newest first',
      status: 200,
      answer: api.history,
      handle: ({ user, id }) => ({ items: workspaces.history(user, id) }),
    }),
    route({
      method: 'GET',
      path: `${workspace}/logs`,
      summary: "The end of its container's log",
      query: api.logsQuery,
      status: 200,
      answer: api.logs,
      async handle({ user, id, query }) {
        workspaces.get(user, id)
        return { text: await deps.logTail(id, query.lines) }
      },
    }),
    route({
      method: 'GET',
      path: `${workspace}/stats`,
      summary: 'What it uses while it runs, and may use',
      status: 200,
      answer: api.stats,
      handle({ user, id }) {
        const { cpus, memory_bytes, status } = workspaces.get(user, id)
        const samples = status === 'RUNNING' ? deps.usage(id) : []
        return { cpus_limit: cpus, memory_limit_bytes: memory_bytes, samples }
      },
    }),
    route({
      method: 'GET',
      path: '/trash',
      summary: 'My deleted workspaces that can be taken back, the latest first',
      status: 200,
      answer: api.trash,
      handle: ({ user }) => ({ items: workspaces.trash(user) }),
    }),
    route({
      method: 'POST',
      path: '/trash/{id}:restore',
      summary: 'Take it back; it comes back asleep',
      body: nothing,
      status: 202,
      answer: api.workspace,
      handle: ({ user, id }) => workspaces.undelete(user, id),
    }),
    route({
      method: 'DELETE',
      path: '/trash/{id}',
      summary: 'Remove what is left of it for good, now',
      status: 204,
      handle: ({ user, id }) => workspaces.purge(user, id),
    }),
    route({
      method: 'GET',
      path: '/found',
      summary: 'Homes and containers of Berth that belong to no workspace in the list',
      status: 200,
      answer: api.foundList,
      handle: async ({ user }) => ({ items: await found.list(user) }),
    }),
    route({
      method: 'POST',
      path: '/found:adopt',
      summary: 'Take them in as workspaces of mine',
      body: api.adopt,
      status: 200,
      answer: api.workspaceList,
      async handle({ user, body }) {
        const rows = await found.adopt(user, body.ids)
        return { items: rows.map(workspaces.view), next_cursor: null }
      },
    }),
    route({
      method: 'DELETE',
      path: '/found/{id}',
      summary: 'Remove a container that belongs to no workspace',
      status: 204,
      handle: ({ user, id }) => found.removeContainer(user, id),
    }),
    route({
      method: 'GET',
      path: `${workspace}/events`,
      summary: 'Server-sent events of one workspace',
      status: 200,
      stream: true,
      handle({ user, sessionId, id, request, response }) {
        workspaces.get(user, id)
        events.serve(user, sessionId, id, request, response)
      },
    }),
    route({
      method: 'GET',
      path: '/events',
      summary: 'Server-sent events of all my workspaces',
      status: 200,
      stream: true,
      handle: ({ user, sessionId, request, response }) =>
        events.serve(user, sessionId, null, request, response),
    }),
    route({
      method: 'GET',
      path: '/system',
      summary: 'Engine, disk, versions',
      status: 200,
      answer: api.system,
      async handle({ user }): Promise<api.System> {
        const disk = await statfs(facts.data_dir)
        const { image, keep_archives, trash_days } = preferences.get()
        const system = {
          ...facts,
          default_image: image,
          keep_archives,
          trash_days,
          node_version: process.versions.node,
          engine: live.engine(),
          home_store_problem: live.homeStoreProblem(),
          risks: await deps.risks(),
          disk: { free_bytes: disk.bavail * disk.bsize, total_bytes: disk.blocks * disk.bsize },
        }
        if (accounts.isKeeper(user)) return system
        return { ...system, ...NOT_TOLD, home_store_problem: withoutPlaces(system.home_store_problem) }
      },
    }),
    route({
      method: 'GET',
      path: '/doctor',
      summary: 'Whether all that Berth stands on is well, and what to do',
      status: 200,
      answer: api.doctor,
      handle({ user }) {
        requireKeeper(user)
        return deps.doctor()
      },
    }),
    route({
      method: 'GET',
      path: '/settings',
      summary: 'What can be set while Berth runs',
      status: 200,
      answer: api.settings,
      handle({ user }) {
        requireKeeper(user)
        return preferences.get()
      },
    }),
    route({
      method: 'PATCH',
      path: '/settings',
      summary: 'Set some of it; it applies at once',
      body: api.patchSettings,
      status: 200,
      answer: api.settings,
      handle({ user, body }) {
        requireKeeper(user)
        return preferences.patch(body)
      },
    }),
    route({
      method: 'GET',
      path: '/openapi.json',
      summary: 'This description',
      status: 200,
      answer: z.looseObject({}),
      handle: () => openapi(routes, facts.version),
    }),
  ]
  return routes
}
