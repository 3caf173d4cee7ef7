import type { CreateWorkspace, PatchWorkspace, Workspace } from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import type { Level } from '../core/state.ts'
import { toWire } from '../core/wire.ts'
import type { Wishes, WorkspaceRow } from '../core/workspace.ts'
import type { User } from '../db/accounts.ts'
import type { WorkspaceTable } from '../db/workspaces.ts'
import type { Bus } from '../events/bus.ts'
import type { Live } from '../events/live.ts'

/** `last_access_at` moves at most this often. */
const TOUCH_MS = 30_000

export interface WorkspaceDefaults {
  imageRef: string
  cpus: number
  memoryBytes: number
  standbyTtlSeconds: number
  archiveTtlSeconds: number
}

export interface WorkspaceServiceDeps {
  table: WorkspaceTable
  bus: Bus
  live: Live
  defaults: WorkspaceDefaults
  homePath: (key: string) => string
  enqueue: (id: string) => void
  newId: () => string
  now: () => number
}

export type WorkspaceService = ReturnType<typeof createWorkspaceService>

/** What people may wish of workspaces. It writes wishes, announces them, and asks the reconciler to look. */
export function createWorkspaceService(deps: WorkspaceServiceDeps) {
  const { table, bus, live, defaults, now } = deps

  const view = (row: WorkspaceRow): Workspace => toWire(row, live.progressOf(row.id), deps.homePath)

  /** The row, if it is this user's. @throws {AppError} NOT_FOUND, FORBIDDEN */
  function find(user: User, id: string): WorkspaceRow {
    const row = table.get(id)
    if (!row || row.status === 'DELETED') throw new AppError('NOT_FOUND', `There is no workspace ${id}`)
    if (row.ownerId !== user.id) throw new AppError('FORBIDDEN')
    return row
  }

  function announce(id: string): void {
    bus.publish({ kind: 'workspace', id })
    deps.enqueue(id)
  }

  /** Writes wishes; with `anew` they count as a new wish, which is not held up by an older one's errors. */
  function wish(user: User, id: string, values: Partial<Wishes>, anew: boolean): Workspace {
    const row = find(user, id)
    if (row.deletedAt !== null && 'desiredState' in values) throw new AppError('BEING_DELETED')
    table.writeWishes(id, row.wish, { ...values, wish: anew ? row.wish + 1 : row.wish, updatedAt: now() })
    announce(id)
    return view(find(user, id))
  }

  return {
    create(user: User, input: CreateWorkspace): Workspace {
      const at = now()
      const row: WorkspaceRow = {
        id: deps.newId(),
        ownerId: user.id,
        description: '',
        memo: '',
        ...defaults,
        ...fieldsOf(input),
        name: input.name,
        desiredState: 'RUNNING',
        wish: 1,
        deletedAt: null,
        createdAt: at,
        updatedAt: at,
        status: 'PENDING',
        operation: 'NONE',
        opId: null,
        homeStoreKey: null,
        archiveKey: null,
        runningSince: null,
        errorCount: 0,
        errorWish: null,
        errorInfo: null,
        retryAt: null,
        lastAccessAt: at,
      }
      table.insert(row)
      announce(row.id)
      return view(row)
    },

    get: (user: User, id: string): Workspace => view(find(user, id)),

    /** A page of this user's workspaces, oldest first. */
    list(
      user: User,
      cursor: string | undefined,
      limit: number,
    ): { items: Workspace[]; next_cursor: string | null } {
      const rows = table.page(user.id, cursor ?? '', limit + 1)
      const items = rows.slice(0, limit).map(view)
      return { items, next_cursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },

    /** All of this user's workspaces. */
    all: (user: User): Workspace[] => table.page(user.id, '', -1).map(view),

    /** For announcements: the workspace with its owner, a deleted one included. */
    announced(id: string): { ownerId: string; workspace: Workspace } | undefined {
      const row = table.get(id)
      return row && { ownerId: row.ownerId, workspace: view(row) }
    },

    patch(user: User, id: string, input: PatchWorkspace): Workspace {
      const values = fieldsOf(input)
      // A new image or limit may be what an error was waiting for.
      const anew = ['desiredState', 'imageRef', 'cpus', 'memoryBytes'].some((field) => field in values)
      return wish(user, id, values, anew)
    },

    desire: (user: User, id: string, desiredState: Level): Workspace =>
      wish(user, id, { desiredState }, true),

    /** Tries again what an error ended. */
    retry: (user: User, id: string): Workspace => wish(user, id, {}, true),

    /** Asks for its deletion, again if an earlier one failed. */
    remove(user: User, id: string): void {
      const row = find(user, id)
      const at = now()
      table.writeWishes(id, row.wish, { deletedAt: row.deletedAt ?? at, wish: row.wish + 1, updatedAt: at })
      announce(id)
    },

    /** What the gateway asks about: the row, if the user may enter. */
    enter: find,

    /** Wishes RUNNING for somebody who opened a sleeping workspace, unless a newer wish came first. */
    wake(row: WorkspaceRow): void {
      if (
        table.writeWishes(row.id, row.wish, { desiredState: 'RUNNING', wish: row.wish + 1, updatedAt: now() })
      )
        announce(row.id)
    },

    touch(row: WorkspaceRow): void {
      if (now() - row.lastAccessAt >= TOUCH_MS) table.touch(row.id, now())
    },
  }
}

const FIELDS = {
  name: 'name',
  description: 'description',
  memo: 'memo',
  image_ref: 'imageRef',
  cpus: 'cpus',
  memory_bytes: 'memoryBytes',
  standby_ttl_seconds: 'standbyTtlSeconds',
  archive_ttl_seconds: 'archiveTtlSeconds',
  desired_state: 'desiredState',
} as const satisfies Record<keyof PatchWorkspace, keyof Wishes>

/** The wire's names as ours. */
function fieldsOf(input: Partial<PatchWorkspace>): Partial<Wishes> {
  return Object.fromEntries(
    Object.entries(input)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [FIELDS[name as keyof typeof FIELDS], value]),
  )
}
