import type { Doctor, Engine, System, Trouble } from '../core/api.ts'
import { errnoOf, toAppError } from '../core/errors.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import * as checks from './checks.ts'
import { countByState, reportOf, type Places, type ReportFacts } from './report.ts'

/** Longer than the engine is given to answer, so that its own words come first. */
const PATIENCE_MS = 6_000

/** A directory in which something is kept. */
export interface Store {
  root: string
  /** Rejects with the reason when what was made there cannot be seen. */
  seen: () => Promise<unknown>
}

export interface DoctorDeps {
  engine: () => Engine
  /** Empty also while the engine cannot be asked. */
  risks: () => Promise<System['risks']>
  /** The default one. */
  image: () => string
  hasImage: (ref: string) => Promise<boolean>
  /** Milliseconds by which the engine's clock is before ours. */
  clockOffset: () => Promise<number | undefined>
  dataDir: string
  homeStore: Store
  /** What the reconciler met there. */
  homeStoreProblem: () => Trouble | null
  archiveStore: Store
  diskOf: (path: string) => Promise<checks.Disk>
  tryToWrite: (dir: string) => Promise<void>
  /** What SQLite says of the database: `ok`, or what is wrong. */
  integrity: () => string
  /** When the newest backup was made, in milliseconds since the epoch. */
  newestBackup: () => number | undefined
  recovered: boolean
  /** The listener's. */
  port: () => number
  /** Of each shared workspace why it cannot be served, or null. */
  shares: () => (string | null)[]
  address: () => Promise<string | undefined>
  versions: ReportFacts['versions']
  /** All workspaces. */
  rows: () => readonly WorkspaceRow[]
  /** What is not to be read in the report. */
  places: Places
  now: () => number
  patienceMs?: number
}

/** Looks at all that Berth stands on. What does not answer in time is told as such; nothing throws. */
export function createDoctor(deps: DoctorDeps) {
  const { now, patienceMs = PATIENCE_MS } = deps
  /** What has not been answered yet: a disk that hangs is not asked a second time. */
  const asked = new Map<string, Promise<unknown>>()

  /** The answer; undefined when none came in time, or a failure. */
  async function ask<T>(name: string, question: () => T | Promise<T>): Promise<T | undefined> {
    const open = (asked.get(name) as Promise<T> | undefined) ?? Promise.resolve().then(question)
    asked.set(name, open)
    const end = (): void => {
      if (asked.get(name) === open) asked.delete(name)
    }
    open.then(end, end)
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), patienceMs)
    })
    try {
      return await Promise.race([open, silence])
    } catch {
      return undefined
    } finally {
      clearTimeout(timer)
    }
  }

  async function ailmentOf({ root, seen }: Store): Promise<checks.Ailment | null> {
    try {
      await seen()
    } catch (error) {
      return toAppError(error)
    }
    try {
      await deps.tryToWrite(root)
      return null
    } catch (error) {
      const hint = 'Check its owner, its permissions and its disk.'
      return { message: `${root} cannot be written (${errnoOf(error) ?? 'unknown'})`, hint }
    }
  }

  /** One line for those that lie on one file system. */
  async function room(): Promise<{ name: string; disk: checks.Disk | undefined }[]> {
    const [data, homes] = await Promise.all([
      ask('data disk', () => deps.diskOf(deps.dataDir)),
      ask('home disk', () => deps.diskOf(deps.homeStore.root)),
    ])
    if (data && homes && data.total === homes.total && data.free === homes.free)
      return [{ name: 'Data directory and home store', disk: data }]
    return [
      { name: 'Data directory', disk: data },
      { name: 'Home store', disk: homes },
    ]
  }

  return async function examine(): Promise<Doctor> {
    const engine = deps.engine()
    const image = deps.image()
    const away = Promise.resolve(undefined)
    const [risks, isThere, offset, disks, homes, archives, integrity, backup, shares, address, counts] =
      await Promise.all([
        engine.reachable ? ask('risks', deps.risks) : away,
        engine.reachable ? ask('image', () => deps.hasImage(image)) : away,
        engine.reachable ? ask('clock', deps.clockOffset) : away,
        room(),
        ask('homes', () => ailmentOf(deps.homeStore)),
        ask('archives', () => ailmentOf(deps.archiveStore)),
        ask('integrity', deps.integrity),
        ask('backup', () => deps.newestBackup() ?? null),
        ask('shares', deps.shares),
        ask('address', async () => (await deps.address()) ?? null),
        ask('counts', () => countByState(deps.rows())),
      ])
    const at = now()
    const found = [
      checks.judgeEngine(engine),
      checks.judgeIsolation(risks),
      checks.judgeImage(image, isThere),
      checks.judgeDisk(disks),
      checks.judgeStore('HOME_STORE', deps.homeStoreProblem() ?? homes),
      checks.judgeStore('ARCHIVE_STORE', archives),
      checks.judgeDatabase({
        integrity,
        backupAge: typeof backup === 'number' ? at - backup : backup,
        recovered: deps.recovered,
      }),
      checks.judgeNetwork({ port: deps.port(), shares, address }),
      checks.judgeClock(offset),
    ]
    const checkedAt = new Date(at).toISOString()
    const versions = { ...deps.versions, Docker: engine.version ?? 'not reachable' }
    return {
      checked_at: checkedAt,
      checks: found,
      report: reportOf({ checkedAt, versions, counts, checks: found }, deps.places),
    }
  }
}
