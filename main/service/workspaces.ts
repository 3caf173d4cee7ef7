import {
  createWorkspace,
  type Archive,
  type CreateWorkspace,
  type HistoryEntry,
  type PatchWorkspace,
  type Sharing,
  type Trashed,
  type Workspace,
} from '../core/api.ts'
import { archiveKey, type ArchiveMeta } from '../core/archive.ts'
import { AppError } from '../core/errors.ts'
import type { Cause, Level } from '../core/state.ts'
import { toWire } from '../core/wire.ts'
import { BLANK, purgeAt, type Wishes, type WorkspaceRow } from '../core/workspace.ts'
import type { User } from '../db/accounts.ts'
import type { HistoryTable } from '../db/history.ts'
import type { WorkspaceTable } from '../db/workspaces.ts'
import type { Bus } from '../events/bus.ts'
import type { Live } from '../events/live.ts'

export interface WorkspaceDefaults {
  imageRef: string
  cpus: number
  memoryBytes: number
  standbyTtlSeconds: number
  archiveTtlSeconds: number
}

export interface WorkspaceServiceDeps {
  table: WorkspaceTable
  history: HistoryTable
  /** The archives of a workspace, the newest first. */
  archives: (id: string) => Promise<{ key: string; meta: ArchiveMeta }[]>
  bus: Bus
  live: Live
  defaults: () => WorkspaceDefaults
  /** Where a home is on this machine; null for owners who are not told. */
  homePath: (key: string, ownerId: string) => string | null
  /** How it is shared; null when it is not. */
  sharing: (id: string) => Sharing | null
  /** How long a deleted workspace can be taken back, in milliseconds. */
  trashMs: () => number
  enqueue: (id: string) => void
  newId: () => string
  now: () => number
}

export type WorkspaceService = ReturnType<typeof createWorkspaceService>

