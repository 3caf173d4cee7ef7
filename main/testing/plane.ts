import type { Logger } from '../core/logger.ts'
import { createAccountTable } from '../db/accounts.ts'
import { openDb, type Db } from '../db/open.ts'
import { createWorkspaceTable } from '../db/workspaces.ts'
import { createBus } from '../events/bus.ts'
import { createLive } from '../events/live.ts'
import type { HomeStore } from '../home-store/home-store.ts'
import type { ArchiveStore } from '../archive-store/archive-store.ts'
import { createLocalArchives } from '../archive-store/local-dir.ts'
import { createCollector } from '../collector/collector.ts'
import { createGarbageTable } from '../db/garbage.ts'
import { createHistoryTable } from '../db/history.ts'
import { createLocalDir } from '../home-store/local-dir.ts'
import { createReconciler } from '../reconciler/reconciler.ts'
import type { Runner } from '../runner/runner.ts'
import { createWorkspaceService, type WorkspaceDefaults } from '../service/workspaces.ts'
import { createTtl } from '../ttl/ttl.ts'
import type { FakeEngine } from './fake-runner.ts'
import { ALICE, BOB, idOf, TRASH_MS } from './rows.ts'

/** A database in memory that knows Alice and Bob. */
export function memoryDb(): Db {
  const db = openDb(':memory:')
  for (const user of [ALICE, BOB]) createAccountTable(db).ensureUser(user, 0)
  return db
}

/** A logger that keeps what nobody expected. */
export function createQuietLog(): Logger & { errors: unknown[]; warnings: unknown[] } {
  const errors: unknown[] = []
  const warnings: unknown[] = []
  const ignore = (): void => undefined
  return {
    errors,
    warnings,
    debug: ignore,
    info: ignore,
    warn: (fields) => void warnings.push(fields),
    error: (fields) => void errors.push(fields),
  }
}

let ids = 0
let opIds = 0

export type Plane = ReturnType<typeof createPlane>

export interface PlaneOptions {
  db: Db
  root: string
  engine: FakeEngine
  defaults?: Partial<WorkspaceDefaults>
  /** Called before and after each write of the reconciler. */
  onWrite?: () => void
  monotonic?: () => number
}

/**
 * One process of Berth without its edge: database, home store in `root`, services and reconciler, on a fake engine.
 * `kill` ends it like SIGKILL: from then on nothing that it does reaches the world.
 */
export function createPlane({ db, root, engine, defaults, onWrite, monotonic = Date.now }: PlaneOptions) {
  let alive = true
  let onDisk = 0
  const log = createQuietLog()
  const bus = createBus((error) => log.error({ err: error }, 'a listener failed'))
  const live = createLive(bus)

  async function elsewhere<T>(change: number, work: Promise<T>): Promise<T> {
    onDisk += change
    return work.finally(() => (onDisk -= change))
  }
  engine.onDisk = (effect) => elsewhere(1, Promise.resolve(effect()))

  const tables = (call: () => unknown): unknown => {
    if (!alive) throw new Error('this process is dead')
    return call()
  }
  const real = createWorkspaceTable(db)
  const watched = <Args extends unknown[], Result>(write: (...args: Args) => Result) => {
    if (!onWrite) return write
    return (...args: Args): Result => {
      onWrite()
      const result = write(...args)
      onWrite()
      return result
    }
  }
  /** A call of a dead process, and how many calls on the disk it was made from: they end nevermore. */
  function unreached(name: string): Promise<never> {
    onDisk -= { readImageHome: 1, open: 1, unpack: 2 }[name] ?? 0
    return new Promise(() => undefined)
  }
  const table = mortal(
    { ...real, writeObserved: watched(real.writeObserved), claim: watched(real.claim) },
    tables,
  )
  const runner = mortal(
    {
      ...engine.runner,
      // Called from inside the home store, which waits for the engine then and not for the disk.
      readImageHome: (ref, use) =>
        elsewhere(
          -1,
          engine.runner.readImageHome(ref, (tar) => elsewhere(1, use(tar))),
        ),
      // The same, and from inside the archive store too.
      unpack: (...args) => elsewhere(-2, engine.runner.unpack(...args)),
    } satisfies Runner,
    (call, name) => (alive ? call() : unreached(name)),
  )
  const disk = createLocalDir({ root, owner: undefined })
  const onRealDisk = (call: () => unknown, name: string): unknown => {
    if (!alive) return unreached(name)
    const result = call()
    if (result instanceof Promise) void elsewhere(1, result as Promise<void>).catch(() => undefined)
    return result
  }
  const homeStore: HomeStore = mortal(disk, onRealDisk)
  const localArchives = createLocalArchives({ root: `${root}/archives` })
  const archives: ArchiveStore = mortal(localArchives, onRealDisk)
  const history = mortal(createHistoryTable(db), tables)
  const reconciler = createReconciler({
    table,
    history,
    runner,
    homeStore,
    archives,
    bus,
    live,
    log,
    now: () => Date.now(),
    trashMs: () => TRASH_MS,
    newOpId: () => `op${String(++opIds)}`,
  })
  const workspaces = createWorkspaceService({
    table,
    history,
    archives: localArchives.list,
    bus,
    live,
    defaults: () => ({
      imageRef: 'image:1',
      cpus: 2,
      memoryBytes: 2 ** 30,
      standbyTtlSeconds: 300,
      archiveTtlSeconds: 86_400,
      ...defaults,
    }),
    homePath: disk.pathOf,
    sharing: () => null,
    trashMs: () => TRASH_MS,
    enqueue: reconciler.enqueue,
    newId: () => idOf(++ids),
    now: () => Date.now(),
  })

  const collector = createCollector({
    keep: () => 3,
    archives,
    rowOf: table.get,
    garbage: mortal(createGarbageTable(db), tables),
    now: Date.now,
    log,
  })
  const ttl = createTtl({
    rows: () => table.living().filter(({ deletedAt }) => deletedAt === null),
    row: table.get,
    activity: {
      inFlight: () => false,
      connections: () => 0,
      lastEndAt: () => null,
      forget: () => undefined,
    },
    work: runner.work,
    wish: workspaces.wishFor,
    setProspect: live.setProspect,
    warn: () => undefined,
    now: Date.now,
    monotonic,
    log,
  })
  bus.subscribe((news) => {
    if (news.kind === 'workspace') ttl.changed(news.id)
  })

  return {
    table,
    history,
    collector,
    /** Does nothing until it is started. */
    ttl,
    /** As other programs see them: a kill does not end this one. */
    archives: localArchives,
    bus,
    live,
    log,
    reconciler,
    workspaces,
    /** Where a workspace's home is, or would be. */
    homeOf: (id: string) => disk.pathOf(`users/${ALICE.id}/workspaces/${id}/home`),
    /** True while the disk works for this process. */
    busy: () => onDisk > 0,
    /** `frozen`: the call that it dies in was at work on the disk, and never ends. */
    kill(frozen = false): void {
      alive = false
      if (frozen) onDisk--
      ttl.close()
      void reconciler.stop() // only its timers: the passes under way never end
    },
  }
}

/** `target` with each of its calls handed to `around`. */
function mortal<T extends object>(target: T, around: (call: () => unknown, name: string) => unknown): T {
  const wrapped = Object.entries(target).map(([name, value]) => {
    const method = value as (...args: unknown[]) => unknown
    return [name, (...args: unknown[]) => around(() => method(...args), name)]
  })
  return Object.fromEntries(wrapped) as T
}
