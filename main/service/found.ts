import { createWorkspace, type CreateWorkspace, type Found } from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import type { Manifest } from '../core/manifest.ts'
import { BLANK, type Wishes, type WorkspaceRow } from '../core/workspace.ts'
import type { User } from '../db/accounts.ts'
import type { WorkspaceTable } from '../db/workspaces.ts'
import type { Bus } from '../events/bus.ts'

/** What lies where homes are and describes itself. */
interface Home {
  key: string
  manifest: Manifest
  home: 'absent' | 'present' | 'trashed'
}

/** An instance of ours. */
interface Container {
  id: string
  imageRef: string
  cpus: number
  memoryBytes: number
  homePath: string | null
}

export interface FoundDeps {
  table: Pick<WorkspaceTable, 'get' | 'insert'>
  /** True for the desktop's own user: the others see what lies below `users/<their id>` and nothing else. */
  isKeeper: (user: User) => boolean
  /** True for somebody this database knows: nobody else is given their homes. */
  isUser: (id: string) => boolean
  homes: () => Promise<Home[]>
  observeHome: (key: string) => Promise<Home['home']>
  homePath: (key: string) => string
  homeKey: (ownerId: string, id: string) => string
  adoptHome: (from: string, to: string) => Promise<void>
  /** Newest first. */
  archives: (id: string) => Promise<{ key: string; meta: { workspace: Manifest } }[]>
  /** Workspaces that have archives. */
  archived: () => Promise<string[]>
  /** Containers of ours whose workspace has no row. */
  orphans: () => Promise<Container[]>
  stopOrphan: (id: string) => Promise<void>
  defaults: () => Pick<
    Wishes,
    | 'imageRef'
    | 'cpus'
    | 'memoryBytes'
    | 'standbyTtlSeconds'
    | 'archiveTtlSeconds'
    | 'busyShield'
    | 'busyCapSeconds'
  >
  enqueue: (id: string) => void
  bus: Bus
  now: () => number
}

/** What was found of one workspace. */
interface Find {
  id: string
  /** Where its home is, or was; null when nothing says so. */
  key: string | null
  /** Something lies there, and has to come along. */
  placed: boolean
  home: Home['home']
  manifest?: Manifest
  container?: Container
}

export type FoundService = ReturnType<typeof createFound>