/** What people may wish of workspaces. It writes wishes, announces them, and asks the reconciler to look. */
export function createWorkspaceService(deps: WorkspaceServiceDeps) {
  const { table, history, bus, live, defaults, now } = deps

  const view = (row: WorkspaceRow): Workspace =>
    toWire(
      row,
      {
        progress: live.progressOf(row.id),
        ...live.prospectOf(row.id),
        sharing: deps.sharing(row.id),
      },
      deps.homePath,
    )

  /** The row, if it is this user's. @throws {AppError} NOT_FOUND, FORBIDDEN */
  function find(user: Pick<User, 'id'>, id: string): WorkspaceRow {
    const row = table.get(id)
    if (!row || isGone(row)) throw new AppError('NOT_FOUND', `There is no workspace ${id}`)
    if (row.ownerId !== user.id) throw new AppError('FORBIDDEN')
    return row
  }

  /** The row of a deleted workspace that can be taken back. @throws {AppError} NOT_FOUND */
  function findTrashed(user: User, id: string): WorkspaceRow {
    const row = table.get(id)
    if (row && row.ownerId !== user.id) throw new AppError('FORBIDDEN')
    if (!row || row.deletedAt === null || row.purge || (row.homeStoreKey ?? row.archiveKey) === null)
      throw new AppError('NOT_FOUND', `There is no ${id} in the trash`)
    return row
  }

  function announce(id: string): void {
    bus.publish({ kind: 'workspace', id })
    deps.enqueue(id)
  }

  /** Writes wishes; with `anew` they count as a new wish, which is not held up by an older one's errors. */
  function wish(user: Pick<User, 'id'>, id: string, values: Partial<Wishes>, anew: boolean): Workspace {
    const row = find(user, id)
    if (row.deletedAt !== null && 'desiredState' in values) throw new AppError('BEING_DELETED')
    table.writeWishes(id, row.wish, { ...values, wish: anew ? row.wish + 1 : row.wish, updatedAt: now() })
    announce(id)
    return view(find(user, id))
  }

  /** What can be gone back to. The archive of an attempt under way is none yet: it goes again when the attempt fails. */
  async function archivesOf(id: string): Promise<{ key: string; meta: ArchiveMeta }[]> {
    const before = attemptOf(table.get(id))
    const archives = await deps.archives(id)
    const attempts = [before, attemptOf(table.get(id))]
    return archives.filter(({ key }) => !attempts.includes(key))
  }

  /** Wishes a level; what a person asks for takes the place of a way back to an older archive. */
  function desire(user: Pick<User, 'id'>, id: string, desiredState: Level): Workspace {
    return wish(user, id, { desiredState, cause: 'PERSON', restoreKey: null }, true)
  }

  function add(user: User, said: Partial<Wishes> & Pick<Wishes, 'name'>): Workspace {
    const at = now()
    const row: WorkspaceRow = {
      id: deps.newId(),
      ownerId: user.id,
      ...BLANK,
      ...defaults(),
      ...said,
      createdAt: at,
      updatedAt: at,
      statusSince: at,
      lastAccessAt: at,
    }
    table.insert(row)
    announce(row.id)
    return view(row)
  }

  return {
    create: (user: User, input: CreateWorkspace): Workspace =>
      add(user, { ...fieldsOf(input), name: input.name }),

    /** A new workspace with all that was said of another, and a home of its own: no file comes along. */
    duplicate(user: User, id: string): Workspace {
      const row = find(user, id)
      const said = Object.fromEntries(SAID.map((field) => [field, row[field]]))
      return add(user, { ...said, name: nameOfCopy(row.name) })
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

    /** Rows that were made elsewhere, as the API tells them. */
    view,

    /** For announcements: the workspace with its owner, a deleted one included. */
    announced(id: string): { ownerId: string; workspace: Workspace } | undefined {
      const row = table.get(id)
      return row && { ownerId: row.ownerId, workspace: view(row) }
    },

    patch(user: User, id: string, input: PatchWorkspace): Workspace {
      const values = fieldsOf(input)
      if (values.desiredState) Object.assign(values, { cause: 'PERSON', restoreKey: null })
      // A new image or limit may be what an error was waiting for.
      const anew = ['desiredState', 'imageRef', 'cpus', 'memoryBytes', 'sudo', 'env'].some(
        (field) => field in values,
      )
      return wish(user, id, values, anew)
    },

    desire,

    /** Tries again what an error ended. */
    retry: (user: User, id: string): Workspace => wish(user, id, { cause: 'PERSON' }, true),

    /**
     * Wishes it running again from the archive that stands for its home, or from the named one, by way of an archive of
     * the present home. @throws {AppError} ARCHIVE_MISSING
     */
    async restore(user: User, id: string, key: string | undefined): Promise<Workspace> {
      const { archiveKey } = find(user, id)
      if (key === undefined && archiveKey === null)
        throw new AppError('ARCHIVE_MISSING', 'This workspace is not archived', {
          hint: 'Name the archive to go back to.',
        })
      if (key !== undefined && !(await archivesOf(id)).some((archive) => archive.key === key))
        throw new AppError('ARCHIVE_MISSING', `There is no archive ${key} of this workspace`)
      const restoreKey = key === undefined || key === find(user, id).archiveKey ? null : key
      return wish(user, id, { desiredState: 'RUNNING', cause: 'PERSON', restoreKey }, true)
    },

    /** What can be restored, the newest first. */
    async archives(user: User, id: string): Promise<Archive[]> {
      find(user, id)
      const archives = await archivesOf(id)
      const { archiveKey } = find(user, id)
      return archives.map(({ key, meta }) => ({
        key,
        created_at: meta.created_at,
        bytes: meta.bytes,
        content_bytes: meta.content_bytes,
        entries: meta.entries,
        skipped: meta.skipped,
        image_ref: meta.image_ref,
        current: key === archiveKey,
      }))
    },

    /** What was done to it, the newest first. */
    history: (user: User, id: string): HistoryEntry[] => history.list(find(user, id).id),

    /** Asks for its deletion, again if an earlier one failed. What it held waits in the trash. */
    remove(user: User, id: string): void {
      const row = find(user, id)
      const at = now()
      table.writeWishes(id, row.wish, {
        deletedAt: row.deletedAt ?? at,
        cause: 'PERSON',
        restoreKey: null,
        wish: row.wish + 1,
        updatedAt: at,
      })
      announce(id)
    },

    trash: (user: User): Trashed[] =>
      table.trashed(user.id).map((row) => ({
        id: row.id,
        name: row.name,
        deleted_at: new Date(row.deletedAt!).toISOString(),
        purge_at: new Date(purgeAt(row, deps.trashMs())).toISOString(),
        archived: row.archiveKey !== null,
      })),

    /** Takes a deleted workspace back; it comes back asleep, or archived where it was. */
    undelete(user: User, id: string): Workspace {
      const row = findTrashed(user, id)
      const desiredState = row.archiveKey === null ? 'STANDBY' : 'PENDING'
      const at = now()
      const wishes = { desiredState, cause: 'PERSON', wish: row.wish + 1, updatedAt: at } as const
      table.writeWishes(id, row.wish, { deletedAt: null, ...wishes })
      table.touch(id, at) // else its archive TTL would have passed while it lay there
      announce(id)
      return view(find(user, id))
    },

    /** Has what is left of a deleted workspace removed for good, now. */
    purge(user: User, id: string): void {
      const row = findTrashed(user, id)
      table.writeWishes(id, row.wish, { purge: true, wish: row.wish + 1, updatedAt: now() })
      announce(id)
    },

    /** What the gateway asks about: the row, if the user may enter. */
    enter: (user: User, id: string): WorkspaceRow => find(user, id),

    /** What a page of the gateway asks for on behalf of somebody who may enter. */
    act(row: WorkspaceRow, action: 'start' | 'cancel' | 'retry' | 'restore'): void {
      const user = { id: row.ownerId }
      // Who came to a workspace that failed on its way down wants in.
      if (action === 'retry' && row.desiredState === 'RUNNING') wish(user, row.id, { cause: 'PERSON' }, true)
      // Where there is no home yet, the archive goes on standing for it.
      else if (action === 'cancel') desire(user, row.id, row.archiveKey === null ? 'STANDBY' : 'PENDING')
      else desire(user, row.id, 'RUNNING')
    },

    /** Wishes a level for a rule or a visit, unless a newer wish came since the row was read; true when it is wished now. */
    wishFor(row: WorkspaceRow, desiredState: Level, cause: Cause): boolean {
      const wishes = { desiredState, cause, wish: row.wish + 1, updatedAt: now() }
      const written = table.writeWishes(row.id, row.wish, wishes)
      if (written) announce(row.id)
      return written
    },
  }
}

/** The archive that an attempt under way may have finished, and that does not stand for the home yet. */
function attemptOf(row: WorkspaceRow | undefined): string | undefined {
  if (row?.operation !== 'ARCHIVING' || row.opId === null) return undefined
  const key = archiveKey(row.id, row.opId)
  return key === row.archiveKey ? undefined : key
}

/** A deleted workspace that nobody takes back. */
const isGone = (row: WorkspaceRow): boolean => row.status === 'DELETED' && row.deletedAt !== null

const FIELDS = {
  name: 'name',
  description: 'description',
  memo: 'memo',
  image_ref: 'imageRef',
  cpus: 'cpus',
  memory_bytes: 'memoryBytes',
  standby_ttl_seconds: 'standbyTtlSeconds',
  archive_ttl_seconds: 'archiveTtlSeconds',
  busy_shield: 'busyShield',
  busy_cap_seconds: 'busyCapSeconds',
  sudo: 'sudo',
  env: 'env',
  desired_state: 'desiredState',
  keep_awake_until: 'keepAwakeUntil',
} as const satisfies Record<keyof PatchWorkspace, keyof Wishes>

/** What may be said of a workspace when it is made. */
const SAID = Object.keys(createWorkspace.shape).map((name) => FIELDS[name as keyof CreateWorkspace])

/** As long as a name may be, and no half of a character. */
const nameOfCopy = (name: string): string => `${name.slice(0, 95).replace(/[\ud800-\udbff]$/, '')} copy`

/** The wire's names as ours, and its times as ours. */
function fieldsOf(input: Partial<PatchWorkspace>): Partial<Wishes> {
  return Object.fromEntries(
    Object.entries(input)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [
        FIELDS[name as keyof typeof FIELDS],
        name === 'keep_awake_until' && typeof value === 'string' ? Date.parse(value) : value,
      ]),
  )
}
