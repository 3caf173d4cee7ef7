import type { Logger } from '../core/logger.ts'
import { createAccountTable } from '../db/accounts.ts'
import { openDb, type Db } from '../db/open.ts'
import { createWorkspaceTable } from '../db/workspaces.ts'
import { createBus } from '../events/bus.ts'
import { createLive } from '../events/live.ts'
import type { HomeStore } from '../home-store/home-store.ts'
import { createLocalDir } from '../home-store/local-dir.ts'
import { createReconciler } from '../reconciler/reconciler.ts'
import type { Runner } from '../runner/runner.ts'
import { createWorkspaceService } from '../service/workspaces.ts'
import type { FakeEngine } from './fake-runner.ts'
import { ALICE, BOB, idOf } from './rows.ts'

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

/**
 * One process of Berth without its edge: database, home store in `root`, services and reconciler, on a fake engine.
 * `kill` ends it like SIGKILL: from then on nothing that it does reaches the world.
 */
export function createPlane({ db, root, engine }: { db: Db; root: string; engine: FakeEngine }) {
  let alive = true
  let onDisk = 0
  const log = createQuietLog()
  const bus = createBus((error) => log.error({ err: error }, 'a listener failed'))
  const live = createLive(bus)

  async function elsewhere(change: 1 | -1, work: Promise<void>): Promise<void> {
    onDisk += change
    await work.finally(() => (onDisk -= change))
  }

  const table = mortal(createWorkspaceTable(db), (call) => {
    if (!alive) throw new Error('this process is dead')
    return call()
  })
  const runner = mortal(
    {
      ...engine.runner,
      // Called from inside the home store, which waits for the engine then and not for the disk.
      readImageHome: (ref, use) =>
        elsewhere(
          -1,
          engine.runner.readImageHome(ref, (tar) => elsewhere(1, use(tar))),
        ),
    } satisfies Runner,
    (call) => (alive ? call() : new Promise(() => undefined)),
  )
  const disk = createLocalDir({ root, owner: undefined })
  const homeStore: HomeStore = mortal(disk, (call) => {
    if (!alive) return new Promise(() => undefined)
    const result = call()
    if (result instanceof Promise) void elsewhere(1, result as Promise<void>).catch(() => undefined)
    return result
  })
  const reconciler = createReconciler({
    table,
    runner,
    homeStore,
    bus,
    live,
    log,
    now: () => Date.now(),
    newOpId: () => `op${String(++opIds)}`,
  })
  const workspaces = createWorkspaceService({
    table,
    bus,
    live,
    defaults: {
      imageRef: 'image:1',
      cpus: 2,
      memoryBytes: 2 ** 30,
      standbyTtlSeconds: 300,
      archiveTtlSeconds: 86_400,
    },
    homePath: disk.pathOf,
    enqueue: reconciler.enqueue,
    newId: () => idOf(++ids),
    now: () => Date.now(),
  })

  return {
    table,
    bus,
    live,
    log,
    reconciler,
    workspaces,
    /** Where a workspace's home is, or would be. */
    homeOf: (id: string) => disk.pathOf(`users/${ALICE.id}/workspaces/${id}/home`),
    /** True while the disk works for this process. */
    busy: () => onDisk > 0,
    kill(): void {
      alive = false
      void reconciler.stop() // only its timers: the passes under way never end
    },
  }
}

/** `target` with each of its calls handed to `around`. */
function mortal<T extends object>(target: T, around: (call: () => unknown) => unknown): T {
  const wrapped = Object.entries(target).map(([name, value]) => {
    const method = value as (...args: unknown[]) => unknown
    return [name, (...args: unknown[]) => around(() => method(...args))]
  })
  return Object.fromEntries(wrapped) as T
}