/** Homes and containers that no row belongs to, as after the database was lost: says what there is, and takes it in. */
export function createFound(deps: FoundDeps) {
  const { table } = deps
  let last: Promise<unknown> = Promise.resolve()

  /** One after the other, so that nothing is taken in twice. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }

  /** All that this user may take in, by id. */
  async function look(user: User, containers: readonly Container[]): Promise<Map<string, Find>> {
    const finds = new Map<string, Find>()
    const isKeeper = deps.isKeeper(user)
    const isOpen = (id: string, key: string | null): boolean => {
      const owner = key?.split('/')[1]
      if (table.get(id)) return false
      return owner === user.id || (isKeeper && (owner === undefined || !deps.isUser(owner)))
    }
    for (const { key, manifest, home } of (await deps.homes()).toSorted(mostFirst))
      if (!finds.has(manifest.id) && isOpen(manifest.id, key))
        finds.set(manifest.id, { id: manifest.id, key, placed: true, home, manifest })
    // Where homes are lost too, an archive tells what it is of.
    for (const manifest of await archivedAlone(finds)) {
      const { id } = manifest
      const key = deps.homeKey(manifest.owner_id, id)
      if (!isOpen(id, key)) continue
      // A home that does not describe itself counts all the same.
      const home = await deps.observeHome(key).catch(() => 'absent' as const)
      finds.set(id, { id, key, placed: home !== 'absent', home, manifest })
    }
    for (const container of containers) {
      const { id } = container
      const described = finds.get(id)
      const key = keyOf(container)
      // One that has another home is none of this workspace's.
      if (described && described.key === key) described.container = container
      else if (!described && isKeeper && isOpen(id, key)) {
        const home = key === null ? 'absent' : await deps.observeHome(key)
        finds.set(id, { id, key, placed: home !== 'absent', home, container })
      }
    }
    return finds
  }

  /** What the newest archives say of workspaces that nothing else tells of; archives that are away hide nothing else. */
  async function archivedAlone(finds: ReadonlyMap<string, Find>): Promise<Manifest[]> {
    try {
      const ids = (await deps.archived()).filter((id) => !finds.has(id) && !table.get(id))
      const newest = await Promise.all(ids.map(async (id) => (await deps.archives(id))[0]?.meta.workspace))
      return newest.filter((manifest) => manifest !== undefined)
    } catch {
      return []
    }
  }

  /** Which home is mounted; null when it is none of the home store. */
  function keyOf({ id, homePath }: Container): string | null {
    const [, owner] = /[/\\]users[/\\](\w+)[/\\]workspaces[/\\]\w+[/\\]home$/.exec(homePath ?? '') ?? []
    if (owner === undefined) return null
    const key = deps.homeKey(owner, id)
    return deps.homePath(key) === homePath ? key : null
  }

  /** What stands for a home that is not there: the archive that the manifest names, else the newest. */
  async function archiveOf({ id, home, manifest }: Find): Promise<string | null> {
    if (home !== 'absent' || !manifest) return null
    const keys = (await deps.archives(id)).map(({ key }) => key)
    return keys.find((key) => key === manifest.archive_key) ?? keys[0] ?? null
  }

  function settingsOf({ id, manifest, container }: Find): Settings {
    const defaults = deps.defaults()
    const said = manifest ?? {
      image_ref: container?.imageRef,
      cpus: container?.cpus,
      memory_bytes: container?.memoryBytes,
    }
    return validated(said, {
      name: id,
      description: '',
      memo: '',
      image_ref: defaults.imageRef,
      cpus: defaults.cpus,
      memory_bytes: defaults.memoryBytes,
      standby_ttl_seconds: defaults.standbyTtlSeconds,
      archive_ttl_seconds: defaults.archiveTtlSeconds,
      busy_shield: defaults.busyShield,
      busy_cap_seconds: defaults.busyCapSeconds,
      sudo: BLANK.sudo,
      env: BLANK.env,
    })
  }

  async function toWire(find: Find): Promise<Found> {
    const { id, home, manifest } = find
    const { name, image_ref } = settingsOf(find)
    const archive = await archiveOf(find).catch(() => null) // not known for now
    const archived = home === 'absent' && (archive ?? manifest?.archive_key ?? null) !== null
    return {
      id,
      name,
      image_ref,
      created_at: manifest?.created_at ?? null,
      home: archived ? 'archived' : home,
      container: find.container !== undefined,
      adoptable: home !== 'absent' || archive !== null,
    }
  }

  function rowOf(user: User, find: Find, archiveKey: string | null): WorkspaceRow {
    const { id, home, manifest, container } = find
    const settings = settingsOf(find)
    const now = deps.now()
    return {
      ...BLANK, // what was in the trash is wanted again
      id,
      ownerId: user.id,
      name: settings.name,
      description: settings.description,
      memo: settings.memo,
      imageRef: settings.image_ref,
      cpus: settings.cpus,
      memoryBytes: settings.memory_bytes,
      standbyTtlSeconds: settings.standby_ttl_seconds,
      archiveTtlSeconds: settings.archive_ttl_seconds,
      busyShield: settings.busy_shield,
      busyCapSeconds: settings.busy_cap_seconds,
      env: settings.env,
      desiredState: archiveKey !== null ? 'PENDING' : container ? 'RUNNING' : 'STANDBY',
      cause: 'ADOPTED',
      status: home === 'present' ? 'STANDBY' : 'PENDING',
      statusCause: 'ADOPTED',
      homeStoreKey: deps.homeKey(user.id, id),
      archiveKey,
      createdAt: manifest ? Date.parse(manifest.created_at) : now,
      updatedAt: now,
      statusSince: now,
      lastAccessAt: now,
    }
  }

  /** @throws {AppError} NOT_FOUND before the first change when there is nothing to take in of one of them. */
  async function adopt(user: User, ids: readonly string[]): Promise<WorkspaceRow[]> {
    // Not without the engine: what runs would be put to sleep once it is back.
    const finds = await look(user, await deps.orphans())
    const wanted: { find: Find; row: WorkspaceRow }[] = []
    for (const id of new Set(ids)) {
      const find = finds.get(id)
      const archiveKey = find ? await archiveOf(find) : null
      if (!find || find.key === null || (find.home === 'absent' && archiveKey === null))
        throw new AppError('NOT_FOUND', `No files of a workspace ${id} were found that could be taken in`)
      wanted.push({ find, row: rowOf(user, find, archiveKey) })
    }
    for (const { find, row } of wanted) {
      const to = deps.homeKey(user.id, row.id)
      if (find.placed && find.key !== null && find.key !== to) await deps.adoptHome(find.key, to)
      // Last: until then it is found again.
      table.insert(row)
      deps.bus.publish({ kind: 'workspace', id: row.id })
      deps.enqueue(row.id)
    }
    return wanted.map(({ row }) => row)
  }

  return {
    /** Newest first. An engine that is away hides its containers and nothing else. */
    async list(user: User): Promise<Found[]> {
      const finds = await look(user, await deps.orphans().catch(() => []))
      const items = await Promise.all([...finds.values()].map(toWire))
      return items.sort((a, b) => (a.id < b.id ? 1 : -1)) // an id begins with its time
    },

    /** Takes workspaces in as this user's. @throws {AppError} NOT_FOUND */
    adopt: (user: User, ids: readonly string[]): Promise<WorkspaceRow[]> => inTurn(() => adopt(user, ids)),

    /** Stops and removes a container that no row belongs to. @throws {AppError} NOT_FOUND */
    removeContainer: (user: User, id: string): Promise<void> =>
      inTurn(async () => {
        const row = table.get(id)
        if (row && row.ownerId !== user.id) throw new AppError('FORBIDDEN')
        const find = (await look(user, await deps.orphans())).get(id)
        if (!find?.container) throw new AppError('NOT_FOUND', `There is no container of ${id} left over`)
        await deps.stopOrphan(id)
      }),
  }
}

/** The same workspace may lie there twice: what holds more of it counts. */
const AMOUNT = { present: 0, trashed: 1, absent: 2 }
const mostFirst = (a: Home, b: Home): number => AMOUNT[a.home] - AMOUNT[b.home]

type Settings = { [Field in keyof CreateWorkspace]-?: NonNullable<CreateWorkspace[Field]> }

/** What was said, field by field, where it is within the ranges of a new workspace. */
function validated(said: Partial<Record<keyof Settings, unknown>>, otherwise: Settings): Settings {
  const { shape } = createWorkspace
  const fields = (Object.keys(shape) as (keyof Settings)[]).map((field) => {
    const { data } = shape[field].safeParse(said[field])
    return [field, data ?? otherwise[field]]
  })
  return Object.fromEntries(fields) as Settings
}
